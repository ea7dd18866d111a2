"""Whether the checks of the labs can be imported, which the build wants to know."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from autograder.labs import MASTERS
from autograder.labs.master import CHECKS, module


class Unimportable(ValueError):
    """Checks cannot be imported; the message begins with `file:line`."""


# Imports the modules named, and says of the first that cannot be where that is: the last line of a
# module of checks, or the module itself.
IMPORT = """
import importlib, sys, traceback
for name, path in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        importlib.import_module(name)
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [each.lineno for each in frames if each.filename == path]
        line = error.lineno if isinstance(error, SyntaxError) else (lines or [1])[-1]
        where = error.filename if isinstance(error, SyntaxError) else path
        print(f"{where}:{line}: {type(error).__name__}: {error}")
        sys.exit(1)
"""


def import_checks(masters: Path = MASTERS, checks: Path = CHECKS) -> None:
    """Import the checks of every lab, in a process of its own.

    Raises:
        Unimportable: some cannot be; the message begins with file and line.
    """
    # TensorFlow takes seconds: what was imported is not imported again.
    texts = b"".join(path.read_bytes() for path in sorted(checks.parent.rglob("*.py")))
    stamp, digest = checks.parents[1] / "build" / "imported", hashlib.sha256(texts).hexdigest()
    if stamp.is_file() and stamp.read_text("utf-8") == digest:
        return
    modules = [module(path.stem) for path in sorted(masters.glob("*.py"))]
    there = [name for name in modules if (checks / f"{name}.py").is_file()]
    named = [(f"labkit.checks.{name}", str(checks / f"{name}.py")) for name in there]
    line = [sys.executable, "-c", IMPORT, *(word for pair in named for word in pair)]
    root = checks.parents[1]
    environment = os.environ | {"PYTHONPATH": str(root)}
    run = subprocess.run(line, cwd=root, env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        said = run.stdout.strip() or run.stderr.strip() or f"exit status {run.returncode}"
        raise Unimportable(said.splitlines()[-1])
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(digest, "utf-8")
