"""Grade on a Dask cluster, whose machines may join and leave.

Submissions are shipped, so the workers need no file system in common, only this project at the
same version; the scheduler needs Dask alone. Each free thread of a worker is sent one. What a lost
worker was grading is graded by another one, and a worker that cannot grade is sent no more.
"""

import logging
import pickle
import time
import warnings
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from autograder.judge.judge import Graded, Order
from autograder.judge.version import fingerprint
from autograder.sandbox.inside import clean
from autograder.workers.ready import Unusable

if TYPE_CHECKING:
    from distributed import Client, Future

Ended = tuple[Order, Graded | None, str]

MOST_TRIES = 4  # whose worker dies as often is no chance's victim
LOOK_SECONDS = 2  # how long a worker that joined waits for its first submission
# Beyond the times of the lab's solution and of the submission: a pool of kernels opens, too.
SLACK_SECONDS = 600
# By name, since what cannot be imported where it is unpickled ends connections: so the scheduler
# need not have this project, and a worker that has none can say that.
CALL = '__import__("autograder.workers.cluster_worker", fromlist=["grade"]).grade(**given)'
VERSION = fingerprint()  # of what is loaded here: the files may be brought up to date meanwhile
OF_ANOTHER_PROJECT = (ImportError, AttributeError, TypeError)


def each(
    orders: Iterable[Order], scheduler: str, *, patience: float = 60
) -> Generator[Ended, None, None]:
    """Grade on the workers of a Dask scheduler.

    Yields:
        as `processes.each`.

    Raises:
        Unusable: there is no scheduler at this address, or no worker that can grade.
        ConnectionError: the scheduler is lost on the way.
    """
    import dask
    from distributed import CancelledError, Client
    from distributed.client import ClosedClientError

    # Machines that grade are busy machines.
    dask.config.set({"distributed.comm.timeouts": {"connect": "120s", "tcp": "600s"}})
    for name in ("distributed.client", "asyncio"):  # what is given up is told here
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "Sending large graph")  # a submission of 10 MB
    try:
        client = Client(scheduler, timeout=patience, set_as_default=False)
    except Exception as error:  # of many classes: no such way to connect, no certificates, …
        raise Unusable(
            f"no Dask scheduler at {scheduler}: {str(error) or type(error).__name__}"
        ) from None
    with client:
        try:
            yield from _Deal(client, scheduler, orders).each()
        except (CancelledError, ClosedClientError, OSError):  # a restart cancels, too: anybody's
            lost = f"the scheduler at {scheduler} has gone, or forgotten its tasks"
            raise ConnectionError(lost) from None


class _Deal:
    """Orders, and the workers that they are dealt to."""

    def __init__(self, client: "Client", scheduler: str, orders: Iterable[Order]) -> None:
        self._client, self._scheduler = client, scheduler
        self._waiting = deque((order, 1) for order in orders)  # and which try it is
        self._running: dict[Future, tuple[Order, int, str]] = {}  # and on which worker
        self._unable: dict[str, str] = {}  # workers, and why
        self._answered = self._none = False

    def each(self) -> Generator[Ended, None, None]:
        from distributed import wait

        while self._waiting or self._running:
            present = self._client.nthreads()
            for ended in chain(self._lost(present), self._done()):
                self._send(self._able(present))
                yield ended  # one at a time: an executed notebook may be large
            self._send(self._able(present))
            if self._running:
                with self._client.as_current(), suppress(TimeoutError):
                    wait(list(self._running), timeout=LOOK_SECONDS, return_when="FIRST_COMPLETED")
            elif self._waiting:
                time.sleep(LOOK_SECONDS)

    def _able(self, present: dict[str, int]) -> dict[str, int]:
        """Return the workers that may be sent orders, with their threads; say if there is none.

        One that has left may come back to its address as another one, brought up to date.
        """
        self._unable = {worker: why for worker, why in self._unable.items() if worker in present}
        able = {worker: n for worker, n in present.items() if worker not in self._unable}
        if present and not able and not self._answered:
            worker, why = next(iter(self._unable.items()))
            raise Unusable(f"no worker of {self._scheduler} can grade: on {worker} {why}")
        if not able and not self._none:
            print(f"Waiting for workers to join {self._scheduler} …", flush=True)
        self._none = not able
        return able

    def _send(self, threads: dict[str, int]) -> None:
        busy = Counter(worker for _, _, worker in self._running.values())
        for worker in (each for each, n in threads.items() for _ in range(n - busy[each])):
            if not self._waiting:
                return
            order, number = self._waiting.popleft()
            given = {
                "sent": pickle.dumps(order),
                "version": VERSION,
                "seconds": 2 * order.terms.patience + SLACK_SECONDS,
            }
            # Its key is Dask's own: the scheduler's pages and the workers' logs name no student.
            future = self._client.submit(eval, CALL, {"given": given}, pure=False, workers=[worker])
            self._running[future] = order, number, worker

    def _lost(self, present: dict[str, int]) -> Iterator[Ended]:
        """Try again what was sent to workers that have gone since."""
        for future in [each for each, on in self._running.items() if on[2] not in present]:
            order, number, _ = self._running.pop(future)
            future.release()
            yield from self._again(order, number, "every worker that tried it has died")

    def _again(self, order: Order, number: int, problem: str) -> Iterator[Ended]:
        if number < MOST_TRIES:
            self._waiting.append((order, number + 1))
        else:
            yield order, None, problem

    def _done(self) -> Iterator[Ended]:
        """Take what workers have answered, or raised."""
        from distributed import CancelledError

        for future in [each for each in self._running if each.done()]:
            order, number, worker = self._running[future]
            ended: Iterable[Ended] = ()
            try:
                graded, problem = future.result(timeout=60)
            except CancelledError:
                raise
            except TimeoutError:  # its worker may have gone before it could hand this over
                continue
            except (Unusable, *OF_ANOTHER_PROJECT) as error:
                self._leave_out(worker, error)
                self._waiting.appendleft((order, number))
            except Exception as error:
                problem = f"its worker failed with {type(error).__name__}: {error}"
                ended = self._again(order, number, problem)
            else:
                self._answered = True
                ended = [(order, graded, problem)]
            del self._running[future]
            future.release()
            yield from ended

    def _leave_out(self, worker: str, error: Exception) -> None:
        project = "" if isinstance(error, Unusable) else "there is another project, or none: "
        if worker not in self._unable:
            self._unable[worker] = clean.line(f"{project}{error}", 500)
            print(f"{worker} is left out: {self._unable[worker]}", flush=True)
