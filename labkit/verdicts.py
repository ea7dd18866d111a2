"""What the checks have said so far, in this process, and how many points each is worth."""

import contextlib
import hashlib
import html
import io
import json
import textwrap
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from labkit import notebook

PASSED, FAILED, RUNNING = "passed", "failed", "running"


@dataclass(frozen=True)
class LabPoints:
    """A lab as the build wrote it down, in points.json.

    `exercises` gives for each exercise, in order, its checks and their points.
    """

    name: str
    exercises: dict[str, dict[str, float]]

    @property
    def module(self) -> str:
        """The module of labkit.checks that holds its checks."""
        return self.name.partition("_")[2]

    @property
    def edition(self) -> str:
        """What its notebook says of itself, if it was built from the same exercises and checks."""
        return hashlib.sha256(json.dumps(self.exercises).encode()).hexdigest()[:8]


@dataclass
class Verdict:
    """What a check said last: of which function, and with which message."""

    student: Any
    state: str = RUNNING
    message: str = field(default="", compare=False)


_verdicts: dict[tuple[str, str], Verdict] = {}
_silent = ContextVar("silent", default=False)


@cache
def labs() -> dict[str, LabPoints]:
    """Return the labs by name."""
    table = json.loads(Path(__file__).with_name("points.json").read_text("utf-8"))
    return {name: LabPoints(name, exercises) for name, exercises in table.items()}


def lab(name: str) -> LabPoints:
    """Return a lab.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in labs():
        raise ValueError(f"There is no lab {name!r}: there are {', '.join(labs())}.")
    return labs()[name]


def points(module: str, check: str) -> float | None:
    """Return what a check of labkit.checks is worth; None if it is in no lab."""
    for each in labs().values():
        if each.module == module:
            for checks in each.exercises.values():
                if check in checks:
                    return checks[check]
    return None


@contextlib.contextmanager
def judging(body: Callable[..., Any], student: Any) -> Iterator[None]:
    """Remember how a run of the check `body` on a student's function ends."""
    verdict = _verdicts[_key(body)] = Verdict(student)
    try:
        yield
    except Exception as error:
        verdict.state, verdict.message = FAILED, str(error)
        raise
    verdict.state = PASSED


def last(module: str, check: str) -> Verdict | None:
    """Return what a check said last; None if it was never run."""
    return _verdicts.get((module, check))


@contextlib.contextmanager
def silently() -> Iterator[None]:
    """What checks and students' functions print is dropped inside."""
    token = _silent.set(True)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        _silent.reset(token)


def announce(body: Callable[..., Any], text: str) -> None:
    """Show that the check `body` has passed: `text`, in a notebook with its points in green."""
    if _silent.get():
        return
    worth = points(*_key(body))
    label = "✓" if worth is None else f"✓ {worth:g} point{'s' * (worth != 1)}"
    said = textwrap.dedent(text).replace("\n", " ").removeprefix("✓ ")
    name, _, property_ = said.partition(":")
    notebook.show(
        text,
        f"<div>{notebook.pill(label, notebook.GREEN)} "
        f"<code>{html.escape(name)}</code>:{html.escape(property_)}</div>",
    )


def _key(body: Callable[..., Any]) -> tuple[str, str]:
    return body.__module__.rpartition(".")[2], body.__name__
