"""No check is passed without proof: not by a trivial answer, and not by one that is no number."""

import hashlib
import inspect
import itertools
import os
import warnings
import zlib
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from autograder.labs import build
from autograder.labs.master import module
from labkit import checks
from labkit.checks import CheckFailed
from tests.labs.test_answers import LABS, namespace, run

pytestmark = pytest.mark.labs
BY_LAB = True

NAN, INF = float("nan"), float("inf")
HUGE, LONG = 10**400, 10**5000  # no float; too long for `str`
ATOMS = [
    None, NotImplemented, ..., 0, 1, -1, 2, 0.0, 0.5, True, False, NAN, INF, -INF, 1e308, 1e-308,
    HUGE, LONG, 1j, complex(NAN), Fraction(1, 3), "", "0", "nan", "F", "FL", "\ud800", b"1",
    object(), int, len, (), [], {}, set(), [[]], ((), ()), {"x": NAN}, {0: 0}, [[1, [2]]],
    np.array([]), np.zeros((0, 3)), np.array(None), np.array(["1", "2"]), np.array(NAN),
    np.array(["2020-01-01"], "M8[D]"), np.array([1j]), np.array([None, "1"], object),
]  # fmt: skip
FILLS = [0.0, 1.0, -1.0, 1e-9, 7, True, NAN, INF, -INF, 1e308, HUGE, 1j, None, "1"]
# Whose checks take long to begin, by 100 ms and more: every so manieth answer, the first ones too.
STRIDES = {
    "compute_epsilon": 6, "poisson_batch": 3, "eps_rdp": 8, "microbatch_gradient": 5,
    "mu_uniform": 2, "mu_poisson": 2, "what_happens": 4, "bytes_per_epoch": 8, "wraps_to": 9,
    "label_epsilon": 5, "noise_for": 3, "epsilons_by_epoch": 3, "unmask": 2, "pairwise_mask": 3,
    # Objects are made for these: models, processes, ciphertexts.
    "library_optimizer": 12, "fit_with_library": 60, "train_privately": 60, "sum_of_squares": 24,
    "forward_to_cut": 12, "server_step": 12, "backward_from_cut": 12, "split_step": 60,
    "add_noise": 8, "take_turns": 12, "scale_by_residual": 12, "sum_over_classes_and_batch": 12,
    "reordered_gradient": 24,
}  # fmt: skip


# Trivial as they are, these are what the exercise asks for.
SOLUTIONS = {("guess_labels", "argument 0, where it is least")}


def mapped(value, leaf):
    """Return a structure with other leaves."""
    if isinstance(value, list | tuple):
        return type(value)([mapped(item, leaf) for item in value])
    if isinstance(value, dict):
        return {key: mapped(item, leaf) for key, item in value.items()}
    return leaf(value)


def filled(value, fill):
    """Return the structure of `value` with `fill` in all places of all arrays and tensors."""

    def leaf(item):
        if type(item).__module__.startswith("tensorflow"):
            return item * 0 + item.dtype.as_numpy_dtype(fill)
        if isinstance(item, np.ndarray):
            return np.full(item.shape, fill, float if isinstance(fill, float) else None)
        return fill

    return mapped(value, leaf)


def negated(value):
    return mapped(value, lambda item: -item if hasattr(item, "__neg__") else item)


def drawn(value, rng):
    """Return the structure of `value` with numbers from a generator."""

    def leaf(item):
        if isinstance(item, np.ndarray) and item.dtype.kind in "iu":
            return rng.integers(0, np.iinfo(item.dtype).max, item.shape, item.dtype)
        if isinstance(item, np.ndarray) and item.dtype.kind == "f":
            return rng.normal(0, 1, item.shape)
        if isinstance(item, bool | str) or not isinstance(item, int | float):
            raise NothingThere
        return rng.normal()

    return mapped(value, leaf)


def hashed(arguments):
    """Return a generator that is seeded with all data among the arguments, and nothing else."""
    digest = hashlib.sha256()

    def leaf(item):
        if isinstance(item, np.ndarray):
            digest.update(item.tobytes())
        elif isinstance(item, bool | int | float | str | bytes):
            digest.update(repr(item).encode())
        elif hasattr(item, "__bytes__"):  # a key
            digest.update(bytes(item))

    for argument in arguments:
        pairs = list(argument.items()) if isinstance(argument, dict) else argument
        mapped(pairs, leaf)
    return np.random.default_rng(list(digest.digest()))


def correlated(a, b):
    """Return the sum over examples of the products of two arrays, as Hebb had it."""
    if np.ndim(a) != 2 or np.ndim(b) not in (1, 2) or np.size(a) * np.size(b) > 10**7:
        raise NothingThere
    return np.transpose(a) @ b


class Listening(dict):
    """A mapping that remembers what it is asked for."""

    def __init__(self, data):
        super().__init__(data)
        self.asked = []

    def __getitem__(self, name):
        self.asked.append(name)
        return super().__getitem__(name)


def overheard(compute, data, which):
    """Return some of the names that a computation asks for, in order; nothing is changed."""
    listening = Listening(data)
    compute(listening)
    return set(which(listening.asked, len(data)))


HEARD = {
    "all": lambda asked, names: asked,
    "those before all": lambda asked, names: asked[:-names],
    "the first": lambda asked, names: asked[:1],
    "the first three": lambda asked, names: asked[:3],
    "the last": lambda asked, names: asked[-1:],
    "those twice": lambda asked, names: [name for name in asked if asked.count(name) > 1],
    "those once": lambda asked, names: [name for name in asked if asked.count(name) == 1],
}


def counting(value, calls, step):
    """Return the structure of `value` with a number that rises, or falls, from call to call."""
    return filled(value, (100.0 + next(calls)) ** step)


class NothingThere(Exception):
    pass


def poisoned(value, bad, place):
    """Return the value with its first or last number replaced."""
    if isinstance(value, list | tuple) and value:
        items = list(value)
        items[place] = poisoned(items[place], bad, place)
        return type(value)(items)
    if isinstance(value, np.ndarray) and value.size:
        value = value.astype(object if bad is None else float)
        value.flat[place] = bad
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bad
    raise NothingThere


def trivial(count, right):
    """Return the answers that compute nothing, and the right one spoilt, as (name, function).

    Args:
        count: how many arguments they take.
        right: the right one.
    """
    yield "the right one's shape, a hash", lambda *a: drawn(right(*a), hashed(a))
    yield "the right one's shape, drawn anew", lambda *a: drawn(right(*a), np.random.default_rng())
    for step in (1, -1):
        calls = itertools.count()
        yield (
            f"the right one's shape, counting, {step}",
            lambda *a, c=calls, s=step: counting(right(*a), c, s),
        )
    yield from ((f"constant {index}", lambda *a, v=v: v) for index, v in enumerate(ATOMS))
    for bad in (NAN, INF, -INF, None):
        for place in (0, -1):
            yield (
                f"the right one, but for {bad} at {place}",
                lambda *a, b=bad, p=place: poisoned(right(*a), b, p),
            )
    for fill in FILLS:
        yield f"the right one's shape, {fill!s:.9}", lambda *a, f=fill: filled(right(*a), f)
    for atom in (None, 0, 1, NAN, INF, 1e308, HUGE, "", True):
        for n in (1, 2, 3, 4):
            yield f"{n} times {atom!s:.9}", lambda *a, v=atom, n=n: [v] * n
    yield "all arguments", lambda *a: a
    for i in range(count):
        yield f"argument {i}", lambda *a, i=i: a[i]
        yield f"argument {i} negated", lambda *a, i=i: negated(a[i])
        yield f"argument {i} as a list", lambda *a, i=i: list(a[i])
        yield f"argument {i} as a set", lambda *a, i=i: set(a[i])
        yield f"argument {i}, its first", lambda *a, i=i: a[i][0]
        yield f"argument {i}, nothing of it", lambda *a, i=i: a[i][:0]
        yield f"argument {i}, its length", lambda *a, i=i: len(a[i])
        yield f"argument {i}, where it is most", lambda *a, i=i: np.argmax(a[i], axis=-1)
        yield f"argument {i}, where it is least", lambda *a, i=i: np.argmin(a[i], axis=-1)
        yield f"argument {i}, numbered", lambda *a, i=i: np.arange(len(a[i]))
        for fill in FILLS:
            yield f"argument {i} filled with {fill!s:.9}", lambda *a, i=i, f=fill: filled(a[i], f)
        for fill in (0.0, NAN, None):
            yield f"{fill} for each of argument {i}", lambda *a, i=i, f=fill: [f] * len(a[i])
            yield (
                f"as many as argument {i} of {fill}",
                lambda *a, i=i, f=fill: [f] * min(a[i], 1000),
            )
        for j in range(count):
            yield f"arguments {i} and {j}", lambda *a, i=i, j=j: (a[i], a[j])
            yield f"argument {i} of {j}", lambda *a, i=i, j=j: a[i](a[j])
            for size in (0.05, 1):
                yield (
                    f"{size} times argument {i} along {j}",
                    lambda *a, i=i, j=j, s=size: s * correlated(a[i], a[j]),
                )
            for name, which in HEARD.items() if count < 4 else ():
                yield (
                    f"what argument {i} asks of {j}, {name}",
                    lambda *a, i=i, j=j, w=which: overheard(a[i], a[j], w),
                )
            for n in range(count):
                yield (
                    f"as many as {n} of nothing of {i} and {j}",
                    lambda *a, i=i, j=j, n=n: [(a[i][:0], a[j][:0])] * min(a[n], 1000),
                )
                yield (
                    f"as many as {n} of {i} and {j}",
                    lambda *a, i=i, j=j, n=n: [(a[i], a[j])] * min(a[n], 1000),
                )


def tables():
    """Return the trust tables that say one thing of all."""
    rows = [
        "images", "labels", "model weights", "secret key", "encrypted labels", "masked sums",
        "masks", "predictions", "residuals", "gradient",
    ]  # fmt: skip
    for who in ("", "F", "L", "FL", "LF", "?", None, 0, NAN, True, [], ("F", "L"), {"L"}, ["?"]):
        yield f"{who!r} everywhere", lambda who=who: dict.fromkeys(rows, who)
    yield "some rows", lambda: {"residuals": ""}


@cache
def cells(lab):
    """Return each exercise's solution and its cell as it is handed out."""
    versions = build.solution(LABS[lab]), build.release(LABS[lab])
    solved, blank = ({cell.id: cell.source for cell in v.cells} for v in versions)
    return {exercise: (solved[exercise], blank[exercise]) for exercise in LABS[lab].exercises}


def solution(lab, exercise):
    names = dict(namespace(lab))
    run(cells(lab)[exercise][0], exercise, names)
    return names[exercise]


def filled_in(lab, exercise, answer):
    """Return the exercise's function with nothing but `answer` in its blank."""
    source = cells(lab)[exercise][1]
    begins = source.index("raise NotImplementedError")
    names = dict(namespace(lab)) | {"_answer": answer}
    parameters = ", ".join(inspect.signature(solution(lab, exercise)).parameters)
    run(f"{source[:begins]}return _answer({parameters})\n", exercise, names)
    return names[exercise]


def checks_of(lab, exercise):
    functions = getattr(checks, module(lab))
    return {name: getattr(functions, name) for name in LABS[lab].exercises[exercise]}


def judged(check, answer):
    """Return the check's message about a function of its exercise's name."""
    with pytest.raises(CheckFailed) as failure:
        check(answer, np.random.default_rng(5))
    return str(failure.value)


def test_weights_to_which_something_is_added_have_made_no_step():
    def backward_from_cut(bottom, x, cut_gradient, learning_rate):
        return [w + 0.01 for w in bottom]

    message = judged(checks.split_learning.alices_weights_move, backward_from_cut)
    assert "With other images" in message


@pytest.mark.parametrize("reshaped", [[1, -1], [-1, 1]])
def test_values_of_another_shape_are_no_squares(reshaped):
    import tensorflow as tf

    def sum_of_squares(owner, helper, values):
        there = owner.run(lambda v: tf.reshape(v, reshaped), owner.send(values))
        return helper.run(lambda v: v[0, 0], there.send(helper)).get()

    message = judged(checks.split_learning.each_moves_what_it_must, sum_of_squares)
    assert "not the squares" in message


@pytest.mark.parametrize(
    ("lab", "exercise"), [(lab, exercise) for lab in LABS for exercise in LABS[lab].exercises]
)
def test_a_trivial_answer_earns_nothing(lab, exercise, monkeypatch, capfd):
    monkeypatch.setenv("LABKIT_BUDGET", "quick")
    right = solution(lab, exercise)
    count = len(inspect.signature(right).parameters)
    answers = [*trivial(count, right), *(tables() if exercise == "trust_table" else ())]
    stride, wrong = STRIDES.get(exercise, 1), []
    for number, (check, judge) in enumerate(checks_of(lab, exercise).items()):
        for name, answer in [*answers[:7], *answers[7 + number % stride :: stride]]:
            if (exercise, name) in SOLUTIONS:
                continue
            seed = zlib.crc32(f"{check} {name} {os.environ.get('LABKIT_SOAK', '0')}".encode())
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    judge(filled_in(lab, exercise, answer), np.random.default_rng(seed))
                wrong.append((check, name, "passes"))
            except CheckFailed as error:
                str(error).encode()
                if "cannot be judged" in str(error):
                    wrong.append((check, name, str(error)))
            except BaseException as error:
                wrong.append((check, name, repr(error)))
    assert not wrong
    assert capfd.readouterr().err == ""
