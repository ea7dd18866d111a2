"""A pool of kernels in which a lab's set-up cells have run: that costs seconds, forking does not.

The pool is one process in a sandbox. It runs the lab's own set-up cells, nothing else, and forks a
kernel, in a sandbox of its own within that one, for each that is asked for (see inside/start.py).
A cell that starts threads, as TensorFlow does when it first computes, is left to the kernels.
"""

import ast
import json
import select
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nbformat import NotebookNode

from autograder.intake.cells import is_grade, is_setup
from autograder.sandbox import confine, provisioner
from autograder.sandbox.confine import NONE, START
from autograder.sandbox.kernel import Kernel
from autograder.sandbox.provisioner import KernelSettings

# A loaded machine, and TensorFlow's import.
START_SECONDS = 180
PREPARED = "prepared.json"  # beside the pool's socket


def prepared(address: Path | None) -> list[str]:
    """Return the ids of the set-up cells that have run in a pool's kernels, as they start."""
    file = address and address.with_name(PREPARED)
    return json.loads(file.read_text("utf-8")) if file and file.exists() else []


def answers(address: Path) -> bool:
    """Return whether a pool is there still: where the machine's memory runs out, it may not be."""
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(str(address))
        except OSError:
            return False
    return True


@contextmanager
def serving(release: NotebookNode, kind: str, environment: dict[str, str]) -> Iterator[Path | None]:
    """Keep a pool for a lab's release while the context lasts; yields its socket.

    Yields None, and says why once, where the platform cannot nest sandboxes; kernels then import
    everything themselves. It ends with this process, however that ends.
    """
    if kind == NONE:
        yield None
        return
    with provisioner.short_folder() as folder:
        yield from _serving(folder, release, environment)


def _serving(
    folder: Path, release: NotebookNode, environment: dict[str, str]
) -> Iterator[Path | None]:
    with open(folder / "said", "wb") as said, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "pool"))
        listener.listen(64)
        line = [
            *confine.command(capable=True),
            *(*START, "pool", str(listener.fileno())),
        ]
        process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=confine.environment() | environment,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        try:
            process.stdin.write(json.dumps(_job(release)).encode() + b"\n")
            process.stdin.flush()
            (folder / PREPARED).write_bytes(_answer(process))
            _try(folder / "pool", folder)
        except (OSError, RuntimeError) as error:
            words = (folder / "said").read_text("utf-8", "replace").strip().splitlines()
            why = words[-1] if words else str(error)
            print(f"Each kernel imports the lab's modules itself: no pool here ({why}).")
            yield None
        else:
            yield folder / "pool"
    finally:
        with suppress(BrokenPipeError):  # it has ended before
            process.stdin.close()  # which the pool ends at
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _answer(process: subprocess.Popen) -> bytes:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    if not readable:
        raise RuntimeError(f"it was not ready after {START_SECONDS} s")
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("it ended")
    return line


def _try(address: Path, folder: Path) -> None:
    """Start one kernel, and have it answer."""
    ours, theirs = socket.socketpair()
    with ours:
        kernel = Kernel(KernelSettings(folder, pool=address), theirs)
        kernel.ready(START_SECONDS)
        kernel.end()


def _job(release: NotebookNode) -> dict[str, object]:
    """Return the set-up cells, their import statements, and the names that the lab uses of them."""
    imports, attributes = [], set()
    setup = [cell for cell in release.cells if is_setup(cell)]
    for cell in setup:
        with suppress(SyntaxError):
            for node in ast.parse(cell.source).body:
                if isinstance(node, ast.Import | ast.ImportFrom):
                    imports.append(ast.unparse(node))
    for cell in [*setup, *filter(is_grade, release.cells)]:
        with suppress(SyntaxError):
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Attribute) and (path := _dotted(node)):
                    attributes.add(path)
    return {
        "imports": "\n".join(imports),
        "attributes": sorted(attributes),
        "setup": [(cell.metadata.id, cell.source) for cell in setup],
    }


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := _dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""
