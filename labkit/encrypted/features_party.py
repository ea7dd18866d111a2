"""The features party, F: has images and model, and trains it; no message shows it a label."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tf_shell

from labkit.encrypted import messages
from labkit.encrypted.coefficients import centred
from labkit.encrypted.label_dp import LabelPrivacy, label_sensitivity
from labkit.encrypted.layout import Layout
from labkit.encrypted.network import Network
from labkit.encrypted.parameters import NOISE_VARIANCE, TAIL, Parameters, WrongParameters
from labkit.encrypted.ring import Ring, in_parallel, raw

# Features from 0 to 1 are rounded to multiples of 1/32.
LOG2_FEATURE_SCALE = 5
# The largest entry of the top layer's weights (as far as clipping leaves it) needs this many
# steps, so that rounding tilts the gradient by less than a hundredth.
LEAST_LEVELS = 16


@dataclass
class Rounded:
    """A batch's plaintext factors, as the integers that go into the ciphertexts.

    The labels' part of the gradient is linear in the labels: y enters as
    featuresᵀ·(Σ_c factors[:, :, c]·y_c) and hiddenᵀ·y. The predictions are sent through the SAME
    integers in the clear, so that rounding changes the gradient in proportion to its size, and
    does not add an error of the size of the (much larger) labels' part.

    Attributes:
        features: [batch, features + 1], with the bias's column.
        factors: [batch, hidden, classes]: relu' · W₂, clipped.
        hidden: [batch, hidden + 1], with the bias's column; clipped.
        log2_scales: of featuresᵀ·factors and of hidden: what 1 became.
    """

    features: np.ndarray
    factors: np.ndarray
    hidden: np.ndarray
    log2_scales: tuple[float, float]


class FeaturesParty:
    """Trains a network on its images and the other party's labels, message by message.

    Semi-honest: it follows the protocol, and may look at all it gets. What it gets in the end is
    the gradient, and without label differential privacy it can solve that for the labels.

    Args:
        parameters: agreed on with the labels party; `features` must be `live_columns(images)`.
        images: [examples, columns], from 0 to 1.
        network: the model and its optimizer.
        privacy: to what it clips how far a label moves each example's gradient; None: not at all.

    Raises:
        WrongParameters: see `Parameters.check`; or images or network are of other sizes.
    """

    def __init__(
        self,
        parameters: Parameters,
        images: np.ndarray,
        network: Network,
        privacy: LabelPrivacy | None = None,
    ) -> None:
        parameters.check()
        self.live = live_columns(images)
        sizes = (len(self.live), *network.sizes[1:])
        wanted = (parameters.features, parameters.hidden, parameters.classes)
        if sizes != wanted or images.shape[1] != network.sizes[0]:
            raise WrongParameters(
                f"Images of {images.shape[1]} columns, {len(self.live)} of them ever other than 0, "
                f"and a network {'-'.join(map(str, network.sizes))}: the parameters say features, "
                f"hidden, classes = {wanted}. "
                + (
                    "Give both parties Parameters(features={}, hidden={}, classes={}, …).".format(
                        *sizes
                    )
                    if images.shape[1] == network.sizes[0]
                    else f"Make a network whose first layer takes {images.shape[1]} columns."
                )
            )
        if images.min() < 0 or images.max() > 1:
            raise WrongParameters(
                f"The images go from {images.min()} to {images.max()}: scale them to 0 to 1."
            )
        self.parameters, self.layout = parameters, Layout(parameters)
        self.images, self.network, self.privacy = images, network, privacy
        first, second = parameters.rings
        self._first = Ring(first)
        self._second = self._first if second == first else Ring(second)
        # The largest errors, in units of t: a sum over left polynomials of error · polynomial has
        # the standard deviation σ·‖coefficients‖. Slots give coefficients of any size up to t/2.
        norm = max(parameters.classes * first.degree, self.layout.top.u)
        norms = (
            math.sqrt(norm) * parameters.plaintext_modulus / 2,
            math.sqrt(self.layout.bottom.rows * self.layout.bottom.u) * 2**LOG2_FEATURE_SCALE,
        )
        self._noise = tuple(TAIL * math.sqrt(NOISE_VARIANCE) * norm for norm in norms)
        # By how many bits flooding is wider than the errors of one coefficient, a number a round.
        self.flooding = tuple(
            ring.flooding(noise)[2]
            for ring, noise in zip((self._first, self._second), self._noise, strict=True)
        )

    def leakage(self, batches: int) -> tuple[float, float]:
        """Return log2 of how well L can tell F's data by its ciphertexts' errors, a number a round.

        The bound on the statistical distance between the errors that L sees in `batches` batches
        and flooding alone: each coefficient's is at most 2^−`flooding`, and they add up. Above 0
        the round has no bound.
        """
        layout, parts = self.layout, self.parameters.parts
        first, second = (ring.degree for ring in self.parameters.rings)
        answers = (
            (layout.groups + parts * layout.top.answers) * first,
            parts * layout.bottom.answers * second,
        )
        found = [math.log2(batches * n) - f for n, f in zip(answers, self.flooding, strict=True)]
        return found[0], found[1]

    def receive_key(self, message: messages.PublicKey) -> messages.Probe:
        """Take the other party's key, and encrypt random numbers under it as a proof.

        Raises:
            WrongParameters: the parties do not agree.
        """
        if not np.array_equal(message.agreed, self.layout.agreed(self.privacy)):
            raise WrongParameters(
                "The labels party has other parameters or another privacy agreement than this "
                f"one: {self.parameters}, {self.privacy}."
            )
        rings = (self._first, self._second)
        self._zeros = tuple(r.receive(z) for r, z in zip(rings, message.zeros, strict=True))
        blinded = [
            ring.blind(zeros[:, :1], zeros, 0.0)
            for ring, zeros in zip(rings, self._zeros, strict=True)
        ]
        ciphertexts, masks = zip(*blinded, strict=True)
        return messages.Probe(tuple(raw(c) for c in ciphertexts), masks)

    def check_range(self, batch: np.ndarray) -> None:
        """Refuse a t that is too small for a batch's sums; nothing is encrypted or sent.

        Raises:
            WrongParameters: see `round`.
        """
        images = self.images[batch]
        self.round(images[:, self.live], self.network.forward(images)[0])

    # --- round 1 ---------------------------------------------------------------------------------

    def mask_signals(
        self, batch: np.ndarray, message: messages.EncryptedLabels
    ) -> messages.MaskedSignals:
        """Compute what the labels contribute to each hidden unit, encrypted and masked.

        Args:
            batch: [batch] row numbers, public, the same as the labels party's.
            message: its encrypted labels.
        """
        ring, layout, parameters = self._first, self.layout, self.parameters
        images = self.images[batch]
        hidden, predictions = self.network.forward(images)
        rounded = self._rounded = self.round(images[:, self.live], hidden)
        self._plain = self._contribution(rounded, predictions)

        labels = tf_shell.expand_dims(ring.receive(message.slots), axis=1)
        factors = layout.by_unit(rounded.factors)

        def signals(chunk: np.ndarray) -> tuple:
            products = tf_shell.reduce_sum(labels * ring.encode(chunk), axis=2)
            return ring.blind(products, self._zeros[0], self._noise[0])

        shape = [ring.degree, layout.top.right_groups, layout.top.left_groups]

        def top(job: tuple) -> tuple:
            hidden, columns = job
            left = ring.encode_coefficients(layout.top.pack_left(hidden), step=layout.top.v)
            # [N, right groups, blocks, 1] times [N, blocks, left groups], summed over the blocks.
            products = tf_shell.reduce_sum(
                tf_shell.expand_dims(ring.receive(columns), axis=3)
                * tf_shell.expand_dims(left, axis=1),
                axis=2,
            )
            products = tf_shell.reshape(products, [ring.degree, -1])
            blinded, mask = ring.blind(products, self._zeros[0], self._noise[0])
            mask = ring.transform.to_coefficients(mask, layout.top.places)
            mask = mask.reshape(*layout.top.places.shape, *shape[1:])
            return tf_shell.reshape(blinded, shape), layout.top.read(mask)

        chunks = np.array_split(factors, min(2, layout.groups), axis=1)
        parts = zip(np.split(rounded.hidden, parameters.parts), message.columns, strict=True)
        jobs = [(signals, chunk) for chunk in chunks] + [(top, part) for part in parts]
        found = in_parallel(lambda job: job[0](job[1]), jobs)
        ciphertexts, masks = zip(*found, strict=True)
        self._share = layout.signals(np.concatenate(masks[: len(chunks)], axis=1))
        self._top_mask = masks[len(chunks) :]
        sent = tuple(map(raw, ciphertexts))
        return messages.MaskedSignals(
            sent[: len(chunks)], sent[len(chunks) :], np.array(rounded.log2_scales)
        )

    def round(self, features: np.ndarray, hidden: np.ndarray) -> Rounded:
        """Clip, and choose the largest scales (steps of 2^¼) at which no sum can wrap around.

        Raises:
            WrongParameters: t is too small for these data.
        """
        parameters, t = self.parameters, self.parameters.plaintext_modulus
        top = self.network.weights[2]
        ones = np.ones((len(features), 1))
        features = np.rint(np.hstack([features, ones]) * 2**LOG2_FEATURE_SCALE)
        factors = (hidden > 0)[:, :, None] * top
        hidden = np.hstack([hidden, ones])
        deviation = 0.0
        if self.privacy is not None:
            moved = label_sensitivity(
                features[:, :-1] * 2.0**-LOG2_FEATURE_SCALE, hidden[:, :-1], top
            )
            clip = np.minimum(1, self.privacy.l2_norm_clip / moved)
            factors, hidden = factors * clip[:, None, None], hidden * clip[:, None]
            deviation = 8 * self.privacy.standard_deviation
        largest = np.abs(factors).max(axis=2)

        def sums(left: np.ndarray, right: np.ndarray) -> float:
            """The largest entry that leftᵀ·right has in any part, if the labels are worst."""
            split = [np.split(m, parameters.parts) for m in (left, right)]
            return max(float((a.T @ b).max()) for a, b in zip(*split, strict=True))

        def scale(bound: float, rounding: float, unit: float) -> float:
            # Whole sums, and what rounding up each term may add, must stay below t/2.
            room = t / 2 - rounding
            if room <= 0:
                return -math.inf
            # A network whose units are all dead has no sums to hold: any scale does.
            return math.floor(4 * math.log2(room / max(bound + deviation * unit, 1.0))) / 4

        half = 0.5 * sums(features, ones)
        bottom = scale(sums(features, largest), half, 2.0**LOG2_FEATURE_SCALE)
        upper = scale(sums(hidden, ones), 0.5 * len(ones) / parameters.parts, 1.0)
        levels = largest.max() * 2.0**bottom
        if (largest.max() > 0 and levels < LEAST_LEVELS) or upper < 0:
            raise WrongParameters(
                f"t = {t} is too small: sums over {len(ones) // parameters.parts} examples could "
                f"reach {sums(features, largest) / 2**LOG2_FEATURE_SCALE:.0f}, and with features "
                f"in steps of 1/{2**LOG2_FEATURE_SCALE} only {max(levels, 0):.1f} steps of the "
                f"largest weight would fit below t/2 = {t // 2}; {LEAST_LEVELS} are needed. Take "
                "a larger t, or more parts."
            )
        if self.privacy is not None:
            # Rounding two classes' factors moves their difference by a step at most in each active
            # unit: room for that within the clip. Of hidden, rounding down takes nothing away.
            active = np.count_nonzero(largest, axis=1)
            step = 2.0 ** -(bottom + LOG2_FEATURE_SCALE)
            rounding = step * np.sqrt(active * np.sum(np.square(features), axis=1))
            room = np.maximum(0, 1 - rounding / self.privacy.l2_norm_clip)
            factors, hidden = factors * room[:, None, None], hidden * room[:, None]
        return Rounded(
            features,
            np.rint(factors * 2.0**bottom),
            (np.rint if self.privacy is None else np.floor)(hidden * 2.0**upper),
            (bottom + LOG2_FEATURE_SCALE, upper),
        )

    def _contribution(
        self, rounded: Rounded, output: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """The integers' gradients for [batch, classes] in the clear, a pair for each part."""
        signals = np.einsum("ijc,ic->ij", rounded.factors, output)
        parts = self.parameters.parts
        return [
            (features.T @ signal, hidden.T @ out)
            for features, signal, hidden, out in zip(
                np.split(rounded.features, parts),
                np.split(signals, parts),
                np.split(rounded.hidden, parts),
                np.split(output, parts),
                strict=True,
            )
        ]

    # --- round 2 ---------------------------------------------------------------------------------

    def multiply(self, message: messages.EncryptedShare) -> messages.MaskedProducts:
        """Compute featuresᵀ · share, encrypted and masked."""
        ring, layout = self._second, self.layout
        packing, t = layout.bottom, self.parameters.plaintext_modulus
        self._top = [
            centred(part - mask, t) for part, mask in zip(message.top, self._top_mask, strict=True)
        ]
        parts = [
            (packing.pack_left(part), ring.receive(share))
            for part, share in zip(
                np.split(self._rounded.features, self.parameters.parts), message.share, strict=True
            )
        ]

        def products(job: tuple) -> tuple[tf.Tensor, np.ndarray]:
            (left, share), chunk = job
            left = left[:, :, chunk]
            count = left.shape[2]
            left = ring.encode_coefficients(left, 2**LOG2_FEATURE_SCALE, packing.v)
            # One pixel of an image: [N, 1, 1, blocks, left groups].
            image = tf_shell.reshape(left, [ring.degree, 1, 1, packing.blocks, count])
            found = tf_shell.conv2d(share, image)
            found = tf_shell.reshape(found, [ring.degree, packing.right_groups * count])
            blinded, mask = ring.blind(found, self._zeros[1], self._noise[1])
            mask = ring.transform.to_coefficients(mask, packing.places)
            return raw(blinded), mask.reshape(packing.u, packing.v, packing.right_groups, count)

        jobs = [(part, chunk) for part in parts for chunk in layout.chunks()]
        found, masks = zip(*in_parallel(products, jobs), strict=True)
        per_part = len(layout.chunks())
        self._bottom_mask = [
            packing.read(np.concatenate(masks[first : first + per_part], axis=3))
            for first in range(0, len(masks), per_part)
        ]
        return messages.MaskedProducts(found)

    def gradients(self, message: messages.MaskedGradient) -> list[list[np.ndarray]]:
        """Return each part's gradient, summed over its examples: W₁, b₁, W₂, b₂, float64."""
        parameters, t = self.parameters, self.parameters.plaintext_modulus
        rounded = self._rounded
        masks = [
            mask + features.T @ share
            for mask, features, share in zip(
                self._bottom_mask,
                np.split(rounded.features, parameters.parts),
                np.split(self._share, parameters.parts),
                strict=True,
            )
        ]
        found = []
        for plain, bottom, mask, top in zip(
            self._plain, message.bottom, masks, self._top, strict=True
        ):
            below = (plain[0] - centred(bottom - mask, t)) * 2.0 ** -rounded.log2_scales[0]
            above = (plain[1] - top) * 2.0 ** -rounded.log2_scales[1]
            weights = np.zeros((self.images.shape[1], parameters.hidden))
            weights[self.live] = below[:-1]
            found.append([weights, below[-1], above[:-1], above[-1]])
        return found


def live_columns(images: np.ndarray) -> np.ndarray:
    """Return the columns that are not 0 throughout: weights of the others have no gradient.

    How many there are becomes public.
    """
    return np.flatnonzero(np.any(images, axis=0))
