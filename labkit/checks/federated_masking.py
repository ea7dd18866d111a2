"""The checks of lab 03, federated learning with masks."""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from labkit import secagg
from labkit.checks import (
    FALSE_FAIL,
    CheckFailed,
    Guarded,
    as_array,
    as_number,
    at_home,
    check,
    require,
    shown,
)

# Results in float64 over a few hundred terms are exact to 1e-12; students may use float32, which
# is exact to 1e-5 there. No wrong answer that we know of is within 1e-3.
ROUNDING = 1e-4


# Part 2 · one party -------------------------------------------------------------------------


def _batch(rng: np.random.Generator, examples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = rng.random((examples, 12))
    y = rng.integers(0, 2, examples).astype(np.float64)
    return rng.normal(0, 1, 12), x, y


def _cross_entropy(weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    score = x @ weights
    return float(np.mean(np.logaddexp(0, score) - y * score))


@check
def gradient_is_the_slope_of_the_loss(gradient: Callable, rng: np.random.Generator) -> None:
    """it is how fast the cross-entropy grows along each weight."""
    for label in (0.0, 1.0):
        weights, x, _ = _batch(rng, 1)
        y = np.array([label])
        got = as_array(gradient(weights, x, y), "the result of `gradient`", weights.shape)
        step = 1e-5  # central differences: an error of step², 1e-10, beside float64's 1e-11
        want = np.array(
            [
                (_cross_entropy(weights + d, x, y) - _cross_entropy(weights - d, x, y)) / (2 * step)
                for d in step * np.eye(len(weights))
            ]
        )
        worst = int(np.argmax(np.abs(got - want)))
        hint = " Was each image's error (prediction − label) multiplied by its pixels?"
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
    weights, x, y = _batch(rng, int(rng.integers(5, 10)))
    what = "the result of `gradient`"
    got = as_array(gradient(weights, x, y), what, weights.shape)
    singles = [as_array(gradient(weights, x[i : i + 1], y[i : i + 1]), what) for i in range(len(y))]
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
    # What is the same for every batch is its own mean. Whatever the model and the loss, a gradient
    # is a sum of multiples of the images, which are fewer than the pixels, and labels count.
    inside = x.T @ np.linalg.lstsq(x.T, got, rcond=None)[0]
    other = as_array(gradient(weights, x, 1 - y), what, weights.shape)
    require(
        bool(np.abs(got - inside).max() <= ROUNDING and np.abs(got - other).max() > 1e-3),
        "It is a mean, but of what? A gradient is a sum of multiples of the images, and with all "
        "labels changed it is another one.",
    )


# Part 3 · a round, and what it reads --------------------------------------------------------


def _least_squares(weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The gradient of another model: a round works with whatever gradient it is given."""
    return x.T @ (x @ weights - y) / len(y)


def _parties(rng: np.random.Generator, sizes: Iterable[int]) -> list:
    return [(rng.random((size, 7)), rng.random(size)) for size in sizes]


@check
def a_round_is_a_centralised_step(federated_round: Callable, rng: np.random.Generator) -> None:
    """the new weights are those of one step on everybody's data together."""
    parties = _parties(rng, rng.permutation([3, 5, 40, 12]))
    weights, learning_rate = rng.normal(0, 1, 7), rng.uniform(0.05, 0.5)
    asked = []

    def spy(at, x, y):
        asked.append(np.array(at))
        return _least_squares(at, x, y)

    got = as_array(
        federated_round(weights, parties, spy, learning_rate),
        "the result of `federated_round`",
        weights.shape,
    )
    x, y = (np.concatenate(column) for column in zip(*parties, strict=True))
    want = weights - learning_rate * _least_squares(weights, x, y)
    grads = [_least_squares(weights, *party) for party in parties]
    hint = ""
    if np.allclose(got, weights - learning_rate * np.mean(grads, axis=0), atol=1e-9):
        hint = (
            " You gave each party the same weight; one with 40 images counts as much as ten with 4."
        )
    elif np.allclose(got, 2 * weights - want, atol=1e-9):
        hint = " You went uphill."
    elif np.allclose(got, weights - learning_rate * np.sum(grads, axis=0), atol=1e-9):
        hint = " You added the gradients where a mean is meant."
    elif not all(np.array_equal(at, weights) for at in asked):
        hint = (
            " Not all parties were asked at the weights that the server sent: collect every "
            "gradient first, then step once."
        )
    require(
        bool(np.allclose(got, want, atol=ROUNDING)),
        f"Parties of sizes {[len(y) for _, y in parties]}: after a round the weights are "
        f"{np.abs(got - want).max():.4f} away from a step on all the data together.{hint}",
    )


@check
def equal_parties_count_equally(federated_round: Callable, rng: np.random.Generator) -> None:
    """with equal sizes the step follows the plain mean of the gradients."""
    parties = _parties(rng, [8] * int(rng.integers(2, 6)))
    weights, learning_rate = rng.normal(0, 1, 7), rng.uniform(0.05, 0.5)
    got = as_array(
        federated_round(weights, parties, _least_squares, learning_rate),
        "the result of `federated_round`",
        weights.shape,
    )
    mean = np.mean([_least_squares(weights, *party) for party in parties], axis=0)
    moved = (weights - got) / learning_rate
    require(
        bool(np.allclose(moved, mean, atol=ROUNDING)),
        f"{len(parties)} parties of 8 images each: the step should be learning_rate times the mean "
        f"gradient, of length {np.linalg.norm(mean):.4f}, downhill; yours has length "
        f"{np.linalg.norm(moved):.4f}" + (", and goes uphill." if float(moved @ mean) < 0 else "."),
    )


@check
def each_party_computes_on_its_own_data(
    federated_round: Callable, rng: np.random.Generator
) -> None:
    """every gradient was computed by one party, on its own images and labels."""
    parties = _parties(rng, [6, 6, 6])
    weights = rng.normal(0, 1, 7)
    seen: list[tuple[Any, Any]] = []
    grads: dict[Any, np.ndarray] = {}

    def spy(weights, x, y):
        owners = [
            [i for i, party in enumerate(parties) if np.array_equal(party[kind], value)]
            for kind, value in enumerate((x, y))
        ]
        images, labels = (own[0] if own else None for own in owners)
        seen.append((images, labels))
        grads[images] = _least_squares(weights, x, y)
        return grads[images]

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
    known = np.stack([weights, *grads.values()], axis=1)
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


_OWNERS = "party 0", "party 1", "party 2", "everyone"
_SOURCES = [f"{owner}: {kind}" for owner in _OWNERS for kind in ("images", "labels")]


def _sources(rng: np.random.Generator) -> dict[str, np.ndarray]:
    data = {}
    for owner in _OWNERS:
        data[f"{owner}: images"] = rng.random((5, 6))
        data[f"{owner}: labels"] = np.zeros(5, np.int64)
        data[f"{owner}: labels"][rng.integers(0, 5, 2)] = 1
    data["party 2: labels"][:] = 0  # a party may well have one kind of digit only
    return data


def _reader(names: Sequence[str], rng: np.random.Generator, how: str) -> Callable:
    """A computation that depends on `names`: all their values, one each, or their differences.

    It looks at every array, once, in an order that says nothing: who listens hears no more.
    """
    seed, order = int(rng.integers(2**32)), rng.permutation(_SOURCES).tolist()

    def compute(data):
        own, total = np.random.default_rng(seed), np.zeros(3)
        looked_at = {name: np.array(data[name], np.float64).ravel() for name in order}
        for name in names:
            values = looked_at[name]
            if how == "one value":  # which moves one entry of the result
                total[own.integers(3)] += own.normal() * values[own.integers(1, values.size)]
                continue
            if how == "differences":
                values = values - values.mean()
                values = values[:-1] * np.arange(1, values.size) + values[-1]
            total += own.normal(0, 1, (3, values.size)) @ values
        return total

    return compute


@check
def whatever_is_read_is_found(reads: Callable, rng: np.random.Generator) -> None:
    """each array that the result depends on is named."""
    data = _sources(rng)
    cases = [("all values", ["party 2: labels", "party 0: images"])]
    cases += [(how, rng.permutation(_SOURCES)[:3].tolist()) for how in ("all values", "one value")]
    cases += [("differences", ["party 1: images", "everyone: images"])]
    # Nobody can tell which one it is without a look at what the computation does.
    alone = ["everyone: images"]
    cases.insert(int(rng.integers(len(cases) + 1)), ("all values", alone))
    found = []
    for how, names in cases:
        got = _reads(reads, _reader(names, rng, how), data)
        found.append(got)
        missed = sorted(set(names) - got)
        hint = {
            "all values": "Did you change the array to something that it was already?",
            "one value": "ONE of its entries moves ONE entry of the result: change them all, and "
            "look whether ANY entry of the result has changed.",
            "differences": "It depends on the differences between entries: adding the same number "
            "to all of them changes nothing.",
        }[how]
        if got == data.keys() - set(names):
            hint = "You named just the others."
        require(
            not missed,
            f"The computation reads {sorted(names)}, and `reads` misses {missed}. {hint}",
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


@check
def nobody_is_accused_wrongly(reads: Callable, rng: np.random.Generator) -> None:
    """an array that the result does not depend on is not named."""
    data = _sources(rng)
    images = [name for name in data if name.endswith("images")]
    for names in ([], rng.permutation(images)[:1].tolist(), ["party 0: images"]):
        got = _reads(reads, _reader(names, rng, "all values"), data)
        wrongly = sorted(got - set(names))
        require(
            not wrongly,
            f"The result depends on {names or 'nothing'}, and `reads` also names "
            f"{wrongly[:3]}. Change ONE array at a time, with all others as they were, and compare "
            "the values of the results: an array may be looked at and make no difference.",
        )
        require(
            set(names) <= got,
            f"Whoever names nothing accuses nobody: the result depends on all values of {names}, "
            "and `reads` does not say so.",
        )


@check
def the_data_stay_as_they_were(reads: Callable, rng: np.random.Generator) -> None:
    """the arrays that you were given are not changed."""
    data = _sources(rng)
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


def _read_and_left(reads: Guarded, compute: Callable, data: dict) -> tuple[Any, dict]:
    """Return what `reads` returns, and what it leaves of the data, where it is called."""
    return reads.in_place(compute, data), data


# Part 4 · the attack ------------------------------------------------------------------------


def _image_and_gradient(rng: np.random.Generator, label: int) -> tuple[np.ndarray, np.ndarray]:
    image = rng.random(784) * (rng.random(784) < 0.25)
    image[rng.integers(784)] = 1.0
    return image, image * rng.uniform(0.01, 0.99) * (1 if label == 0 else -1)


def _inverted(invert_gradient: Callable, grad: np.ndarray, label: int) -> np.ndarray:
    what = "the result of `invert_gradient`"
    got = as_array(invert_gradient(grad), what, (784,), finite=False)
    bad = int(np.count_nonzero(~np.isfinite(got)))
    above = "No entry is above 0 there, so the largest is 0. " if label == 1 else ""
    require(
        bad == 0,
        f"For an image with label {label} {bad} of your 784 pixels are NaN or infinite. {above}"
        "What did you divide by?",
    )
    return got


def _correlation(got: np.ndarray, image: np.ndarray) -> float:
    return 0.0 if np.ptp(got) == 0 else float(np.corrcoef(got, image)[0, 1])


@check
def the_image_comes_back(invert_gradient: Callable, rng: np.random.Generator) -> None:
    """from the gradient of one image the image is recovered, whatever its label."""
    for label in (0, 1):
        image, grad = _image_and_gradient(rng, label)
        got = _inverted(invert_gradient, grad, label)
        correlation = _correlation(got, image)
        hint = ""
        if correlation < -0.9:
            hint = " It is the negative: for label 1 the factor prediction − label is below 0."
        elif np.ptp(got) == 0:
            hint = " Every pixel has the same value."
        require(
            correlation >= 0.99,
            f"For an image with label {label} your reconstruction's correlation with it is "
            f"{correlation:.3f}; the gradient is a multiple of the image, so 1 is possible.{hint}",
        )


@check
def pixels_run_from_0_to_1(invert_gradient: Callable, rng: np.random.Generator) -> None:
    """paper is 0 and the darkest ink is 1, whatever the gradient's size."""
    for label in (0, 1):
        image, grad = _image_and_gradient(rng, label)
        got = _inverted(invert_gradient, grad, label)
        require(
            abs(got.max() - 1) <= ROUNDING and abs(got.min()) <= ROUNDING,
            f"For an image with label {label} your pixels run from {got.min():.4g} to "
            f"{got.max():.4g}; scale them so that they run from 0 to 1.",
        )
        require(
            abs(_correlation(got, image)) >= 0.3,
            "Your pixels run from 0 to 1, but have nothing to do with the gradient that came in.",
        )


# Part 5 · masks -----------------------------------------------------------------------------


def _pairs(ids: Iterable[int]) -> list[tuple[int, int]]:
    ids = sorted(ids)
    return [(i, j) for i in ids for j in ids if i < j]


def _uint32(value: Any, what: str, length: int) -> np.ndarray:
    as_array(value, what, (length,))
    got = np.array(value)
    require(
        got.dtype == np.uint32,
        f"{what} is {got.dtype} where uint32 is wanted: only uint32 wraps around modulo 2^32 by "
        "itself. Did floats or other integers come into it on the way?",
    )
    return got


@check
def masks_cancel_in_the_sum(mask_gradient: Callable, rng: np.random.Generator) -> None:
    """the sum over all parties is that of the gradients; each alone is hidden."""
    parties = int(rng.integers(4, 7))
    grads = rng.normal(0, 1, (parties, 9))
    everyone = {pair: rng.normal(0, 50, 9) for pair in _pairs(range(parties))}
    half = {pair: everyone[pair] for pair in [(0, 2), (1, 3)]}
    for masks in (everyone, half):
        masked = [
            as_array(mask_gradient(grads[p], p, masks), "the result of `mask_gradient`", (9,))
            for p in range(parties)
        ]
        gap = np.abs(np.sum(masked, axis=0) - grads.sum(axis=0)).max()
        # float64: a few dozen numbers of about 50, rounded to 1e-14 each.
        require(
            gap <= 1e-9,
            f"{parties} parties, masks for the pairs {list(masks)}: the masked gradients' sum is "
            f"off by {gap:.3g}. Each mask must be added once and subtracted once, by the two "
            "parties of its pair and by nobody else.",
        )
        bare = [p for p in range(parties) if np.allclose(masked[p], grads[p])]
        unmasked = [p for p in bare if any(p in pair for pair in masks)]
        require(not unmasked, f"Parties {unmasked} have masks, and sent their bare gradients.")
        # What cancels need not be masks. Theirs are added by one party and subtracted by the other.
        changes = {pair: rng.normal(0, 50, 9) for pair in masks}
        others = {pair: mask + changes[pair] for pair, mask in masks.items()}
        moved = [
            as_array(mask_gradient(grads[p], p, others), "the result of `mask_gradient`", (9,))
            - masked[p]
            for p in range(parties)
        ]
        _require_moved_by_the_masks(moved, changes, lambda off: float(np.abs(off).max()))


def _require_moved_by_the_masks(
    moved: Sequence[np.ndarray],
    changes: Mapping[tuple[int, int], np.ndarray],
    size: Callable[[np.ndarray], float],
) -> None:
    """Require that what parties 0, 1, … send changes as their masks do.

    Which of a pair adds, `the_smaller_id_adds` asks: here the signs may all be the other way round.
    `size` says how far off a vector is, which should be 0; as above, 1e-9 is far beyond rounding.
    """
    for p, move in enumerate(moved):
        want = 0 * move
        for (i, j), change in changes.items():
            if p == i:
                want = want + change
            elif p == j:
                want = want - change
        require(
            size(move - want) <= 1e-9 or size(move + want) <= 1e-9,
            f"With other masks for the pairs {list(changes)} what party {p} sends changes by "
            f"{move[:3]}…, and its masks by {want[:3]}…: what hides a gradient must be its own "
            "pairs' masks, each of them once.",
        )


@check
def the_smaller_id_adds(mask_gradient: Callable, rng: np.random.Generator) -> None:
    """of each pair the smaller id adds the mask and the larger one subtracts it."""
    what = "the result of `mask_gradient`"
    i, j = sorted(int(p) for p in rng.choice(9, 2, replace=False))
    grad, mask = rng.normal(0, 1, (2, 5))
    for party, sign, verb in ((i, 1, "adds"), (j, -1, "subtracts")):
        got = as_array(mask_gradient(grad, party, {(i, j): mask}), what, (5,))
        require(
            bool(np.allclose(got - grad, sign * mask, atol=1e-9)),
            f"Of the pair ({i}, {j}) party {party} {verb} the mask; yours moved the gradient by "
            f"{np.round(got - grad, 3).tolist()}, and the mask is {np.round(mask, 3).tolist()}.",
        )
        kept = at_home(mask_gradient, _left_of_the_gradient, grad, party, {(i, j): mask})
        require(
            bool(np.array_equal(kept, grad)),
            "`mask_gradient` put the mask on the gradient that it was given: the party's own has "
            "the mask on it now, and next time it gets another. Work on a copy.",
        )


def _left_of_the_gradient(
    mask_gradient: Guarded, grad: np.ndarray, party: int, masks: dict
) -> np.ndarray:
    """Return what is left of a party's own gradient, where `mask_gradient` is called."""
    mask_gradient.in_place(grad, party, masks)
    return grad


@check
def exact_modulo_2_to_the_32(mask_gradient: Callable, rng: np.random.Generator) -> None:
    """with unsigned integers everything wraps around, and the sum is exact to the bit."""
    parties = int(rng.integers(3, 6))
    grads = rng.integers(0, 2**32, (parties, 40), dtype=np.uint32)
    masks = {pair: rng.integers(0, 2**32, 40, dtype=np.uint32) for pair in _pairs(range(parties))}
    total, sent = np.zeros(40, np.uint32), []
    for p in range(parties):
        masked = mask_gradient(grads[p], p, masks)
        masked = _uint32(masked, "what `mask_gradient` makes of a uint32 gradient", 40)
        require(
            not np.array_equal(masked, grads[p]),
            f"Party {p} has masks, and sent its bare gradient.",
        )
        total += masked
        sent.append(masked)
    wrong = int(np.sum(total != grads.sum(axis=0, dtype=np.uint32)))
    require(
        wrong == 0,
        f"Modulo 2^32 the sum of the masked gradients is wrong in {wrong} of 40 places.",
    )
    changes = {pair: rng.integers(0, 2**32, 40, dtype=np.uint32) for pair in masks}
    others = {pair: mask + changes[pair] for pair, mask in masks.items()}
    what = "what `mask_gradient` makes of a uint32 gradient"
    again = [_uint32(mask_gradient(grads[p], p, others), what, 40) for p in range(parties)]
    moved = [after - before for after, before in zip(again, sent, strict=True)]
    _require_moved_by_the_masks(moved, changes, lambda off: float(np.count_nonzero(off)))


# Part 6 · masks from keys -------------------------------------------------------------------

FIELD = 2**255 - 19  # of X25519


def _twin(public: bytes) -> bytes:
    """Another public key that agrees on the same secrets: the point of order 2 is added to it."""
    return pow(int.from_bytes(public, "little"), -1, FIELD).to_bytes(32, "little")


def _left_on_the_victim(
    copied_keys: Callable, rng: np.random.Generator, below: int, above: int
) -> None:
    """Require that `first_attempt` leaves nothing on a victim with so many honest ids around it."""
    ids = sorted(int(i) for i in rng.choice(90, 2 * (below + above) + 1, replace=False))
    victim = ids[below + above]
    smaller = [int(i) for i in rng.permutation(ids[: below + above])]
    larger = [int(i) for i in rng.permutation(ids[below + above + 1 :])]
    honest = [*smaller[:below], *larger[:above], victim]
    colluders = [int(i) for i in rng.permutation([*smaller[below:], *larger[above:]])]
    private = {i: secagg.PrivateKey(rng.bytes(32)) for i in rng.permutation(honest).tolist()}
    public = {i: key.public for i, key in private.items()}
    got = copied_keys(victim, public, colluders)
    require(got is not None, "`copied_keys` returned None. Did you forget `return`?")
    story = f"Victim {victim}, other honest parties {sorted(honest[:-1])}, colluders "
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
    for other, key in [(i, public[i]) for i in honest[:-1]] + list(got.items()):
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
    below, above = rng.choice([1, 2, 3, 4], 2, replace=False).tolist()
    _left_on_the_victim(copied_keys, rng, below, above)


def _keys(rng: np.random.Generator, parties: int) -> tuple[dict, dict]:
    ids = sorted(int(i) for i in rng.choice(50, parties, replace=False))
    private = {i: secagg.PrivateKey(rng.bytes(32)) for i in ids}
    return private, {i: key.public for i, key in private.items()}


class _Listening(secagg.PrivateKey):
    """A private key that remembers the seeds it agreed on.

    With a `salt` they are other ones, and any two parties with the same salt still agree.
    """

    def __init__(self, data: bytes, salt: bytes):
        super().__init__(data)
        self.salt = salt
        self.seeds: list[bytes] = []

    def agree(self, public: bytes, context: bytes) -> bytes:
        seed = super().agree(public, context)
        self.seeds.append(hashlib.sha256(self.salt + seed).digest() if self.salt else seed)
        return self.seeds[-1]


def _listened(
    pairwise_mask: Callable, salt: bytes, party: int, data: bytes, *args: Any
) -> tuple[Any, list[bytes]]:
    key = _Listening(data, salt)
    return pairwise_mask(party, key, *args), key.seeds


def _mask_and_seeds(
    pairwise_mask: Callable, party: int, key: secagg.PrivateKey, *args: Any, salt: bytes = b""
) -> tuple[np.ndarray, list[bytes]]:
    """Return the mask, and the seeds that were agreed on for it."""
    mask, seeds = at_home(pairwise_mask, _listened, salt, party, bytes(key), *args)
    return _uint32(mask, "the result of `pairwise_mask`", args[-1]), seeds


def _mask(pairwise_mask: Callable, *args: Any, salt: bytes = b"") -> np.ndarray:
    return _mask_and_seeds(pairwise_mask, *args, salt=salt)[0]


def _rounds(rng: np.random.Generator, count: int) -> list[int]:
    """Different numbers of rounds, each of which is one byte, as the context may have it."""
    return [int(r) for r in 1 + rng.choice(255, count, replace=False)]


def _require_agreement(
    pairwise_mask: Callable, rng: np.random.Generator, mask: np.ndarray, party: int, *args: Any
) -> None:
    """Require another mask than `mask`, and the same one again, of other seeds for the same keys.

    Without it whatever is made of one's own key, or of all public ones, passes for a mask.
    """
    salt = rng.bytes(16)
    first, again = (_mask(pairwise_mask, party, *args, salt=salt) for _ in range(2))
    # Other seeds give the same numbers with probability 2^−960.
    require(
        not np.array_equal(first, mask),
        f"Party {party}'s mask is the same whatever seeds `private_key.agree` gives: it is made of "
        "something else. A mask that cancels, and that only the two of a pair know, is made of the "
        "seed that they agree on.",
    )
    _require_again(first, again)


@check
def all_pair_masks_cancel(pairwise_mask: Callable, rng: np.random.Generator) -> None:
    """over all parties the masks add up to 0 modulo 2^32, and the smaller id adds."""
    private, public = _keys(rng, int(rng.integers(2, 7)))
    [round_number, another] = _rounds(rng, 2)
    total = np.zeros(30, np.uint32)
    for i in private:
        total += _mask(pairwise_mask, i, private[i], public, round_number, 30)
    left = int(np.count_nonzero(total))
    require(
        left == 0,
        f"Parties {list(private)}: their masks add up to something else than 0 in {left} of 30 "
        "places. Of each pair the smaller id adds and the larger subtracts, both use the same "
        "context, and nobody makes a mask with itself.",
    )
    private, public = _keys(rng, 2)
    party, other = sorted(private)
    masks, agreed = {}, {}
    for i in (party, other):
        masks[i], agreed[i] = _mask_and_seeds(pairwise_mask, i, private[i], public, another, 30)
        require(
            bool(np.any(masks[i])),
            f"Parties {party} and {other}: the mask is 0 everywhere, and hides nothing.",
        )
        _require_agreement(pairwise_mask, rng, masks[i], i, private[i], public, another, 30)
    mask, seeds = masks[party], agreed[party]
    require(
        bool(np.array_equal(mask + masks[other], 0 * mask)),
        f"Parties {party} and {other}: their masks do not add up to 0.",
    )
    require(len(seeds) > 0, f"Party {party} agreed on no seed with party {other}.")
    require(
        not any(np.array_equal(mask + secagg.expand(seed, 30), 0 * mask) for seed in seeds),
        f"Of parties {party} and {other} the smaller id, {party}, SUBTRACTED the mask of the pair; "
        "it should add it, and the larger subtract it.",
    )


@check
def every_other_party_counts(pairwise_mask: Callable, rng: np.random.Generator) -> None:
    """each of the others adds to the mask: one honest one is enough to hide you."""
    private, public = _keys(rng, 5)
    party = int(rng.choice(list(private)))
    [round_number] = _rounds(rng, 1)
    before = _mask(pairwise_mask, party, private[party], public, round_number, 30)
    for other in private.keys() - {party}:
        changed = public | {other: secagg.PrivateKey(rng.bytes(32)).public}
        after = _mask(pairwise_mask, party, private[party], changed, round_number, 30)
        # Another key gives the same 30 numbers with probability 2^−960.
        require(
            not np.array_equal(before, after),
            f"Of parties {list(private)}, party {other}'s key makes no difference to party "
            f"{party}'s mask. Make a mask with EVERY other party.",
        )
    given = party, private[party], public, round_number, 30
    _require_again(before, _mask(pairwise_mask, *given))
    _require_agreement(pairwise_mask, rng, before, *given)


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
    private, public = _keys(rng, 3)
    party = int(rng.choice(list(private)))
    one, two = _rounds(rng, 2)
    rounds = [_mask(pairwise_mask, party, private[party], public, r, 30) for r in (one, one, two)]
    require(
        bool(np.array_equal(rounds[0], rounds[1])),
        "Two calls for the same round gave different masks: then nothing cancels.",
    )
    same = int(np.sum(rounds[0] == rounds[2]))
    # Fresh masks agree in a place with probability 2^−32: in three of 30, 5e-26.
    require(
        same < 3,
        f"The masks of rounds {one} and {two} agree in {same} of 30 places. A mask that is used "
        "twice subtracts away: put round_number into the context.",
    )
    for times, of in ((1, 1), (two, one)):
        left = len(np.unique(np.uint32(of) * rounds[2] - np.uint32(times) * rounds[0]))
        # What is left of fresh masks is fresh, but for the power of 2, up to 2^7, that divides both
        # factors: 30 numbers, of which three pairs are equal with probability below
        # (30² / 2^26)^3, 3e-15.
        require(
            left > 27,
            f"{of} times the mask of round {two} minus {times} times that of round {one} holds "
            f"{left} different number(s) in 30 places: who knows one mask knows the other. Put "
            "round_number into the context, before the seed is made.",
        )
    _require_agreement(pairwise_mask, rng, rounds[0], party, private[party], public, one, 30)


@check
def a_mask_needs_a_private_key(pairwise_mask: Callable, rng: np.random.Generator) -> None:
    """public keys alone do not give the mask."""
    private, public = _keys(rng, 4)
    party = int(rng.choice(list(private)))
    [round_number] = _rounds(rng, 1)
    given = party, private[party], public, round_number, 30
    mask = _mask(pairwise_mask, *given)
    server = secagg.PrivateKey(rng.bytes(32))
    guess = _mask(pairwise_mask, party, server, public, round_number, 30)
    require(
        not np.array_equal(mask, guess),
        f"A server that knows the public keys, and no private one, computes party {party}'s very "
        "mask. The seed must come from `private_key.agree`.",
    )
    _require_again(mask, _mask(pairwise_mask, *given))
    _require_agreement(pairwise_mask, rng, mask, *given)


@check
def no_two_pairs_share_a_mask(pairwise_mask: Callable, rng: np.random.Generator) -> None:
    """a copied key cancels nothing, and who was told another key has another mask."""
    private, public = _keys(rng, 3)
    round_number = 1 + 2 * int(rng.integers(128))  # odd, so that it makes nothing even
    for honest in public:
        for colluder in public.keys() - {honest}:
            [victim] = public.keys() - {honest, colluder}
            told = public | {colluder: public[honest]}
            mask = _mask(pairwise_mask, victim, private[victim], told, round_number, 30)
            # 30 even numbers have probability 2^−30.
            require(
                bool(np.any(mask % 2)),
                f"Party {colluder} announced party {honest}'s key, and party {victim}'s mask is "
                f"{mask[:3]}…: the masks with the two are the same, so that they cancel or double. "
                "Put both ids into the context.",
            )
    first, second = sorted(rng.choice(list(public), 2, replace=False).tolist())
    pair = {first: public[first], second: public[second]}
    for party, other in ((first, second), (second, first)):
        given = party, private[party], pair, round_number, 30
        before = _mask(pairwise_mask, *given)
        told = pair | {other: _twin(pair[other])}
        after = _mask(pairwise_mask, party, private[party], told, round_number, 30)
        require(
            not np.array_equal(before, after),
            f"Party {party} was told another key of party {other}'s, one that agrees on the same "
            "secret, and has the same mask. Put both public keys into the context.",
        )
        _require_again(before, _mask(pairwise_mask, *given))
        _require_agreement(pairwise_mask, rng, before, *given)


# Part 7 · dropouts --------------------------------------------------------------------------


def _masked_sum(rng: np.random.Generator, parties: int, dropouts: int) -> tuple[dict, np.ndarray]:
    """What a server has after some dropped out: `unmask`'s arguments, and the right sum."""
    ids = [int(i) for i in rng.permutation(parties)]
    dropped, survivors = sorted(ids[:dropouts]), sorted(ids[dropouts:])
    vectors = rng.integers(0, 2**32, (len(survivors), 25), dtype=np.uint32)
    selves = {i: rng.bytes(32) for i in survivors}
    leftover = {(i, j): rng.bytes(32) for i, j in _pairs(ids) if (i in dropped) != (j in dropped)}
    masked = vectors.sum(axis=0, dtype=np.uint32)
    for seed in selves.values():
        masked += secagg.expand(seed, 25)
    for (smaller, _), seed in leftover.items():
        mask = secagg.expand(seed, 25)
        masked = masked - mask if smaller in dropped else masked + mask
    arguments = {
        "masked_sum": masked,
        "survivors": survivors,
        "dropped": dropped,
        "self_seeds": selves,
        "pair_seeds": leftover,
    }
    return arguments, vectors.sum(axis=0, dtype=np.uint32)


def _unmasked(unmask: Callable, arguments: dict) -> np.ndarray:
    got = unmask(*arguments.values())
    as_array(got, "the result of `unmask`", (25,))
    return np.array(got)


def _same(got: np.ndarray, want: np.ndarray) -> bool:
    return got.dtype.kind in "iu" and bool(np.array_equal(got, want))


@check
def self_masks_come_off(unmask: Callable, rng: np.random.Generator) -> None:
    """when nobody dropped out, removing the self masks gives the sum."""
    arguments, want = _masked_sum(rng, int(rng.integers(2, 7)), 0)
    got = _unmasked(unmask, arguments)
    hint = ""
    if _same(got, arguments["masked_sum"]):
        hint = " You left the masked sum as it was: nobody dropped out, and each of the survivors "
        hint += "still has its self mask in it."
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
    for dropouts in (1, 3):
        arguments, want = _masked_sum(rng, int(rng.integers(6, 9)), dropouts)
        got = _unmasked(unmask, arguments)
        require(
            _same(got, want),
            f"Survivors {arguments['survivors']}, dropped {arguments['dropped']}: `unmask` gives "
            f"{got[:3]}… ({got.dtype}), and the sum is {want[:3]}… (uint32, modulo 2^32). A "
            "survivor with the smaller id ADDED the pair's mask, one with the larger id subtracted "
            "it; and what a dropout would have sent is not in the sum at all.",
        )


def _verdicts(what_happens: Callable, case: tuple[int, int, int, int]) -> list[bool]:
    result = what_happens(*case)
    require(result is not None, "`what_happens` returned None. Did you forget `return`?")
    try:
        verdicts = as_array(result, "the result of `what_happens`", (3,))
        wanted = bool(np.all((verdicts == 0) | (verdicts == 1)))
    except CheckFailed:
        wanted = False
    require(wanted, f"`what_happens` returned {shown(result)}; three of True or False are wanted.")
    return verdicts.astype(bool).tolist()


def _cases(rng: np.random.Generator) -> list[tuple[int, int, int, int]]:
    """Cases on both sides of every edge, with dropouts and colluders among the parties."""
    cases = []
    for _ in range(60):
        parties = int(rng.integers(4, 14))
        threshold = int(rng.integers(2, parties + 1))
        cases.append(
            (
                parties,
                threshold,
                int(np.clip(parties - threshold + rng.integers(-1, 2), 0, parties - 1)),
                int(np.clip(threshold + rng.integers(-2, 2), 0, parties - 1)),
            )
        )
        colluders = int(np.clip(2 * threshold - parties + rng.integers(-1, 2), 0, parties - 1))
        cases.append((parties, threshold, 0, colluders))
    return [*cases, (parties, parties, 0, parties - 1), (parties, parties, 0, parties - 2)]


def _table(what_happens: Callable, rng: np.random.Generator, column: int, truth: Callable) -> None:
    for case in _cases(rng):
        got, want = _verdicts(what_happens, case)[column], truth(*case)
        parties, threshold, dropouts, colluders = case
        story = {
            0: f"{dropouts} drop out, so {parties - dropouts} shares of each secret can be asked "
            "for",
            1: f"{colluders} collude with the server and pool their shares of a victim's key",
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


@check
def the_sum_comes_out(what_happens: Callable, rng: np.random.Generator) -> None:
    """you know how many may drop out before the sum is lost."""

    def truth(parties, threshold, dropouts, colluders):
        there = list(range(parties - dropouts))
        shares = secagg.share([bytes(32)], threshold, range(parties))[there]
        try:
            return secagg.recover(shares, there, threshold) == [bytes(32)]
        except secagg.TooFewShares:
            return False

    _table(what_happens, rng, 0, truth)


@check
def a_curious_server(what_happens: Callable, rng: np.random.Generator) -> None:
    """you know how many colluders a server needs that follows the protocol."""

    def truth(parties, threshold, dropouts, colluders):
        own = list(range(colluders))
        shares = secagg.share([bytes(32)], threshold, range(parties))[own]
        try:
            return secagg.recover(shares, own, threshold) != [bytes(32)]
        except secagg.TooFewShares:
            return _in_company(parties, colluders)

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


@check
def the_tail_is_exact(privacy_risk: Callable, rng: np.random.Generator) -> None:
    """the risk is the exact chance of a bad neighbourhood, added up over the honest parties."""
    tried = 0
    while tried < 20:
        parties = int(rng.integers(20, 80))
        neighbours = 2 * int(rng.integers(2, 9))
        threshold = int(rng.integers(2, neighbours + 1))
        colluders = int(rng.integers(threshold, parties - 1))
        # Of all ways to choose the neighbours among the other parties, those with too many bad.
        bad = sum(
            math.comb(colluders, k) * math.comb(parties - 1 - colluders, neighbours - k)
            for k in range(threshold, neighbours + 1)
        )
        one = bad / math.comb(parties - 1, neighbours)
        want = (parties - colluders) * one
        # Neither cut off at 1 nor so small that 1 − cdf, which is right, too, is lost in rounding.
        if want < 1e-6 or parties * one >= 1:
            continue
        tried += 1
        got = as_number(
            privacy_risk(parties, neighbours, threshold, colluders), "`privacy_risk`'s result"
        )
        hint = ""
        if math.isclose(got, one, rel_tol=1e-6):
            hint = " That is the risk of ONE honest party: any of them may be unlucky."
        elif math.isclose(got, parties * one, rel_tol=1e-6):
            hint = " You counted the colluders among those who can be harmed."
        require(
            math.isclose(got, want, rel_tol=1e-6),
            f"{parties} parties with {neighbours} neighbours each, {colluders} colluders, "
            f"threshold {threshold}: the risk is {want:.4g}, and `privacy_risk` says {got:.4g}. "
            f"The neighbours are drawn without replacement from the OTHER parties.{hint}",
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
    sure = as_number(privacy_risk(parties, 12, threshold, parties - 2), what)
    require(
        abs(sure - 1) <= ROUNDING,
        f"With {parties - 2} colluders of {parties} a bad neighbourhood is certain; `privacy_risk` "
        f"says {sure:.4g}, and a probability is at most 1.",
    )
