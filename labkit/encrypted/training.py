"""A whole training run on encrypted labels: one call, with progress and TensorBoard logs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from labkit.encrypted import messages
from labkit.encrypted.features_party import FeaturesParty
from labkit.progress import Progress


class Labels(Protocol):
    """What training asks of a labels party: in this process, or in one of its own."""

    def public_key(self) -> messages.PublicKey: ...
    def accept(self, probe: messages.Probe) -> None: ...
    def encrypt_labels(self, batch: np.ndarray) -> messages.EncryptedLabels: ...
    def encrypt_share(self, message: messages.MaskedSignals) -> messages.EncryptedShare: ...
    def open(self, message: messages.MaskedProducts) -> messages.MaskedGradient: ...


@dataclass
class TrainingHistory:
    """What a run was like, a number for each batch.

    Attributes:
        accuracy: on the test set, after the batch.
        seconds: of the batch's protocol and steps, without the evaluation.
        cosine: with the plaintext gradient, the least of the batch's parts, where it was asked for.
    """

    accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cosine: list[float] = field(default_factory=list)


def batches(examples: int, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return one epoch of shuffled batches of row numbers; what is left over is dropped."""
    order = rng.permutation(examples)
    return [order[i : i + size] for i in range(0, examples - size + 1, size)]


def encrypted_gradients(
    features: FeaturesParty, labels: Labels, batch: np.ndarray
) -> list[list[np.ndarray]]:
    """Run the protocol for one batch: five messages, and the gradient of each part of it."""
    encrypted = labels.encrypt_labels(batch)
    share = labels.encrypt_share(features.mask_signals(batch, encrypted))
    return features.gradients(labels.open(features.multiply(share)))


def agree(features: FeaturesParty, labels: Labels) -> None:
    """Hand the public key over, and refuse parties that do not match.

    Raises:
        WrongParameters: see `FeaturesParty.receive_key` and `LabelsParty.accept`.
    """
    labels.accept(features.receive_key(labels.public_key()))


def train(
    features: FeaturesParty,
    labels: Labels,
    order: Sequence[np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    logs: Path | None = None,
    plaintext: Callable[[np.ndarray], list[np.ndarray]] | None = None,
) -> TrainingHistory:
    """Train on encrypted labels, and show how far it is.

    Args:
        features: whose network is trained.
        labels: the other party.
        order: the batches, arrays of row numbers; public.
        test: images [n, features] and labels [n] for the accuracy.
        logs: a folder for TensorBoard: `tensorboard --logdir <folder>`.
        plaintext: row numbers → the true gradient; only an experiment that has both parties' data
            can give it.

    Returns:
        The history.

    Raises:
        WrongParameters: the parties do not fit together, or t is too small for the data.
    """
    features.check_range(order[0])
    agree(features, labels)
    history = TrainingHistory()
    writer = tf.summary.create_file_writer(str(logs)) if logs else tf.summary.create_noop_writer()
    with writer.as_default(), Progress(len(order), "training on encrypted labels") as progress:
        for step, batch in enumerate(order):
            began = time.perf_counter()
            gradients = encrypted_gradients(features, labels, batch)
            seconds = time.perf_counter() - began
            if plaintext is not None:
                parts = np.split(batch, len(gradients))
                history.cosine.append(
                    min(cosine(g, plaintext(p)) for g, p in zip(gradients, parts, strict=True))
                )
                tf.summary.scalar("cosine with the plaintext gradient", history.cosine[-1], step)
            began = time.perf_counter()
            for gradient in gradients:
                features.network.step(gradient)
            history.seconds.append(seconds + time.perf_counter() - began)
            history.accuracy.append(features.network.accuracy(*test))
            tf.summary.scalar("test accuracy", history.accuracy[-1], step)
            tf.summary.scalar("seconds", history.seconds[-1], step)
            progress.update(step + 1, test_accuracy=history.accuracy[-1])
    return history


def cosine(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Return the cosine of the angle between two gradients, over all variables; 0 if one is 0."""
    flat_a, flat_b = (np.concatenate([np.ravel(part) for part in g]) for g in (a, b))
    return float(flat_a @ flat_b / max(np.linalg.norm(flat_a) * np.linalg.norm(flat_b), 1e-300))
