"""Grade on a Dask cluster, whose machines may join and leave.

Submissions are shipped, so the workers need no file system in common, only this project at the same
version. What a lost worker was grading is graded by another one.
"""

import logging
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING

from autograder.judge.judge import Graded, Order
from autograder.judge.version import fingerprint
from autograder.labs import ROOT
from autograder.workers.ready import Unusable

if TYPE_CHECKING:
    from distributed import Client


def each(
    orders: Iterable[Order], scheduler: str, *, patience: float = 60
) -> Generator[tuple[Order, Graded | None, str], None, None]:
    """Grade on the workers of a Dask scheduler.

    Yields:
        as `processes.each`.

    Raises:
        Unusable: there is no scheduler at this address, or a worker runs another version.
        ConnectionError: the scheduler is lost on the way.
    """
    import dask
    from distributed import CancelledError, Client, KilledWorker, as_completed

    # Machines that grade are busy machines.
    dask.config.set({"distributed.comm.timeouts": {"connect": "120s", "tcp": "600s"}})
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "Sending large graph")  # a submission of 10 MB
    try:
        client = Client(scheduler, timeout=patience, set_as_default=False)
    except Exception as error:  # of many classes: no such way to connect, no certificates, …
        raise Unusable(
            f"no Dask scheduler at {scheduler}: {str(error) or type(error).__name__}"
        ) from None
    of_future = {}

    def submit(order: Order):
        future = client.submit(
            # Its key is Dask's own: the scheduler's pages and the workers' logs name no student.
            _grade_here, pickle.dumps(order), fingerprint(), pure=False, retries=2,
        )  # fmt: skip
        of_future[future.key] = order
        return future

    over = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(client)
        stack.callback(over.set)
        threading.Thread(target=_say_when_none, args=(client, scheduler, over), daemon=True).start()
        waiting = iter(orders)
        # Some ahead, so that no worker waits and none is sent the whole class.
        ahead = max(32, 2 * sum(client.nthreads().values()))
        futures = as_completed([submit(each) for each in islice(waiting, ahead)], loop=client.loop)
        for future in futures:
            order = of_future.pop(future.key)
            graded: Graded | None = None
            try:
                graded, problem = future.result()
            except KilledWorker:
                problem = "every worker that tried it has died"
            except CancelledError:  # by a restart, too, which any other client may ask for
                lost = f"the scheduler at {scheduler} has gone, or forgotten its tasks"
                raise ConnectionError(lost) from None
            except Unusable:
                raise
            except Exception as error:  # after all retries
                problem = f"its worker failed with {type(error).__name__}: {error}"
            future.release()
            for following in islice(waiting, 1):
                futures.add(submit(following))
            yield order, graded, problem


def _say_when_none(client: "Client", scheduler: str, over: threading.Event) -> None:
    """Say so, once each time, when the scheduler has no worker."""
    said = False
    while not over.is_set():
        try:
            none = not client.scheduler_info(n_workers=-1)["workers"]
        except Exception:  # closed, or its scheduler has gone, which the futures tell
            return
        if none and not said:
            print(f"Waiting for workers to join {scheduler} …", flush=True)
        said = none
        over.wait(5)


# --- on a worker of the cluster -------------------------------------------------------------------


def _grade_here(order: bytes, version: str) -> tuple[Graded | None, str]:
    """Grade one shipped submission; return what that gave, and the problem."""
    if version != fingerprint():
        raise Unusable("a worker runs another version of the project than the coordinator")
    return _Server.grade(order)


class _Server:
    """A process that grades for one thread of the worker at a time; see cluster_worker.py."""

    _free: list["_Server"] = []  # noqa: RUF012
    _lock = threading.Lock()

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "autograder.workers.cluster_worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    @classmethod
    def grade(cls, order: bytes) -> tuple[Graded | None, str]:
        with cls._lock:
            server = cls._free.pop() if cls._free else None
        server = server or cls()
        assert server._process.stdin is not None and server._process.stdout is not None
        try:
            server._process.stdin.write(order)
            server._process.stdin.flush()
            answer = pickle.load(server._process.stdout)
        except Exception as error:
            server._process.kill()
            server._process.wait()
            raise RuntimeError(f"the process that grades here has ended: {error}") from None
        with cls._lock:
            cls._free.append(server)
        return answer
