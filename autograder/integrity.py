"""Find out whether a submission tampers with what judges it.

Most checks are judged from another process, which nothing in the student's can reach. Those that
are not must, after the student's code has run, still reject a known wrong answer: a canary. And
what the student's code changed in the modules that everyone trusts is reported to a person; that
alone costs no points.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from autograder.build import Lab
from autograder.kernel import Run
from autograder.sample_class import read_answers

# Run in the student's kernel before and after everything of the student's.
WATCH = "__import__('guard').watch()"
REPORT = "__import__('guard').report(get_ipython())"
FILE = "integrity.json"

# A list of flags longer than this tells a person no more.
MOST_FLAGS = 20


def remember(names: Iterable[str]) -> str:
    """Return code that notes what a set-up cell has bound to `names`."""
    return f"__import__('guard').remember(get_ipython().user_ns, {sorted(names)!r})"


def beside(check: str) -> str:
    """Return code that runs a check where the student's code ran, on the names of the set-up."""
    return canary("", check)


def canary(answer: str, check: str) -> str:
    """Return code that runs a check on another answer, in a copy of the namespace."""
    return (
        "_names = __import__('guard').as_set_up(get_ipython().user_ns)\n"
        f"exec(compile({answer!r}, '<cell>', 'exec'), _names)\n"
        f"exec(compile({check!r}, '<check>', 'exec'), _names)"
    )


def subverted(run: Run, phrase: str) -> str:
    """Return what is wrong with a check that was run on a wrong answer, or nothing."""
    error = run.error
    if error is None:
        return "it accepts an answer that is known to be wrong"
    if phrase not in f"{error.evalue}":
        return "it rejects a wrong answer with words of somebody else's"
    return ""


def read_report(text: str) -> list[str]:
    """Return the flags that the student's kernel printed, as far as they are flags."""
    flags = json.loads(text)
    if not isinstance(flags, list):
        raise ValueError
    return [str(flag)[:300] for flag in flags[:MOST_FLAGS]]


def wrong_answers(lab: Lab, answers: Path) -> dict[str, list[tuple[str, str]]]:
    """Return for each check the wrong answers that lose it, and a phrase of what it then says."""
    wrong: dict[str, list[tuple[str, str]]] = {}
    for own in read_answers(answers, lab).values():
        for answer in own:
            for check, phrase in answer.loses.items():
                wrong.setdefault(check, []).append((answer.source, phrase))
    return wrong
