"""Progress of a long cell: one line on stdout, kept in place where the output allows it."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Self, TypeVar

T = TypeVar("T")

SECONDS_BETWEEN_DRAWS = 0.2
# A file or a pipe keeps every line: it gets this many of them in all.
PLAIN_LINES = 5
BAR = 20


class Progress:
    """Shows how far a task is, how fast it goes and how long it still takes.

    A context manager that writes to stdout, never to stderr: in a notebook (JupyterLab, Colab)
    one output that is updated, in a terminal one line that is overwritten, anywhere else a few
    plain lines. Leaving it draws the last state, also after an exception.

        with Progress(240, "training") as progress:
            for step in range(240):
                ...
                progress.update(step + 1, loss=0.41, epsilon=0.83)

    Args:
        total: how many units of work there are, 0 or more.
        label: what the line begins with.

    Raises:
        ValueError: `total` is negative.
    """

    def __init__(self, total: int, label: str):
        if not total >= 0:
            raise ValueError(f"total is {total!r}: give a number from 0 up.")
        self.total = total
        self.label = label

    def __enter__(self) -> Self:
        self.done = 0
        self.figures: dict[str, float] = {}
        self.began = self.drawn_at = time.monotonic()
        self.plain_lines = 0
        self.width = 0
        self.display = notebook_display(self.line())
        self.terminal = self.display is None and sys.stdout.isatty()
        return self

    def update(self, done: int, **figures: float) -> None:
        """Say that `done` units are done; cheap enough for every turn of a loop.

        `figures` are shown by name and remembered until given anew.
        """
        self.done = done
        self.figures |= figures
        if self.display or self.terminal:
            due = time.monotonic() - self.drawn_at >= SECONDS_BETWEEN_DRAWS
        else:
            due = done * PLAIN_LINES >= (self.plain_lines + 1) * self.total and done < self.total
        if due:
            self.draw()

    def __exit__(self, *exception) -> None:
        self.draw()
        if self.terminal:
            print(flush=True)

    def draw(self) -> None:
        line = self.line()
        self.drawn_at = time.monotonic()
        if self.display:
            self.display.update({"text/plain": line}, raw=True)
        elif self.terminal:
            # Spaces wipe what a longer line before has left.
            print(f"\r{line:<{self.width}}", end="", flush=True)
            self.width = len(line)
        else:
            self.plain_lines = self.done * PLAIN_LINES // max(self.total, 1)
            print(line, flush=True)

    def line(self) -> str:
        """Return what is shown now."""
        seconds = time.monotonic() - self.began
        share = self.done / self.total if self.total else 1.0
        filled = round(BAR * min(share, 1.0))
        parts = [f"{self.label} [{'#' * filled}{'.' * (BAR - filled)}] {self.done}/{self.total}"]
        if self.done >= self.total:
            parts.append(f"{clock(seconds)} in all")
        elif self.done and seconds:
            rate = self.done / seconds
            parts += [f"{rate:.3g}/s", f"{clock((self.total - self.done) / rate)} left"]
        # A figure that is not known (yet) is NaN, which equals nothing.
        parts += [
            f"{name.replace('_', ' ')} {value:.3g}"
            for name, value in self.figures.items()
            if value == value
        ]
        return ", ".join(parts)


def tracked(items: Sequence[T], label: str) -> Iterator[T]:
    """Yield the items, and show how many of them have been worked on and how long it takes."""
    with Progress(len(items), label) as progress:
        for done, item in enumerate(items):
            progress.update(done)
            yield item
        progress.update(len(items))


def clock(seconds: float) -> str:
    """Return minutes and seconds, such as 1:05."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02}"


def notebook_display(line: str):
    """Show `line` in the running notebook and return the handle to update it; or None."""
    ipython = sys.modules.get("IPython")
    if ipython is None or not hasattr(ipython.get_ipython(), "kernel"):
        return None
    return ipython.display.display({"text/plain": line}, raw=True, display_id=True)
