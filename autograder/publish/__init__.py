"""What leaves this repository: the students' own tree, and an autograder for Gradescope."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from autograder.labs import ROOT


class Unlisted(ValueError):
    """git does not say which files are the project's."""


def listed(places: Iterable[str]) -> list[Path]:
    """Return the project's files in these places, as paths in the repository.

    What git ignores is none of them; what is not committed yet is.

    Raises:
        Unlisted: this is no clone.
    """
    line = ["git", "ls-files", "-zco", "--exclude-standard", "--", *places]
    run = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    if run.returncode != 0 or not run.stdout:
        raise Unlisted("git lists no files here: it needs a clone")
    paths = (Path(name) for name in sorted(set(run.stdout.split("\0"))) if name)
    return [path for path in paths if (ROOT / path).is_file()]
