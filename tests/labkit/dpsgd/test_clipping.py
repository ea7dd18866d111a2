"""labkit.dpsgd's clipped sum of gradients against brute force, under both Kerases."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from labkit.dpsgd import clipped_gradient_sum
from labkit.dpsgd.one_pass import product_layers
from tests.labkit.dpsgd.problem import CLASSES, FLOAT32, loss_of

# The same of float64, 2⁻⁵³.
FLOAT64 = 1e-12


def batch_for(model, rng, size=6):
    x = rng.normal(size=(size, *model.input_shape[1:])).astype(model.compute_dtype)
    return x, rng.integers(0, CLASSES, size)


def brute_force(model, loss, x, y, l2_norm_clip):
    """One tape an example, added up in NumPy's float64."""
    norms = []
    total = [np.zeros(v.shape) for v in model.trainable_variables]
    for i in range(len(x)):
        with tf.GradientTape() as tape:
            value = loss(y[i : i + 1], model(x[i : i + 1], training=True))
        gradients = tape.gradient(value, model.trainable_variables, unconnected_gradients="zero")
        gradients = [tf.convert_to_tensor(g).numpy().astype(np.float64) for g in gradients]
        norms.append(np.sqrt(sum(np.sum(g**2) for g in gradients)))
        scale = min(1, l2_norm_clip / norms[-1]) if norms[-1] else 1
        total = [t + g * scale for t, g in zip(total, gradients, strict=True)]
    return total, np.array(norms)


def assert_equal_to_brute_force(model, loss, x, y, tolerance=FLOAT32, one_pass=True):
    assert (product_layers(model) is not None) == one_pass
    _, norms = brute_force(model, loss, x, y, 1.0)
    # In the middle, so that some examples are clipped and some are not.
    l2_norm_clip = float(np.median(norms)) or 1.0
    expected, _ = brute_force(model, loss, x, y, l2_norm_clip)
    result = clipped_gradient_sum(model, loss, l2_norm_clip)(x, y)
    np.testing.assert_allclose(result.norms, norms, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(
        result.losses, loss(y, model(x, training=True)), rtol=tolerance, atol=tolerance
    )
    scale = max(np.max(np.abs(e)) for e in expected)
    assert len(result.gradients) == len(expected)
    for v, gradient, e in zip(model.trainable_variables, result.gradients, expected, strict=True):
        assert tuple(gradient.shape) == tuple(v.shape)
        assert gradient.dtype == v.dtype
        np.testing.assert_allclose(gradient, e, rtol=0, atol=tolerance * scale)


def random_convolution(keras, rng, **choices):
    """A model with a convolution of random shape that its input, an image of random shape, fits."""
    groups = choices.setdefault("groups", 1)
    channels = groups * int(rng.integers(1, 5)) * int(rng.choice([1, 4]))
    choices.setdefault("strides", tuple(rng.integers(1, 4, 2).tolist()))
    choices.setdefault("padding", str(rng.choice(["same", "valid"])))
    layer = keras.layers.Conv2D(
        groups * int(rng.integers(1, 5)),
        tuple(rng.integers(1, 6, 2).tolist()),
        activation=str(rng.choice(["tanh", "relu", "linear", "softplus"])),
        use_bias=bool(rng.integers(2)),
        **choices,
    )
    image = keras.Input((*rng.integers(9, 14, 2).tolist(), channels))
    return keras.Sequential([image, layer, keras.layers.Flatten(), keras.layers.Dense(CLASSES)])


@pytest.mark.parametrize("seed", range(8))
def test_random_convolutions(keras, seed):
    rng = np.random.default_rng(seed)
    if seed % 4 == 3:
        model = random_convolution(keras, rng, strides=1, dilation_rate=(2, 1))
    else:
        model = random_convolution(keras, rng)
    assert_equal_to_brute_force(model, loss_of(keras), *batch_for(model, rng))


def test_float64_leaves_only_rounding(keras, rng):
    keras.backend.set_floatx("float64")
    model = random_convolution(keras, rng, padding="same", strides=2)
    assert_equal_to_brute_force(model, loss_of(keras), *batch_for(model, rng), tolerance=FLOAT64)


def test_groups(keras, rng):
    model = random_convolution(keras, rng, groups=2, strides=1)
    assert_equal_to_brute_force(model, loss_of(keras), *batch_for(model, rng))


def mnist_cnn(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 8, strides=2, padding="same", activation="tanh"),
            layers.MaxPool2D(2, 1),
            layers.Conv2D(32, 4, strides=2, activation="tanh"),
            layers.MaxPool2D(2, 1),
            layers.Flatten(),
            layers.Dense(32, activation="tanh"),
            layers.Dense(CLASSES),
        ]
    )


def nested(keras):
    layers = keras.layers
    inner_input = keras.Input((6, 5, 3))
    h = layers.Conv2D(9, 3, padding="same", activation=layers.LeakyReLU())(inner_input)
    h = layers.Add()([h, layers.Conv2D(9, 1, use_bias=False)(inner_input)])
    inner = keras.Model(inner_input, layers.AveragePooling2D(2)(h))
    outer_input = keras.Input((6, 5, 3))
    h = layers.Reshape((6, 9))(inner(outer_input))
    h = layers.Dense(5, activation="softplus")(h)  # On three axes.
    h = layers.Activation("tanh")(layers.Flatten()(h))
    return keras.Model(outer_input, layers.Dense(CLASSES, use_bias=False)(h))


def frozen(keras):
    model = mnist_cnn(keras)
    model.layers[0].trainable = False
    return model


@pytest.mark.parametrize("build", [mnist_cnn, nested, frozen])
def test_models_of_one_pass(keras, rng, build):
    keras.backend.set_floatx("float64")  # In float32 two rounded pixels may tie in a max pool.
    model = build(keras)
    assert_equal_to_brute_force(model, loss_of(keras), *batch_for(model, rng), tolerance=FLOAT64)


def recurrent(keras):
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((7,)), layers.Embedding(9, 3), layers.LSTM(4), layers.Dense(CLASSES)]
    )


def normalised(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.DepthwiseConv2D(3),
            layers.LayerNormalization(),
            layers.Flatten(),
            layers.Dense(CLASSES, activation=lambda z: z * z),
        ]
    )


def shared(keras):
    layer = keras.layers.Dense(CLASSES, activation="tanh")
    inputs = keras.Input((CLASSES,))
    return keras.Model(inputs, layer(layer(inputs)))


@pytest.mark.parametrize("build", [recurrent, normalised, shared])
def test_any_other_model(keras, rng, build):
    model = build(keras)
    x, y = batch_for(model, rng)
    if build is recurrent:
        x = rng.integers(0, 9, x.shape)  # With tokens that repeat.
    # That shared's layer is called twice is seen only when it is.
    assert_equal_to_brute_force(model, loss_of(keras), x, y, one_pass=build is shared)


def test_a_batch_that_mixes_in_an_operation_is_taken_apart(keras, rng):
    # The one example of a batch of one is its own mean: the centred activation is always zero.
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, activation=lambda z: z - tf.reduce_mean(z, axis=0))(inputs)
    model = keras.Model(inputs, keras.layers.Dense(CLASSES)(hidden))
    x, y = batch_for(model, rng)
    result = clipped_gradient_sum(model, loss_of(keras), 1.0)(x, y)
    assert not np.any(result.gradients[0])


@pytest.mark.parametrize("mixing", ["l2_normalize", "cumsum", "softmax over the batch"])
def test_no_example_changes_the_others_gradients(keras, rng, mixing):
    """The libraries' own functions may mix a batch, too."""
    functions = {"l2_normalize": tf.nn.l2_normalize, "cumsum": tf.cumsum}
    layers = [keras.Input((3,)), keras.layers.Dense(4, activation=functions.get(mixing))]
    if mixing not in functions:
        layers.append(keras.layers.Softmax(axis=-2))
    model = keras.Sequential([*layers, keras.layers.Dense(CLASSES)])
    x, y = batch_for(model, rng)
    clipped_sum = clipped_gradient_sum(model, loss_of(keras), 0.1)
    whole = clipped_sum(x, y).gradients
    for i in range(len(x)):
        others = clipped_sum(np.delete(x, i, axis=0), np.delete(y, i)).gradients
        moved = tf.linalg.global_norm([a - b for a, b in zip(whole, others, strict=True)])
        assert moved <= 0.1 * (1 + FLOAT32)


def test_sum_is_bounded_and_permutable_and_clipping_can_be_off(keras, rng):
    model, loss = nested(keras), loss_of(keras)
    x, y = batch_for(model, rng, 9)
    clipped = clipped_gradient_sum(model, loss, 0.01)(x, y)
    # A sum of 9 vectors of length 0.01, up to float32 rounding.
    assert tf.linalg.global_norm(clipped.gradients) <= 9 * 0.01 * (1 + FLOAT32)
    order = rng.permutation(9)
    permuted = clipped_gradient_sum(model, loss, 0.01)(x[order], y[order])
    np.testing.assert_allclose(permuted.norms, clipped.norms.numpy()[order], rtol=FLOAT32)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loss(y, model(x, training=True)))
    plain = tape.gradient(total, model.trainable_variables)
    unclipped = clipped_gradient_sum(model, loss, 1e30)(x, y)
    for a, b, c, d in zip(
        clipped.gradients, permuted.gradients, unclipped.gradients, plain, strict=True
    ):
        np.testing.assert_allclose(a, b, atol=0.09 * FLOAT32)
        np.testing.assert_allclose(c, d, atol=FLOAT32 * max(1, np.max(np.abs(d))))


@pytest.mark.parametrize("build", [nested, normalised])
def test_batches_of_one_and_none(keras, rng, build):
    model = build(keras)
    x, y = batch_for(model, rng)
    clipped_sum = clipped_gradient_sum(model, loss_of(keras), 1.0)
    none = clipped_sum(x[:0], y[:0])
    assert none.losses.shape == none.norms.shape == (0,)
    assert not any(np.any(g) for g in none.gradients)
    one = clipped_sum(x[:1], y[:1])
    expected, _ = brute_force(model, loss_of(keras), x[:1], y[:1], 1.0)
    for gradient, e in zip(one.gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, e, atol=FLOAT32)


@pytest.mark.parametrize("build", [mnist_cnn, normalised])
@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e30])
def test_an_example_out_of_range_changes_nothing(keras, rng, build, poison):
    model = build(keras)
    clipped_sum = clipped_gradient_sum(model, loss_of(keras), 1.0)
    x, y = batch_for(model, rng)
    x[2] = poison
    others = np.arange(6) != 2
    whole, without = clipped_sum(x, y), clipped_sum(x[others], y[others])
    difference = [w - o for w, o in zip(whole.gradients, without.gradients, strict=True)]
    # One example moves the sum by the clip at most; by nothing if its gradient is not finite.
    # The sum is of 6 gradients of length 1: so much for rounding.
    finite = bool(np.isfinite(whole.norms[2]))
    assert tf.linalg.global_norm(difference) <= finite + 6 * FLOAT32
    assert not finite or poison == 1e30


def test_zero_gradients(keras):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(CLASSES)])
    result = clipped_gradient_sum(model, lambda y, y_hat: 0.0 * y_hat[:, 0], 1.0)(
        np.ones((2, 3), np.float32), np.zeros(2)
    )
    assert not np.any(result.norms) and not any(np.any(g) for g in result.gradients)


def test_dropout_clips_the_gradient_under_the_mask(keras):
    # The gradient of Σ dropout(x)·w is the masked x: 0 or 2 in every place, so the norm of an
    # example tells how many places its mask kept, and the clipped sum is made of such vectors.
    model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dropout(0.5), keras.layers.Dense(1, use_bias=False)]
    )
    result = clipped_gradient_sum(model, lambda y, y_hat: y_hat[:, 0], 1e6)(
        np.ones((32, 64), np.float32), np.zeros(32)
    )
    kept = np.square(result.norms) / 4
    np.testing.assert_allclose(kept, np.round(kept), atol=64 * FLOAT32)
    # 32 equal binomial(64, ½) counts: probability below 10⁻³⁰.
    assert len(set(np.round(kept))) > 1
    np.testing.assert_allclose(np.sum(result.gradients[0]), 2 * np.sum(kept), rtol=FLOAT32)


def test_mixed_precision(keras, rng):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, activation="tanh", dtype="mixed_bfloat16"),
            layers.Dense(CLASSES, dtype="float32"),
        ]
    )
    x, y = batch_for(model, rng)
    result = clipped_gradient_sum(model, loss_of(keras), 1e6)(x.astype(np.float32), y)
    expected, norms = brute_force(model, loss_of(keras), x.astype(np.float32), y, 1e6)
    # bfloat16 has 8 bits: a relative error of 2⁻⁸ in each factor.
    np.testing.assert_allclose(result.norms, norms, rtol=2**-6)
    for gradient, e in zip(result.gradients, expected, strict=True):
        assert gradient.dtype == tf.float32
        np.testing.assert_allclose(gradient, e, atol=2**-6 * np.max(np.abs(e)) * 6)


def test_model_is_left_as_it_was(keras, rng):
    model = nested(keras)
    layers = list(model._flatten_layers())
    before = [dict(vars(layer)) for layer in layers]
    x, y = batch_for(model, rng)

    def broken(y, y_hat):
        raise KeyError("on purpose")

    clipped_gradient_sum(model, loss_of(keras), 1.0)(x, y)
    with pytest.raises(KeyError, match="on purpose"):
        clipped_gradient_sum(model, broken, 1.0)(x, y)
    for layer, was in zip(layers, before, strict=True):
        for name in ("call", "activation"):
            assert vars(layer).get(name) is was.get(name)


def test_two_threads_at_once(keras, rng):
    model = nested(keras)
    x, y = batch_for(model, rng)
    expected = clipped_gradient_sum(model, loss_of(keras), 1.0)(x, y)
    results, failures = [], []

    def work():
        try:
            results.append(clipped_gradient_sum(model, loss_of(keras), 1.0)(x, y))
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for result in results:
        np.testing.assert_allclose(result.norms, expected.norms, rtol=FLOAT32)


def regularised(keras):
    return keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(CLASSES, kernel_regularizer="l2")]
    )


def batch_normalised(keras):
    layers = keras.layers
    return keras.Sequential([keras.Input((3,)), layers.BatchNormalization(), layers.Dense(CLASSES)])


def without_variables(keras):
    return keras.Sequential([keras.Input((CLASSES,)), keras.layers.Softmax()])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (regularised, "adds losses of its own"),
        (batch_normalised, "mixes the examples"),
        (without_variables, "no trainable variables"),
    ],
)
def test_models_that_are_refused(keras, rng, build, message):
    model = build(keras)
    with pytest.raises(ValueError, match=message):
        clipped_gradient_sum(model, loss_of(keras), 1.0)(*batch_for(model, rng))


def test_losses_and_clips_that_are_refused(keras, rng):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(CLASSES)])
    mean = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    with pytest.raises(ValueError, match=r"^loss reduces the batch.*none"):
        clipped_gradient_sum(model, mean, 1.0)
    with pytest.raises(ValueError, match=r"^loss returns shape \(\)"):
        clipped_gradient_sum(model, lambda y, y_hat: tf.reduce_mean(y_hat), 1.0)(
            *batch_for(model, rng)
        )
    one_output = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    x, y = batch_for(one_output, rng)
    with pytest.raises(ValueError, match=r"^loss mixes the examples of a batch"):
        # [batch] against [batch, 1] broadcasts to all pairs.
        clipped_gradient_sum(
            one_output,
            lambda y, y_hat: tf.reduce_mean((tf.cast(y, y_hat.dtype) - y_hat) ** 2, 1),
            1.0,
        )(x, y)
    for clip in (0, -1.0, float("nan"), float("inf"), "1", None):
        with pytest.raises(ValueError, match=r"^l2_norm_clip is .*: give a positive number"):
            clipped_gradient_sum(model, loss_of(keras), clip)
