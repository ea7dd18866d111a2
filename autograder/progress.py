"""What a run prints of each submission that has been graded."""

import time

from autograder.judge.outcome import Outcome
from autograder.results.table import MOST_NAME, shown


class ProgressLine:
    """One line a submission: how many, how fast, how long still, how many could not be graded."""

    def __init__(self, total: int, points: float) -> None:
        """Begin to count; `points` are the lab's."""
        self._total, self._points = total, points
        self._began, self._done, self._failed = time.monotonic(), 0, 0

    def show(self, outcome: Outcome) -> None:
        """Print the line of one more."""
        self._done += 1
        self._failed += outcome.status != "graded"
        seconds = max(time.monotonic() - self._began, 1e-9)
        left = seconds / self._done * (self._total - self._done)
        points = f"{sum(outcome.scores.values()):g} of {self._points:g}"
        print(
            f"[{self._done}/{self._total}] {self._done / seconds * 60:.1f} a minute, "
            f"{_duration(left)} left, {self._failed} failed  "
            f"{shown(outcome.student, MOST_NAME)}: {points}",
            flush=True,
        )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
