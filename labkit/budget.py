"""How much work a long cell does: all of it for a person, a little for the grader and CI."""

import os
from typing import TypeVar

T = TypeVar("T")

VARIABLE = "LABKIT_BUDGET"


def mode() -> str:
    """Return "full" (the default) or "quick", as the environment variable LABKIT_BUDGET says.

    Raises:
        ValueError: the variable holds anything else.
    """
    value = os.environ.get(VARIABLE, "full")
    if value not in ("full", "quick"):
        raise ValueError(f'{VARIABLE} is {value!r}: set it to "full" or "quick", or unset it.')
    return value


def budget(*, full: T, quick: T) -> T:
    """Return `full` for a person and `quick` under the grader and in CI's fast tests."""
    return full if mode() == "full" else quick
