"""What has been graded, on disk the moment it is: a grader that is killed goes on where it was.

An entry is written whole or not at all, and is found again only for the same clean notebook, graded
by the same code, for the same release and with the same settings.
"""

import fcntl
import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograder.judge.judge import Submission, Terms
from autograder.judge.outcome import Outcome
from autograder.labs.build import as_text


class InUse(ValueError):
    """Another grader writes to this output folder."""


class Journal:
    """The outcomes in an output folder, and the executed notebooks that belong to them."""

    def __init__(self, output: Path, lab: str, version: str) -> None:
        """Open the journal of a lab; `version` names the master and the code that grades.

        Raises:
            InUse: another process has it open.
        """
        self._output, self._lab, self._version = output, lab, version
        self._folder = output / "journal"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self._folder / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"another grader is at work in {output}") from None
        self._last: dict[str, tuple[int, Outcome]] = {}
        for path in self._folder.glob("*.json"):
            entry = self._read(path)
            if entry is not None and entry["lab"] == lab:
                self._note(entry)

    def key(self, submission: Submission, terms: Terms) -> str:
        """Return the name of the entry for this submission of this student, graded so."""
        about = [submission.student, submission.repairs, submission.refused]
        settings = asdict(terms)
        del settings["threads"]  # how many cores there were changes no grade
        digest = hashlib.sha256(json.dumps([self._version, about, settings]).encode())
        if submission.notebook is not None:
            digest.update(as_text(submission.notebook).encode())
        return digest.hexdigest()

    def find(self, key: str) -> Outcome | None:
        """Return the outcome, unless there is none or its executed notebook is not in place."""
        entry = self._read(self._folder / f"{key}.json")
        if entry is None:
            return None
        outcome = entry["outcome"]
        try:
            intact = _hash(self.notebook(outcome.student)) == entry["notebook"]
        except OSError:
            return None
        return outcome if intact else None

    def last(self, student: str) -> Outcome | None:
        """Return the newest outcome of a student, of whichever submission."""
        return self._last[student][1] if student in self._last else None

    def notebook(self, student: str) -> Path:
        """Return where a student's executed notebook is kept: where nbgrader looks for it."""
        return self._output / "autograded" / student / self._lab / f"{self._lab}.ipynb"

    def keep(self, key: str, outcome: Outcome, notebook: NotebookNode) -> None:
        """Keep an outcome and its notebook, on the disk and not only on its way there."""
        target = self.notebook(outcome.student)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = as_text(notebook).encode()
        write_whole(target, text)
        entry = {
            "lab": self._lab,
            "number": 1 + max((number for number, _ in self._last.values()), default=0),
            "notebook": hashlib.sha256(text).hexdigest(),
            "outcome": asdict(outcome),
        }
        write_whole(self._folder / f"{key}.json", json.dumps(entry).encode())
        self._note(entry | {"outcome": outcome})

    def _read(self, path: Path) -> dict[str, Any] | None:
        """Return an entry, its outcome as such; or None, if it is none that can be read."""
        try:
            entry = json.loads(path.read_text("utf-8"))
            return {
                "lab": str(entry["lab"]),
                "number": int(entry["number"]),
                "notebook": entry["notebook"],
                "outcome": Outcome(**entry["outcome"]),
            }
        except Exception:  # whatever became of the file
            return None

    def _note(self, entry: dict[str, Any]) -> None:
        outcome = entry["outcome"]
        if entry["number"] > self._last.get(outcome.student, (0, None))[0]:
            self._last[outcome.student] = entry["number"], outcome


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that whoever looks finds the old one or the new one, also after a crash."""
    half = path.with_name(f".{path.name[:100]}.half")
    try:
        with half.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
