"""Cases whose answers are wrong, and what is left to them of a lab's points."""

from tests.hostile import HALF, case

WRONG = "\ndef double(x):\n    return 3 * x\n"
CENTRED = "\ndef centred(x):\n    return x\n"
# What a wrong `centred` keeps: `differences`, and the two other exercises.
REST = 12


def tiny(**expected):
    """A case in which `double` is wrong, so that its exercise gets nothing."""
    return case(**{"points": HALF} | expected)


def arrays(**expected):
    """A case in which `centred` does nothing: it fails one check of 3 points."""
    return case(**{"lab": "00_arrays", "points": REST} | expected)
