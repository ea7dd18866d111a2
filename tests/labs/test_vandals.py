"""Answers that overwrite all that they are given, or that their callbacks give them, gain nothing.

The checks' expectations are computed from arrays that no student's function ever had.
"""

import functools
import os
import warnings
import zlib
from collections.abc import Mapping

import numpy as np
import pytest

from labkit import checks
from labkit.checks import CheckFailed
from tests.labs.test_answers import ANSWERS, LABS, namespace, run
from tests.labs.test_vacuous import STRIDES, checks_of, solution

pytestmark = pytest.mark.labs
BY_LAB = True

SOAK = os.environ.get("LABKIT_SOAK", "0")
# These ask whether the caller's own arrays and lists, or a callback's, are left as they were.
LOOKS = {
    "a_round_is_a_centralised_step",
    "nobody_is_accused_wrongly",
    "the_data_stay_as_they_were",
    "each_client_has_its_turn",
    "weights_go_straight_on",
}
EXERCISES = [(lab, exercise) for lab in LABS for exercise in LABS[lab].exercises]


def spoil(value, fill):
    """Overwrite in place all that can be reached."""
    if isinstance(value, np.ndarray) and value.dtype != object and value.flags.writeable:
        fits = not isinstance(fill, np.ndarray) or fill.shape == value.shape
        source = fill if fits and isinstance(fill, np.ndarray | float) else 0.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NaN is no integer
            value[...] = np.array(source).astype(value.dtype)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            spoil(item, fill)
    elif isinstance(value, Mapping):
        for item in value.values():
            spoil(item, fill)
    if isinstance(value, list):
        value[:] = [fill] * len(value)
    elif isinstance(value, dict):
        for key in value:
            value[key] = fill


def rewind(value):
    """Let a generator draw what the student knows."""
    if isinstance(value, np.random.Generator):
        value.bit_generator.state = np.random.default_rng(7).bit_generator.state


def vandal(answer, fill, *, before=False, after=True, generators=False):
    """Return the answer with an arm that strikes before or after it has computed.

    Args:
        answer: the answer.
        fill: what everything is overwritten with; the result, if it is "result".
        before, after: when.
        generators: whether those are rewound, too.
    """

    @functools.wraps(answer)
    def call(*args, **kwargs):
        given = []

        def taps(value):
            if not callable(value) or isinstance(value, type) or hasattr(value, "__self__"):
                return value

            def tapped(*inner):
                result = value(*inner)
                given.extend([inner, result])
                return result

            return tapped if type(value).__name__ == "function" else value

        plain = 0.0 if isinstance(fill, str) else fill
        if before:
            for value in args:
                spoil(value, plain)
        result = answer(*map(taps, args), **kwargs)
        if after:
            kept = _kept(result)
            for value in (*args, *given):
                spoil(value, kept if isinstance(fill, str) else fill)
            result = kept
        if generators:
            for value in args:
                rewind(value)
        return result

    return call


def _kept(result):
    """The result, out of reach: it may be one of the arrays that are overwritten."""
    if isinstance(result, np.ndarray):
        return result.copy()
    if type(result) in (list, tuple):
        return type(result)(map(_kept, result))
    return result


def passed(lab, exercise, answer, seed):
    """Return the checks that an answer passes; nothing but CheckFailed says that it does not."""
    good = set()
    for name, judge in checks_of(lab, exercise).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                judge(answer, np.random.default_rng(zlib.crc32(f"{name} {seed}".encode())))
            except CheckFailed:
                continue
        good.add(name)
    return good


def slow(exercise):
    return STRIDES.get(exercise, 1) > 2


def some(answers, exercise):
    """Return two of the wrong answers; one, if the checks take long."""
    wrong = [answer for answer in answers if answer.loses]
    start = zlib.crc32(f"{exercise} {SOAK}".encode()) % len(wrong)
    return (wrong[start:] + wrong)[: 1 if slow(exercise) else 2]


@pytest.fixture(autouse=True)
def as_under_the_grader(monkeypatch):
    monkeypatch.setenv("LABKIT_BUDGET", "quick")
    # Who changes an argument is refused for that; here it is asked what else would come of it.
    monkeypatch.setattr(checks, "_unchanged", lambda now, before: True)


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_a_right_answer_that_strikes_afterwards_disturbs_no_expectation(lab, exercise):
    right, seed = solution(lab, exercise), f"{exercise} {SOAK}"
    fills = (float("nan"),) if slow(exercise) else (0.0, float("nan"), "result")
    for fill in fills:
        missed = checks_of(lab, exercise).keys() - passed(lab, exercise, vandal(right, fill), seed)
        assert missed <= LOOKS, fill


@pytest.mark.parametrize(("lab", "exercise"), EXERCISES)
def test_a_wrong_answer_gains_nothing_by_it(lab, exercise):
    for answer in some(ANSWERS[lab][exercise], exercise):
        names, seed = dict(namespace(lab)), f"{exercise} {answer.name} {SOAK}"
        run(answer.source, exercise, names)
        plain = passed(lab, exercise, names[exercise], seed)
        arms = (
            (float("nan"), {"generators": True}),
            (0.0, {"before": True}),
            ("result", {"before": True}),
        )
        for fill, arm in arms[: 1 if slow(exercise) else 3]:
            spoilt = vandal(names[exercise], fill, **arm)
            assert passed(lab, exercise, spoilt, seed) <= plain, (answer.name, fill, arm)


@pytest.mark.parametrize(
    ("lab", "exercise"), [pair for pair in EXERCISES if STRIDES.get(pair[1], 1) < 12]
)
def test_to_overwrite_everything_earns_nothing(lab, exercise):
    count = solution(lab, exercise).__code__.co_argcount

    for fill in (0.0, float("nan"), 1.0):
        gives = [lambda *args: 0.0, lambda *args: float("nan")]
        gives += [lambda *args, i=i: args[i] for i in range(count)]
        gives += [lambda *args, i=i, f=fill: np.full(np.shape(args[i]), f) for i in range(count)]
        for give in gives:
            spoilt = vandal(give, fill, before=True, generators=True)
            spoilt.__name__ = exercise
            assert not passed(lab, exercise, spoilt, f"{exercise} {SOAK}"), fill
