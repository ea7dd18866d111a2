"""DP-SGD with Poisson batches."""

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from labkit.accounting import epsilon_curve
from labkit.dpsgd.clipping import require_positive, traced_clipped_sum
from labkit.progress import Progress

VALIDATION_BATCH = 1000

# What has been traced for a model, as long as the model lives: several fits trace it once.
TRACED: weakref.WeakKeyDictionary[object, dict[tuple, "Functions"]] = weakref.WeakKeyDictionary()


@dataclass
class History:
    """What `fit` recorded: one entry per record, in order, ready to plot.

    Attributes:
        steps: how many steps were done.
        epsilon: ε of the weights by then (an upper bound, by PLD) at the fit's δ, neighbours
            differing by adding or removing one example.
        loss, accuracy: means over the training examples met since the last record. They are
            computed from the data without noise, so ε does not cover publishing them.
        validation_accuracy: share of the validation examples classified right.

    An accuracy is NaN where the model does not choose among classes (its output is not [batch,
    classes] with integer or one-hot y), or there was no example; so is a validation accuracy
    without validation data.
    """

    steps: list[int] = field(default_factory=list)
    epsilon: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)

    def add(self, step: int, **figures: float) -> None:
        """Append one record."""
        self.steps.append(step)
        for name, value in figures.items():
            getattr(self, name).append(float(value))


def fit(
    model,
    loss: Callable,
    x: np.ndarray,
    y: np.ndarray,
    *,
    optimizer,
    l2_norm_clip: float,
    noise_multiplier: float,
    sampling_probability: float,
    expected_batch_size: float,
    steps: int,
    rng: np.random.Generator,
    delta: float,
    validation_data: tuple[np.ndarray, np.ndarray] | None = None,
    record_every: int | None = None,
    label: str = "DP-SGD",
    no_noise_INSECURE: bool = False,
) -> History:
    """Train `model` in place by DP-SGD (Abadi et al. 2016, arXiv:1607.00133, algorithm 1).

    Every step draws a Poisson batch (each example independently with `sampling_probability`),
    sums the gradients clipped to norm `l2_norm_clip`, adds Gaussian noise of standard deviation
    `noise_multiplier`·`l2_norm_clip` to every coordinate, divides by `expected_batch_size` and
    hands the result to `optimizer`. The weights after all `steps` steps, seen together, are
    (ε, `delta`)-differentially private with ε = `History.epsilon[-1]`, for neighbouring data sets
    that differ by adding or removing one example.

    That holds where every other argument is a public constant, chosen without a look at the data,
    its size included: whoever gives `sampling_probability`·len(x) as the expected batch size
    publishes len(x) by the scale of the noise. It covers the weights only: neither the loss and
    accuracy in the History, which it prints too, nor how long a step takes.

    Batches and noise follow from `rng`; Dropout's masks from TensorFlow's own generators. NumPy's
    normals reach 12 deviations. (TensorFlow's end at √(2·ln 10⁷) = 5.7, and what lies beyond that
    would give an example away for certain: at σ = 0.7 in one of 93 000 steps that it is in.)
    NumPy's generators are not cryptographically secure, and the noise is made of floats (Mironov
    2012): good for teaching and research, not against an adversary who could learn the seed or the
    last bits of the weights.

    A second fit of the same model and loss traces nothing anew.

    Args:
        model: a built Keras model (tf_keras or Keras 3); see `clipped_gradient_sum`.
        loss: (y, y_hat) → [batch], such as a Keras loss with reduction "none".
        x, y: arrays with the examples first, of equal length.
        optimizer: an ordinary optimizer of the model's Keras; it must not add noise itself.
        l2_norm_clip: positive, in the gradient's units.
        noise_multiplier: positive; 0 only with `no_noise_INSECURE`.
        sampling_probability: in (0, 1].
        expected_batch_size: positive, by what each noisy sum is divided: `sampling_probability`
            times a public guess at the number of examples.
        steps: how many steps, 0 or more.
        rng: where batches and noise come from: one of its own for every run, for two runs from one
            seed share both.
        delta: in (0, 1), well below one over the number of examples.
        validation_data: (x, y) to measure the accuracy on at every record.
        record_every: steps between records; by default an epoch, 1 / `sampling_probability`.
            The last step is always recorded.
        label: what the progress line begins with.
        no_noise_INSECURE: allow `noise_multiplier` 0, which protects nothing (ε is infinite).

    Raises:
        ValueError: an argument is outside its domain; the message names it.
    """
    require_positive(l2_norm_clip=l2_norm_clip, expected_batch_size=expected_batch_size)
    if not (no_noise_INSECURE and noise_multiplier == 0):
        require_positive(noise_multiplier=noise_multiplier)
    if not 0 < sampling_probability <= 1:
        raise ValueError(
            f"sampling_probability is {sampling_probability!r}: give a number above 0, at most 1."
        )
    if record_every is None:
        record_every = max(1, round(1 / sampling_probability))
    require_count(0, steps=steps)
    require_count(1, record_every=record_every)
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng is {rng!r}: give numpy.random.default_rng() or another generator.")
    require_plain_optimizer(model, optimizer)
    x, y = examples(x=x, y=y)
    validation = None
    if validation_data is not None:
        x_val, y_val = validation_data
        validation = examples(validation_x=x_val, validation_y=y_val)

    records = sorted({*range(record_every, steps, record_every), steps} - {0})
    epsilons = epsilon_curve(noise_multiplier, sampling_probability, records, delta)
    functions = traced(model, loss)
    update = noisy_update(model.trainable_variables, optimizer)
    shapes = [tuple(v.shape) for v in model.trainable_variables]
    history = History()
    met = np.zeros(3)
    figures: dict[str, float] = {}
    with Progress(steps, label) as progress:
        for step in range(1, steps + 1):
            batch = np.flatnonzero(rng.random(len(x)) < sampling_probability)
            clipped_sum, hits = functions.clipped_sum(x[batch], y[batch], l2_norm_clip)
            update(
                clipped_sum.gradients,
                [tf.constant(rng.standard_normal(shape)) for shape in shapes],
                tf.constant(noise_multiplier * l2_norm_clip, tf.float64),
                tf.constant(expected_batch_size, tf.float64),
            )
            met += np.sum(clipped_sum.losses), np.sum(hits), len(batch)
            loss_so_far, accuracy_so_far = met[:2] / met[2] if met[2] else (math.nan, math.nan)
            # An upper bound all along: the ε that the coming record will have.
            epsilon = epsilons[len(history.steps)]
            figures |= {"loss": loss_so_far, "accuracy": accuracy_so_far, "epsilon": epsilon}
            if step == records[len(history.steps)]:
                figures["validation_accuracy"] = (
                    mean(functions.hits(*validation)) if validation else math.nan
                )
                history.add(step, **figures)
                met[:] = 0
            progress.update(step, **figures)
    return history


def require_count(least: int, **arguments: int) -> None:
    """Raise a ValueError that names the first argument that is no integer from `least` up."""
    for name, value in arguments.items():
        if not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name} is {value!r}: give an integer from {least} up.")


def examples(**arrays) -> list[np.ndarray]:
    """Return x and y as arrays; a ValueError names the one that is no batch, or both if unequal."""
    (x_name, y_name), (x, y) = arrays, [np.asarray(array) for array in arrays.values()]
    for name, array in ((x_name, x), (y_name, y)):
        if array.ndim == 0 or array.dtype.kind not in "biuf":
            raise ValueError(
                f"{name} has shape {array.shape} and dtype {array.dtype}: give an array of "
                "numbers with the examples first."
            )
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"{x_name} holds {len(x)} examples and {y_name} {len(y)}: give equally many, at least "
            "one."
        )
    return [x, y]


def require_plain_optimizer(model, optimizer) -> None:
    """Raise a ValueError unless `optimizer` is of the model's Keras and adds no noise itself."""
    libraries = [
        {cls.__module__.partition(".")[0] for cls in type(thing).__mro__}
        for thing in (model, optimizer)
    ]
    if "tensorflow_privacy" in libraries[1]:
        raise ValueError(
            "optimizer is TensorFlow Privacy's, and fit clips and adds noise already: give an "
            "ordinary one."
        )
    if not libraries[0] & libraries[1] & {"keras", "tf_keras"}:
        raise ValueError(
            f"optimizer is a {type(optimizer).__module__}.{type(optimizer).__name__}: give an "
            "optimizer object of the Keras that the model comes from."
        )


class Functions(NamedTuple):
    """What is traced for a model and a loss."""

    clipped_sum: Callable
    hits: Callable


def traced(model, loss: Callable) -> Functions:
    """Return the model's functions, from the last time if its variables are the same."""
    functions = TRACED.setdefault(model, {})
    key = (loss, *(id(v) for v in model.trainable_variables))
    if key not in functions:
        functions[key] = Functions(traced_clipped_sum(model, loss, right), traced_hits(model))
    return functions[key]


def traced_hits(model) -> Callable:
    """Return (x, y) → [array of 0 or 1 for each example], by batches; does not hold the model."""
    model = weakref.ref(model)

    @tf.function(jit_compile=False, autograph=False, reduce_retracing=True)
    def batch_hits(x, y):
        return right(y, model()(x, training=False))

    def hits(x, y) -> list[tf.Tensor]:
        starts = range(0, len(x), VALIDATION_BATCH)
        return [
            batch_hits(x[i : i + VALIDATION_BATCH], y[i : i + VALIDATION_BATCH]) for i in starts
        ]

    return hits


def right(y: tf.Tensor, y_hat: tf.Tensor) -> tf.Tensor:
    """Return [batch]: 1 where the likeliest class is y's (an index, or one-hot), else 0."""
    if y_hat.shape.rank != 2 or y_hat.shape[1] == 1 or y.shape.rank not in (1, 2):
        return tf.fill([tf.shape(y)[0]], np.float32(math.nan))
    y = tf.argmax(y, axis=1) if y.shape[1:] == y_hat.shape[1:] else tf.cast(y, tf.int64)
    return tf.cast(tf.reshape(y, [-1]) == tf.argmax(y_hat, axis=1), tf.float32)


def mean(batches: list[tf.Tensor]) -> float:
    """Return the mean of all numbers in `batches`, NaN if there is none."""
    numbers = np.concatenate(batches)
    return float(np.mean(numbers)) if len(numbers) else math.nan


def noisy_update(variables: list, optimizer) -> Callable:
    """Return (gradients, normals, stddev, size): add stddev·normals, divide by size, and step."""
    if hasattr(optimizer, "build"):
        optimizer.build(variables)

    @tf.function(jit_compile=False, autograph=False)
    def update(gradients, normals, stddev, size):
        noisy = [
            (g + tf.cast(stddev * normal, g.dtype)) / tf.cast(size, g.dtype)
            for g, normal in zip(gradients, normals, strict=True)
        ]
        optimizer.apply_gradients(list(zip(noisy, variables, strict=True)))

    return update
