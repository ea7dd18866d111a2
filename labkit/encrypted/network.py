"""The network that is trained: two dense layers, relu between them, and an optimizer."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from scipy.special import expit, softmax


class Network:
    """A Keras model of two dense layers, with its forward pass and its steps.

    The loss is the cross-entropy that belongs to the output's activation, so that its derivative
    by the logits is prediction − label (one-hot).

    Args:
        model: tf.keras.Sequential of Dense(hidden, "relu") and Dense(classes, "sigmoid" or
            "softmax"), built and compiled with an optimizer.

    Raises:
        ValueError: it is anything else.
    """

    def __init__(self, model: tf.keras.Sequential) -> None:
        shapes = [tuple(weight.shape) for weight in model.weights]
        activations = [getattr(layer.activation, "__name__", "") for layer in model.layers]
        if not (
            len(model.layers) == 2
            and [len(shape) for shape in shapes] == [2, 1, 2, 1]
            and activations[0] == "relu"
            and activations[1] in ("sigmoid", "softmax")
        ):
            raise ValueError(
                "The network must be Dense(…, 'relu') and Dense(…, 'sigmoid' or 'softmax'), with "
                f"biases; this has activations {activations} and weights {shapes}."
            )
        self.model = model
        self.activation = expit if activations[1] == "sigmoid" else lambda z: softmax(z, axis=1)
        self.sizes = (shapes[0][0], shapes[0][1], shapes[2][1])

    @property
    def weights(self) -> list[np.ndarray]:
        """W₁ [features, hidden], b₁, W₂ [hidden, classes], b₂, as float64."""
        return [weight.astype(np.float64) for weight in self.model.get_weights()]

    def forward(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the hidden layer after relu, [n, hidden], and the predictions, [n, classes]."""
        below, below_bias, top, top_bias = self.weights
        hidden = np.maximum(images @ below + below_bias, 0)
        return hidden, self.activation(hidden @ top + top_bias)

    def gradient(self, images: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
        """Return the plaintext gradient, summed over examples with bare labels (integers)."""
        hidden, error = self.forward(images)
        error[np.arange(len(labels)), labels] -= 1
        signals = (error @ self.weights[2].T) * (hidden > 0)
        return [images.T @ signals, signals.sum(axis=0), hidden.T @ error, error.sum(axis=0)]

    def step(self, gradient: Sequence[np.ndarray]) -> None:
        """Let the optimizer make one step."""
        pairs = zip(map(tf.constant, gradient), self.model.trainable_variables, strict=True)
        self.model.optimizer.apply_gradients(
            [(tf.cast(value, variable.dtype), variable) for value, variable in pairs]
        )

    def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
        """The fraction of images whose label is predicted."""
        return float(np.mean(self.forward(images)[1].argmax(axis=1) == labels))
