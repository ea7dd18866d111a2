"""Whose grading has begun and not ended: so a run knows what ended the one before it.

Where the machine hangs, or all of a container is ended as memory runs out, the grader ends too, in
the middle of a submission. Begun as before, the next run would end there again, and whoever comes
after would never be graded.
"""

from collections.abc import Mapping
from itertools import count
from pathlib import Path

from autograder.whole import write_whole


class Begun:
    """A mark for each time that a submission's grading has begun; its end removes them all."""

    def __init__(self, folder: Path, keys: Mapping[str, str]) -> None:
        """`keys` are the journal's, which is in `folder`, by student: of whom it is noted."""
        self._folder, self._keys = folder, keys
        self._now: dict[str, Path] = {}

    def _mark(self, student: str, number: int) -> Path:
        return self._folder / f"{self._keys[student]}.begun-{number}"

    def times(self, student: str) -> int:
        """Return how many runs have ended while they graded it."""
        if student not in self._keys:
            return 0
        return next(n for n in count() if not self._mark(student, n + 1).exists())

    def begin(self, student: str) -> None:
        """Note that its grading begins.

        Raises:
            OSError: that cannot be written.
        """
        if student in self._keys:
            self._now[student] = mark = self._mark(student, 1 + self.times(student))
            write_whole(mark, b"")

    def end(self, student: str) -> None:
        """Note that its grading has ended, and what it gave is kept."""
        self._now.pop(student, None)
        for number in range(self.times(student), 0, -1):
            self._mark(student, number).unlink()

    def close(self) -> None:
        """Note that whatever is graded still is stopped, by a person or for an error."""
        while self._now:
            self._now.popitem()[1].unlink(missing_ok=True)
