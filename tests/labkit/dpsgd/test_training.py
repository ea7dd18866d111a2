"""The promises of labkit.dpsgd.fit: its noise, its batches, what it records and refuses."""

import gc
import importlib
import weakref

import numpy as np
import pytest
import tensorflow as tf

from labkit.accounting import epsilon_pld
from labkit.dpsgd import fit
from tests.labkit.dpsgd.problem import CLASSES, FLOAT32, loss_of


def linear(keras, inputs=3):
    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(CLASSES)])


def arguments(keras, rng, **changes):
    """Valid arguments for fit on 200 examples."""
    x = rng.normal(size=(200, 3)).astype(np.float32)
    y = np.argmax(x @ rng.normal(size=(3, CLASSES)), axis=1)
    return {
        "model": linear(keras),
        "loss": loss_of(keras),
        "x": x,
        "y": y,
        "optimizer": keras.optimizers.SGD(0.5),
        "l2_norm_clip": 1.0,
        "noise_multiplier": 0.5,
        "sampling_probability": 0.1,
        "expected_batch_size": 20,
        "steps": 25,
        "rng": np.random.default_rng(5),
        "delta": 1e-5,
    } | changes


def test_fit_learns_records_and_prints_to_stdout_only(keras, rng, capfd):
    given = arguments(keras, rng, steps=65)
    history = fit(**given, validation_data=(given["x"], given["y"]), record_every=20)
    out, err = capfd.readouterr()
    assert "65/65" in out and "epsilon" in out and "loss" in out
    assert "validation accuracy" in out
    assert "Traceback" not in err and "DP-SGD" not in err
    assert history.steps == [20, 40, 60, 65]
    assert history.epsilon == [epsilon_pld(0.5, 0.1, steps, 1e-5) for steps in history.steps]
    assert all(
        type(v) is float for name, vs in vars(history).items() if name != "steps" for v in vs
    )
    assert history.loss[-1] < history.loss[0]
    # A linear rule and a linear model; guessing gives about the largest class's share.
    assert history.validation_accuracy[-1] > 0.6
    np.testing.assert_allclose(history.accuracy[-1], history.validation_accuracy[-1], atol=0.35)


def test_noise_is_what_is_paid_for(keras):
    # A loss with no gradient: what moves the weights is the noise alone, so each of the 40000
    # coordinates is N(0, (learning rate · noise multiplier · C / expected batch size)²).
    model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(200, use_bias=False)])
    before = model.get_weights()[0]
    fit(
        model,
        lambda y, y_hat: 0.0 * y_hat[:, 0],
        np.zeros((50, 200), np.float32),
        np.zeros(50),
        optimizer=keras.optimizers.SGD(0.5),
        l2_norm_clip=3.0,
        noise_multiplier=2.0,
        sampling_probability=0.4,
        expected_batch_size=20,
        steps=1,
        rng=np.random.default_rng(1),
        delta=1e-5,
    )
    step = model.get_weights()[0] - before
    expected = 0.5 * 2.0 * 3.0 / 20
    # The deviation of n = 40000 samples has relative error 1/√(2n) = 0.35 %; 6 of those.
    np.testing.assert_allclose(np.std(step), expected, rtol=0.022)
    assert abs(np.mean(step)) < 6 * expected / 200
    # Neighbouring coordinates do not share noise: correlation 0 ± 1/200.
    assert abs(np.corrcoef(step[:, :-1].ravel(), step[:, 1:].ravel())[0, 1]) < 6 / 200


def test_batches_are_poisson(keras):
    steps, n, q = 300, 100, 0.2
    moves = tf.Variable(tf.zeros(steps), trainable=False)
    step = tf.Variable(0, trainable=False)

    class Recorder(keras.optimizers.SGD):
        def apply_gradients(self, grads_and_vars):
            moves.scatter_nd_update([[step]], [grads_and_vars[1][0][0]])
            step.assign_add(1)

    # Every example's gradient for the bias is 1, and there is no noise: what reaches the
    # optimizer is the batch's size over the expected size.
    fit(
        keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]),
        lambda y, y_hat: y_hat[:, 0],
        np.zeros((n, 1), np.float32),
        np.zeros(n),
        optimizer=Recorder(1.0),
        l2_norm_clip=10.0,
        noise_multiplier=0,
        no_noise_INSECURE=True,
        sampling_probability=q,
        expected_batch_size=q * n,
        steps=steps,
        rng=np.random.default_rng(2),
        delta=1e-5,
    )
    sizes = moves.numpy() * q * n
    np.testing.assert_allclose(sizes, np.round(sizes), atol=1e-4)  # float32 of up to 100.
    # Binomial(100, 0.2) has mean 20, variance 16; the mean of 300 has deviation 4/√300 = 0.23,
    # their variance 16·√(2/299) = 1.3. Six of each.
    assert abs(np.mean(sizes) - 20) < 1.4
    assert abs(np.var(sizes) - 16) < 7.9


def test_same_rng_same_weights(keras, rng):
    given = arguments(keras, rng)
    start = given["model"].get_weights()
    weights = []
    for seed in (5, 5, 6):
        given["model"].set_weights(start)
        given |= {"rng": np.random.default_rng(seed), "optimizer": keras.optimizers.SGD(0.5)}
        fit(**given)
        weights.append(np.concatenate([w.ravel() for w in given["model"].get_weights()]))
    # Threads may add in another order: 25 steps of float32 rounding.
    np.testing.assert_allclose(weights[0], weights[1], atol=25 * FLOAT32)
    assert np.max(np.abs(weights[0] - weights[2])) > 0.01


def test_a_second_fit_traces_nothing_anew(keras, rng):
    calls = []

    def loss(y, y_hat):
        calls.append(1)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(y, y_hat)

    given = arguments(keras, rng, loss=loss)
    fit(**given)
    traced = len(calls)
    fit(**given | {"noise_multiplier": 0.9, "l2_norm_clip": 2.0, "sampling_probability": 0.2})
    assert len(calls) == traced


def test_a_model_is_forgotten(keras, rng):
    given = arguments(keras, rng)
    fit(**given)
    model = weakref.ref(given["model"])
    del given
    keras.backend.clear_session()
    gc.collect()
    assert model() is None


def test_almost_empty_batches_and_no_steps(keras, rng):
    given = arguments(keras, rng)
    history = fit(**given | {"sampling_probability": 1e-4, "steps": 5, "record_every": 1})
    assert len(history.steps) == 5
    assert np.all(np.isfinite(np.concatenate([w.ravel() for w in given["model"].get_weights()])))
    assert fit(**given | {"steps": 0}).steps == []


def test_no_noise_only_when_asked_for(keras, rng):
    given = arguments(keras, rng, noise_multiplier=0, steps=2)
    with pytest.raises(ValueError, match=r"^noise_multiplier is 0"):
        fit(**given)
    assert fit(**given, no_noise_INSECURE=True).epsilon == [float("inf")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"l2_norm_clip": float("nan")}, "^l2_norm_clip is nan: give"),
        ({"noise_multiplier": -1.0}, "^noise_multiplier is -1.0: give"),
        ({"sampling_probability": 0}, "^sampling_probability is 0: give"),
        ({"sampling_probability": 1.1}, "^sampling_probability is 1.1: give"),
        ({"expected_batch_size": 0.0}, "^expected_batch_size is 0.0: give"),
        ({"steps": -1}, "^steps is -1: give"),
        ({"steps": 2.5}, "^steps is 2.5: give"),
        ({"record_every": 0}, "^record_every is 0: give"),
        ({"delta": 1.0}, "^delta is 1.0: give"),
        ({"rng": 5}, "^rng is 5: give"),
        ({"y": np.zeros(199)}, "^x holds 200 examples and y 199: give"),
        ({"y": np.array(["a"] * 200)}, "^y has .*dtype <U1: give"),
        ({"x": [], "y": []}, "^x holds 0"),
        ({"validation_data": (np.zeros((2, 3)), [1])}, "^validation_x holds 2"),
        ({"optimizer": "sgd"}, "^optimizer is a builtins.str: give"),
    ],
)
def test_bad_input_is_named(keras, rng, change, message):
    with pytest.raises(ValueError, match=message):
        fit(**arguments(keras, rng) | change)


def test_an_optimizer_of_the_other_keras_is_refused(rng):
    kerases = [importlib.import_module(name) for name in ("keras", "tf_keras")]
    for mine, other in (kerases, kerases[::-1]):
        with pytest.raises(ValueError, match=r"^optimizer is a .*SGD: give"):
            fit(**arguments(mine, rng, optimizer=other.optimizers.SGD(0.1)))
