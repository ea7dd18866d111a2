"""The checks of lab 04, split learning between two processes.

Those that need parties start some of their own, once in a process, with tapped wires: what the
notebook's own parties hold, and whether they are still alive, is none of a check's business. The
parties are where the student's function is, which may be another process (see `checks.at_home`).
"""

import functools
import itertools
import operator
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy.special import log_softmax, softmax

from labkit.checks import (
    CheckFailed,
    Guarded,
    as_array,
    as_arrays,
    as_number,
    at_home,
    check,
    likely,
    randomness,
    reason,
    require,
)
from labkit.parties import Parties, Party, PartyError, RemoteTensor, parties
from labkit.parties.program import write_down

# float32 results of a few hundred terms of size 1 are exact to 1e-5.
ROUNDING = 1e-4
# float32 rounds to 2^-24; a sum of a dozen terms, of what was rounded before, to less than 16 times
# that of the sizes of its terms. What is hidden in a result, such as a label, must be below it.
FINE = 16 * 2.0**-24

_started: dict[int, Parties] = {}


def _parties() -> tuple[Parties, Party, Party, Party]:
    """Three parties that run: those of this process, started anew if one has been lost."""
    together = _started.get(os.getpid())
    if together is not None:
        try:
            together.bytes_on_the_wire()
        except PartyError:
            together.close()
    else:
        together = _started[os.getpid()] = parties("alice", "bob", "carol", wiretap_INSECURE=True)
    if not together.running:
        together.start()
    together.crossings.clear()
    alice, bob, carol = together.members
    return together, alice, bob, carol


class _Move(NamedTuple):
    """A crossing (see labkit.parties), as data: the word of the student's process."""

    sender: str
    receiver: str
    nbytes: int | None
    value: Any
    text: str

    def __str__(self) -> str:
        return self.text


def _moves(together: Parties) -> list[_Move]:
    return [
        _Move(move.sender, move.receiver, move.nbytes, move.data, str(move))
        for move in together.crossings
    ]


def _as_told(moves: Any) -> list[_Move]:
    """Return the moves that the student's process tells of: what moved is numbers, whatever else.

    Of an array of objects NumPy's maximum may be a number where there are NaN among them.
    """
    told = [_Move(*move) for move in moves]
    return [
        move._replace(value=as_array(move.value, f"what moved ({move})", finite=False))
        for move in told
    ]


def _told(moves: Sequence[_Move]) -> str:
    return "; ".join(map(str, moves))


def _as_a_party(student: Callable, *args: Any) -> Any:
    """Call a function as a party does: written down first, with TensorFlow, and then run."""
    return at_home(student, _written_and_run, *args)


def _written_and_run(student: Callable, *args: Any) -> Any:
    arguments = tf.nest.map_structure(_tensor, args)
    try:
        written, _, structure = write_down("a party", student, arguments)
    except CheckFailed as error:
        if "symbolic" not in str(error).lower():
            raise
        raise CheckFailed(
            f"{error}\nA party writes your function down before any value is known: use tf.… in "
            "place of NumPy and of `.numpy()`."
        ) from None
    except PartyError as error:
        raise CheckFailed(str(error)) from None
    except Exception as error:
        name = getattr(student, "__name__", "it")
        raise CheckFailed(f"`{name}` returned what is no tensor: {reason(error)}") from None
    flat = [leaf for leaf in tf.nest.flatten(arguments) if tf.is_tensor(leaf)]
    try:
        results = written(*flat)
    except Exception as error:
        name = getattr(student, "__name__", "it")
        raise CheckFailed(
            f"`{name}` raised {type(error).__name__} when it ran: {reason(error)}"
        ) from None
    return tf.nest.pack_sequence_as(structure, results)


def _tensor(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return tf.constant(value, tf.float32 if value.dtype.kind == "f" else tf.int32)
    return value


def _require_float32(results: Any, what: str) -> None:
    """Require the parties' dtype: with another one the next step fails, or more bytes cross."""
    for result in tf.nest.flatten(results):
        kind = np.asarray(result).dtype
        require(
            kind == np.float32,
            f"{what} is {kind}, of {kind.itemsize} bytes a number: float32 is wanted, of 4.",
        )


def _bottom(rng: np.random.Generator, sizes: Sequence[int] = (6, 5, 4)) -> list[np.ndarray]:
    """Weights and biases, float32 as the parties have them."""
    layers = []
    for before, after in itertools.pairwise(sizes):
        layers += [rng.normal(0, 1, (before, after)), rng.normal(0, 1, after)]
    return [layer.astype(np.float32) for layer in layers]


def _far_from_kinks(
    rng: np.random.Generator, batch: int, size: float
) -> tuple[list[np.ndarray], np.ndarray]:
    """A bottom and images of that size for which no unit is within 0.02 of the relu's kink."""
    while True:
        sizes = 6, int(rng.integers(3, 6)), int(rng.integers(2, 5))
        bottom, x = _bottom(rng, sizes), rng.normal(0, size, (batch, 6)).astype(np.float32)
        if min(np.abs(z).min() for z in _sums(bottom, x)) > 0.02:
            return bottom, x


def _sums(bottom: Sequence[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """What the units of each layer add up, before the relu, in float64."""
    w0, b0, w1, b1 = (np.asarray(v, np.float64) for v in bottom)
    first = np.asarray(x, np.float64) @ w0 + b0
    return [first, np.where(first > 0, first, 0) @ w1 + b1]


def _slopes(function: Callable, at: Sequence[np.ndarray], step: float = 1e-5) -> list[np.ndarray]:
    """Central differences of a number along every entry, in float64: exact to about step²."""
    at = [np.array(a, np.float64) for a in at]
    slopes = [np.zeros_like(a) for a in at]
    for values, slope in zip(at, slopes, strict=True):
        for index in np.ndindex(values.shape):
            middle = values[index]
            values[index] = middle + step
            up = function(*at)
            values[index] = middle - step
            slope[index] = (up - function(*at)) / (2 * step)
            values[index] = middle
    return slopes


def _apart(got: Sequence[np.ndarray], want: Sequence[np.ndarray | float]) -> float:
    # NumPy's maximum is NaN if one of them is, Python's only if the first one is.
    return float(np.max([np.abs(g - w).max() for g, w in zip(got, want, strict=True)]))


# Part 1 · two processes ---------------------------------------------------------------------


def _sum_of_squares(
    student: Callable, rng: np.random.Generator
) -> tuple[np.ndarray, Any, str, list[_Move]]:
    """Return the values, what comes home of them, or else what does not, and the moves."""
    # Neither all equal nor of size 1, so that squares differ from values; one is 0, one is twice.
    size, many = 2 * 10 ** rng.uniform(0, 3), int(rng.integers(12, 25))
    values = rng.normal(0, size, many).astype(np.float32)
    values[:2] = 0, values[2]
    values = rng.permutation(values)
    got, left_there, moves = at_home(student, _summed_by_parties, values)
    return values, got, left_there, _as_told(moves)


def _summed_by_parties(student: Callable, values: np.ndarray) -> tuple[Any, str, list[_Move]]:
    together, alice, bob, _ = _parties()
    got = student(alice, bob, values)
    if isinstance(got, RemoteTensor):
        return None, repr(got), _moves(together)
    return got, "", _moves(together)


@check
def the_sum_is_right(sum_of_squares: Callable, rng: np.random.Generator) -> None:
    """the notebook gets the sum of the squares."""
    values, got, left_there, _ = _sum_of_squares(sum_of_squares, rng)
    require(
        not left_there,
        f"`sum_of_squares` returned {left_there}: it still lives there. `get` moves it home.",
    )
    got = as_number(got, "the result of `sum_of_squares`")
    want = float(np.sum(np.square(values, dtype=np.float64)))
    hint = ""
    if abs(got - float(values.sum())) <= ROUNDING * float(np.abs(values).sum()):
        hint = " That is the sum of the values themselves."
    elif abs(got - float(values.sum()) ** 2) <= ROUNDING * want:
        hint = " That is the square of the sum."
    require(
        abs(got - want) <= ROUNDING * want,
        f"For {len(values)} values the squares add up to {want:.4f}; you return {got:.4f}.{hint}",
    )


@check
def each_moves_what_it_must(sum_of_squares: Callable, rng: np.random.Generator) -> None:
    """the values go to the owner, squares to the helper, and one number home."""
    values, got, left_there, moves = _sum_of_squares(sum_of_squares, rng)
    told = _told(moves) or "nothing moved at all"
    legs = [("notebook", "alice"), ("alice", "bob"), ("bob", "notebook")]
    crossed = {leg: np.zeros(0) for leg in legs}
    strays = 0
    for move in moves:  # one array, or its numbers one by one
        leg = move.sender, move.receiver
        strays += leg not in crossed
        crossed[leg] = np.append(crossed.get(leg, []), move.value)
    there, squares, home = (np.sort(crossed[leg]) for leg in legs)
    if strays == 0 and squares.shape == values.shape and there.shape == values.shape:
        require(
            np.allclose(there, np.sort(values), rtol=1e-6),
            f"alice did not get the values from the notebook, but {np.round(there, 3)} ({told}): "
            "she is the one to square them.",
        )
        require(
            np.allclose(squares, np.sort(np.square(values, dtype=np.float64)), rtol=1e-5),
            f"bob got {np.round(squares, 3)} from alice, not the squares of what she had been sent "
            f"({told}).",
        )
    require(
        strays == 0
        and squares.shape == values.shape
        and there.shape == values.shape
        and home.size == 1,
        f"With owner alice, helper bob and {len(values)} values three moves are wanted: the "
        "values to alice, their squares from her to bob, one number from bob home. These were "
        f"made: {told}.",
    )
    require(
        not left_there and bool(np.isclose(as_number(got, "what you return"), home[0])),
        f"What you return is not the number that came home ({told}).",
    )


# Part 2 · the steps -------------------------------------------------------------------------


@check
def both_layers_end_in_relu(forward_to_cut: Callable, rng: np.random.Generator) -> None:
    """neither layer lets a negative sum through."""
    for unit in 1.0, float(10 ** rng.uniform(-7, -3)):  # a bend is at 0, and sharp
        _require_relus(forward_to_cut, rng, unit)


def _require_relus(forward_to_cut: Callable, rng: np.random.Generator, unit: float) -> None:
    width = int(rng.integers(3, 7))
    batch = int(rng.integers(1, 7))
    x = rng.uniform(0.2, 2, (batch, width)) * rng.choice([-1, 1], (batch, width))
    x.flat[:3] = rng.permutation([-1.53, 0.51, 1.53])  # every case occurs
    # A shift, so that a bias behind the relu is another thing; no sum is at the kink.
    shift, one, eye = rng.choice([-0.1, 0.1], width), np.ones(width), np.eye(width)
    what = "`forward_to_cut`'s result"
    # Layers x + b and 1 − that: without the first relu it exceeds 1, without the second it is < 0.
    network = [eye, unit * shift, -eye, unit * one]
    raw = as_array(_as_a_party(forward_to_cut, network, unit * x), what, x.shape)
    got, x = raw / unit, x + shift
    of = "" if unit == 1 else f" (all in units of {unit:.3g})"
    hint = ""
    if np.allclose(got, np.maximum(1 - x, 0), atol=1e-5):
        hint = " That is what comes out without the first layer's relu."
    elif np.allclose(got, 1 - np.maximum(x, 0), atol=1e-5):
        hint = " That is what comes out without the second layer's relu."
    require(
        bool(got.max() <= 1 + ROUNDING),
        "The first layer shifts x, the second computes 1 − that: nothing can exceed 1, as "
        f"relu(x) is never negative; yours reaches {got.max():.6f}{of}.{hint}",
    )
    require(
        bool(got.min() >= -ROUNDING),
        "Smashed data are never negative behind a relu; yours go down to "
        f"{got.min():.6f}{of}.{hint}",
    )
    want = np.clip(1 - x, 0, 1)
    worst = int(np.argmax(np.abs(got - want)))
    require(
        bool(np.allclose(got, want, rtol=0, atol=4 * FINE)),  # numbers up to 3, and a product
        "With a first layer that adds its bias and a second that computes 1 − its input, a sum of "
        f"{x.flat[worst]:.6f} should become {want.flat[worst]:.6f}, and yours is "
        f"{got.flat[worst]:.6f}{of}.",
    )
    off = (x < 0) | (x > 1.01)  # where one of the two sums is negative
    rest = np.abs(raw - want * float(np.float32(unit)))[off].max()
    require(
        bool(rest == 0),
        f"Behind a relu a negative sum is 0, exactly; of yours {rest / unit:.3g} is left{of}.",
    )


@check
def weights_and_biases_are_in_their_place(
    forward_to_cut: Callable, rng: np.random.Generator
) -> None:
    """each layer is its input times its weights, plus its biases."""
    # Everything positive: the relus do nothing, and the network is two affine maps. The sums are
    # far above where anything could saturate.
    sizes, batch = rng.permutation(np.arange(2, 8))[:3].tolist(), int(rng.integers(1, 7))
    bottom = [np.abs(v) + np.float32(0.5) for v in _bottom(rng, sizes)]
    size = 10 ** rng.uniform(3, 4)
    bottom[1::2] = [np.float32(size) * b for b in bottom[1::2]]
    x = rng.uniform(2, 4, (batch, sizes[0])).astype(np.float32) * np.float32(size)
    result = _as_a_party(forward_to_cut, bottom, x)
    got = as_array(result, "`forward_to_cut`'s result", (batch, sizes[2]))
    _require_float32(result, "`forward_to_cut`'s result")
    w0, b0, w1, b1 = (np.asarray(v, np.float64) for v in bottom)
    want = (x @ w0 + b0) @ w1 + b1
    hint = ""
    if np.allclose(got, x @ w0 @ w1 + b1, rtol=1e-3):
        hint = " Yours has no first bias."
    elif np.allclose(got, (x @ w0 + b0) @ w1, rtol=1e-3):
        hint = " Yours has no second bias."
    elif np.allclose(got, x @ w0 @ w1, rtol=1e-3):
        hint = " Yours has no biases."
    require(
        bool(np.allclose(got, want, rtol=4 * FINE)),
        f"With positive weights the relus do nothing, and the first unit of the first image gets "
        f"{want[0, 0]:.4f}; yours gets {got[0, 0]:.4f}.{hint}",
    )
    # Numbers of either sign, in a network and a batch of the lab's sizes, and yet all sums are
    # positive: the first layer's by their biases, the second's as most weights are.
    (w0, _, w1, _), x = _bottom(rng, (784, 128, 640)), rng.normal(0, 1, (64, 784))
    w1 += np.float32(0.7)
    b0 = np.abs(x @ w0).max() * rng.uniform(4, 8, 128)
    b1 = (b0 @ w1) * rng.uniform(-0.5, 0.5, 640)
    bottom, x = [v.astype(np.float32) for v in (w0, b0, w1, b1)], x.astype(np.float32)
    result = _as_a_party(forward_to_cut, bottom, x)
    got = as_array(result, "`forward_to_cut`'s result", (64, 640))
    want = _sums(bottom, x)[-1]
    w0, b0, w1, b1 = (np.abs(np.asarray(v, np.float64)) for v in bottom)
    exact = FINE * ((np.abs(x) @ w0 + b0) @ w1 + b1)
    image, unit = np.unravel_index(np.argmax(np.abs(got - want) - exact), want.shape)
    require(
        bool(np.all(np.abs(got - want) <= exact)),
        "With weights, biases and images of either sign, but positive sums throughout, unit "
        f"{unit} of image {image} gets {want[image, unit]:.2f}; yours gets {got[image, unit]:.2f}.",
    )


def _head(
    rng: np.random.Generator, size: float = 1
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, float]:
    """Top, smashed data up to `size`, labels, learning rate; the slopes grow with the size, too."""
    batch, width, classes = (int(rng.integers(low, 8)) for low in (2, 4, 2))
    top = [np.float32(size) * v for v in _bottom(rng, (width, classes))]
    # After relu some are 0.
    smashed = np.maximum(0, size * rng.uniform(-0.4, 1, (batch, width))).astype(np.float32)
    # A label that its own image does not have yet, so that not all gradients vanish, and one that
    # its image has.
    logits = smashed @ top[0] + top[1]
    # Their exp() stays in float32: another check asks for more.
    top = [np.float32(min(1, 60 / np.abs(logits).max())) * v for v in top]
    labels = rng.integers(0, classes, batch).astype(np.int32)
    labels[0] = np.argmin(logits[0])
    labels[1:2] = np.argmax(logits[1:2], axis=1)
    return top, smashed, labels, float(rng.uniform(0.2, 0.5))


def _lab_head(rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Top, smashed data and labels of the lab's sizes; of the labels some are as predicted."""
    w, b = _bottom(rng, (640, 10))
    top = [np.float32(0.25) * w, b]
    smashed = np.maximum(0, rng.uniform(-0.4, 1, (64, 640))).astype(np.float32)
    labels = rng.integers(0, 10, 64).astype(np.int32)
    labels[:8] = np.argmax(smashed[:8] @ top[0] + b, axis=1)
    return top, smashed, labels


def _top_slopes(
    top: Sequence[np.ndarray], smashed: np.ndarray, labels: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """How fast the mean loss grows along the top's weights, and along the smashed data."""
    w, b, h = (np.asarray(v, np.float64) for v in (*top, smashed))
    error = (softmax(h @ w + b, axis=1) - np.eye(len(b))[labels]) / len(labels)
    return [h.T @ error, error.sum(axis=0)], error @ w.T


def _fineness(top: Sequence[np.ndarray], smashed: np.ndarray) -> float:
    """To what a probability of the softmax is exact in float32: as its logits are."""
    w, b = (np.abs(np.asarray(v, np.float64)) for v in top)
    return FINE * float(np.max(1 + np.abs(smashed) @ w + b))


def _loss(top: Sequence[np.ndarray], smashed: np.ndarray, labels: np.ndarray) -> float:
    w, b = top
    return -float(np.mean(log_softmax(smashed @ w + b, axis=1)[np.arange(len(labels)), labels]))


def _served(server_step: Callable, *args: Any) -> tuple[list[np.ndarray], np.ndarray, float]:
    top, smashed = args[0], args[1]
    result = _as_a_party(server_step, *args)
    require(
        isinstance(result, tuple | list) and len(result) == 3,
        "`server_step` must return three things: the new top, the gradient at the cut, the loss.",
    )
    what = "`server_step`'s"
    for part, name in zip(result, ("new top", "cut gradient", "loss"), strict=True):
        require(part is not None, f"{what} {name} is None.")
    served = (
        as_arrays(result[0], f"{what} new top", top),
        as_array(result[1], f"{what} cut gradient", smashed.shape),
        as_number(result[2], f"{what} loss"),
    )
    _require_float32(result[0], f"{what} new top")
    _require_float32(result[1], f"{what} cut gradient")
    return served


@check
def the_loss_is_the_mean_cross_entropy(server_step: Callable, rng: np.random.Generator) -> None:
    """it is the mean of −log of the true label's probability."""
    top, smashed, labels = _lab_head(rng)
    _, _, got = _served(server_step, top, smashed, labels, 0.3)
    want = _loss(top, smashed, labels)
    twice = softmax(softmax(smashed @ top[0] + top[1], axis=1), axis=1)
    slips = {
        "Yours is the sum over the batch.": want * len(labels),
        "You took the softmax twice.": -np.mean(np.log(twice[np.arange(len(labels)), labels])),
    }
    require(
        abs(got - want) <= 2 * _fineness(top, smashed),
        f"The mean cross-entropy of this batch of {len(labels)} is {want:.4f}; `server_step` says "
        f"{got:.4f}.{likely(got, slips)}",
    )
    top, smashed, labels, rate = _head(rng)
    # Logits of some hundreds, right or wrong: exp() of them overflows, or is 0.
    sure = [500 * w for w in top]
    for some in slice(None), slice(1):  # and one example alone
        _, _, got = _served(server_step, sure, smashed[some], labels[some], rate)
        want = _loss(sure, smashed[some], labels[some])
        require(
            abs(got - want) <= 2 * _fineness(sure, smashed),
            f"With logits of some hundreds, and {len(labels[some])} of the examples, the mean "
            f"cross-entropy is {want:.4f}; yours is {got:.4f}.",
        )


@check
def the_top_makes_one_sgd_step(server_step: Callable, rng: np.random.Generator) -> None:
    """bob's weights go learning_rate times the gradient downhill."""
    # The lab's learning rate is 0.03.
    case = _lab_head(rng)
    for rate in 10 ** rng.uniform(-2, -1.3), rng.uniform(2, 6):
        _require_sgd_step(server_step, *case, float(rate))
    # Gradients far above 1: what cuts long ones off shows.
    _require_sgd_step(server_step, *_head(rng, 8))


def _require_sgd_step(
    server_step: Callable,
    top: list[np.ndarray],
    smashed: np.ndarray,
    labels: np.ndarray,
    rate: float,
) -> None:
    new, _, _ = _served(server_step, top, smashed, labels, rate)
    slopes, _ = _top_slopes(top, smashed, labels)
    moved = [(old - after) / rate for old, after in zip(top, new, strict=True)]
    require(
        _apart(new, top) > 0,
        "bob's weights did not move, with slopes of up to "
        f"{max(np.abs(s).max() for s in slopes):.2g}: the new ones are wanted.",
    )
    hint = ""
    for factor, text in (
        (-1, " You went uphill."),
        (1 / rate, " Your step is the gradient, without the learning rate."),
        (len(labels), " Yours is the gradient of the SUM of the losses."),
    ):
        if _apart(moved, [factor * s for s in slopes]) < 1e-4 * abs(factor):
            hint = text
    if _apart(new, slopes) < 1e-4:
        hint = " You return the gradients; the weights after the step are wanted."
    # Weights are rounded, too, after the step.
    largest = max(np.abs(v).max() for v in (*top, *new))
    exact = 2 * max(1, smashed.max()) * _fineness(top, smashed) + 2.0**-23 * largest / rate
    require(
        _apart(moved, slopes) <= exact,
        f"The step per learning rate is off by up to {_apart(moved, slopes):.2g} from the "
        f"gradient of the mean loss, of {len(labels)} examples and with learning rate {rate:.3g}."
        f"{hint}",
    )


@check
def the_cut_gradient_is_the_slope_at_the_cut(
    server_step: Callable, rng: np.random.Generator
) -> None:
    """it is how fast the loss grows along each number that alice sent."""
    _require_slope_at_the_cut(server_step, *_lab_head(rng))
    # Gradients far above 1: what cuts long ones off shows.
    _require_slope_at_the_cut(server_step, *_head(rng, 8)[:3])


def _require_slope_at_the_cut(
    server_step: Callable, top: list[np.ndarray], smashed: np.ndarray, labels: np.ndarray
) -> None:
    rate = 1.5  # large, so that the new top is another one
    new, got, _ = _served(server_step, top, smashed, labels, rate)
    _, want = _top_slopes(top, smashed, labels)
    slips = {
        "The sign is the wrong way round.": -want,
        "It is multiplied by the learning rate: alice has her own.": want * rate,
        "Yours belongs to the SUM of the losses.": want * len(labels),
        "Yours belongs to the NEW top: alice sent her data through the old one.": _top_slopes(
            new, smashed, labels
        )[1],
    }
    require(
        float(np.abs(got - want).max())
        <= _fineness(top, smashed) * np.abs(top[0]).sum(axis=1).max() / len(labels),
        f"The gradient at the cut is off by up to {np.abs(got - want).max():.2g}; its largest "
        f"entry should be {np.abs(want).max():.4g} in size, yours is {np.abs(got).max():.4g}."
        f"{likely(got, slips)}",
    )


def _learned(backward: Callable, bottom, x, cut_gradient, rate) -> list[np.ndarray]:
    result = _as_a_party(backward, bottom, x, cut_gradient, rate)
    new = as_arrays(result, "`backward_from_cut`'s result", bottom)
    _require_float32(result, "`backward_from_cut`'s result")
    return new


def _backward_case(rng: np.random.Generator, balanced: bool = False, images: int = 0):
    """A case in which every weight array must move; balanced, gradients add up to 0 both ways.

    Balanced, the units add up to a hundred, too.
    """
    while True:
        batch = images or int(rng.integers(1 + balanced, 6))
        bottom, x = _far_from_kinks(rng, batch, 20 if balanced else 1)
        gradient = rng.normal(0, 1, (batch, len(bottom[-1]))).astype(np.float32)
        if balanced:
            # In steps of 1/32, so that the sums are exactly 0; some entries are far above 1.
            gradient[:] = np.rint(64 * gradient) / 32
            gradient[-1] = -gradient[:-1].sum(axis=0)
            gradient[:, -1] = -gradient[:, :-1].sum(axis=1)
        slopes = _bottom_slopes(bottom, x, gradient)
        if min(np.abs(s).max() for s in slopes) > 0.1:
            return bottom, x, gradient, slopes, float(rng.uniform(0.2, 0.5))


def _bottom_slopes(bottom, x, gradient) -> list[np.ndarray]:
    """How fast the sum of gradient times smashed data grows along each weight."""

    def total(*bottom):
        last = _sums(bottom, x)[-1]
        return float(np.sum(gradient * np.where(last > 0, last, 0)))

    return _slopes(total, bottom)


@check
def alices_weights_move(backward_from_cut: Callable, rng: np.random.Generator) -> None:
    """all four of alice's arrays change."""
    bottom, x, gradient, _, rate = _backward_case(rng)
    new = _learned(backward_from_cut, bottom, x, gradient, rate)
    still = [i for i in range(4) if np.array_equal(new[i], bottom[i])]
    require(
        len(still) < 4,
        "alice's weights did not move: with this step missing she never learns, and bob learns "
        "from random features.",
    )
    require(
        not still,
        f"Of alice's four arrays (w0, b0, w1, b1) number{'s' * (len(still) > 1)} "
        f"{', '.join(map(str, still))} did not move.",
    )
    # A step starts from where the weights are. How long it is depends on w1 alone for w0 and b0,
    # on none of these for b1; and so little a shift, 1e-5, crosses no kink.
    shifts = [1e-5 * rng.choice([-1, 1], v.shape).astype(np.float32) for v in bottom]
    shifts[2] *= 0
    shifted = [np.float32(v + s) for v, s in zip(bottom, shifts, strict=True)]
    other = _learned(backward_from_cut, shifted, x, gradient, rate)
    gaps = [(other[i] - new[i]) - (shifted[i].astype(np.float64) - bottom[i]) for i in (0, 1, 3)]
    off = _apart(gaps, [0, 0, 0])
    require(
        off <= 5e-6,
        "A step starts from the weights that alice has, and for w0, b0 and b1 its length depends "
        "on w1 and her images alone: where they begin 1e-5 elsewhere they should end as much "
        f"elsewhere. Yours are {off:.2g} off.",
    )
    # What is always added is no step: w0's goes along the images.
    other = _learned(backward_from_cut, bottom, 2 * x, gradient, rate)
    require(
        _apart(other[:1], new[:1]) > 1e-5,
        "With other images alice's first weights move to the same place: her step goes along what "
        "her images say.",
    )


@check
def the_chain_rule_goes_through_the_bottom(
    backward_from_cut: Callable, rng: np.random.Generator
) -> None:
    """alice steps downhill along what the cut gradient says of her own weights."""
    for balanced, images in ((False, 64), (True, 0)):  # one batch as large as the lab's
        # As of a network that is wrong, or sure: powers of 2, so that nothing is rounded otherwise.
        factor = float(2.0 ** (rng.integers(20, 31) * (-1 if balanced else 1)))
        _require_chain_rule(backward_from_cut, factor, *_backward_case(rng, balanced, images))


def _require_chain_rule(
    backward_from_cut: Callable,
    factor: float,
    bottom: list[np.ndarray],
    x: np.ndarray,
    gradient: np.ndarray,
    slopes: list[np.ndarray],
    rate: float,
) -> None:
    new = _learned(backward_from_cut, bottom, x, gradient, rate)
    moved = [(old - after) / rate for old, after in zip(bottom, new, strict=True)]
    largest = max(np.abs(s).max() for s in slopes)
    # Slopes are sums of up to 5 · 4 products, each of four numbers of size 3 at most, or of three
    # and a larger gradient, which may cancel out, or of up to 64 · 4, whose sum rounds by less than
    # four times that of its largest part; and weights are rounded after the step: those below 8,
    # and others relatively.
    size = max(4, largest) * max(1, np.abs(gradient).max() / 3)
    exact = 4 * FINE * size + 2.0**-22 * max(1, rate * largest / 4) / rate
    off = _apart(moved, slopes)
    if not off <= exact:
        hint = ""
        ignoring = _bottom_slopes(bottom, x, np.ones_like(gradient))
        for candidate, text in (
            ([-s for s in slopes], " You went uphill."),
            ([s / rate for s in slopes], " Your step is the gradient, without the learning rate."),
            (
                [(w - s) / rate for w, s in zip(bottom, slopes, strict=True)],
                " You return the gradients; the weights after the step are wanted.",
            ),
            (
                [s / len(x) for s in slopes],
                " bob's gradient is of the MEAN loss already: do not divide by the batch again.",
            ),
            (
                ignoring,
                " Yours is the gradient of the sum of the smashed data, without the gradient that "
                "bob sent.",
            ),
        ):
            if _apart(moved, candidate) < 1e-3 * max(np.abs(c).max() for c in candidate):
                hint = text
        raise CheckFailed(
            f"alice's step per learning rate is off by up to {off:.2g}; the largest slope is "
            f"{largest:.4f}.{hint}"
        )
    same = _learned(backward_from_cut, bottom, x, np.float32(factor) * gradient, rate / factor)
    require(
        _apart(same, new) <= ROUNDING * max(1, _apart(new, bottom)),
        f"With a gradient {factor:.2g} times as long and a learning rate {1 / factor:.2g} times as "
        f"large alice's step is to be the same; yours is {_apart(same, new):.2g} away.",
    )


@check
def no_gradient_no_step(backward_from_cut: Callable, rng: np.random.Generator) -> None:
    """a gradient of zero moves nothing, and twice the gradient moves twice as far."""
    bottom, x, gradient, _, rate = _backward_case(rng)
    still = _learned(backward_from_cut, bottom, x, 0 * gradient, rate)
    require(
        _apart(still, bottom) <= 2.0**-22,  # rounding of weights below 4
        f"bob sent a gradient of zeros, and alice's weights moved by {_apart(still, bottom):.2g}: "
        "she must learn from what bob sent and nothing else.",
    )
    once, twice = (_learned(backward_from_cut, bottom, x, k * gradient, rate) for k in (1, 2))
    require(
        _apart(once, bottom) > 0,
        "alice's weights did not move, with a gradient or without.",
    )
    expected = [2 * a - b for a, b in zip(once, bottom, strict=True)]
    size = max(1, _apart(once, bottom))
    require(
        _apart(twice, expected) <= ROUNDING * size,
        "Twice the gradient should move alice's weights twice as far; yours go "
        f"{_apart(twice, bottom) / max(_apart(once, bottom), 1e-12):.3f} times as far.",
    )


# Part 2 · all of it, between real processes -------------------------------------------------

# Another network than the lab's: split_step works with whatever functions it is given. Each has a
# factor that is drawn, below 1, so that nobody who does not call it has its results, and bob's
# gradient alone does not say how far alice goes.


def _tanh_network(
    height: float, weight: float, share: float
) -> tuple[Callable, Callable, Callable]:
    def forward(bottom, x):
        return height * tf.tanh(x @ bottom[0] + bottom[1])

    def serve(top, smashed, y, learning_rate):
        error = smashed @ top[0] + top[1] - y
        slope = 2 * weight * error / tf.cast(tf.size(y), tf.float32)
        new = [
            top[0] - learning_rate * tf.matmul(smashed, slope, transpose_a=True),
            top[1] - learning_rate * tf.reduce_sum(slope, axis=0),
        ]
        return new, tf.matmul(slope, top[0], transpose_b=True), weight * tf.reduce_mean(error**2)

    def backward(bottom, x, cut_gradient, learning_rate):
        local = height * cut_gradient * (1 - tf.tanh(x @ bottom[0] + bottom[1]) ** 2)
        return [
            bottom[0] - share * learning_rate * tf.matmul(x, local, transpose_a=True),
            bottom[1] - share * learning_rate * tf.reduce_sum(local, axis=0),
        ]

    return forward, serve, backward


def _unsplit(bottom, top, batches, rates, factors):
    """The same training on one machine in float64, with slopes by central differences."""
    height, weight, share = factors

    def loss(w0, b0, w, b, x, y):
        return weight * float(np.mean((height * np.tanh(x @ w0 + b0) @ w + b - y) ** 2))

    weights, losses = [np.array(v, np.float64) for v in [*bottom, *top]], []
    for batch, rate in zip(batches, rates, strict=True):
        here = functools.partial(_last_fixed, loss, batch)
        losses.append(here(*weights))
        steps = zip(weights, _slopes(here, weights), (share, share, 1, 1), strict=True)
        weights = [v - rate * part * slope for v, slope, part in steps]
    return weights, losses


def _last_fixed(function: Callable, last: Sequence[Any], *first: Any) -> float:
    return function(*first, *last)


def _split(split_step: Callable, rng: np.random.Generator, steps: int) -> dict[str, Any]:
    """Make a few steps with alice and bob, and say all that happened."""
    bottom, top = _bottom(rng, (6, 5)), _bottom(rng, (5, 3))
    # The last step of several is the next epoch's first.
    batches = [
        tuple(rng.normal(0, 1, (7, n)).astype(np.float32) for n in (6, 3))
        for _ in range(max(1, steps - 1))
    ]
    # The lab's learning rate is 0.03.
    rates = rng.uniform(0.1, 0.2, steps)
    rates[0] = 10 ** rng.uniform(-2, -1.3)
    rates, factors = rng.permutation(rates).tolist(), rng.uniform(0.5, 0.9, 3).tolist()
    run = at_home(split_step, _split_by_parties, bottom, top, batches, rates, factors)
    return run | {
        "moves": _as_told(run["moves"]),
        "start": (bottom, top),
        "batches": batches,
        "factors": factors,
        "unsplit": _unsplit(bottom, top, (batches * 2)[:steps], rates, factors),
    }


def _split_by_parties(
    split_step: Callable,
    bottom: list[np.ndarray],
    top: list[np.ndarray],
    batches: list[tuple[np.ndarray, np.ndarray]],
    rates: list[float],
    factors: list[float],
) -> dict[str, Any]:
    together, alice, bob, _ = _parties()
    network = forward, serve, _ = _tanh_network(*factors)
    hers, his = alice.send(list(bottom), name="bottom"), bob.send(list(top), name="top")
    losses, moves, received = [], [], []
    sent = [(alice.send(x, name="images"), bob.send(y, name="labels")) for x, y in batches]
    smashed = alice.run(forward, hers, sent[0][0])
    gradient = bob.run(serve, his, smashed.send(bob), sent[0][1], rates[0])[1]
    at_the_cut = smashed.get(), gradient.get()
    for (x, y), rate in zip(sent * 2, rates, strict=False):
        together.crossings.clear()
        result = split_step(alice, bob, hers, his, x, y, rate, *network)
        moves += _moves(together)
        require(
            isinstance(result, tuple | list) and len(result) == 4,
            "`split_step` must return four things: bottom, top, loss and the gradient that alice "
            "received.",
        )
        hers, his, loss, gradient = result
        for weights, what in ((hers, "bottom"), (his, "top")):
            require(
                isinstance(weights, tuple | list) and len(weights) == 2,
                f"The new {what} is {weights!r}, and what was passed in is a list of 2 arrays. "
                "Which of the things that are returned is which?",
            )
        for value, owner, what in (
            *((v, alice, "the new bottom") for v in hers),
            *((v, bob, "the new top") for v in his),
            (loss, bob, "the loss"),
            (gradient, alice, "the gradient that alice received"),
        ):
            require(
                isinstance(value, RemoteTensor),
                f"{what} is {value!r}: everything stays where it was computed, so return "
                "RemoteTensors. Do not `get` anything.",
            )
            require(
                value.owner is owner,
                f"{what} is held by {value.owner.name}; it belongs to {owner.name}.",
            )
        losses.append(float(loss.copy().get()))
        received.append(gradient.copy().get())
    return {
        "bottom": [v.copy().get() for v in hers],
        "top": [v.copy().get() for v in his],
        "losses": losses,
        "moves": moves,
        "received": received,
        "at the cut": at_the_cut,
    }


def _at_the_cut(run: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The smashed data of a run's first batch, and their gradient."""
    (x, y), (bottom, (w, b)), (height, weight, _) = run["batches"][0], run["start"], run["factors"]
    smashed = height * np.tanh(np.asarray(x, np.float64) @ bottom[0] + bottom[1])
    return smashed, *_slopes(lambda h: weight * float(np.mean((h @ w + b - y) ** 2)), [smashed])


def _is_near(got: np.ndarray, want: np.ndarray) -> bool:
    """Tell whether float32 numbers at the cut are those of float64, with nothing hidden in them.

    They are sums of up to 6 products of numbers of size 4 at most, or half as many of size 10.
    """
    return bool(np.abs(got - want).max() <= 4 * FINE * max(1, np.abs(want).max()))


@check
def split_training_equals_unsplit(split_step: Callable, rng: np.random.Generator) -> None:
    """after three steps every weight is what one machine would have."""
    run = _split(split_step, rng, 3)
    bottom, top = run["start"]
    weights, losses = run["unsplit"]
    got = as_arrays([*run["bottom"], *run["top"]], "the new weights", weights)
    got_losses = as_array(run["losses"], "the losses", (3,))
    require(
        any(not np.array_equal(a, b) for a, b in zip(run["bottom"], bottom, strict=True)),
        "alice's weights did not move: what `backward` gives is her new bottom.",
    )
    require(
        any(not np.array_equal(a, b) for a, b in zip(run["top"], top, strict=True)),
        "bob's weights did not move. Return the new top that `serve` gives.",
    )
    # A float32 step over at most 100 terms of size ≤ 10 rounds by ≤ 100 · 10 · 2⁻²⁴ · rate 0.2
    # = 1.2e-5 at most, and by a tenth of that as a rule; three of them, each passed on through the
    # next one's slopes, by less than 1e-4.
    apart = _apart(got, weights)
    require(
        apart <= 1e-4,
        f"After three steps your weights differ from those of the unsplit network by {apart:.2g}.",
    )
    off = float(np.abs(got_losses - losses).max())
    require(
        off <= 1e-4 * max(1, *losses),
        f"The losses of the three steps are off by up to {off:.4f}.",
    )


@check
def alice_learns_from_bobs_gradient(split_step: Callable, rng: np.random.Generator) -> None:
    """what alice received is the gradient at the cut, and her weights moved by it."""
    run = _split(split_step, rng, 1)
    bottom, _ = run["start"]
    _, want = _at_the_cut(run)
    [got] = run["received"]
    got = as_array(got, "the gradient that alice received")
    require(
        got.shape == want.shape,
        f"The gradient that alice received has shape {got.shape}; the smashed data have "
        f"{want.shape}. Which of the things that `serve` returns did you send her?",
    )
    require(
        _is_near(got, want),
        f"What alice received is off by up to {np.abs(got - want).max():.2g} from the gradient "
        "of the loss at the cut.",
    )
    new = as_arrays(run["bottom"], "alice's new weights", bottom)
    require(
        _apart(new[:1], bottom[:1]) > 0,
        "alice's weights did not move: she has the gradient, and does nothing with it.",
    )


@check
def only_the_cut_is_crossed(split_step: Callable, rng: np.random.Generator) -> None:
    """smashed data go one way, their gradient the other, and nothing else moves."""
    run = _split(split_step, rng, 1)
    told = _told(run["moves"]) or "nothing at all"
    [(x, y)] = run["batches"]
    bottom, top = run["start"]
    for move in run["moves"]:
        for secret, what in (
            (x, "alice's images"),
            (y, "bob's labels"),
            *((v, "alice's weights") for v in [*bottom, *run["bottom"]]),
            *((v, "bob's weights") for v in [*top, *run["top"]]),
        ):
            same = move.value.shape == np.shape(secret) and np.array_equal(move.value, secret)
            require(
                not same,
                f"{what} crossed over ({move}). Only smashed data and their gradient may.",
            )
    require(
        [(move.sender, move.receiver) for move in run["moves"]]
        == [("alice", "bob"), ("bob", "alice")]
        and {move.value.shape for move in run["moves"]} == {(7, 5)},
        "In one step the smashed data go from alice to bob and the gradient comes back: two "
        f"moves. Yours: {told}.",
    )
    smashed, gradient = _at_the_cut(run)
    for move, want in zip(run["moves"], (smashed, gradient), strict=True):
        require(
            _is_near(move.value, want),
            f"What {move.sender} sent to {move.receiver} is neither the smashed data nor their "
            f"gradient, but {np.abs(move.value - want).max():.2g} away ({told}).",
        )
    # The same function, run by the same party on the same numbers.
    exact = as_arrays(run["at the cut"], "what is to cross", [smashed, gradient])
    for move, want in zip(run["moves"], exact, strict=True):
        require(
            np.array_equal(move.value, want),
            f"What {move.sender} sent to {move.receiver} is not exactly what {move.sender}'s "
            f"function gives, but up to {np.abs(move.value - want).max():.2g} away ({told}): what "
            "is hidden in the last digits crosses, too.",
        )


@check
def payload_is_both_ways(bytes_per_epoch: Callable, rng: np.random.Generator) -> None:
    """every example's smashed data and gradient are counted, four bytes a number."""
    what = "the result of `bytes_per_epoch`"
    together, alice, bob, _ = _parties()
    width, batch = int(rng.integers(5, 40)), int(rng.integers(2, 9))
    examples = batch * int(rng.integers(2, 5)) + int(rng.integers(1, batch))
    for start in range(0, examples, batch):
        size = min(batch, examples - start)
        alice.send(np.zeros((size, width), np.float32)).send(bob).send(alice)
    between = [m for m in together.crossings if "notebook" not in (m.sender, m.receiver)]
    want = sum(move.nbytes or 0 for move in between)
    got = as_number(bytes_per_epoch(examples, batch, width, 0), what)
    hint = ""
    if got * 2 == want:
        hint = " You counted one way."
    elif got * 4 == want:
        hint = " A float32 has four bytes."
    elif got == 8 * width * batch * -(-examples // batch):
        hint = " The last batch is smaller."
    elif got == 8 * width * batch * (examples // batch):
        hint = " What of the last, smaller batch?"
    elif got == 8 * width * batch:
        hint = " That is one step."
    require(
        got == want,
        f"{examples} examples in batches of {batch}, {width} units at the cut, no overhead: "
        f"{want} bytes crossed between alice and bob when we tried; you say {got:g}.{hint}",
    )
    large, larger, wide = (int(rng.integers(n, 9 * n)) for n in (100, 10**6, 500))
    for examples, size, units in (
        (batch, batch, width),
        (batch * int(rng.integers(2, 9)), batch, width),
        (batch * int(rng.integers(2, 9)) + 1, batch, width),
        (int(rng.integers(1, batch)), batch, width),  # less than a batch
        (larger, large, wide),
    ):
        got = as_number(bytes_per_epoch(examples, size, units, 0), what)
        require(
            got == 8 * examples * units,
            f"{examples} examples in batches of {size}, {units} units at the cut, no overhead: "
            f"{8 * examples * units} bytes; you say {got:g}.",
        )


@check
def every_message_has_its_overhead(bytes_per_epoch: Callable, rng: np.random.Generator) -> None:
    """two messages a step pay the overhead, the last batch's too."""
    what = "the result of `bytes_per_epoch`"
    small, large = int(rng.integers(3, 9)), int(rng.integers(2000, 20_000))
    for batch, steps, left_over in (
        (small, int(rng.integers(1, 6)), small),
        (small, int(rng.integers(1, 6)), int(rng.integers(1, small))),
        (small, 1, int(rng.integers(1, small))),  # less than a batch
        (small, int(rng.integers(1000, 5000)), 1),
        (large, int(rng.integers(2, 6)), 1),  # one example is as good as nothing of a batch
        (large, int(rng.integers(1000, 5000)), large - 1),
        (1, int(rng.integers(2, 6)), 1),
    ):
        examples, width = batch * (steps - 1) + left_over, int(rng.integers(1, 50))
        overhead = int(rng.integers(100, 999))
        bare, with_ = (
            as_number(bytes_per_epoch(examples, batch, width, o), what) for o in (0, overhead)
        )
        got = (with_ - bare) / overhead
        require(
            got == 2 * steps,
            f"{examples} examples in batches of {batch} are {steps} steps of two messages, "
            f"{2 * steps} messages; your overhead is that of {got:g}. Each message has it, "
            "however many examples are in it, the last one's too.",
        )


# Part 4 · attacks ---------------------------------------------------------------------------


def _rare(rng: np.random.Generator, examples: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Cut gradients of a rare positive class: (p − y) · w, p small, as Li et al. describe."""
    labels = np.zeros(examples, np.int32)
    labels[rng.choice(examples, 10, replace=False)] = 1
    probability = rng.uniform(0.02, 0.3, examples)
    direction = rng.normal(0, 1, 12)
    return ((probability - labels)[:, None] * direction / examples), labels


@check
def the_rare_class_scores_higher(norm_attack: Callable, rng: np.random.Generator) -> None:
    """every rare positive is scored above every negative."""
    gradients, labels = _rare(rng)
    what = "the result of `norm_attack`"
    # A model with the opposite weights has the opposite gradients: only their length tells.
    signs = rng.permutation([1, -1])
    results = [as_array(norm_attack(sign * gradients), what, labels.shape) for sign in signs]
    right = [scores[labels == 1].min() > scores[labels == 0].max() for scores in results]
    turned = [scores[labels == 1].max() < scores[labels == 0].min() for scores in results]
    for scores, holds in zip(results, right, strict=True):
        lowest, highest = scores[labels == 1].min(), scores[labels == 0].max()
        hint = ""
        if all(turned):
            hint = " Yours is exactly the wrong way round."
        elif any(right):
            hint = (
                " Of a model with the opposite weights, whose gradients are as long and point the "
                "other way, yours reads the labels."
            )
        elif np.ptp(scores) == 0:
            hint = " All your scores are equal: one norm for EACH example is wanted."
        require(
            bool(holds),
            "A model that expects negatives is surprised by each positive, and a surprise is a "
            f"long gradient. Your lowest score of a positive is {lowest:.3g}, your highest of a "
            f"negative {highest:.3g}.{hint}",
        )


@check
def only_the_length_counts(norm_attack: Callable, rng: np.random.Generator) -> None:
    """turning all gradients in space changes no score, and the longer one has the higher score."""
    width = int(rng.integers(3, 12))
    gradients = rng.normal(0, 1, (30, width))
    gradients /= np.linalg.norm(gradients, axis=1, keepdims=True)
    # Of each two, one is a thousandth longer.
    steps = np.multiply.outer(1.2 ** np.arange(15), [1, 1.001]).ravel()
    lengths = 10 ** rng.uniform(-3, 0.5) * rng.permutation(steps)
    gradients *= lengths[:, None]
    turn = np.linalg.qr(rng.normal(0, 1, (width, width)))[0]
    what = "the result of `norm_attack`"
    before, after = (as_array(norm_attack(g), what, (30,)) for g in (gradients, gradients @ turn))
    require(
        bool(np.allclose(before, after, rtol=ROUNDING, atol=ROUNDING * np.ptp(before))),
        "Turned by a rotation, the gradients are as long as before, but your scores change by up "
        f"to {np.abs(before - after).max():.3g}, of {np.ptp(before):.3g} between them: the length "
        "is the Euclidean norm of all entries.",
    )
    require(
        np.ptp(before) > 0,
        "All your scores are equal: one norm for EACH example is wanted.",
    )
    ranks = np.argsort(before)[::-1], np.argsort(lengths)[::-1]
    require(
        bool(np.array_equal(*ranks)),
        f"The longest gradients are numbers {ranks[1][:3]}…, and your highest scores are those of "
        f"{ranks[0][:3]}…: a longer gradient is to have a higher score.",
    )
    reversed_ = as_array(norm_attack(gradients[::-1]), what, (30,))
    require(
        bool(np.allclose(reversed_[::-1], before, rtol=ROUNDING, atol=ROUNDING * np.ptp(before))),
        "With the examples in another order their scores are others: each score is that of one "
        "gradient, wherever it stands.",
    )
    # As of a network that is sure of nearly every example of a large batch, or of wrong labels; and
    # a cut as wide as the lab's.
    wide = rng.normal(0, 1, (30, int(rng.integers(200, 800))))
    wide *= (lengths / lengths.max() / np.linalg.norm(wide, axis=1))[:, None]
    for longest in 1e-10, 60:
        scores = as_array(norm_attack(longest * wide), what, (30,))
        require(
            bool(np.array_equal(np.argsort(scores), np.argsort(lengths))),
            f"Of gradients of {wide.shape[1]} numbers, whose lengths are up to {longest:g}, the "
            "scores have another order than the lengths: a longer gradient is to have a higher "
            "score.",
        )


def _directions(rng: np.random.Generator, examples: int = 120):
    """Cut gradients of a softmax head, W(p − y), early in training: p is near uniform."""
    classes = int(rng.integers(4, 8))
    names = rng.permutation(classes) if rng.random() < 0.5 else rng.permutation(1000)[:classes]
    w = rng.normal(0, 1, (40, classes))
    own = np.concatenate([rng.permutation(classes), rng.integers(0, classes, examples - classes)])
    p = rng.dirichlet(np.full(classes, 200.0), examples)
    gradients = (p - np.eye(classes)[own]) @ w.T
    # All equally long, so that only `lengths_do_not_mislead` tells other measures from a cosine.
    gradients /= examples * np.linalg.norm(gradients, axis=1, keepdims=True)
    labels = names[own]
    return gradients[classes:], labels[classes:], gradients[:classes], labels[:classes]


def _ten_of_twenty(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ten gradients in a cut as wide as the lab's, twenty known ones, and their labels.

    Each has a cosine of 0.8 with one of the first ten known ones, of 0.75 with one of the others,
    and of 0 with the rest.
    """
    basis = np.linalg.qr(rng.normal(0, 1, (int(rng.integers(200, 800)), 30)))[0].T
    gradients, second, third = basis.reshape(3, 10, -1)
    known = np.concatenate([0.8 * gradients + 0.6 * second, 0.75 * gradients + 0.66 * third])
    return gradients, known, rng.permutation(1000)[:20]


def _labels(attack: Callable, *args: np.ndarray) -> np.ndarray:
    return as_array(attack(*args), "the result of `direction_attack`", (len(args[0]),))


@check
def labels_follow_the_direction(direction_attack: Callable, rng: np.random.Generator) -> None:
    """early in training each gradient gives its label away."""
    gradients, labels, known, known_labels = _directions(rng)
    got = _labels(direction_attack, gradients, known, known_labels)
    # The classes' directions are nearly orthogonal to within 40 dimensions' noise, and p moves a
    # gradient by about 1/30 of its length: errors have never been seen in 1e5 draws.
    right = float(np.mean(got == labels))
    hint = ""
    places = np.clip(got, 0, len(known) - 1).astype(int)
    cosines = gradients @ known.T  # all are equally long
    if right < 0.9 and np.mean(known_labels[places] == labels) > 0.9:
        hint = " You return WHICH known gradient is nearest; its label is wanted."
    elif np.mean(got == known_labels[np.argmin(cosines, axis=1)]) > 0.9:
        hint = " Yours are the labels of the SMALLEST cosine."
    require(
        right >= 0.95,
        f"With one known gradient a class, {right:.0%} of the labels are read right; a nearest "
        f"direction gets nearly all.{hint}",
    )
    # Orthonormal directions, and for each class an example that points away from the next one.
    known = np.linalg.qr(rng.normal(0, 1, (12, len(known_labels))))[0].T
    away = 0.5 * known - np.roll(known, 1, axis=0)
    require(
        np.array_equal(_labels(direction_attack, away, known, known_labels), known_labels),
        "Gradients with a cosine of −0.89 with one known gradient and of 0.45 with another get "
        "other labels than that of the largest cosine, which is not the largest in size.",
    )
    # Two known gradients: what measures them otherwise than by a cosine takes the other one.
    one, two, three = np.eye(12)[:3]
    flat = np.ones(12) / np.sqrt(12)  # its entries are small, and many
    spread = (np.ones(12) - one) / np.sqrt(11)  # at a right angle to the first
    level = np.linalg.qr(np.stack([flat, one, two], axis=1))[0].T  # 2 and 3 have mean 0
    # Correlations take the mean off, and with it what the first two have in common.
    offset = [3 * level[0] + level[1], 3 * level[0] + level[2], level[1]]
    cases = {
        "a sum of small gaps": [one, 0.8 * one + 0.6 * spread, 0.75 * one + 0.66 * two],
        "one large gap": [one, 0.8 * one + 0.6 * two, 0.75 * one + 0.66 * spread],
        "a mean that is not 0": offset,
        "one large entry": [0.8 * one + 0.6 * flat, one, flat],
        "many small entries": [0.6 * one + 0.8 * flat, flat, one],
        "one that points away from both": [-0.3 * one - 0.8 * two, one, two],
        "entries of both signs": [one + 0.4 * two - 0.4 * three, one, (one + two + three) / 2],
    }
    for case, (gradient, near, far) in cases.items():
        for known in ([near, far], [far, near]):
            two_labels = rng.permutation([rng.integers(0, 9), rng.integers(300, 1000)])
            [got] = _labels(direction_attack, gradient[None], np.array(known), two_labels)
            want = two_labels[0] if known[0] is near else two_labels[1]
            sizes = [c @ gradient / np.linalg.norm(c) / np.linalg.norm(gradient) for c in known]
            require(
                bool(got == want),
                f"A gradient ({case}) has cosines {np.round(sizes, 3)} with two known ones, of "
                f"labels {two_labels}; you say {got:g}.",
            )
    gradients, known, names = _ten_of_twenty(rng)
    order = rng.permutation(20)
    got = _labels(direction_attack, gradients, known[order], names[order])
    right = int(np.count_nonzero(got == names[:10]))
    require(
        right == 10,
        f"Of 10 gradients of {gradients.shape[1]} numbers, which have a cosine of 0.8 with one of "
        f"20 known ones and of 0.75 with another, {right} get the label of the nearest one.",
    )
    # In all directions; none so near to two known ones that rounding, in float32 too, could decide.
    gradients, known = rng.normal(0, 1, (200, 12)), rng.normal(0, 1, (6, 12))
    directions, known = (
        each / np.linalg.norm(each, axis=1, keepdims=True) for each in (gradients, known)
    )
    *_, second, first = np.sort(directions @ known.T, axis=1).T
    gradients, names = gradients[first - second > 1e-3], rng.permutation(100)[:6]
    together = _labels(direction_attack, gradients, known, names)[:20]
    alone = [_labels(direction_attack, each[None], known, names)[0] for each in gradients[:20]]
    others = np.count_nonzero(together != alone)
    require(
        others == 0,
        f"Of 20 gradients among {len(gradients)}, {others} get another label than when they are "
        "given alone: whatever the others are, a label is that of the nearest known gradient.",
    )


@check
def lengths_do_not_mislead(direction_attack: Callable, rng: np.random.Generator) -> None:
    """longer or shorter gradients, the known ones too, change no label."""
    # Directions that are apart, and less than 90° apart: a long one among them then wins every
    # comparison of inner products.
    known_labels = rng.permutation(6)
    known = rng.uniform(0.2, 1, (6, 12)) + 3 * np.eye(6, 12)
    # Turned in space, so that no entry tells anything.
    known = known @ np.linalg.qr(rng.normal(0, 1, (12, 12)))[0]
    gradients = np.repeat(known, 20, axis=0) + rng.uniform(-0.05, 0.05, (120, 12))
    before = _labels(direction_attack, gradients, known, known_labels)
    reversed_ = _labels(direction_attack, gradients[::-1], known, known_labels)
    require(
        np.ptp(before) > 0 and np.array_equal(reversed_[::-1], before),
        "There are gradients along each known one here: they have different labels, and keep them "
        "in another order.",
    )
    # Who looks at no known gradient misreads none. (The place instead of the label follows, too.)
    shift = int(rng.integers(1, 6))
    moved = _labels(direction_attack, gradients, np.roll(known, shift, axis=0), known_labels)
    place = np.argsort(known_labels)
    follows = np.all(np.isin(before, known_labels)) and any(
        np.array_equal(moved, other)
        for other in (
            known_labels[(place[before.astype(int)] + shift) % 6],
            (before + shift) % 6,
        )
    )
    require(
        bool(follows),
        "The known gradients were given to other labels, and yours did not follow: a label is that "
        "of the known gradient of the nearest direction.",
    )
    scale = 10 ** rng.uniform(-6, 3, (len(gradients), 1))
    require(
        np.array_equal(_labels(direction_attack, gradients * scale, known, known_labels), before),
        "Some of the observed gradients made longer or shorter get other labels: their direction "
        "is the same.",
    )
    scale = 10 ** np.linspace(-6, 2, len(known))[:, None]
    after = _labels(direction_attack, gradients, known * scale, known_labels)
    require(
        np.array_equal(after, before),
        f"With known gradients of very different lengths {np.mean(after != before):.0%} of the "
        "labels change: divide each by its length (a cosine), so that a long one does not win "
        "every comparison.",
    )
    # As of a network that is sure of the known examples.
    gradients, known, known_labels = _ten_of_twenty(rng)
    lengths = np.repeat([2e-6, 1], 10)[:, None]
    before, after = (
        _labels(direction_attack, gradients, k, known_labels) for k in (known, lengths * known)
    )
    require(
        np.array_equal(after, before),
        f"With the nearest known gradients of length 2e-6 {np.mean(after != before):.0%} of the "
        "labels are others than with all of length 1.",
    )


@check
def the_decoder_is_the_best_linear_one(fit_decoder: Callable, rng: np.random.Generator) -> None:
    """no other matrix has a smaller penalised error."""
    for ridge in (0.01, float(10 ** rng.uniform(1.1, 3))):
        units, pixels = (int(n) for n in rng.permutation(np.arange(3, 12))[:2])
        examples = 30 if ridge < 1 else int(rng.integers(1, units))  # fewer than units, too
        smashed, images = (rng.uniform(0, 1, (examples, n)) for n in (units, pixels))
        got = as_array(fit_decoder(smashed, images, ridge), "the decoder", (units, pixels))
        # At the minimum of ‖S·D − X‖² + ridge·‖D‖² the slope is zero.
        slope = smashed.T @ (smashed @ got - images) + ridge * got
        # Whose slope is zero, of the penalties that are easily mistaken for this one?
        penalties = {
            " Yours ignores the ridge.": np.zeros_like(got),
            " Yours has the ridge squared.": ridge**2 * got,
            " Yours adds the ridge to every entry, and not to the diagonal alone.": ridge
            * got.sum(axis=0),
            " Yours has it times the number of examples.": ridge * len(smashed) * got,
            " Yours has it divided by the number of examples.": ridge / len(smashed) * got,
        }
        wrong = {h: np.abs(slope - ridge * got + p).max() for h, p in penalties.items()}
        hint = min(wrong, key=wrong.__getitem__)
        hint = hint if wrong[hint] < ROUNDING else ""
        require(
            float(np.abs(slope).max()) <= 2e-4,  # float32: up to 11 · 30 terms below 1, 2^-24 each
            f"With ridge {ridge:.2f} the slope of the penalised squared error at your decoder is "
            f"up to {np.abs(slope).max():.3g}; at the best one it is 0.{hint}",
        )
    # Directions in which smashed data hardly differ count, as far as the ridge lets them: singular
    # values from 10 to a thousandth of that, a ridge between their squares. To leave one out leaves
    # a slope of 0.01 and more, and fifty steps of conjugate gradients 1; float64 is exact to 1e-12,
    # and float32's normal equations to 4e-4.
    units, pixels = int(rng.integers(80, 120)), int(rng.integers(4, 9))
    examples = units + 30
    left, right = (np.linalg.qr(rng.normal(0, 1, (n, units)))[0] for n in (examples, units))
    smashed = left * 10 ** np.linspace(1, -2, units) @ right.T
    images = rng.choice([-1, 1], (units, pixels)) * rng.uniform(1, 3, (units, pixels))
    images = left @ images + rng.normal(0, 0.1, (examples, pixels))
    got = as_array(fit_decoder(smashed, images, 1e-3), "the decoder", (units, pixels))
    slope = smashed.T @ (smashed @ got - images) + 1e-3 * got
    require(
        float(np.abs(right.T @ slope).max()) <= 1e-3,
        "With smashed data that differ a thousand times less in one direction than in another, and "
        f"ridge 0.001, the slope at your decoder is up to {np.abs(right.T @ slope).max():.3g}; at "
        "the best one it is 0: every direction counts, as far as the ridge lets it.",
    )


@check
def few_examples_are_enough(fit_decoder: Callable, rng: np.random.Generator) -> None:
    """with fewer examples than units the ridge keeps the decoder small."""
    smashed, images = rng.uniform(0, 1, (4, 10)), rng.uniform(0, 1, (4, 9))
    smashed[:, 0] = 0  # a unit that never fires
    # Two examples with nearly the same smashed data: without a ridge the decoder is very long.
    smashed[1] = smashed[0] * (1 + 1e-3 * rng.uniform(0.5, 1, 10))
    got = as_array(fit_decoder(smashed, images, 0.5), "the decoder", (10, 9))
    require(
        float(np.abs(got[0]).max()) <= ROUNDING,
        "A unit that never fires should have no say: any other weight of it than 0 makes the "
        f"penalty larger. Yours weighs up to {np.abs(got[0]).max():.3g}.",
    )
    norm = float(np.linalg.norm(got))
    # ‖D‖² ≤ ‖X‖²/ridge, since D = 0 costs ‖X‖².
    require(
        bool(norm > 1e-3 and norm**2 <= np.sum(images**2) / 0.5),
        f"With four examples for ten units the decoder has norm {norm:.3g}: the ridge should keep "
        "it small, but not zero.",
    )
    # The best decoder for SOME ridge: Sᵀ(X − S·D) = ridge·D, and the ridge by least squares. That
    # it is the ridge that was given, `the_decoder_is_the_best_linear_one` asks. float64 is exact to
    # 1e-13 here, float32 to 1e-5: the largest of SᵀS's eigenvalues, about 10, is a few dozen times
    # the ridge.
    pull = smashed.T @ (images - smashed @ got)
    ridge = float(np.vdot(pull, got)) / norm**2
    off = float(np.abs(pull - ridge * got).max())
    require(
        off <= 1e-3 and 0.05 <= ridge <= 5,
        "The decoder is small, but it is not the best one of its size: with few examples, too, no "
        f"other is to have a smaller penalised error (the slopes do not vanish, by {off:.3g}).",
    )


# Part 5 · defences --------------------------------------------------------------------------


def _noised(
    add_noise: Callable, gradients: np.ndarray, *args: Any, seeds: Any = None
) -> np.ndarray:
    """Return what `add_noise` makes of gradients with a seed, or, for several, a row for each."""
    run = _as_a_party if seeds is None else _for_each_seed
    try:
        got = run(add_noise, gradients, *args, *([] if seeds is None else [seeds]))
    except CheckFailed as error:
        if "not sent to a party" not in str(error):
            raise
        raise CheckFailed(
            f"{error}\nIf it is noise of NumPy's, it would be drawn once, when the function is "
            "written down, and then be the same in every step: let TensorFlow draw it, from `seed`."
        ) from None
    shape = gradients.shape if seeds is None else (len(seeds), *gradients.shape)
    noised = as_array(got, "the result of `add_noise`", shape)
    _require_float32(got, "the result of `add_noise`")
    return noised


def _for_each_seed(add_noise: Callable, *args: Any) -> np.ndarray:
    return at_home(add_noise, _written_and_run_for_seeds, *args)


def _written_and_run_for_seeds(
    student: Callable, gradients: np.ndarray, multiplier: float, seeds: np.ndarray
) -> np.ndarray:
    """Write a function down once, as a party does, and run it with each seed."""
    known = _tensor(gradients)
    first = _tensor(seeds[0])
    _written_and_run(student, gradients, multiplier, seeds[0])  # which says what is wrong
    written, _, _ = write_down("a party", student, (known, multiplier, first))
    return np.stack([np.asarray(written(known, tf.constant(seed))[0]) for seed in seeds])


class _Noise(NamedTuple):
    """What was added to gradients, some of which are zero: there it is exactly what was drawn."""

    gradients: np.ndarray
    multiplier: float
    seed: np.ndarray
    added: np.ndarray
    deviation: float

    @property
    def drawn(self) -> np.ndarray:
        """The rows of noise that nothing was added to."""
        return self.added[~np.any(self.gradients, axis=1)]


def _seed(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-(2**31), 2**31, 2).astype(np.int32)


def _noise(add_noise: Callable, rng: np.random.Generator, many: int = 1, odd: int = 0) -> _Noise:
    examples, width = many * int(rng.integers(40, 60)) | odd, int(rng.integers(300, 500))
    gradients = rng.normal(0, 1, (examples, width)) * rng.uniform(0.01, 1, (examples, 1))
    gradients[rng.permutation(examples)[: examples // 2]] = 0
    longest = int(rng.integers(examples // 2, examples))  # not among the first
    gradients[longest] = rng.normal(0, 2, width)
    gradients *= 10 ** rng.uniform(-6, 1)
    multiplier = float(10 ** rng.uniform(-1, 1))
    seed = _seed(rng)
    got = _noised(add_noise, gradients, multiplier, seed)
    deviation = multiplier * np.linalg.norm(gradients, axis=1).max() / np.sqrt(width)
    added = got - gradients.astype(np.float32)
    return _Noise(gradients.astype(np.float32), multiplier, seed, added, float(deviation))


@check
def the_noise_has_the_stated_size(add_noise: Callable, rng: np.random.Generator) -> None:
    """it is Gaussian, and its norm about noise_multiplier times the longest gradient's."""
    gradients, multiplier, _, noise, deviation = _noise(add_noise, rng)
    measured = float(np.sqrt(np.mean(noise**2)))
    width = gradients.shape[1]
    factors = {
        "Yours is √width times as large: it is to be divided by that.": np.sqrt(width),
        "Divide by √width, not by the width.": 1 / np.sqrt(width),
        "Yours goes by the norm of the whole batch, not of its longest row.": np.linalg.norm(
            gradients
        )
        / np.linalg.norm(gradients, axis=1).max(),
        "Yours is that without noise_multiplier.": 1 / multiplier,
        "": 1,
    }
    hint = likely(measured / deviation, factors, 0.03).rstrip()
    if measured <= 1e-9 * deviation:
        hint = " There is no noise."
    said = (
        f"The longest of the gradients has norm {deviation / multiplier * np.sqrt(width):.3g}, "
        f"noise_multiplier is {multiplier:.2f}, and there are {width} units: every entry's noise "
        f"should be Gaussian with standard deviation {deviation:.3g}; yours has {measured:.3g}."
        f"{hint}"
    )
    try:
        randomness.require_gaussian(noise / deviation, "the noise")
    except CheckFailed as failure:
        raise CheckFailed(f"{said} {failure}" if not hint else said) from None
    # Independent ones of 12000 entries have a cosine of 0.009.
    along = np.vdot(noise, gradients) / (np.linalg.norm(noise) * np.linalg.norm(gradients))
    require(
        abs(along) <= 0.1,
        f"What you added to the gradients has a cosine of {along:.2f} with them: it takes them "
        "away, or repeats them. Return the gradients with noise added.",
    )
    # 300 000 draws show what has a Gaussian's size, but not its fourth moment.
    many = _noise(add_noise, rng, many=20)
    randomness.require_gaussian(many.added / many.deviation, "the noise of a large batch")
    # One example in a wider cut, of a network that is sure of it. Of 900 entries and more the norm
    # deviates by 1/√1800 of itself, and by a third of it never.
    alone = 1e-9 * np.tile(gradients[[int(np.argmax(np.linalg.norm(gradients, axis=1)))]], 3)
    length = float(np.linalg.norm(alone))
    for strength in float(rng.uniform(20, 40)), 0.0:
        seed = _seed(rng)
        got = _noised(add_noise, alone, strength, seed)
        norm = float(np.linalg.norm(got - alone))
        want = strength * length
        require(
            abs(norm - want) <= want / 3 + 1e-6 * length,
            f"In a batch of one example, whose gradient has norm {length:.3g}, and with "
            f"noise_multiplier {strength:.3g} the noise has norm {norm:.3g}; about {want:.3g} is "
            "wanted.",
        )
        if strength:
            _require_gradients(add_noise, alone, strength, seed, got)


def _require_gradients(
    add_noise: Callable,
    gradients: np.ndarray,
    multiplier: float,
    seed: np.ndarray,
    noised: np.ndarray,
) -> None:
    """Require that the gradients themselves are in what was made of them, where noise drowns them.

    The noise depends on lengths and seed: turned round, gradients get the same noise.
    """
    turned = _noised(add_noise, -gradients, multiplier, seed)
    off, largest = np.abs((noised - turned) / 2 - gradients).max(), np.abs(gradients).max()
    # Noise and result are rounded, each to a few times 2^-24 of the largest. Where the seed gives
    # other noise they are far more off, by 0.7 of it: that is for `the_seed_decides` to say.
    require(
        bool(off <= FINE * np.abs(noised).max() or off > 4 * largest),
        "With the same seed, and so the same noise, what you make of a gradient and of its "
        "negative should differ by twice the gradient; with noise_multiplier "
        f"{multiplier:.3g} half of the difference is off by {off / largest:.2g} of the "
        "gradient's largest entry. Return the gradients with noise added.",
    )


@check
def every_example_gets_its_own_noise(add_noise: Callable, rng: np.random.Generator) -> None:
    """long and short gradients get equally large noise, each entry an independent draw."""
    case = _noise(add_noise, rng, odd=1)
    noise = case.added
    examples, width = noise.shape
    norms = np.linalg.norm(noise, axis=1)
    # 300 entries and more: a row's norm deviates by 1/√600 of itself, and by a third of it never.
    mean = float(np.sqrt(np.mean(norms**2)))
    require(
        bool(np.all(np.abs(norms - mean) <= mean / 3) and mean > 0),
        f"The noise on one example has norm {norms.max():.3g}, on another {norms.min():.3g}. A "
        "short gradient with little noise is still short: that is what the norm attack reads. "
        "Give all of them noise of the same size.",
    )
    z = noise / mean * np.sqrt(width)
    cosines = (z @ z.T / width)[np.triu_indices(examples, 1)]
    # Of independent directions in 300 dimensions a cosine deviates by 0.058: 0.5 is eight times.
    require(
        float(np.abs(cosines).max()) < 0.5,
        f"The noise of two examples has a cosine of {np.abs(cosines).max():.2f}: it is the same "
        "noise, which a difference takes away. Draw anew for every example.",
    )
    lengths = np.linalg.norm(case.gradients, axis=1)
    along = np.abs(np.sum(z * case.gradients, axis=1))[lengths > 0] / lengths[lengths > 0]
    require(
        float(along.max()) < 0.5 * np.sqrt(width),
        f"The noise lies along the gradient (cosine {along.max() / np.sqrt(width):.2f}): the "
        "direction still shows. Draw all entries independently.",
    )
    randomness.require_full_rank(z, "The noise")
    randomness.require_fresh(case.drawn.astype(np.float32), "the noise")
    randomness.require_independent(z, "the noise")
    randomness.require_independent(z.T, "the noise, unit by unit,")
    randomness.require_lengths(z, "The noise of different examples")
    # More examples than a batch of the lab has: none repeats an earlier one.
    many, what = _noise(add_noise, rng, many=20), "the noise of a large batch"
    randomness.require_fresh(many.drawn.astype(np.float32), what)
    part = many.added[:, :100]
    randomness.require_independent(part / np.sqrt(np.mean(part**2)), what)


@check
def the_seed_decides(add_noise: Callable, rng: np.random.Generator) -> None:
    """the same seed repeats the noise, and any other one, near or far, gives unrelated noise."""
    case = _noise(add_noise, rng)
    step = np.array([[0, 1], [1, 0], [1, 1]][int(rng.integers(3))], np.int32)
    again, other = (
        _noised(add_noise, case.gradients, case.multiplier, seed) - case.gradients
        for seed in (case.seed, case.seed ^ step)
    )
    deviation = float(np.sqrt(np.mean(case.added**2)))
    require(
        bool(np.allclose(case.added, again, rtol=0, atol=1e-5 * deviation)) and deviation > 0,
        "The same seed gave other noise, or there is none: draw from `seed`, with "
        "tf.random.stateless_normal.",
    )
    there = np.any(case.added, axis=1) | np.any(other, axis=1)
    # Of independent numbers one in 70 000 is as near as that: of a row of 300 never 30.
    near = np.isclose(case.added, other, rtol=0, atol=1e-5 * deviation).mean(axis=1)[there]
    which = f"Seeds {case.seed.tolist()} and {(case.seed ^ step).tolist()}"
    require(
        bool(near.max() < 0.1),
        f"{which} gave the same noise, or a part of it: a step would repeat it, and bob's "
        "gradients could be averaged out of it.",
    )
    one, two = (
        z[there] / np.linalg.norm(z[there], axis=1, keepdims=True) for z in (case.added, other)
    )
    # As above: 60² cosines of independent directions in 300 dimensions.
    require(
        bool(np.abs(one @ two.T).max() < 0.5),
        f"{which} gave noises in which two rows have a cosine of {np.abs(one @ two.T).max():.2f}: "
        "they are to have nothing in common.",
    )
    width = one.shape[1]
    randomness.require_unrelated(
        one[0] * np.sqrt(width), two[0] * np.sqrt(width), f"{which} gave noises that"
    )
    # The whole seed counts: every bit of its two numbers, and no remainder of them.
    seeds = randomness.pairs_of_seeds_that_differ(rng, 250)
    rows = _noised(add_noise, np.full((2, 4), 1e-3), 1.0, seeds=seeds)
    same: dict[bytes, int] = {}
    for at, row in enumerate(rows):
        before = same.setdefault(row.tobytes(), at)
        require(
            before == at,
            f"Seeds {seeds[before].tolist()} and {seeds[at].tolist()} give the same noise: a part "
            "of the seed does not count.",
        )
    drawn = rows.reshape(len(rows), -1) - 1e-3
    drawn /= np.sqrt(np.mean(drawn**2))
    randomness.require_apart(drawn, "The noise of different seeds")


# Part 6 · several clients -------------------------------------------------------------------


def _add(weights, by):
    return [w + by for w in weights]


# One client has two turns. In the first the last client is the first, too.
_TURNS = [0, 1, 2, 1, 0], [0, 0, 1, 2, 1], [0, 1, 1, 2, 1]


def _turns(
    take_turns: Callable, rng: np.random.Generator, turns: list[int] | None = None
) -> dict[str, Any]:
    names = rng.permutation(["alice", "bob", "carol"]).tolist()
    clients = [names[turn] for turn in turns or _TURNS[int(rng.integers(3))]]
    sizes = rng.permutation(6)[: rng.integers(3, 6)] + 1
    start = [rng.normal(0, 1, size).astype(np.float32) for size in sizes]
    worked, shifts = [], []

    def shift(name: str) -> float:
        # Asked by `work`, wherever that is: who worked when, and on what, is known here alone.
        worked.append(name)
        shifts.append(float(rng.uniform(1, 9)))
        return shifts[-1]

    run = at_home(take_turns, _turns_of_parties, clients, start, shift)
    return run | {
        "clients": clients,
        "start": start,
        "worked": worked,
        "shifts": shifts,
        "shift": sum(shifts),
        "moves": _as_told(run["moves"]),
    }


def _turns_of_parties(
    take_turns: Guarded, clients: list[str], start: list[np.ndarray], shift: Callable
) -> dict[str, Any]:
    together, alice, bob, carol = _parties()
    order = [{"alice": alice, "bob": bob, "carol": carol}[name] for name in clients]
    bottom, top = order[0].send(list(start), name="bottom"), bob.send([0.0], name="top")
    together.crossings.clear()

    def work(client, bottom, top):
        by = shift(client.name)
        for w in bottom:
            require(
                w.owner is client,
                f"`work` was called for {client.name} with weights that {w.owner.name} holds: hand "
                f"them over first, with `send`.",
            )
        return client.run(_add, bottom, by), bob.run(tf.identity, top + by)

    lists = {"list of clients": order, "bottom": bottom}
    given = {name: list(values) for name, values in lists.items()}
    result = take_turns.in_place(order, bottom, top, work)
    for name, values in lists.items():
        require(
            len(values) == len(given[name]) and all(map(operator.is_, values, given[name])),
            f"After `take_turns` the caller's {name} is another one: the next round needs it.",
        )
    require(
        isinstance(result, tuple | list)
        and len(result) == 2
        and isinstance(result[0], tuple | list)
        and isinstance(result[1], RemoteTensor),
        "`take_turns` must return two things: the bottom, a list, and the top.",
    )
    return {
        "moves": _moves(together),
        "bottom": [v.copy().get() for v in result[0]],
        "top": float(np.ravel(result[1].copy().get())[0]),
    }


@check
def each_client_has_its_turn(take_turns: Callable, rng: np.random.Generator) -> None:
    """every client works once, in order, on what the one before it left."""
    for turns in None, [0]:  # and a client that is alone
        _require_turns(_turns(take_turns, rng, turns))


def _require_turns(run: dict[str, Any]) -> None:
    require(
        run["worked"] == run["clients"],
        f"The clients are {run['clients']}; `work` was called for {run['worked']}.",
    )
    want = [w + run["shift"] for w in run["start"]]
    bottom = as_arrays(run["bottom"], "the bottom that `take_turns` returns", want)
    require(
        _apart(bottom, want) <= ROUNDING and abs(run["top"] - run["shift"]) <= ROUNDING,
        "The weights at the end are not those that every client's work, one after the other, "
        "leaves: keep both the bottom and the top that each call of `work` returns.",
    )


@check
def weights_go_straight_on(take_turns: Callable, rng: np.random.Generator) -> None:
    """the weights go from client to client, and through nobody else's hands."""
    for turns in _TURNS[0], _TURNS[int(rng.integers(1, 3))]:
        _require_straight(_turns(take_turns, rng, turns))


def _require_straight(run: dict[str, Any]) -> None:
    clients, told = run["clients"], _told(run["moves"]) or "nothing moved"
    hops = [(at, *ends) for at, ends in enumerate(itertools.pairwise(clients)) if len({*ends}) > 1]
    route = [(move.sender, move.receiver) for move in run["moves"]]
    require(
        set(route) == {(sender, receiver) for _, sender, receiver in hops},
        f"The clients are {clients}: the bottom's arrays should go from each straight to the next, "
        f"and stay with the last; these moves were made: {told}.",
    )
    many = len(run["start"])
    require(
        len(route) == many * len(hops),
        f"{many} arrays should go over once for each of {len(hops)} hand-over(s); these moves "
        f"were made: {told}.",
    )
    require(
        run["worked"] == clients,
        f"The clients are {clients}; those who worked are {run['worked']}.",
    )
    for number, (at, sender, receiver) in enumerate(hops):
        left = sum(run["shifts"][: at + 1])
        moves = run["moves"][many * number : many * (number + 1)]
        moved = {np.shape(move.value): move.value for move in moves}
        require(
            all(
                w.shape in moved and bool(np.max(np.abs(moved[w.shape] - (w + left))) <= ROUNDING)
                for w in run["start"]
            ),
            f"What went from {sender} to {receiver} is not what `work` left at {sender}: hand on "
            "what it returns.",
        )
