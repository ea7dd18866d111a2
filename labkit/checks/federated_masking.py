"""The checks of lab 03, federated learning with masks."""

import builtins
import contextlib
import copy
import functools
import hashlib
import inspect
import itertools
import math
import random
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType
from typing import Any
from unittest import mock

import numpy as np
from scipy import stats

from labkit import secagg
from labkit.checks import (
    FALSE_FAIL,
    CheckFailed,
    Guarded,
    as_array,
    as_number,
    at_home,
    check,
    in_turn,
    kept,
    randomness,
    require,
    shown,
)

# Results in float64 over a few hundred terms are exact to 1e-12; students may use float32, which
# is exact to 1e-5 there. No wrong answer that we know of is within 1e-3.
ROUNDING = 1e-4


# Part 2 · one party -------------------------------------------------------------------------


def _batch(
    rng: np.random.Generator, examples: int, pixels: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pixels = pixels or int(rng.integers(11, 18))  # more than a batch has images
    x = rng.random((examples, pixels)) * (rng.random((examples, pixels)) > 0.25)  # some are blank
    y = rng.permutation(np.arange(examples) % 2).astype(np.float64)
    return rng.normal(0, 4 / np.sqrt(pixels), pixels), x, y


def _cross_entropy(weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    score = x @ weights
    return float(np.mean(np.logaddexp(0, score) - y * score))


@check
def gradient_is_the_slope_of_the_loss(gradient: Callable, rng: np.random.Generator) -> None:
    """it is how fast the cross-entropy grows along each weight."""
    # Of small weights, where the prediction is near ½, of large ones, where it is sure, of some
    # with which exp() of a logit overflows, and of those that training begins with: all of them
    # with the same image, so that nothing that is kept of one call serves the next.
    images = {label: _batch(rng, 1)[:2] for label in (0.0, 1.0)}
    for label, size in itertools.product(images, (0.5, 5, 3000, 0)):
        direction, x = images[label]
        weights, y = size * direction, np.array([label])
        got = as_array(gradient(weights, x, y), "the result of `gradient`", weights.shape)
        step = 1e-5  # central differences: an error of step², 1e-10, beside float64's 1e-11
        want = np.array(
            [
                (_cross_entropy(weights + d, x, y) - _cross_entropy(weights - d, x, y)) / (2 * step)
                for d in step * np.eye(len(weights))
            ]
        )
        worst = int(np.argmax(np.abs(got - want)))
        hint = ""
        if np.allclose(got, -want, atol=ROUNDING):
            hint = " The sign is the wrong way round: the error is prediction − label."
        elif (pixels := len(weights)) and np.allclose(got * pixels, want, atol=ROUNDING):
            hint = f" You divided by {pixels}, the number of pixels; the mean is over the images."
        require(
            abs(got[worst] - want[worst]) <= ROUNDING,
            f"For one image with label {label:.0f} the loss grows by {want[worst]:.5f} per unit of "
            f"weight {worst}; `gradient` says {got[worst]:.5f}.{hint}",
        )


@check
def gradient_of_a_batch_is_the_mean(gradient: Callable, rng: np.random.Generator) -> None:
    """a batch's gradient is the mean of its images' gradients."""
    large = _batch(rng, 8, 784)  # as the lab's
    large[-1][:] = rng.integers(2)  # all images show the same digit
    got, other, *_ = _require_mean(gradient, *large)
    _require_made_of_the_batch(large[1], got, other)
    weights, x, y = _batch(rng, int(rng.integers(2, 10)))
    x[rng.integers(len(x))] = 0  # a blank image is an image
    got, other, *singles = _require_mean(gradient, weights, x, y)
    _require_made_of_the_batch(x, got, other)
    # Where the prediction is sure and right its error is exactly 0, and the image counts.
    for label, size in ((1, 50), (0, -500)):
        direction, sure, labels = _batch(rng, int(rng.integers(3, 9)))
        labels[:], labels[0] = label, 1 - label
        _require_mean(gradient, size * np.abs(direction), sure, labels)
    # The same images again and again, one after the other, not all equally often: who leaves some
    # out, or counts each once, has another mean. A float32 sum of so many is exact to 6e-5.
    share = np.arange(1, len(y) + 1) / np.arange(1, len(y) + 1).sum()
    for times in (np.eye(len(y), dtype=int)[0] + 1, np.ceil(rng.integers(2100, 3500) * share)):
        again = np.repeat(rng.permutation(len(y)), times.astype(int))
        what = "the result of `gradient`"
        got = as_array(gradient(weights, x[again], y[again]), what, weights.shape)
        want = np.mean(np.asarray(singles)[again], axis=0)
        require(
            bool(np.allclose(got, want, atol=ROUNDING)),
            f"The gradient of a batch of {len(again)}, in which {len(y)} images come again, is not "
            f"the mean of the gradients of all its images: it is {np.linalg.norm(got):.4f} long, "
            f"and the mean {np.linalg.norm(want):.4f}. Each image counts as often as it comes.",
        )


def _require_mean(
    gradient: Callable, weights: np.ndarray, x: np.ndarray, y: np.ndarray
) -> list[np.ndarray]:
    """Require that a batch's gradient is the mean of its images'.

    Return it, the one with all labels changed, and those of the images.
    """
    what = "the result of `gradient`"
    calls = [(weights, x[i : i + 1], y[i : i + 1]) for i in range(len(y))]
    results = in_turn(gradient, (weights, x, y), *calls, (weights, x, 1 - y))
    got, *singles, other = (as_array(result, what, weights.shape) for result in results)
    want = np.mean(singles, axis=0)
    hint = ""
    if np.allclose(got, want * len(y), atol=ROUNDING):
        hint = " Yours is their sum."
    require(
        bool(np.allclose(got, want, atol=ROUNDING)),
        f"The gradient of a batch of {len(y)} is not the mean of the gradients of its images, "
        f"each taken alone: it is {np.linalg.norm(got):.4f} long, and the mean "
        f"{np.linalg.norm(want):.4f}.{hint}",
    )
    return [got, other, *singles]


def _require_made_of_the_batch(x: np.ndarray, got: np.ndarray, other: np.ndarray) -> None:
    """Require a gradient that depends on images and labels: all else is its own mean.

    Whatever the model and the loss, it is a sum of multiples of the images, which are fewer than
    the pixels.
    """
    inside = x.T @ np.linalg.lstsq(x @ x.T, x @ got, rcond=None)[0]
    require(
        bool(
            np.abs(got - inside).max() <= ROUNDING
            and np.abs(got - other).max() > 1e-3 * np.abs(got).max()
        ),
        "It is a mean, but of what? A gradient is a sum of multiples of the images, and with all "
        "labels changed it is another one.",
    )


# Part 3 · a round, and what it reads --------------------------------------------------------


def _a_model(rng: np.random.Generator) -> Callable:
    """Return a gradient that nobody else knows: a round works with whatever it is given."""
    a, c = rng.uniform(0.5, 1, 2)
    b = rng.uniform(1, 2)  # bent: its mean at two points is not that at the point between them

    def gradient(weights, x, y):
        return _bent(weights, x, y, a, b, c)

    return gradient


def _bent(weights: Any, x: Any, y: Any, a: float, b: float, c: float) -> Any:
    return a * x.T @ (np.tanh(b * (x @ weights)) - c * y) / len(y)


def _parties(
    rng: np.random.Generator, sizes: Iterable[int], pixels: int = 7, unlike: float = 0
) -> list:
    """Return parties of these sizes, whose labels' means have standard deviation `unlike`."""
    return [
        (rng.random((size, pixels)), rng.random(size) + rng.normal(0, unlike)) for size in sizes
    ]


def _party_sizes(rng: np.random.Generator) -> Iterable[np.ndarray]:
    """Sizes that are very different, almost the same by ½, 5 and 20 %, many, and one alone."""
    yield rng.permutation([*rng.integers(1, 9, rng.integers(1, 5)), 40, rng.integers(1100, 1400)])
    for base, spread in ((400, 2), (60, 3), (20, 4)):
        others = base + rng.integers(0, spread + 1, int(rng.integers(1, 4)))
        yield rng.permutation([base, *others, base + spread])
    yield rng.integers(1, 30, int(rng.integers(80, 150)))
    yield rng.integers(1, 30, 1)


@check
def a_round_is_a_centralised_step(federated_round: Callable, rng: np.random.Generator) -> None:
    """the new weights are those of one step on everybody's data together."""
    for sizes in _party_sizes(rng):
        # So unlike that half a percent more of a party moves the step by 1e-3 and more.
        parties = _parties(rng, sizes, pixels := int(rng.integers(3, 9)), unlike=30)
        if len(parties) > 1:  # another one holds the first one's images, with other labels
            parties.append((parties[0][0], 1 - parties[0][1]))
        # A second round on the same data is one from other weights. Some are 0, as at first.
        for _ in range(2 if len(parties) < 10 else 1):
            weights = rng.normal(0, 1, pixels) * (rng.random(pixels) < 0.7)
            model, learning_rate = _a_model(rng), rng.uniform(0.2, 3)
            _require_centralised_step(federated_round, parties, model, weights, learning_rate)
    _require_step_of_shared_arrays(federated_round, rng)


def _require_step_of_shared_arrays(federated_round: Callable, rng: np.random.Generator) -> None:
    """Require centralised steps where parties share arrays, and gradients are kept."""
    (x, y), other = _parties(rng, rng.integers(3, 30, 2))
    a, b, c, learning_rate = rng.uniform(1, 2, 4)
    one, two = rng.normal(0, 1, (2, x.shape[1]))
    parties = _sharing_parties(x, y, other)
    images, labels = (np.concatenate(column) for column in zip(*parties, strict=True))
    sent = [one, two, one]
    results = at_home(federated_round, _rounds, sent, x, y, other, (a, b, c), learning_rate)
    for at, (weights, got) in enumerate(zip(sent, results, strict=True), 1):
        got = as_array(got, "the result of `federated_round`", weights.shape)
        want = weights - learning_rate * _bent(weights, images, labels, a, b, c)
        require(
            bool(np.allclose(got, want, atol=ROUNDING)),
            f"{len(parties)} parties, of which some hold the same images, some the same labels, "
            "and one blank images. `gradient` keeps what it returns, and returns it again if it is "
            f"asked the same. The weights after round {at} are "
            f"{np.abs(got - want).max():.4f} away from a step on all the data together.",
        )


def _sharing_parties(x: np.ndarray, y: np.ndarray, other: tuple) -> list:
    pair = x, y
    return [pair, (x, 1 - y), pair, (1 - x, y), (0 * x, y), other]


def _rounds(
    federated_round: Guarded,
    sent: list[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    other: tuple,
    factors: tuple,
    learning_rate: float,
) -> list:
    """Return the weights after a round for each of those sent, in one array, where it is called."""
    known: dict[tuple, np.ndarray] = {}

    def gradient(weights, x, y):
        asked = tuple(np.asarray(value, np.float64).tobytes() for value in (weights, x, y))
        return known.setdefault(asked, _bent(weights, x, y, *factors))

    weights, parties = np.empty_like(sent[0]), _sharing_parties(x, y, other)

    def new(each):
        weights[:] = each
        return federated_round.in_place(weights, parties, gradient, learning_rate)

    return kept(federated_round, map(new, sent))


def _require_centralised_step(
    federated_round: Callable,
    parties: list,
    model: Callable,
    weights: np.ndarray,
    learning_rate: float,
) -> None:
    asked = []

    def spy(weights, x, y):
        asked.append(np.array(weights))
        return model(weights, x, y)

    got = as_array(
        federated_round(weights, parties, spy, learning_rate),
        "the result of `federated_round`",
        weights.shape,
    )
    x, y = (np.concatenate(column) for column in zip(*parties, strict=True))
    want = weights - learning_rate * model(weights, x, y)
    grads = [model(weights, *party) for party in parties]
    hint = ""
    if np.allclose(got, weights - learning_rate * np.mean(grads, axis=0), atol=1e-9):
        hint = (
            " You gave each party the same weight; one with 40 images counts as much as ten with 4."
        )
    elif np.allclose(got, 2 * weights - want, atol=1e-9):
        hint = " You went uphill."
    elif np.allclose(got, weights - learning_rate * np.sum(grads, axis=0), atol=1e-9):
        hint = " You added the gradients where a mean is meant."
    elif np.allclose(got, weights - len(y) * (weights - want), atol=1e-6):
        hint = " You added up over all images: divide by their number."
    elif not all(np.array_equal(np.float32(at), np.float32(weights)) for at in asked):
        hint = (
            " Not all parties were asked at the weights that the server sent: collect every "
            "gradient first, then step once."
        )
    require(
        bool(np.allclose(got, want, atol=ROUNDING)),
        f"Parties of sizes {shown([len(y) for _, y in parties])}: after a round the weights are "
        f"{np.abs(got - want).max():.4f} away from a step on all the data together.{hint}",
    )


@check
def equal_parties_count_equally(federated_round: Callable, rng: np.random.Generator) -> None:
    """with equal sizes the step follows the plain mean of the gradients."""
    parties = _parties(rng, [int(rng.integers(2, 60))] * int(rng.integers(2, 12)))
    model, what = _a_model(rng), "the result of `federated_round`"
    # A tiny step, of weights of 0, so that it is not lost in their rounding.
    for weights, learning_rate in (
        (rng.normal(0, 1, 7), rng.uniform(0.05, 0.5)),
        (np.zeros(7), 10 ** rng.uniform(-6, -2)),
    ):
        got = federated_round(weights, parties, model, learning_rate)
        got = as_array(got, what, weights.shape)
        mean = np.mean([model(weights, *party) for party in parties], axis=0)
        moved = (weights - got) / learning_rate
        uphill = ", and goes uphill." if float(moved @ mean) < 0 else "."
        require(
            bool(np.allclose(moved, mean, atol=ROUNDING)),
            f"{len(parties)} parties with equally many images: the step should be learning_rate "
            f"times the mean gradient, of length {np.linalg.norm(mean):.4f}, downhill; yours has "
            f"length {np.linalg.norm(moved):.4f}, with learning_rate = {learning_rate:.2g}{uphill}",
        )
    stays = as_array(federated_round(weights + 1, parties, model, 0.0), what, weights.shape)
    require(
        bool(np.allclose(stays, weights + 1, atol=ROUNDING)),
        f"With a learning rate of 0 the weights move by up to {np.abs(stays - weights - 1).max()}.",
    )


@check
def each_party_computes_on_its_own_data(
    federated_round: Callable, rng: np.random.Generator
) -> None:
    """every gradient was computed by one party, on its own images and labels."""
    for sizes in ([6, 6, 6], [1, 9, 70], rng.integers(10, 20, 3)):
        _require_own_data(federated_round, rng, _parties(rng, rng.permutation(sizes)))


def _require_own_data(federated_round: Callable, rng: np.random.Generator, parties: list) -> None:
    weights, model = rng.normal(0, 1, 7), _a_model(rng)
    seen: list[tuple[Any, Any]] = []
    sums: dict[Any, np.ndarray] = {}

    def spy(weights, x, y):
        # A party may compute on a part of its data at a time, and in float32.
        owners = [
            [
                i
                for i, party in enumerate(parties)
                if np.isin(np.asarray(value, np.float32), party[kind].astype(np.float32)).all()
            ]
            for kind, value in enumerate((x, y))
        ]
        images, labels = (own[0] if own else None for own in owners)
        seen.append((images, labels))
        grad = model(weights, x, y)
        sums[images] = sums.get(images, 0) + len(y) * grad
        return grad

    new = federated_round(weights, parties, spy, 0.1)
    new = as_array(new, "the result of `federated_round`", weights.shape)
    for images, labels in seen:
        require(
            images is not None and labels is not None,
            "`gradient` was called on data that are no single party's own. No party may see the "
            "others' images: that is the point of a round.",
        )
        require(
            images == labels,
            f"`gradient` was called with party {images}'s images and party {labels}'s labels.",
        )
    require(
        {images for images, _ in seen} == {0, 1, 2},
        f"Only parties {sorted({i for i, _ in seen})} of 0, 1, 2 computed a gradient.",
    )
    # Whatever is made of them: one vector of 7 entries is made of few others by no chance.
    known = np.stack([weights, *sums.values()], axis=1)
    parts = np.linalg.lstsq(known, new, rcond=None)[0]
    require(
        bool(
            np.linalg.norm(known @ parts - new) / np.linalg.norm(new) <= ROUNDING
            and np.all(np.abs(parts[1:]) > 1e-6)
        ),
        "The gradients were computed, but the weights that come back are not made of them.",
    )


def _reads(reads: Callable, compute: Callable, data: dict) -> set[str]:
    return _names(reads(compute, data))


def _names(result: Any) -> set[str]:
    require(result is not None, "`reads` returned None. Did you forget `return`?")
    try:
        plain = isinstance(result, str | Mapping)
        names: list[Any] = [None] if plain else list(itertools.islice(result, 10_000))
    except Exception:  # not to be read
        names = [None]
    require(
        all(isinstance(name, str) for name in names),
        f"`reads` returned {shown(result)}; a set of names is wanted.",
    )
    return set(names)


_OWNERS = "party 10", "party 11", "party 12", "registry"  # none of the notebook's
_SOURCES = [f"{owner}: {kind}" for owner in _OWNERS for kind in ("images", "labels")]


def _sources(rng: np.random.Generator) -> dict[str, np.ndarray]:
    data: dict[str, np.ndarray] = {}
    for owner in _OWNERS:
        examples = int(rng.integers(90, 130) if owner == "registry" else rng.integers(40, 70))
        data[f"{owner}: images"] = rng.random((examples, int(rng.integers(3, 7))))
        data[f"{owner}: labels"] = rng.permutation(np.arange(examples) % 2)
    # A party may well have one kind of digit only.
    data["party 12: labels"][:], data["party 11: labels"][:] = 0, 1
    return data


def _reader(names: Sequence[str], rng: np.random.Generator, how: str) -> Callable:
    """A computation that depends on `names`: on all of their values, or as `how` says.

    It looks at every array, once, in an order that says nothing: who listens hears no more.
    """
    return _recording_reader(names, rng, how)[0]


def _recording_reader(
    names: Sequence[str], rng: np.random.Generator, how: str
) -> tuple[Callable, list[dict]]:
    """A reader, and what it was shown, call by call: name → array."""
    seed, order = int(rng.integers(2**32)), rng.permutation(_SOURCES).tolist()
    calls: list[dict[str, np.ndarray]] = []

    def compute(data):
        own, total = np.random.default_rng(seed), np.zeros(3)
        looked_at = {name: np.array(data[name], np.float64).ravel() for name in order}
        calls.append(looked_at)
        if how == "times 0":  # of all others
            total += sum(np.sum(0 * looked_at[name]) for name in sorted({*order} - {*names}))
        for name in names:
            values = looked_at[name]
            if how == "place":
                values = np.ravel([*data.values()][_SOURCES.index(name)])
            if how == "gate":  # whose values are 0 closes the way for the others
                values = values * np.mean(looked_at[names[0]])
            if how == "comparison":
                values = (values > 0.5).astype(np.float64)
            if how == "first examples":
                values = values[: min(values.size // 8, 700)]
            if how == "last examples":
                values = values[-min(values.size // 8, 700) :]
            if how == "which agree":  # with another one's: where both are changed they still do
                both = [looked_at[each][:40] > 0.5 for each in names]
                values = (both[0] == both[1]).astype(np.float64)
            if how == "one value":  # which moves one entry of the result
                total[own.integers(3)] += own.normal() * values[own.integers(values.size)]
                continue
            if how == "differences":
                values = values - values.mean()
                values = values[:-1] * np.arange(1, values.size) + values[-1]
            faint = 1e-10 if how == "faintly" else 1
            total += faint * (own.normal(0, 1, (3, values.size)) @ values)
        if how == "balanced":
            return np.array([total[0], -total[0], 0.0])
        if how == "order":  # of 20! two are the same by no chance
            ranks = np.random.default_rng(total.view(np.uint64)).permutation(20)
            return ranks.astype(np.float64).reshape(4, 5)
        return total + 1

    return compute, calls


def _never_tried(names: Iterable[str], calls: list[dict], data: dict) -> str:
    """Say which of the arrays was never changed, or not in all places, as the end of a message."""
    for name in names:
        own = np.ravel(data[name])
        tried = [call[name] != own for call in calls if call[name].shape == own.shape]
        places = np.any(tried, axis=0) if tried else own < 0
        if not np.any(places):
            return (
                f" The computation was never called with anything else for {name!r} than it holds "
                f"already: {own[:5].tolist()}…."
            )
        if not np.all(places):
            return f" Of {name!r} {int(np.sum(~places))} of {own.size} entries were never changed."
    return ""


def _not_a_number(calls: list[dict]) -> str:
    """Say that NaN was tried, as the end of a message."""
    if not any(np.isnan(values).any() for call in calls for values in call.values()):
        return ""
    return " NaN tells of no values: it goes through a product with 0, and ends at a comparison."


@check
def whatever_is_read_is_found(reads: Callable, rng: np.random.Generator) -> None:
    """each array that the result depends on is named."""
    data = _sources(rng)
    images = [name for name in _SOURCES if name.endswith("images")]
    one_kind = [f"party {party}: labels" for party in (11, 12)]  # all zeros, or all ones
    cases = [("all values", [name, "party 10: images"]) for name in one_kind]
    cases += [
        (how, rng.permutation(_SOURCES)[:many].tolist())
        for how, many in (("all values", 6), ("one value", 3))
    ]
    cases += [("differences", ["party 11: images", "registry: images"])]
    cases += [
        (how, rng.permutation(_SOURCES)[:2].tolist())
        for how in ("faintly", "balanced", "first examples", "last examples")
    ]
    cases += [("comparison", rng.permutation(images)[:2].tolist())]
    cases += [("comparison", ["party 10: labels", "registry: labels"])]  # which are far from ½
    cases += [("order", rng.permutation(_SOURCES)[:2].tolist())]
    cases += [("which agree", ["party 10: labels", "registry: labels"])]
    # Labels of which all are 1, and what comes before and after them.
    cases += [("gate", ["party 11: labels", name]) for name in (images[0], images[-1])]
    # Nobody can tell which one it is without a look at what the computation does.
    alone = ["registry: images"]
    cases.insert(int(rng.integers(len(cases) + 1)), ("all values", alone))
    # One array is as large as a party's in the lab, and read at its end.
    large = data | {"registry: images": rng.random((40, 784))}
    found, untried = [], ""
    for how, names, data in [
        *((how, names, data) for how, names in cases),
        ("last examples", ["registry: images"], large),
    ]:
        compute, calls = _recording_reader(names, rng, how)
        got = _reads(reads, compute, data)
        found.append(got)
        untried = untried or _never_tried(sorted(data.keys() - got), calls, data)
        missed = sorted(set(names) - got)
        about = {
            "all values": "",
            "one value": " ONE entry of each moves ONE entry of the result.",
            "differences": " The result depends on the differences between an array's entries.",
            "faintly": " They change the result in its tenth decimal: that tells of them too.",
            "balanced": " The sum of the result's entries is 0, whatever they are.",
            "first examples": " It reads the first examples only.",
            "last examples": " It reads the last examples only.",
            "which agree": " It reads which labels of one are those of the other: where both are "
            "changed at once they still are.",
            "comparison": " It reads which of the values are above ½.",
            "gate": f" It multiplies by the mean of {names[0]!r}: where that is 0, the other makes "
            "no difference. Compare with the result of the data as they were given.",
            "order": " The result holds the same numbers, in an order that depends on them.",
        }[how]
        hint = _never_tried(missed, calls, data) or _not_a_number(calls)
        if got == data.keys() - set(names):
            hint = " You named just the others."
        require(
            not missed,
            f"The computation reads {sorted(names)}, and `reads` misses {missed}.{about}{hint}",
        )
        require(
            names is not alone or got != data.keys(),
            f"Whoever names everything misses nothing: the computation reads {names} only, and "
            "`reads` names all arrays.",
        )
    require(
        any(got != found[0] for got in found),
        f"`reads` names {sorted(found[0])}, whatever the computation reads.",
    )
    require(not untried, f"What `reads` does not name may be read all the same.{untried}")


@check
def nobody_is_accused_wrongly(reads: Callable, rng: np.random.Generator) -> None:
    """an array that the result does not depend on is not named."""
    data = _sources(rng)
    images = [name for name in data if name.endswith("images")]
    some = rng.permutation(images)[:1].tolist()
    cases: list[tuple[str, list[str]]] = [("all values", []), ("all values", some)]
    cases += [("all values", ["party 10: images"]), ("times 0", some), ("times 0", [])]
    cases += [("place", some), ("gate", ["party 12: labels", images[0]])]
    for how, names in cases:
        compute, calls = _recording_reader(names, rng, how)
        names = names[:1] if how == "gate" else names  # closed: all of its labels are 0
        got = _reads(reads, compute, data)
        wrongly = sorted(got - set(names))
        at_once = max(
            sum(not np.array_equal(call[name], np.ravel(data[name])) for name in data)
            for call in [*calls, {name: np.ravel(data[name]) for name in data}]
        )
        hint = ""
        if at_once > 1:
            hint = (
                f" In one call {at_once} arrays differed from those you were given: change ONE "
                "array at a time, with all others as they were."
            )
        elif at_once == 0:
            hint = " No array was ever changed: one may be looked at and make no difference."
        hint = hint or _not_a_number(calls)
        if how == "place":
            hint = " It takes an array by its place: leave the names in their order."
        times = how in ("times 0", "gate") and ", which it takes times 0"
        require(
            not wrongly,
            f"The result depends on {names or 'nothing'}, and `reads` also names "
            f"{wrongly[:3]}{times or ''}.{hint}",
        )
        require(
            set(names) <= got or how == "gate",
            f"Whoever names nothing accuses nobody: the result depends on all values of {names}, "
            "and `reads` does not say so.",
        )
    # A party's images are a part of the registry's, and two names stand for one array.
    data["party 11: images"] = data["registry: images"][:40].copy()
    data["party 12: images"] = data["party 10: images"].copy()
    both, one = ["party 10: images", "registry: images"], ["party 10: images"]
    computes = [_reader(names, rng, "all values") for names in (both, one)]
    results = at_home(reads, _read_where_shared, computes, data)
    for names, result in zip((both, one, both), results, strict=True):
        got = _names(result)
        require(
            got == set(names),
            f"The computation reads {names}. 'party 12: images' is the former array under another "
            "name, and 'party 11: images' the beginning of 'registry: images'; `reads` names "
            f"{sorted(got)}. Who writes into an array changes it under each of its names: make a "
            "new one in its place. And who writes into what the computation returned changes what "
            "it may return again.",
        )


def _read_where_shared(reads: Guarded, computes: list[Callable], data: dict) -> list:
    """Return what `reads` returns of data in which some arrays are others, or parts of them.

    Of each computation, and of the first again; they keep what they return, and return it again.
    """
    data["party 11: images"] = data["registry: images"][: len(data["party 11: images"])]
    data["party 12: images"] = data["party 10: images"]
    one, two = map(_keeping, computes)
    return kept(reads, (reads.in_place(compute, data) for compute in (one, two, one)))


def _keeping(compute: Callable) -> Callable:
    """Return a computation that returns the same array again of the same data."""
    known: dict[tuple, np.ndarray] = {}

    def keeping(data):
        asked = tuple(np.asarray(values, np.float64).tobytes() for values in data.values())
        if asked not in known:
            known[asked] = compute(data)
        return known[asked]

    return keeping


@check
def the_data_stay_as_they_were(reads: Callable, rng: np.random.Generator) -> None:
    """the arrays that you were given are not changed."""
    data = _sources(rng)
    for name in data:
        if name.endswith("images"):
            data[name][0, :2] = 1e-20, 1 / 3  # 1 − (1 − x) is another number
    for _ in range(3):  # so that nobody finds out by chance which is read when
        images = rng.permutation([name for name in data if name.endswith("images")]).tolist()
        found = []
        for names in (images[:2], images[2:]):
            # The computation stays in this process: it knows the names.
            compute = _reader(names, rng, "all values")
            result, after = at_home(reads, _read_and_left, compute, data)
            got = _names(result)
            require(
                isinstance(after, Mapping) and after.keys() == data.keys(),
                "After `reads` the caller's dictionary is different: work on copies.",
            )
            changed = [name for name in data if not np.array_equal(after[name], data[name])]
            require(
                not changed, f"After `reads` the caller's {changed} is different: work on copies."
            )
            require(
                set(names) <= got,
                f"Nothing was changed, nor found out: the computation reads all values of {names}, "
                f"and `reads` names {sorted(got)}.",
            )
            found.append(got & set(images))
        require(
            found[0] != found[1],
            f"Nothing was changed, nor found out: `reads` names {sorted(found[0])} of computations "
            "that read nothing in common.",
        )
    compute = _reader(images[:2], rng, "all values")
    got = _names(at_home(reads, _read_what_nobody_may_write, compute, data))
    require(
        set(images[:2]) <= got,
        f"Of arrays that are read-only `reads` names {sorted(got)}; the computation reads all "
        f"values of {images[:2]}.",
    )


def _read_what_nobody_may_write(reads: Guarded, compute: Callable, data: dict) -> Any:
    """Return what `reads` returns of read-only arrays."""
    for values in data.values():
        values.flags.writeable = False
    return reads.in_place(compute, data)


def _read_and_left(reads: Guarded, compute: Callable, data: dict) -> tuple[Any, dict]:
    """Return what `reads` returns, and what it leaves of the data, where it is called."""
    return reads.in_place(compute, data), data


# Part 4 · the attack ------------------------------------------------------------------------


def _image_and_gradient(
    rng: np.random.Generator, label: int, sure: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    image = rng.random(784) * (rng.random(784) < rng.choice([0.02, 0.25, 0.8]))
    image[rng.integers(784, size=rng.choice([1, 30]))] = 1.0  # one pixel is darkest, or many are
    error = rng.uniform(0.01, 0.99)
    if sure:  # p may be so small that its square is 0, and p − 1 is a multiple of 1e-16 in float64
        error = 10 ** (rng.uniform(-300, -170) if label == 0 else rng.uniform(-16, -11))
    return image, image * error * (1 if label == 0 else -1)


def _inverted(result: Any, grad: np.ndarray, label: int) -> np.ndarray:
    got = as_array(result, "the result of `invert_gradient`", (784,), finite=False)
    bad = int(np.count_nonzero(~np.isfinite(got)))
    with np.errstate(all="ignore"):
        divided = np.abs(grad / grad.max())
    hint = ""
    if bad and np.array_equal(np.abs(got), divided, equal_nan=True):
        hint = " No entry is above 0 there, so the largest is 0. What did you divide by?"
    require(
        bad == 0,
        f"For an image with label {label}, whose gradient's largest entry is "
        f"{np.abs(grad).max():.2g} in size, {bad} of your 784 pixels are NaN or infinite.{hint}",
    )
    return got


def _correlation(got: np.ndarray, image: np.ndarray) -> float:
    if np.ptp(got) == 0:
        return 0.0
    size = np.abs(got).max()  # its square may be 0
    return float(np.corrcoef(got / size, image)[0, 1])


@check
def the_image_comes_back(invert_gradient: Callable, rng: np.random.Generator) -> None:
    """from the gradient of one image the image is recovered, whatever its label."""
    kinds = list(itertools.product((0, 1), (False, True)))
    pairs = [_image_and_gradient(rng, label, sure) for label, sure in kinds]
    results = in_turn(invert_gradient, *((grad,) for _, grad in pairs))
    for (label, _), (image, grad), result in zip(kinds, pairs, results, strict=True):
        got = _inverted(result, grad, label)
        correlation = _correlation(got, image)
        hint = ""
        if correlation < -0.9:
            hint = " It is the negative: for label 1 the factor prediction − label is below 0."
            if label == 0:
                hint = " It is the negative, though the factor prediction − label is above 0."
        elif np.ptp(got) == 0:
            hint = " Every pixel has the same value."
        require(
            correlation >= 1 - 1e-6,  # float16 has 1 − 1e-7
            f"For an image with label {label} your reconstruction's correlation with it is "
            f"{correlation:.7f}; the gradient is a multiple of the image, so 1 is possible.{hint}",
        )


@check
def pixels_run_from_0_to_1(invert_gradient: Callable, rng: np.random.Generator) -> None:
    """paper is 0 and the darkest ink is 1, whatever the gradient's size."""
    for label, sure in itertools.product((0, 1), (False, True)):
        image, grad = _image_and_gradient(rng, label, sure)
        got = _inverted(invert_gradient(grad), grad, label)
        require(
            abs(got.max() - 1) <= ROUNDING and abs(got.min()) <= ROUNDING,
            f"For an image with label {label}, whose gradient's largest entry is "
            f"{np.abs(grad).max():.2g} in size, your pixels run from {got.min():.4g} to "
            f"{got.max():.4g}; scale them so that they run from 0 to 1.",
        )
        require(
            abs(_correlation(got, image)) >= 0.3,
            "Your pixels run from 0 to 1, but have nothing to do with the gradient that came in.",
        )
        # Those that are the image, up to their scale; float16 is exact to 5e-4.
        off = float(np.abs(got - image).max()) if _correlation(got, image) >= 0.9999 else 0.0
        require(
            off <= 1e-3,
            f"Your pixels are up to {off:.4f} away from those of the image with label {label}: all "
            "of them are scaled by the same number, so that the darkest is 1.",
        )


# Part 5 · masks -----------------------------------------------------------------------------


def _pairs(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Return all pairs, the smaller id first: equal ints, and other objects than the ids given."""
    ids = [int(str(i)) for i in sorted(ids)]
    return [(i, j) for i in ids for j in ids if i < j]


def _uint32(value: Any, what: str, length: int) -> np.ndarray:
    as_array(value, what, (length,))
    got = np.array(value)
    require(
        got.dtype == np.uint32,
        f"{what} is {got.dtype} where uint32 is wanted, which wraps around modulo 2^32 by itself.",
    )
    return got


def _ids(rng: np.random.Generator, parties: int) -> list[int]:
    """Return ids, 0 among them, in any order, with gaps between them.

    Two, if there are so many, are one number in float32, and negative ones in int32.
    """
    large = 2**31 + 256 * int(rng.integers(2**23))
    others = [large, large + 1, *(1 + rng.choice(2000, parties, replace=False))]
    return [int(i) for i in rng.permutation([0, *others[: parties - 1]])]


def _shuffled(rng: np.random.Generator, mapping: Mapping) -> dict:
    """Return the same dictionary in another order: nothing may depend on it."""
    return {key: mapping[key] for key in (list(mapping)[i] for i in rng.permutation(len(mapping)))}


def _with_zeros(rng: np.random.Generator, grads: Mapping[int, np.ndarray]) -> dict:
    """Return gradients with zeros, as of pixels that are always blank; one is nothing else."""
    blank = rng.choice(list(grads))
    return {
        p: grad * (p != blank) * (rng.random(grad.shape) < 0.5).astype(grad.dtype)
        for p, grad in grads.items()
    }


@check
def masks_cancel_in_the_sum(mask_gradient: Callable, rng: np.random.Generator) -> None:
    """the sum over all parties is that of the gradients; each alone is hidden."""
    for kind in ("float64", "float32"):
        parties = _ids(rng, int(rng.integers(4, 7)))
        _require_cancelled(mask_gradient, rng, parties, int(rng.integers(1100, 1700)), kind)
    # More pairs than the lab's ten parties have.
    crowd, length = _ids(rng, int(rng.integers(11, 13))), int(rng.integers(20, 60))
    masks = _shuffled(rng, {pair: rng.normal(0, 50, length) for pair in _pairs(crowd)})
    grads = {p: rng.normal(0, 1, length) for p in crowd[:3]}
    what = "the result of `mask_gradient`"
    results = in_turn(mask_gradient, *((grad, p, masks) for p, grad in grads.items()))
    masked = {p: as_array(got, what, (length,)) for p, got in zip(grads, results, strict=True)}
    _require_moved(mask_gradient, rng, grads, masks, masked, 1e-9)


def _require_cancelled(
    mask_gradient: Callable, rng: np.random.Generator, parties: list[int], length: int, kind: str
) -> None:
    """Require that masks, of all pairs and of two only, cancel, and hide each party's gradient."""
    # A few dozen numbers of about 50 in each place, rounded to 1e-14 each, or to 8e-6.
    rounding = 1e-9 if kind == "float64" else 1e-3

    def normal(deviation: float) -> np.ndarray:
        return rng.normal(0, deviation, length).astype(kind)

    grads = _with_zeros(rng, {p: normal(1) for p in parties})
    what = "the result of `mask_gradient`"
    everyone = _shuffled(rng, {pair: normal(50) for pair in _pairs(parties)})
    a, b, c, d, *_ = parties
    half = {pair: everyone[pair] for pair in everyone if set(pair) in ({a, b}, {c, d})}
    for masks in (everyone, half):
        masked = {p: as_array(mask_gradient(grads[p], p, masks), what, (length,)) for p in parties}
        gap = np.abs(np.sum(list(masked.values()), axis=0) - np.sum(list(grads.values()), axis=0))
        require(
            bool(gap.max() <= rounding),
            f"{len(parties)} parties, {len(masks)} masks for the pairs {shown(list(masks))}: the "
            f"masked gradients' sum is off by {gap.max():.3g} ({kind}). Each mask must be added "
            "once and subtracted once, by the two parties of its pair and by nobody else.",
        )
        bare = [p for p in parties if np.allclose(masked[p], grads[p])]
        unmasked = [p for p in bare if any(p in pair for pair in masks)]
        require(not unmasked, f"Parties {unmasked} have masks, and sent their bare gradients.")
        _require_moved(mask_gradient, rng, grads, masks, masked, rounding)


def _require_moved(
    mask_gradient: Callable,
    rng: np.random.Generator,
    grads: Mapping[int, np.ndarray],
    masks: Mapping[tuple[int, int], np.ndarray],
    masked: Mapping[int, np.ndarray],
    rounding: float,
) -> None:
    """Require that other masks change what was sent: what cancels need not be masks.

    Theirs are added by one party and subtracted by the other.
    """
    changes = {
        pair: rng.normal(0, 50, mask.size).astype(mask.dtype) for pair, mask in masks.items()
    }
    others = {pair: mask + changes[pair] for pair, mask in masks.items()}
    what = "the result of `mask_gradient`"
    moved = {
        p: as_array(mask_gradient(grad, p, others), what, grad.shape) - masked[p]
        for p, grad in grads.items()
    }
    _require_moved_by_the_masks(moved, changes, lambda off: float(np.abs(off).max() / rounding))


def _require_moved_by_the_masks(
    moved: Mapping[int, np.ndarray],
    changes: Mapping[tuple[int, int], np.ndarray],
    size: Callable[[np.ndarray], float],
) -> None:
    """Require that what the parties send changes as their masks do.

    Which of a pair adds, `the_smaller_id_adds` asks: here the signs may all be the other way round.
    `size` says how far off a vector is, at most 1 by rounding.
    """
    for p, move in moved.items():
        want = 0 * move
        for (i, j), change in changes.items():
            if p == i:
                want = want + change
            elif p == j:
                want = want - change
        require(
            size(move - want) <= 1 or size(move + want) <= 1,
            f"With other masks for the pairs {shown(list(changes))} what party {p} sends changes "
            f"by {move[:3]}…, and its masks by {want[:3]}…: what hides a gradient must be its own "
            "pairs' masks, each of them once.",
        )


@check
def the_smaller_id_adds(mask_gradient: Callable, rng: np.random.Generator) -> None:
    """of each pair the smaller id adds the mask and the larger one subtracts it."""
    what = "the result of `mask_gradient`"
    i, j = sorted(_ids(rng, 2))
    [pair] = _pairs((i, j))
    length = int(rng.integers(1, 9))
    grad, mask = rng.normal(0, 1, (2, length))
    whole, whole_mask = rng.integers(0, 2**32, (2, length), dtype=np.uint32)
    zeros = rng.random(length) < 0.3
    grad[zeros], whole[zeros] = 0, 0
    for party, sign, verb in ((i, 1, "adds"), (j, -1, "subtracts")):
        for kind, rounding in (("float64", 1e-9), ("float32", 1e-5)):
            made = mask_gradient(grad.astype(kind), party, {pair: mask.astype(kind)})
            got = as_array(made, what, (length,))
            require(
                bool(np.allclose(got - grad, sign * mask, atol=rounding)),
                f"Of the pair ({i}, {j}) party {party} {verb} the mask; yours moved the gradient "
                f"by {np.round(got - grad, 3).tolist()}, and the mask is "
                f"{np.round(mask, 3).tolist()} ({kind}).",
            )
            require(
                np.asarray(made).dtype == kind,
                f"Of a {kind} gradient and {kind} masks `mask_gradient` makes "
                f"{np.asarray(made).dtype}: what is sent is of the gradient's dtype.",
            )
        again = as_array(mask_gradient(whole, party, {pair: whole_mask}), what, (length,))
        moved = np.mod(sign * (again - whole), 2.0**32)  # exact: integers below 2^53
        hint = ""
        if not np.array_equal(moved, whole_mask):
            hint = " With floats yours is right."
        require(
            bool(np.array_equal(moved, whole_mask)),
            f"Of the pair ({i}, {j}) party {party} {verb} the mask, with uint32 modulo 2^32: of "
            f"{whole[:3]}… and the mask {whole_mask[:3]}… it makes {again[:3]}….{hint}",
        )


@check
def exact_modulo_2_to_the_32(mask_gradient: Callable, rng: np.random.Generator) -> None:
    """with unsigned integers everything wraps around, and the sum is exact to the bit."""
    parties, length = _ids(rng, int(rng.integers(3, 6))), int(rng.integers(4096, 9000))
    grads = {p: rng.integers(0, 2**32, length, dtype=np.uint32) for p in parties}
    grads = _with_zeros(rng, grads)
    pairs = _pairs(parties)
    masks = _shuffled(
        rng, {pair: rng.integers(0, 2**32, length, dtype=np.uint32) for pair in pairs}
    )
    what = "what `mask_gradient` makes of a uint32 gradient"
    sent = {p: _uint32(mask_gradient(grads[p], p, masks), what, length) for p in parties}
    for p in parties:
        require(
            not np.array_equal(sent[p], grads[p]),
            f"Party {p} has masks, and sent its bare gradient.",
        )
    total = np.sum(list(sent.values()), axis=0, dtype=np.uint32)
    wrong = int(np.sum(total != np.sum(list(grads.values()), axis=0, dtype=np.uint32)))
    require(
        wrong == 0,
        f"Modulo 2^32 the sum of the masked gradients is wrong in {wrong} of {length} places.",
    )
    bare = _uint32(mask_gradient(grads[parties[0]], 2001, masks), what, length)
    require(
        bool(np.array_equal(bare, grads[parties[0]])),
        f"Party 2001 has none of the masks of parties {parties}, and sends another vector than its "
        "own.",
    )
    changes = {pair: rng.integers(0, 2**32, length, dtype=np.uint32) for pair in masks}
    others = {pair: mask + changes[pair] for pair, mask in masks.items()}
    moved = {
        p: _uint32(mask_gradient(grads[p], p, others), what, length) - sent[p] for p in parties
    }
    _require_moved_by_the_masks(moved, changes, lambda off: 2.0 * np.count_nonzero(off))


# Part 6 · masks from keys -------------------------------------------------------------------

FIELD = 2**255 - 19  # of X25519


def _twins(public: bytes) -> list[bytes]:
    """Other public keys that agree on the same secrets.

    The point of order 2 is added to it, or the one bit is turned that X25519 does not read.
    """
    other = pow(int.from_bytes(public, "little"), -1, FIELD).to_bytes(32, "little")
    return [other, public[:31] + bytes([public[31] ^ 128])]


def _left_on_the_victim(
    copied_keys: Callable, rng: np.random.Generator, below: int, above: int
) -> None:
    """Require that `first_attempt` leaves nothing on a victim with so many honest ids around it."""
    many = 2 * (below + above) + 1
    # Of one to six digits each: as text they are in another order.
    some = np.unique(np.floor(10 ** rng.uniform(0, 6, 300)).astype(int))
    spread = rng.choice(some, many, replace=False).tolist()
    # Neighbours: in float32 they are one number, and in int32 the larger half of them is negative.
    for ids in (spread, [2**31 - many // 2 + i for i in range(many)]):
        smaller, [victim], larger = np.split(np.sort(ids), [below + above, below + above + 1])
        smaller, larger = rng.permutation(smaller).tolist(), rng.permutation(larger).tolist()
        honest = [*smaller[:below], *larger[:above], int(victim)]
        colluders = rng.permutation([*smaller[below:], *larger[above:]]).tolist()
        private = [_keys(rng, honest)[0] for _ in range(3)]  # the keys are new in every round
        calls = [(int(victim), _public(rng, keys), colluders) for keys in private]
        for keys, call, got in zip(private, calls, in_turn(copied_keys, *calls), strict=True):
            _require_bare(got, keys, *call)


def _require_bare(
    got: Any, private: dict, victim: int, public: dict[int, bytes], colluders: list[int]
) -> None:
    """Require that `first_attempt` leaves nothing on the victim."""
    honest = [*public.keys() - {victim}]
    require(got is not None, "`copied_keys` returned None. Did you forget `return`?")
    story = f"Victim {victim}, other honest parties {sorted(honest)}, colluders "
    story += f"{sorted(colluders)}: "
    require(
        isinstance(got, Mapping) and set(got) == set(colluders),
        f"{story}`copied_keys` returned {shown(got)}; a dictionary, colluder → key, is wanted, "
        "with one key for each colluder and for nobody else.",
    )
    require(
        all(isinstance(key, bytes) and len(key) == 32 for key in got.values()),
        f"{story}a public key is 32 bytes, such as those in `public_keys`.",
    )
    copied: dict[bytes, int] = {}
    for other, key in [(i, public[i]) for i in honest] + list(got.items()):
        seed = private[victim].agree(key, b"round 0")
        copied[seed] = copied.get(seed, 0) + (1 if victim < other else -1)
    # Of other seeds 2^−256 agree.
    left = sum(times != 0 for times in copied.values())
    require(
        left == 0,
        f"{story}{left} of its masks stay on the victim. Each mask with an honest party goes if "
        "one colluder copies that party's key, on the victim's other side: a smaller id if the "
        "honest one is larger, and the other way round.",
    )


@check
def one_copy_bares_one_of_three(copied_keys: Callable, rng: np.random.Generator) -> None:
    """a colluder with a copied key takes the only honest mask off its victim."""
    below = int(rng.integers(2))
    _left_on_the_victim(copied_keys, rng, below, 1 - below)


@check
def a_victim_among_many_is_bare(copied_keys: Callable, rng: np.random.Generator) -> None:
    """every honest mask meets its copy on the victim's other side."""
    some = int(rng.integers(1, 12))
    for below, above in (rng.choice([1, 2, 3, 4], 2, replace=False), (some, 0), (0, some)):
        _left_on_the_victim(copied_keys, rng, int(below), int(above))


def _keys(rng: np.random.Generator, ids: Iterable[int]) -> tuple[dict, dict]:
    private = {i: secagg.PrivateKey(rng.bytes(32)) for i in ids}
    return private, _public(rng, private)


def _public(rng: np.random.Generator, private: Mapping) -> dict[int, bytes]:
    return _shuffled(rng, {i: key.public for i, key in private.items()})


class _Agreeing(secagg.PrivateKey):
    """A private key whose secrets the check makes up: see `_agreement`. It knows none of them."""

    def __init__(self, data: bytes, agree: Callable, heard: list[bytes]):
        super().__init__(data)
        self._agree, self._heard = agree, heard

    def agree(self, public: bytes, context: bytes) -> bytes:
        if not isinstance(context, bytes):
            return super().agree(public, context)  # which says what is wanted
        self._heard.append(context)
        return self._agree(bytes(self), public, context)


def _agreement(
    salt: bytes, turns: Sequence[bytes] = (), other: bytes = b"", given: list[bytes] | None = None
) -> Callable:
    """Return what two keys agree on by a context, with this salt: asked for, never told before.

    Args:
        salt: any two parties agree with the same one, and on something else with another.
        turns: who asks for the same again and again gets the secret turned by one after another.
        other: a public key with which something else is agreed on.
        given: all secrets that were asked for.
    """
    times: dict[tuple, int] = {}

    def agree(data: bytes, public: bytes, context: bytes) -> bytes:
        salts = salt + b"other" if public == other else salt
        secret = hashlib.sha256(salts + _shared(data, public) + context).digest()
        if turns:
            turn = times.setdefault((data, public, context), 0)
            times[data, public, context] += 1
            # Who asks twice in a call comes to the end before the calls do.
            turned = turns[turn] if turn < len(turns) else hashlib.sha256(b"%d" % turn).digest()
            secret = bytes(a ^ b for a, b in zip(secret, turned, strict=True))
        if given is not None:
            given.append(secret)
        return secret

    return agree


@functools.lru_cache(100)
def _shared(data: bytes, public: bytes) -> bytes:
    return secagg.PrivateKey(data).agree(public, b"")


def _listened(
    pairwise_mask: Callable, agree: Callable, calls: list[tuple], times: int
) -> tuple[list[Any], list[list[bytes]]]:
    """Return the masks of several calls, and each one's contexts, where it is called."""
    contexts: list[list[bytes]] = []
    heard: list[bytes] = []
    keys = {data: _Agreeing(data, agree, heard) for data in {data for _, data, *_ in calls}}

    def made(party, data, *args):
        heard.clear()
        # A new object each time: who remembers what a key agrees on need not ask it again.
        mask = pairwise_mask(party, copy.copy(keys[data]), *args)
        contexts.append([*heard])
        return mask

    return kept(pairwise_mask, itertools.starmap(made, calls * times)), contexts


class _Masks(list):
    """The masks of several calls; `contexts`, for hints, are the word of the student's process."""

    contexts: list[list[bytes]]

    def same_context(self, one: int, two: int) -> bool:
        """Tell whether two calls asked for seeds by the very same contexts."""
        return bool(self.contexts[one]) and sorted(self.contexts[one]) == sorted(self.contexts[two])


def _masks(pairwise_mask: Callable, agree: Callable, calls: list[tuple], times: int = 1) -> _Masks:
    """Return the masks of calls (party, its key, public keys, round, length), in one visit."""
    # An id that is equal to that among the keys, and another object.
    plain = [(int(str(party)), bytes(key), *args) for party, key, *args in calls]
    made, contexts = at_home(pairwise_mask, _listened, agree, plain, times)
    lengths = [length for *_, length in plain] * times
    what = "the result of `pairwise_mask`"
    masks = _Masks(_uint32(m, what, length) for m, length in zip(made, lengths, strict=True))
    masks.contexts = contexts
    return masks


def _ends(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what is compared of a mask: its beginning, and its end, which may be made otherwise.

    Of 16 words by chance none that anybody draws are the same.
    """
    return mask[:16], mask[-16:]


def _same_mask(a: np.ndarray, b: np.ndarray) -> bool:
    """Tell whether two masks of a pair are the same at either end, but for the sign."""
    ends = zip(_ends(a), _ends(b), strict=True)
    return any(np.array_equal(one, two) or not np.any(one + two) for one, two in ends)


def _marks(mask: np.ndarray) -> list[tuple[int, bytes]]:
    """Return what two masks have in common if and only if they are the same at either end."""
    return [(at, bits.tobytes()) for at, end in enumerate(_ends(mask)) for bits in (end, -end)]


# What a round's number may be: the edges of what a byte, two and four of them hold.
ROUNDS = (0, 1, 2, 255, 256, 257, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)


def _round(rng: np.random.Generator) -> int:
    return int(rng.integers(2**32))


def _require_agreement(
    pairwise_mask: Callable, rng: np.random.Generator, mask: np.ndarray, party: int, *args: Any
) -> None:
    """Require another mask than `mask`, and the same one again, of other seeds for the same keys.

    Without it whatever is made of one's own key, or of all public ones, passes for a mask.
    """
    calls = [(party, *args)] * 2
    first = _masks(pairwise_mask, _agreement(rng.bytes(16)), calls)
    asked = "" if first.contexts[0] else " In this call the `agree` of the key given is not called."
    require(
        not np.array_equal(first[0], mask),
        f"Party {party}'s mask is the same whatever seeds `private_key.agree` gives: it is made of "
        "something else. A mask that cancels, and that only the two of a pair know, is made of the "
        f"seed that they agree on.{asked}",
    )
    same = np.count_nonzero(first[0] == mask)
    require(
        bool(same <= 1),  # of 2^19 numbers two are the same with probability 2^−27
        f"Of the {len(mask)} numbers of party {party}'s mask {same} are the same whatever seeds "
        "`private_key.agree` gives: each of them is made of the seeds.",
    )
    _require_again(*first)


@check
def all_pair_masks_cancel(pairwise_mask: Callable, rng: np.random.Generator) -> None:
    """over all parties the masks add up to 0 modulo 2^32, and the smaller id adds."""
    private, public = _keys(rng, _ids(rng, int(rng.integers(3, 9))))
    round_number, another = _round(rng), _round(rng)
    length = int(rng.integers(785, 1024))  # more than the lab's
    given = [(i, private[i], _shuffled(rng, public), round_number, length) for i in private]
    made = _masks(pairwise_mask, _agreement(rng.bytes(16)), given)
    total = np.sum(made, axis=0, dtype=np.uint32)
    left = int(np.count_nonzero(total))
    require(
        left == 0,
        f"Parties {sorted(private)}: their masks add up to something else than 0 in {left} of "
        f"{length} places. Of each pair the smaller id adds and the larger subtracts, both use the "
        "same context, and nobody makes a mask with itself.",
    )
    # Of 0 and another one, and of two whose digits are in another order than they.
    tens = int(rng.integers(2, 10)), int(rng.integers(10, 20))
    for ids in (_ids(rng, 2), tens):
        _require_smaller_adds(pairwise_mask, rng, another, length // 8, *_keys(rng, ids))


def _require_smaller_adds(
    pairwise_mask: Callable,
    rng: np.random.Generator,
    round_number: int,
    length: int,
    private: dict,
    public: dict,
) -> None:
    """Require that of two parties the smaller one adds what the larger one subtracts."""
    party, other = sorted(private)
    calls = [
        (i, private[i], public, round_number, many)
        for many in (length, length + 7)  # a longer one is no repetition
        for i in (party, other)
    ]
    seeds: list[bytes] = []
    masks = _masks(pairwise_mask, _agreement(rng.bytes(16), given=seeds), calls)
    for mask, call in zip(masks[:2], calls[:2], strict=True):
        require(
            bool(np.any(mask)),
            f"Parties {party} and {other}: the mask is 0 everywhere, and hides nothing.",
        )
        _require_agreement(pairwise_mask, rng, mask, *call)
    for one, two in (masks[:2], masks[2:]):
        require(
            not np.any(one + two),
            f"Parties {party} and {other}: their masks do not add up to 0.",
        )
    # Of what else is made of a seed nobody can tell the sign.
    known = [secagg.expand(seed, length) for seed in dict.fromkeys(seeds)]
    added, subtracted = (any(np.array_equal(masks[at], mask) for mask in known) for at in range(2))
    require(
        added or not subtracted,
        f"Of parties {party} and {other} the smaller id, {party}, SUBTRACTED the mask of the pair; "
        "it should add it, and the larger subtract it.",
    )


@check
def every_other_party_counts(pairwise_mask: Callable, rng: np.random.Generator) -> None:
    """each of the others adds to the mask: one honest one is enough to hide you."""
    private, public = _keys(rng, _ids(rng, int(rng.integers(5, 10))))
    party = int(rng.choice(list(private)))
    given, salt = (party, private[party], public, _round(rng), 800), rng.bytes(16)
    before, again = _masks(pairwise_mask, _agreement(salt), [given, given])
    for other in sorted(private.keys() - {party}):
        # All keys stay as they are: a context may hold everybody's, used or not.
        [mask] = _masks(pairwise_mask, _agreement(salt, other=public[other]), [given])
        require(
            not (before == mask).reshape(-1, 16).all(axis=1).any(),  # with probability 2^−506
            f"Of parties {sorted(private)}, what party {party} agrees on with party {other} makes "
            "no difference to its mask, or to a part of it. Make a mask with EVERY other party.",
        )
    _require_again(before, again)


def _require_again(mask: np.ndarray, again: np.ndarray) -> None:
    """Of what is another mask each time nobody can tell what made the difference."""
    require(
        bool(np.array_equal(mask, again)),
        "Two calls with the same keys gave different masks: it is the keys that a mask is made of, "
        "and nothing else.",
    )


@check
def every_round_has_fresh_masks(pairwise_mask: Callable, rng: np.random.Generator) -> None:
    """masks of different rounds have nothing in common, and a round's can be made again."""
    private, public = _keys(rng, _ids(rng, 3))
    party = int(rng.choice(list(private)))
    keys = party, private[party], public
    one = _round(rng)
    agree = _agreement(rng.bytes(16))
    first, again = _masks(pairwise_mask, agree, [(*keys, one, 30)] * 2)
    require(
        bool(np.array_equal(first, again)),
        "Two calls for the same round gave different masks: then nothing cancels.",
    )
    _require_agreement(pairwise_mask, rng, first, *keys, one, 30)
    # Rounds near and far, and such as differ in one bit. Of a pair, so that no sum hides a copy.
    rounds = [*ROUNDS, *randomness.seeds_that_differ(rng, 300)]
    other = int(rng.choice(list(private.keys() - {party})))
    pair = party, private[party], {i: public[i] for i in (party, other)}
    for length in (784, int(rng.integers(100, 120))):  # the lab's, and a shorter one
        short = _masks(pairwise_mask, agree, [(*pair, r, length) for r in rounds])
        _require_rounds_apart(rounds, short, slice(6), "")
        _require_rounds_apart(rounds, short, slice(-6, None), " in their last entries")
    _require_no_public_part(pairwise_mask, rng, *pair)
    near = int(rng.integers(1, 2**16))
    chosen = [near, near + 1, near ^ (1 << int(rng.integers(16, 32)))]
    long = _masks(pairwise_mask, agree, [(*pair, r, 4500) for r in chosen])
    for at, later in enumerate(chosen[1:], 1):
        randomness.require_unrelated_words(
            long[0], long[at], f"The masks of rounds {near} and {later}"
        )


def _require_rounds_apart(rounds: list[int], masks: _Masks, part: slice, where: str) -> None:
    """Require that six words of each round's mask are like those of no other."""
    short = [mask[part] for mask in masks]
    # Each byte of the words by itself: the upper ones are most of what hides. Of two of 311 rounds
    # they are the same with probability 4 · 311² / 2^49 = 7e-10. One that hardly moves, in one case
    # of two at most, hides nothing at all, which `a_mask_needs_a_private_key` says.
    words = np.concatenate(short).view(np.uint8).reshape(-1, 4)
    moves = [np.bincount(byte).max() <= len(byte) // 2 for byte in words.T]
    seen: dict[tuple[int, bytes], int] = {}
    for at, mask in enumerate(short):
        parts = [mask, *(mask.view(np.uint8)[byte::4] for byte in range(4))]
        for which, numbers in enumerate(parts):
            if which and not moves[which - 1]:
                continue
            before = seen.setdefault((which, numbers.tobytes()), at)
            same = "the same in one byte of each number" if which else "the same"
            hint = ""
            if masks.same_context(before, at):
                hint = " Their contexts are the same: put the whole round_number into the context."
            require(
                rounds[before] == rounds[at],
                f"The masks of rounds {rounds[before]} and {rounds[at]} are {same}{where}. A mask "
                f"that is used twice subtracts away.{hint}",
            )


def _require_no_public_part(pairwise_mask: Callable, rng: np.random.Generator, *pair: Any) -> None:
    """Require that what two rounds' masks differ by is another thing for another seed, if any.

    What is the same for all seeds anybody can take off.
    """
    one, two = (int(r) for r in rng.choice(2**32, 2, replace=False))
    salts = [rng.bytes(16) for _ in range(2)]
    masks = [
        _masks(pairwise_mask, _agreement(salt), [(*pair, r, 110) for r in (one, two)])
        for salt in salts
    ]
    for end in (slice(16), slice(-16, None)):
        _require_own_difference(one, two, *np.swapaxes(masks, 0, 1)[..., end])


def _require_own_difference(one: int, two: int, first: np.ndarray, second: np.ndarray) -> None:
    """Require that the masks of two rounds, [seeds, words] each, differ in no public way."""
    for moved, name in (
        (first - second, "difference"),
        (first ^ second, "exclusive or"),
        ((0 * first - first) ^ (0 * second - second), "exclusive or of their negatives"),
    ):
        require(
            not np.any(moved) or not np.array_equal(moved[0], moved[1]),
            f"Whatever the seed, the masks of rounds {one} and {two} have the same {name}: then "
            "everybody can take it off, and what is left is used twice.",
        )


@check
def a_mask_needs_a_private_key(pairwise_mask: Callable, rng: np.random.Generator) -> None:
    """who lacks the private key can neither compute the mask nor guess a bit of it."""
    private, public = _keys(rng, _ids(rng, 4))
    party = int(rng.choice(list(private)))
    # Longer than the lab's, so that it shows whether what stands behind is made otherwise.
    given = party, private[party], public, _round(rng), int(rng.integers(4500, 5000))
    server, same = secagg.PrivateKey(rng.bytes(32)), _agreement(rng.bytes(16))
    calls = [given, (party, server, *given[2:]), given]
    mask, guess, again = _masks(pairwise_mask, same, calls)
    require(
        not np.array_equal(mask, guess),
        f"A server that knows the public keys, and no private one, computes party {party}'s very "
        "mask. The seed must come from `private_key.agree`.",
    )
    _require_again(mask, again)
    # Uniform, however long, and whether the party adds or subtracts.
    one, two = sorted(private)[:2]
    ends = {i: public[i] for i in (one, two)}
    calls = [
        (one, private[one], ends, _round(rng), int(rng.integers(8193, 10_000))),
        (*given[:4], 2**18 + int(rng.integers(1, 2**12))),
    ]
    words, long = _masks(pairwise_mask, same, calls)
    randomness.require_uniform_words(words, "the mask")
    randomness.require_uniform_words(mask, "the mask")
    randomness.require_fresh(long, "the mask", 32)
    _require_agreement(pairwise_mask, rng, long, *calls[1])
    # How much of a pair's seed the mask is made of, at its beginning and at its end.
    seeds = randomness.byte_seeds_that_differ(rng, 1700)  # shows a pool of 72 000: two bytes
    call = two, private[two], ends, _round(rng), 784  # as in the lab
    agree = _agreement(rng.bytes(16), seeds)
    rows = np.stack(_masks(pairwise_mask, agree, [call], len(seeds)))
    for part in (rows[:, :16], rows[:, -16:]):
        randomness.require_seed_bytes(np.ascontiguousarray(part), "the mask")
    randomness.require_no_known_sum(rows, "the mask")
    elsewhere = at_home(pairwise_mask, _elsewhere, same, party, bytes(private[party]), *given[2:])
    unseeded, hashed = as_array(elsewhere, "masks", (2, len(mask)))
    require(
        bool(np.array_equal(unseeded, mask)),
        f"Party {party}'s mask is another one where NumPy's, Python's and TensorFlow's generators "
        "go by no seed: it is made with them. Whoever knows some of their numbers can work out the "
        "others; `secagg.expand` makes numbers for secrets.",
    )
    require(
        bool(np.array_equal(hashed, mask)),
        f"Party {party}'s mask is another one where Python's `hash` is, as that of bytes and text "
        "is in every process: the two of a pair, each at home, do not get the same.",
    )


_CLASSES = [
    *(getattr(np.random, name) for name in ("RandomState", "SeedSequence", "PCG64", "PCG64DXSM",
      "MT19937", "Philox", "SFC64")),
    random.Random,
]  # fmt: skip
_FUNCTIONS: list[Any] = [np.random.default_rng, np.random.seed, np.random.set_state, random.seed,
              random.setstate]  # fmt: skip


def _elsewhere(
    pairwise_mask: Callable, agree: Callable, party: int, data: bytes, *args: Any
) -> np.ndarray:
    """Return the mask where generators go by no seed, and where `hash` is another one."""
    masks = []
    key = _Agreeing(data, agree, [])
    with contextlib.ExitStack() as stack:
        _go_by_no_seed(stack, inspect.unwrap(pairwise_mask))
        _shuffle_tensorflows_numbers(stack)
        masks.append(pairwise_mask(party, copy.copy(key), *args))
    with mock.patch.object(builtins, "hash", functools.partial(_salted, hash)):
        masks.append(pairwise_mask(party, copy.copy(key), *args))
    return np.stack(masks)


def _go_by_no_seed(stack: contextlib.ExitStack, student: Any) -> None:
    """Have NumPy's and Python's generators go by no seed, whoever names them, for a while.

    That is their modules, the student's cells, and the defaults and closures of what is defined
    there.
    """
    classes = {each: _unseeded(each) for each in _CLASSES}

    def other(value: Any) -> Any:
        if any(value is each for each in _FUNCTIONS):
            return lambda *_, **__: value() if value is _FUNCTIONS[0] else None
        if isinstance(value, np.random.Generator):
            return np.random.Generator(classes[np.random.PCG64]())
        return classes[type(value)]() if type(value) in classes else _replaced(value, classes)

    cells = getattr(student, "__globals__", {})
    functions = [student, *cells.values()]
    functions = [each for each in functions if isinstance(each, FunctionType)]
    functions = [each for each in functions if each.__globals__ is cells]
    modules = [
        vars(module)
        for name, module in [*sys.modules.items()]
        if name == "random" or name.startswith("numpy.random")
    ]
    for names in [cells, *modules, *(each.__kwdefaults__ or {} for each in functions)]:
        for name, value in [*names.items()]:
            if (new := other(value)) is not value:
                stack.callback(names.__setitem__, name, value)
                names[name] = new
    for each in functions:
        stack.callback(setattr, each, "__defaults__", each.__defaults__)
        each.__defaults__ = tuple(map(other, each.__defaults__ or ())) or None
        for cell in each.__closure__ or ():
            with contextlib.suppress(ValueError):  # nothing is in it yet
                stack.callback(setattr, cell, "cell_contents", cell.cell_contents)
                cell.cell_contents = other(cell.cell_contents)


def _replaced(value: Any, by: Mapping) -> Any:
    return by.get(value, value) if inspect.isclass(value) else value


def _unseeded(own: Any) -> Any:
    """Return the same class, whose seed is the operating system's, whatever it is told."""
    names = {
        "__new__": lambda cls, *_, **__: own.__new__(cls),
        "__init__": lambda self, *_, **__: own.__init__(self),
        # Python's is seeded by this alone; NumPy's old one has been.
        "seed": lambda self, *_, **__: own.seed(self) if own is random.Random else None,
        "state": property(lambda self: own.state.__get__(self), lambda self, _: None),
        "setstate": lambda self, _: None,
        "set_state": lambda self, _: None,
    }
    # A class, since others ask for it by `isinstance`.
    names = {name: made for name, made in names.items() if hasattr(own, name)}
    return type(own.__name__, (own,), names)


def _shuffle_tensorflows_numbers(stack: contextlib.ExitStack) -> None:
    """Have the numbers that TensorFlow's generators give come in another order, for a while."""
    library, tf = (sys.modules.get(name) for name in (
        "tensorflow.python.pywrap_tfe", "tensorflow"))  # fmt: skip
    if library is None or tf is None:
        return
    execute, rng = library.TFE_Py_FastPathExecute, np.random.Generator(np.random.PCG64())

    def run(context: Any, operation: str, *args: Any, **kwargs: Any) -> Any:
        result = execute(context, operation, *args, **kwargs)
        if not re.search("Random|Uniform|Normal|Multinomial|Shuffle", operation):
            return result
        if not hasattr(result, "numpy"):
            return result
        numbers = result.numpy()
        return tf.constant(rng.permutation(numbers.ravel()).reshape(numbers.shape))

    stack.enter_context(mock.patch.object(library, "TFE_Py_FastPathExecute", run))
    stack.callback(tf.config.run_functions_eagerly, tf.config.functions_run_eagerly())
    tf.config.run_functions_eagerly(True)


def _salted(own_hash: Callable, value: Any) -> int:
    return own_hash((value, "another process"))


@check
def no_two_pairs_share_a_mask(pairwise_mask: Callable, rng: np.random.Generator) -> None:
    """a copied key cancels nothing, and who was told another key has another mask."""
    private, public = _keys(rng, _ids(rng, 5))
    round_number, agree = _round(rng), _agreement(rng.bytes(16))
    # The victim's id is the smaller one of all its pairs, or the larger one.
    for victim in (max(private), min(private)):
        others = [i for i in private if i not in (min(private), max(private))]
        honest, *colluders = (int(i) for i in rng.permutation(others))
        key = public[honest]
        given = [
            (victim, private[victim], {victim: public[victim], other: key}, round_number, 4500)
            for other in (honest, *colluders)
        ]
        masks = _masks(pairwise_mask, agree, given)
        for at, colluder in enumerate(colluders, 1):
            related, hint = _related(masks[0], masks[at], f"{honest} and {colluder}"), ""
            if masks.same_context(0, at):
                hint = " The contexts of the two pairs are the same: put both ids into the context."
            require(
                not related,
                f"Party {colluder} announced party {honest}'s key, and party {victim}'s masks with "
                f"the two do not hide what they should: {related}{hint}",
            )
    for first, second in ((victim, honest), (honest, victim)):
        pair = {i: public[i] for i in (first, second)}
        twins = [pair | {second: twin} for twin in _twins(pair[second])]
        calls = [(first, private[first], keys, round_number, 4500) for keys in (pair, *twins)]
        masks = _masks(pairwise_mask, agree, calls)
        for at in range(1, len(masks)):
            related, hint = _related(masks[0], masks[at], "before and after"), ""
            if masks.same_context(0, at):
                hint = " The contexts are the same: put both public keys into the context."
            require(
                not related,
                f"Party {first} was told another key of party {second}'s, one that agrees on the "
                f"same secret, and its mask is no other one: {related}{hint}",
            )
        _require_again(masks[0], *_masks(pairwise_mask, agree, [calls[0]]))
        _require_agreement(pairwise_mask, rng, masks[0], *calls[0])
    told = [
        (i, private[i], {i: public[i], j: _twins(public[j])[1]}, round_number, 110)
        for i, j in ((victim, honest), (honest, victim))
    ]
    ours, theirs = _masks(pairwise_mask, agree, told)
    require(
        not _same_mask(ours, theirs),
        f"Parties {victim} and {honest} were each told another key of the other's, with the same "
        "bit turned, and they have one mask. What is made of the two keys together, such as their "
        "sum, stays the same: put each of them into the context, by itself.",
    )
    _require_whole_ids(pairwise_mask, rng, private[victim], key, agree)
    _require_marks_between(pairwise_mask, rng, private[victim], key, agree)
    _require_pairs_apart(pairwise_mask, rng, private[victim], private[honest], agree)


def _masks_with(
    pairwise_mask: Callable,
    party: int,
    private: secagg.PrivateKey,
    key: bytes,
    agree: Callable,
    others: list[tuple[int, int]],
) -> _Masks:
    """Return a party's masks with others who all announced one key, (id, round) each."""
    calls = [
        (party, private, {party: private.public, other: key}, round_number, 110)
        for other, round_number in others
    ]
    return _masks(pairwise_mask, agree, calls)


def _require_whole_ids(
    pairwise_mask: Callable,
    rng: np.random.Generator,
    private: secagg.PrivateKey,
    key: bytes,
    agree: Callable,
) -> None:
    """Require other masks of two parties with the same key, whose ids end alike.

    And of any two ids and rounds, nearby or far: a sum or such of the two is no context.
    """
    one, round_number = int(rng.integers(1, 60)), _round(rng)
    alike = [one, *(one + step for step in (7, 10, 16, 60, 64, 100, 128, 256, 1000, 2**15, 2**16))]
    for party in (0, 2**32 - 1):  # its id is the smaller one, or the larger one
        steps = [10**n for n in range(1, 7)] + [2**n for n in (8, 16, 20)]
        near = [(other, r) for other in range(1, 7) for r in range(one, one + 6)]
        far = [(one + step, one) for step in steps] + [(one, one + step) for step in steps]
        far += [(one, one + 1), (one + 1, one)]
        whole = [(other, one) for other in randomness.seeds_that_differ(rng, 60) if other != party]
        for pairs in (near, far, whole):
            seen: dict[tuple[int, bytes], tuple[int, int]] = {}
            masks = _masks_with(pairwise_mask, party, private, key, agree, pairs)
            for at, mask in zip(pairs, masks, strict=True):
                for mark in _marks(mask):
                    before = seen.setdefault(mark, at)
                    require(
                        before[0] == at[0],  # of one id `every_round_has_fresh_masks` asks
                        f"Party {at[0]} announced party {before[0]}'s key, and party {party} has "
                        f"the same mask with {before[0]} in round {before[1]} as with {at[0]} in "
                        f"round {at[1]}. Put the whole round number and both whole ids into the "
                        "context, each by itself.",
                    )
        pairs = [(other, round_number) for other in alike]
        first, *others = _masks_with(pairwise_mask, party, private, key, agree, pairs)
        for other, mask in zip(alike[1:], others, strict=True):
            require(
                not _same_mask(first, mask),
                f"Party {other} announced party {one}'s key, and party {party} has the same mask "
                "with both: a remainder of an id is not enough in a context. Put whole ids there.",
            )


def _require_marks_between(
    pairwise_mask: Callable,
    rng: np.random.Generator,
    private: secagg.PrivateKey,
    key: bytes,
    agree: Callable,
) -> None:
    """Require other masks of two parties with the same key, whose id and round read the same.

    Without a mark between the numbers, round 1 with party 12 reads like round 11 with party 2.
    """
    for base in (10, 16, 256):
        x, y, z = (int(n) for n in rng.integers(1, base, 3))
        xy, yz, yx, zy = (a * base + b for a, b in ((x, y), (y, z), (y, x), (z, y)))
        # Another party and a round, in either order, and the same from the last digit to the first.
        for one, two in (
            ((yz, x), (z, xy)),
            ((xy, z), (x, yz)),
            ((zy, x), (z, yx)),
            ((yx, z), (x, zy)),
        ):
            for party in (0, base**3):  # its id is the smaller one, or the larger one
                a, b = _masks_with(pairwise_mask, party, private, key, agree, [one, two])
                require(
                    not _same_mask(a, b),
                    f"Party {two[0]} announced party {one[0]}'s key, and party {party} has the "
                    f"same mask with {one[0]} in round {one[1]} as with {two[0]} in round "
                    f"{two[1]}: written one after the other, id and round read the same. Put a "
                    "mark between the numbers of a context, or give each the same length.",
                )


def _alike(rng: np.random.Generator) -> Iterable[tuple[str, tuple[int, int], tuple[int, int]]]:
    """Two pairs of four ids, the smaller first, and what of both is the same."""

    def number(digits: list[int], base: int) -> int:
        return functools.reduce(lambda value, digit: value * base + digit, digits, 0)

    joined = "written one after the other they are the same digits"
    for base, half in (*((10, n) for n in range(2, 7)), (16, 2), (16, 3), (16, 4), (256, 2)):
        low = rng.integers(1, base // 2, half).tolist()
        high = rng.integers(base // 2, base, half).tolist()
        pair = number(low, base), number(high, base)
        yield joined, (number(low[:-1], base), number(low[-1:] + high, base)), pair
        yield joined, (number(low[1:], base), number(high + low[:1], base)), pair  # larger first
    low, high = (
        [int(n) for n in rng.integers(1, 128, 2)],
        [int(n) for n in rng.integers(128, 256, 2)],
    )
    pair = number(low[::-1], 256), number(high[::-1], 256)
    yield joined, (low[0], number([*high[::-1], low[1]], 256)), pair  # the lowest byte first
    i, d = 2 * int(rng.integers(1, 15)), int(rng.integers(1, 30))
    widths = [10**n for n in range(1, 7)] + [2**n for n in (4, 8, 16, 20)] + [31]
    for width in widths:
        one = f"in one number, times {width} each, they are the same"
        yield one, (i + 1, i + d + 1), (i, i + d + 1 + width)
        yield one, (i, i + 2 * width + d), (i + width, i + 2 * width + d - 1)


def _require_pairs_apart(
    pairwise_mask: Callable,
    rng: np.random.Generator,
    one: secagg.PrivateKey,
    two: secagg.PrivateKey,
    agree: Callable,
) -> None:
    """Require other masks of pairs of four parties, where two announced the others' keys.

    One of the first pair is honest, and another one of the second: nothing is the same but keys.
    """
    pairs = [(same, a, b) for same, a, b in _alike(rng) if not {*a} & {*b}]
    calls, round_number = [], _round(rng)
    for _, (i, j), (k, m) in pairs:
        calls.append((i, one, {i: one.public, j: two.public}, round_number, 110))
        calls.append((m, two, {k: one.public, m: two.public}, round_number, 110))
    # Whatever is made of both, such as their sum or product, is the same for some of these.
    small = list(itertools.combinations(range(17), 2))
    calls += [(i, one, {i: one.public, j: two.public}, round_number, 110) for i, j in small]
    masks = _masks(pairwise_mask, agree, calls)
    seen: dict[tuple[int, bytes], tuple[int, int]] = {}
    for ids, mask in zip(small, masks[2 * len(pairs) :], strict=True):
        for mark in _marks(mask):
            before = seen.setdefault(mark, ids)
            require(
                before == ids,
                f"Parties {ids} announced the keys of parties {before}, and the two pairs have the "
                "same mask. Put both whole ids into the context, each by itself.",
            )
    for at, (same, (i, j), (k, m)) in enumerate(pairs):
        mask, other = masks[2 * at], masks[2 * at + 1]
        require(
            not _same_mask(mask, other),
            f"Party {k} announced party {i}'s key, and party {j} announced party {m}'s, and the "
            f"pairs {i, j} and {k, m} have the same mask. Of the ids {same}: put each whole id "
            "into the context, with a mark between them, or give each the same length.",
        )


def _related(a: np.ndarray, b: np.ndarray, which: str) -> str:
    """Say in what way two masks belong together; nothing if they do not."""
    if np.array_equal(a, b) or not np.any(a + b):
        return f"those of {which} are the same, but for the sign."
    try:
        randomness.require_unrelated_words(a, b, f"those of {which}")
    except CheckFailed as failure:
        return str(failure)
    return ""


# Part 7 · dropouts --------------------------------------------------------------------------


def _masked_sum(
    rng: np.random.Generator, ids: list[int], dropouts: int, length: int
) -> tuple[dict, np.ndarray]:
    """What a server has after some dropped out: `unmask`'s arguments, and the right sum."""
    ids = list(ids)
    # Party 0 is a party like any other: it survives, or it drops out, too.
    ids.remove(0)
    ids = [0, *ids] if dropouts > 1 else [*ids, 0]
    dropped, survivors = ids[:dropouts], ids[dropouts:]
    vectors = rng.integers(0, 2**32, (len(survivors), length), dtype=np.uint32)
    selves = {i: rng.bytes(32) for i in survivors}
    leftover = {(i, j): rng.bytes(32) for i, j in _pairs(ids) if (i in dropped) != (j in dropped)}
    masked = vectors.sum(axis=0, dtype=np.uint32)
    for seed in selves.values():
        masked += secagg.expand(seed, length)
    for (smaller, _), seed in leftover.items():
        mask = secagg.expand(seed, length)
        masked = masked - mask if smaller in dropped else masked + mask
    arguments = {
        "masked_sum": masked,
        "survivors": survivors,
        "dropped": dropped,
        "self_seeds": _shuffled(rng, selves),
        "pair_seeds": _shuffled(rng, leftover),
    }
    return arguments, vectors.sum(axis=0, dtype=np.uint32)


def _unmasked(
    unmask: Callable, rng: np.random.Generator, sizes: Iterable[tuple[int, int, int]]
) -> Iterable[tuple[dict, np.ndarray, np.ndarray]]:
    """Yield arguments, the right sum, and what `unmask` gives, for parties, dropouts and length.

    The first ones come again, with other seeds and vectors, and as they were.
    """
    cases = [(_ids(rng, parties), dropouts, length) for parties, dropouts, length in sizes]
    sums = [_masked_sum(rng, *case) for case in (*cases, cases[0])]
    sums.append(sums[0])
    results = in_turn(unmask, *(tuple(arguments.values()) for arguments, _ in sums))
    for (arguments, want), result in zip(sums, results, strict=True):
        as_array(result, "the result of `unmask`", want.shape)
        yield arguments, want, np.array(result)


def _same(got: np.ndarray, want: np.ndarray) -> bool:
    return got.dtype == np.uint32 and bool(np.array_equal(got, want))


@check
def self_masks_come_off(unmask: Callable, rng: np.random.Generator) -> None:
    """when nobody dropped out, removing the self masks gives the sum."""
    few, many = int(rng.integers(2, 7)), int(rng.integers(20, 40))
    sizes = [
        (few, 0, int(rng.integers(1, 60))),
        (few, 0, int(rng.integers(10_000, 20_000))),
        (many, 0, 30),
    ]
    for arguments, want, got in _unmasked(unmask, rng, sizes):
        hint = ""
        if _same(got, arguments["masked_sum"]):
            hint = (
                " You left the masked sum as it was: nobody dropped out, and each of the survivors "
                "still has its self mask in it."
            )
        elif np.array_equal(np.mod(got.astype(np.float64), 2.0**32), want):  # exact below 2^53
            hint = " Modulo 2^32 that is right: keep uint32, which wraps around by itself."
        elif _same(got, 2 * arguments["masked_sum"] - want):
            hint = " You put the self masks on a second time: take them off."
        require(
            _same(got, want),
            f"{len(arguments['survivors'])} survivors and no dropouts: `unmask` gives {got[:3]}… "
            f"({got.dtype}), and the sum is {want[:3]}… (uint32, modulo 2^32).{hint}",
        )


@check
def dropouts_masks_come_off(unmask: Callable, rng: np.random.Generator) -> None:
    """the pair masks that the dropouts left uncancelled are removed, with the right sign."""
    # Now and then fewer survive than drop out.
    sizes = [
        (dropouts + survivors + int(rng.integers(5)), dropouts, int(rng.integers(most // 4, most)))
        for dropouts, most, survivors in ((1, 60, 3), (3, 20_000, 1), (12, 60, 2), (2, 60, 15))
    ]
    for arguments, want, got in _unmasked(unmask, rng, sizes):
        require(
            _same(got, want),
            f"Survivors {arguments['survivors']}, dropped {arguments['dropped']}: `unmask` gives "
            f"{got[:3]}… ({got.dtype}), and the sum is {want[:3]}… (uint32, modulo 2^32). A "
            "survivor with the smaller id ADDED the pair's mask, one with the larger id subtracted "
            "it; and what a dropout would have sent is not in the sum at all.",
        )


def _verdict(result: Any) -> list[bool]:
    require(result is not None, "`what_happens` returned None. Did you forget `return`?")
    try:
        verdicts = as_array(result, "the result of `what_happens`", (3,))
        wanted = bool(np.all((verdicts == 0) | (verdicts == 1)))
    except CheckFailed:
        wanted = False
    require(wanted, f"`what_happens` returned {shown(result)}; three of True or False are wanted.")
    return verdicts.astype(bool).tolist()


def _all_verdicts(what_happens: Callable, cases: list[tuple[int, int, int, int]]) -> list[Any]:
    """Return what `what_happens` says of every case, where it is called."""
    return kept(what_happens, itertools.starmap(what_happens, cases))


def _cases(rng: np.random.Generator) -> list[tuple[int, int, int, int]]:
    """Cases on both sides of every edge, with dropouts and colluders among the parties."""
    cases = []
    for at in range(40):
        parties = int(rng.integers(3, 14)) if at > 4 else int(rng.integers(50, 130))
        threshold = int(rng.integers(1, parties + 1))
        cases.append(
            (
                parties,
                threshold,
                int(np.clip(parties - threshold + rng.integers(-1, 2), 0, parties - 1)),
                int(np.clip(threshold + rng.integers(-2, 2), 0, parties - 1)),
            )
        )
        colluders = int(np.clip(2 * threshold - parties + rng.integers(-1, 2), 0, parties - 1))
        dropouts = int(rng.integers(parties - threshold + 2))  # on the other side of its edge
        cases.append((parties, threshold, dropouts, colluders))
    # All but one, and all but two, collude; one share is enough; two parties, of which one does.
    cases += [(parties, parties, 0, parties - 1), (parties, parties, 0, parties - 2), (3, 1, 2, 1)]
    return [*cases, (2, 2, 0, 0), (2, 2, 0, 1), (2, 2, 1, 0), (40, 31, 10, 21), (40, 31, 9, 22)]


def _table(what_happens: Callable, rng: np.random.Generator, column: int, truth: Callable) -> None:
    cases = _cases(rng)
    for case, said in zip(cases, at_home(what_happens, _all_verdicts, cases), strict=True):
        got, want = _verdict(said)[column], truth(*case)
        parties, threshold, dropouts, colluders = case
        story = {
            0: f"{dropouts} drop out, so {parties - dropouts} shares of each secret can be asked "
            "for",
            1: f"nobody drops out, {colluders} collude with the server and pool their shares of a "
            "victim's key",
            2: f"{colluders} collude and hand over both kinds of shares; the server tells some of "
            f"the other {parties - colluders} that the victim dropped out, and the rest that it "
            "did not",
        }[column]
        if column and colluders == parties - 1:
            story = f"{colluders} collude, and know all of the sum but one vector"
        require(
            got == want,
            f"{parties} parties, threshold {threshold}: {story}. You say {got}; it is {want}.",
        )


def _in_company(parties: int, colluders: int) -> bool:
    """Tell whether the sum, without what the colluders added, is of two vectors at least."""
    return len(range(colluders, parties)) > 1


@functools.cache
def _enough_shares(parties: int, threshold: int, there: int) -> bool:
    """Tell whether so many shares of a secret give it back, by trying."""
    holders = list(range(there))
    shares = secagg.share([bytes(32)], threshold, range(parties))[holders]
    try:
        return secagg.recover(shares, holders, threshold) == [bytes(32)]
    except secagg.TooFewShares:
        return False


@check
def the_sum_comes_out(what_happens: Callable, rng: np.random.Generator) -> None:
    """you know how many may drop out before the sum is lost."""

    def truth(parties, threshold, dropouts, colluders):
        return _enough_shares(parties, threshold, parties - dropouts)

    _table(what_happens, rng, 0, truth)


@check
def a_curious_server(what_happens: Callable, rng: np.random.Generator) -> None:
    """you know how many colluders a server needs that follows the protocol."""

    def truth(parties, threshold, dropouts, colluders):
        return not _enough_shares(parties, threshold, colluders) and _in_company(parties, colluders)

    _table(what_happens, rng, 1, truth)


@check
def a_lying_server(what_happens: Callable, rng: np.random.Generator) -> None:
    """you know how many colluders a server needs that lies about who dropped out."""

    def truth(parties, threshold, dropouts, colluders):
        # Every way of telling the honest parties two different stories.
        honest = parties - colluders
        return _in_company(parties, colluders) and not any(
            colluders + told >= threshold and colluders + honest - told >= threshold
            for told in range(honest + 1)
        )

    _table(what_happens, rng, 2, truth)


# Part 8 · neighbourhoods --------------------------------------------------------------------


def _risk(others: int, neighbours: int, threshold: int, colluders: int) -> float:
    """Return the risk of one party, whose neighbours are drawn from so many others."""
    # Of all ways to choose the neighbours, those with too many bad.
    bad = sum(
        math.comb(colluders, k) * math.comb(others - colluders, neighbours - k)
        for k in range(threshold, neighbours + 1)
    )
    return bad / math.comb(others, neighbours)


def _with_replacement(parties: int, neighbours: int, threshold: int, colluders: int) -> float:
    tail = stats.binom.sf(threshold - 1, neighbours, colluders / (parties - 1))
    return float((parties - colluders) * tail)


@check
def the_tail_is_exact(privacy_risk: Callable, rng: np.random.Generator) -> None:
    """the risk is the exact chance of a bad neighbourhood, added up over the honest parties."""
    tried = faint = 0
    while tried < 20 or faint < 2:
        # First some crowds, of larger and smaller neighbourhoods.
        crowd = tried < 3
        parties = int(rng.integers(2500, 9000) if crowd else rng.integers(20, 80))
        neighbours = int(rng.integers(25, 60) if tried == 1 else rng.integers(2, 18))
        neighbours = min(neighbours, parties - 1)
        threshold = int(rng.integers(1, neighbours + 1))
        colluders = int(rng.integers(threshold, parties // 2 if crowd else parties - 1))
        if tried == 0:  # whose binomial coefficients fit no float
            parties, neighbours = int(rng.integers(10_500, 12_000)), int(rng.integers(170, 200))
            colluders = int(rng.integers(parties // 6, parties // 4))
            law = stats.hypergeom(parties - 1, colluders, neighbours)
            threshold = 1 + int(np.argmax(law.sf(np.arange(neighbours)) < 0.5 / parties))
        one = _risk(parties - 1, neighbours, threshold, colluders)
        want = (parties - colluders) * one
        # Neither cut off at 1 nor so small that 1 − cdf, which is right, too, is lost in rounding.
        if want < (0.05 if crowd else 1e-8) or parties * one >= 1:
            continue
        small = want < 1e-6
        if faint >= 3 if small else tried >= 20:
            continue
        faint += small
        tried += 1
        got = as_number(
            privacy_risk(parties, neighbours, threshold, colluders), "`privacy_risk`'s result"
        )
        hint = ""
        if math.isclose(got, one, rel_tol=1e-6):
            hint = " That is the risk of ONE honest party: any of them may be unlucky."
        elif math.isclose(got, parties * one, rel_tol=1e-6):
            hint = " You counted the colluders among those who can be harmed."
        elif math.isclose(
            got, (parties - colluders) * _risk(parties, neighbours, threshold, colluders)
        ):
            hint = " The neighbours are drawn from the OTHER parties, without the party itself."
        elif math.isclose(
            got, (parties - colluders) * _risk(parties - 1, neighbours, threshold + 1, colluders)
        ):
            hint = f" That is the risk of MORE than {threshold}: {threshold} are enough."
        elif math.isclose(got, _with_replacement(parties, neighbours, threshold, colluders)):
            hint = " The neighbours are drawn without replacement: nobody is drawn twice."
        require(
            math.isclose(got, want, rel_tol=1e-6, abs_tol=1e-9 if want < 1e-6 else 0),
            f"{parties} parties with {neighbours} neighbours each, {colluders} colluders, "
            f"threshold {threshold}: the risk is {want:.4g}, and `privacy_risk` says {got:.4g}."
            f"{hint}",
        )


@check
def risk_at_the_edges(privacy_risk: Callable, rng: np.random.Generator) -> None:
    """fewer colluders than the threshold are no risk, and a risk is at most 1."""
    what = "`privacy_risk`'s result"
    parties, threshold = int(rng.integers(90, 120)), int(rng.integers(5, 9))
    none = as_number(privacy_risk(parties, 12, threshold, threshold - 1), what)
    require(
        abs(none) <= FALSE_FAIL,
        f"{threshold - 1} colluders can never hold {threshold} shares; `privacy_risk` says "
        f"{none:.4g}.",
    )
    some = as_number(privacy_risk(parties, 12, threshold, threshold + 4), what)
    require(
        0 < some < 0.5,
        f"{threshold + 4} colluders may hold {threshold} shares, if they are unlucky to meet; "
        f"`privacy_risk` says {some:.4g}.",
    )
    # How much it is `the_tail_is_exact` asks; here, that it is between half of one party's risk and
    # three times that of all. Two are sure to be met by who has all the others for neighbours.
    one = sum(
        math.comb(threshold + 4, k) * math.comb(parties - threshold - 5, 12 - k)
        for k in range(threshold, threshold + 5)
    ) / math.comb(parties - 1, 12)
    require(
        0.5 * one <= some <= 3 * parties * one,
        f"{threshold + 4} colluders of {parties} hold {threshold} shares of 12 with some honest "
        f"party; one party's risk is {one:.2g}, and `privacy_risk` says {some:.2g} for all.",
    )
    everybody = as_number(privacy_risk(parties, parties - 1, threshold, threshold), what)
    require(
        abs(everybody - 1) <= ROUNDING,
        f"With all others for neighbours, of whom {threshold} collude, {threshold} shares of each "
        f"secret are theirs for sure; `privacy_risk` says {everybody:.4g}, and a probability is at "
        "most 1.",
    )
    sure = as_number(privacy_risk(parties, 12, threshold, parties - 2), what)
    require(
        abs(sure - 1) <= ROUNDING,
        f"With {parties - 2} colluders of {parties} a bad neighbourhood is certain; `privacy_risk` "
        f"says {sure:.4g}, and a probability is at most 1.",
    )
