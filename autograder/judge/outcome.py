"""What grading a submission comes to."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from autograder.sandbox.inside import clean

# What a person reads of a submission: how long, and how many.
MAX_REASON, MAX_TEXTS = 2000, 100


@dataclass
class Outcome:
    """A graded submission: verdicts, and what they come to: points and messages, by check.

    `passed` are the checks of which the judge stated so; `scores` are their points, and nothing for
    any other check. `messages` say why one was lost.

    `status` is "graded"; "stopped", if its kernel died or its time was up before the last check; or
    "broken", if it could not be graded at all. `flags` are for a person to look at: what the code
    tampered with, or reached for. Grading again with `seed` draws the same inputs.

    Whatever it is made of, all its texts are clean, and neither many nor long.
    """

    student: str
    status: str
    reason: str
    repairs: list[str] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    seed: int = 0
    seconds: float = 0.0
    sandbox: str = ""
    passed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.student, self.status = str(self.student), str(self.status)
        self.seed, self.seconds = int(self.seed), float(self.seconds)
        self.reason = clean.line(str(self.reason), MAX_REASON)
        self.repairs = _clean_list(self.repairs)
        self.flags = _clean_list(self.flags)
        self.messages = {str(name): clean.lines(str(m)) for name, m in self.messages.items()}
        self.scores = {str(name): float(points) for name, points in self.scores.items()}
        self.passed = [str(name) for name in self.passed]
        if not all(map(math.isfinite, self.scores.values())):
            raise ValueError("points that are no numbers")


def scored(outcome: Outcome, points: Mapping[str, float]) -> Outcome:
    """Return the outcome with the points that its verdicts come to; other checks have no part."""
    passed = [check for check in points if check in outcome.passed]
    scores = {check: worth if check in passed else 0.0 for check, worth in points.items()}
    messages = {name: said for name, said in outcome.messages.items() if name in points}
    return replace(outcome, passed=passed, scores=scores, messages=messages)


def merged(before: Outcome, after: Outcome, checks: Iterable[str]) -> Outcome:
    """Return what is known after only `checks` of a submission were judged anew."""
    anew = set(checks)
    return replace(
        after,
        passed=[
            *(name for name in before.passed if name not in anew),
            *(name for name in after.passed if name in anew),
        ],
        # A grading that broke has a reason for every check.
        messages={k: v for k, v in before.messages.items() if k not in anew}
        | {k: v for k, v in after.messages.items() if k in anew},
        flags=list(dict.fromkeys([*before.flags, *after.flags])),
        seconds=round(before.seconds + after.seconds, 2),
    )


def _clean_list(texts: Iterable[str]) -> list[str]:
    texts = list(texts)
    if len(texts) > MAX_TEXTS:
        texts[MAX_TEXTS - 1 :] = [f"and {len(texts) - MAX_TEXTS + 1} more"]
    return [clean.line(str(text), MAX_REASON) for text in texts]
