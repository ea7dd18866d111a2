"""Where submissions are graded: in processes of this machine, or on a Dask cluster.

Both take submissions whose folders exist, and leave in each what `submission.grade` leaves there.
"""

import hashlib
import io
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Generator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from autograder import isolate, survey, worker
from autograder.build import ROOT, Lab
from autograder.submission import Submission, grade

LOG_KEPT = 2**20


class Unusable(ValueError):
    """Nothing can be graded here, or there; the message says why."""


@dataclass(frozen=True)
class Survey:
    """What `survey.prepare` needs; `log` is where it leaves what it says."""

    lab: Lab
    course: Path
    sandbox: str
    kernels: Path | None
    log: Path

    @property
    def unfit(self) -> Path:
        """Where the reason is left if the lab's own solution fails."""
        return self.log.with_suffix(".unfit")


def begin() -> None:
    """Start what grades on this machine; it is ready by the time that there is what to grade."""
    isolate.begin(_prepare)


def prepare(survey: Survey, seconds: float) -> None:
    """Run `survey.prepare` in a process of its own.

    Raises:
        Unusable: the lab's own solution fails here.
    """
    for _, problem in isolate.each(_prepare, [survey], 1, seconds):
        if survey.unfit.exists():
            raise Unusable(survey.unfit.read_text("utf-8"))
        if problem:
            raise Unusable(f"grading the solution failed, {problem}: {_last_line(survey.log)}")


def _prepare(order: Survey) -> None:
    try:
        survey.prepare(order.lab, order.course, sandbox=order.sandbox, kernels=order.kernels)
    except survey.Unfit as error:
        order.unfit.write_text(str(error), "utf-8")


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").split("\n") if log.exists() else []
    return next((line for line in reversed(lines) if line.strip()), "no log")


def processes(
    submissions: list[Submission], jobs: int, seconds: float
) -> Generator[tuple[Submission, str], None, None]:
    """Grade on this machine, `jobs` at a time.

    Yields:
        (submission, problem) as each ends; `problem` is empty, or says how its process ended.
    """
    return isolate.each(grade, submissions, jobs, seconds)


def cluster(
    submissions: list[Submission], scheduler: str, seconds: float, *, patience: float = 60
) -> Generator[tuple[Submission, str], None, None]:
    """Grade on the workers of a Dask scheduler, which may come and go.

    All files are shipped, so the workers need no file system in common, only this project at the
    same version. What a lost worker was grading is graded by another one.

    Yields:
        as `processes`.

    Raises:
        Unusable: there is no scheduler at this address, or a worker runs another version.
    """
    import dask
    from distributed import CancelledError, Client, KilledWorker, as_completed

    # Machines that grade are busy machines.
    dask.config.set({"distributed.comm.timeouts": {"connect": "120s", "tcp": "600s"}})
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=patience, set_as_default=False)
    except (OSError, ValueError) as error:
        raise Unusable(f"no Dask scheduler at {scheduler}: {error}") from None
    course = _packed(submissions[0].course) if submissions else b""
    of_future = {}

    def submit(submission: Submission):
        assert submission.file is not None
        content = submission.file.read_bytes()
        shipped = asdict(submission) | dict.fromkeys(("file", "course", "folder", "kernels"))
        future = client.submit(
            _grade_here, shipped, content, course, seconds, fingerprint(),
            key=f"grade-{submission.student}-{time.time_ns()}", pure=False, retries=2,
        )  # fmt: skip
        of_future[future.key] = submission
        return future

    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            print(f"Waiting for workers to join {scheduler} …", flush=True)
        waiting = iter(submissions)
        # A few ahead, so that no worker waits and none is sent the whole class.
        futures = as_completed([submit(each) for each in islice(waiting, 32)], loop=client.loop)
        for future in futures:
            submission, problem = of_future.pop(future.key), ""
            try:
                files, problem = future.result()
            except KilledWorker:
                files, problem = {}, "every worker that tried it has died"
            except CancelledError:
                raise Unusable(f"the scheduler at {scheduler} is gone") from None
            for name, content in files.items():
                path = submission.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            future.release()
            for following in islice(waiting, 1):
                futures.add(submit(following))
            yield submission, problem


# What comes before and after grading; it changes nobody's points. So does the intake: what it makes
# of a file is in the clean notebook, and each grade is one of that.
AROUND = {
    "build", "colab", "executors", "exports", "grade", "gradebook", "isolate",
    "journal", "report", "sample_class", "worker",
}  # fmt: skip


@cache
def fingerprint() -> str:
    """Return a hash of the code that decides about points: the grader's and labkit's."""
    grader = ROOT / "autograder"
    files = [path for path in grader.glob("*.py") if path.stem not in AROUND]
    files += [*(grader / "inside").rglob("*.py"), *(ROOT / "labkit").rglob("*.py")]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


# --- on a worker of the cluster -------------------------------------------------------------------


def _grade_here(
    shipped: dict[str, Any], content: bytes, course: bytes, seconds: float, version: str
) -> tuple[dict[str, bytes], str]:
    """Grade one shipped submission; return the files that it leaves, by name, and the problem."""
    if version != fingerprint():
        raise Unusable("a worker runs another version of the project than the coordinator")
    with tempfile.TemporaryDirectory(prefix="grading-") as temporary:
        work = Path(temporary).resolve()
        folder, file = work / "submission", work / "clean.ipynb"
        folder.mkdir()
        file.write_bytes(content)
        local = _unpacked(course)
        submission = Submission(**shipped | {"file": file, "course": local, "folder": folder})
        problem = _Server.grade(submission, seconds)
        log = submission.log.read_bytes()[-LOG_KEPT:] if submission.log.exists() else b""
        files = {submission.log.name: log}
        if not problem:
            for path in (folder / "outcome.json", submission.autograded):
                files[str(path.relative_to(folder))] = path.read_bytes()
    return files, problem


class _Server:
    """A process that grades for one thread of the worker at a time; see autograder/worker.py."""

    _free: list["_Server"] = []  # noqa: RUF012
    _lock = threading.Lock()

    def __init__(self, seconds: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "autograder.worker", str(seconds)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @classmethod
    def grade(cls, submission: Submission, seconds: float) -> str:
        with cls._lock:
            server = cls._free.pop() if cls._free else None
        server = server or cls(seconds)
        print(worker.to_json(submission), file=server._process.stdin, flush=True)
        assert server._process.stdout is not None
        answer = server._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that grades for this worker has ended")
        with cls._lock:
            cls._free.append(server)
        return json.loads(answer)


def _packed(folder: Path) -> bytes:
    """Return a course folder as an archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


@cache
def _course_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="courses-")


_unpacking = threading.Lock()


def _unpacked(course: bytes) -> Path:
    """Unpack a course once for all submissions of this worker."""
    folder = Path(_course_folder().name).resolve() / hashlib.sha256(course).hexdigest()
    with _unpacking:
        if not folder.exists():
            half = folder.with_suffix(".half")
            zipfile.ZipFile(io.BytesIO(course)).extractall(half)
            half.rename(folder)
    return folder
