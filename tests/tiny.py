"""The tiny lab, submissions to it, and the command that grades them; for several test modules."""

import atexit
import csv
import functools
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import nbformat

from autograder.grade import STOPS, main
from autograder.intake.answers import SKIP
from autograder.intake.cells import is_locked
from autograder.labs import ROOT, build
from autograder.labs.master import read_lab
from autograder.sandbox import confine, pool

FIXTURES = Path(__file__).parent / "fixtures"
TINY = read_lab(FIXTURES / "masters" / "00_tiny.py")
RELEASE = build.release(TINY)

# The command line, on the fixtures' masters.
COMMAND = (
    "import sys; from pathlib import Path; from autograder.grade import main\n"
    f"if __name__ == '__main__': main(sys.argv[1:], masters=Path({str(FIXTURES / 'masters')!r}))"
)


def start(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "--lab", "00_tiny", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answered(**answers):
    """Return the tiny lab's notebook, solved but for the exercises whose cells are given."""
    notebook = build.solution(TINY)
    for cell in notebook.cells:
        cell.source = answers.get(cell.id, cell.source)
    return build.as_text(notebook)


def write_class(folder, **answers):
    """Write `<student>.ipynb` for each student: solved, but for the exercises that are given."""
    folder.mkdir()
    for student, changed in answers.items():
        (folder / f"{student}.ipynb").write_text(answered(**changed), "utf-8")
    return folder


def own(source, kind="code"):
    """Return a cell as an editor makes it that knows nothing of ids."""
    return {"cell_type": kind, "source": source, "metadata": {}, "outputs": []}


def double(*statements):
    return "\n    ".join(["def double(x):", *statements])


SLOW = double("import time; time.sleep(0.3)", "return 2 * x")
RIGHT = {"score": "10", "status": "graded"}  # in `rows`, of whoever answers everything right


def rows(output):
    with (output / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def is_the_release(notebook):
    """Assert that only answers and cells of the student's own set a notebook off from the release.

    A demonstration may be marked to be skipped.
    """
    nbformat.validate(notebook)
    build.as_text(notebook).encode("utf-8")
    assert notebook.metadata == RELEASE.metadata
    theirs = [cell for cell in notebook.cells if cell.id.startswith("extra-")]
    for cell in theirs:
        empty = {"metadata": {"id": cell.id}, "outputs": [], "execution_count": None}
        assert cell == {"cell_type": "code", "id": cell.id, "source": cell.source, **empty}
    rest = [cell for cell in notebook.cells if cell not in theirs]
    for cell, released in zip(rest, RELEASE.cells, strict=True):
        may = {} if is_locked(released) else {"source": cell.source}
        assert {**cell, "metadata": {}} == {**released, **may, "metadata": {}}
        skipped = {**released.metadata, "tags": [SKIP]}
        assert cell.metadata == released.metadata or (may and cell.metadata == skipped)


_pools = ExitStack()
_of_release: dict[str, Path | None] = {}
atexit.register(_pools.close)


@contextmanager
def _kept_open(release, kind, environment):
    """Yield a pool as `pool.serving` does: one for all gradings here that need the same."""
    key = json.dumps([pool._job(release), kind, environment], sort_keys=True)
    if key not in _of_release:
        _of_release[key] = _pools.enter_context(_serving(release, kind, environment))
    yield _of_release[key]


_serving = pool.serving
_require = functools.cache(confine.require)  # the sandbox that works here goes on to


def grade(submissions, output, *more, masters=FIXTURES / "masters"):
    """Grade to the end, in this process; return the rows and what was printed.

    Where that exits with an error, the `SystemExit` has what was printed as `stdout`.
    """
    handlers = {number: signal.getsignal(number) for number in STOPS}
    line = ["--lab", "00_tiny", "--submissions", submissions, "--output", output, *more]
    stdout, stderr = io.StringIO(), io.StringIO()
    try:
        with (
            redirect_stdout(stdout),
            redirect_stderr(stderr),
            mock.patch.object(pool, "serving", _kept_open),
            mock.patch.object(confine, "require", _require),
        ):
            main([str(word) for word in line], masters=masters)
    except SystemExit as ended:
        ended.stdout = stdout.getvalue()
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert stderr.getvalue() == ""
    return rows(output), stdout.getvalue()


def graded_now(stdout):
    """Return whom a run graded, and did not find graded before."""
    lines = [line for line in stdout.splitlines() if line.startswith("[")]
    return [line.split("  ")[1].split(":")[0] for line in lines]


def entries(output):
    """Return the journal's entries, by their files' names."""
    return {path.name: path.read_bytes() for path in (output / "journal").glob("*.json")}
