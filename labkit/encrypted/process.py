"""The labels party in a process of its own: nothing but the protocol's messages gets in or out.

with LabelsProcess(parameters, labels_file) as labels:
    train(features, labels, order, test)
"""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import tensorflow as tf

from labkit.encrypted import messages
from labkit.encrypted.label_dp import LabelPrivacy
from labkit.encrypted.labels_party import LabelsParty
from labkit.encrypted.parameters import Parameters, WrongParameters
from labkit.processes import wire
from labkit.processes.errors import PartyError, Refusal
from labkit.processes.ledger import Crossing, Ledger
from labkit.processes.peer import Peer, read
from labkit.processes.serving import Answer, Role, serve
from labkit.processes.wire import Part

Reply = TypeVar("Reply", bound=messages.Message)

# Importing TensorFlow takes seconds, on a busy machine many.
START_SECONDS = 180.0
# A message is a second's work.
ANSWER_SECONDS = 600.0

# What may be asked of the labels party, and what it is sent with the request.
CALLS: dict[str, type[messages.Message] | None] = {
    "public_key": None,
    "accept": messages.Probe,
    "encrypt_labels": None,
    "encrypt_share": messages.MaskedSignals,
    "open": messages.MaskedProducts,
}


def pack(kind: str, tensors: dict[str, tf.Tensor]) -> tuple[dict[str, Any], list[Part]]:
    """Return head and parts of a frame, see `labkit.processes.wire`: a tensor is a part."""
    dtypes = {name: tensor.dtype.name for name, tensor in tensors.items()}
    data = [tf.io.serialize_tensor(tensor).numpy() for tensor in tensors.values()]
    return {"kind": kind, "tensors": dtypes}, data


def unpack(frame: bytes | bytearray) -> tuple[str, dict[str, tf.Tensor]]:
    """Return a frame's kind and tensors."""
    return _unpacked(*wire.unpack(frame))


def _unpacked(head: dict[str, Any], parts: list[memoryview]) -> tuple[str, dict[str, tf.Tensor]]:
    named = zip(head["tensors"].items(), parts, strict=True)
    return head["kind"], {
        name: tf.io.parse_tensor(part.tobytes(), tf.as_dtype(dtype))
        for (name, dtype), part in named
    }


class LabelsProcess:
    """A labels party behind a wire: the same calls as `LabelsParty`, all its answers messages.

    The process is started here, on this machine, and reads its labels from a file that this process
    need not be able to read. It makes its own key, which stays there. It ends with this process,
    or when the context is left.

    Args:
        parameters: agreed on.
        labels: a .npy file with [examples] integers.
        privacy: see `LabelsParty`.

    Attributes:
        crossings: everything that crossed the wire, in order, byte for byte: a `Crossing` whose
            sender is "features" or "labels", whose kind is the message's name, and whose data are
            all bytes of its frame.

    Raises:
        PartyLost: the process does not start, or ends before it is asked to.
        WrongParameters: what `LabelsParty` raises.
        Refusal: anything else that it raises, such as that there is no such file.
    """

    def __init__(
        self, parameters: Parameters, labels: Path, privacy: LabelPrivacy | None = None
    ) -> None:
        ledger = Ledger()
        self.crossings = ledger.crossings
        settings = {
            "parameters": asdict(parameters),
            "labels": str(labels),
            "privacy": None if privacy is None else asdict(privacy),
        }
        self.peer = Peer.start("L", "labkit.encrypted.process", settings, ledger=ledger)
        try:
            self._exchange(*pack("ready", {}), seconds=START_SECONDS)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """End the process; may be called again."""
        self.peer.close()

    def _exchange(
        self, head: dict[str, Any], parts: list[Part], seconds: float = ANSWER_SECONDS
    ) -> tuple[bytes, bytes | bytearray, dict[str, Any], list[memoryview]]:
        """Return both frames, and what the answer holds."""
        request = wire.pack(head, *parts)
        answer = self.peer.exchange(request, seconds, f"answering `{head['kind']}`")
        try:
            return request, answer, *read(answer)
        except Refusal as refusal:
            if refusal.kind != WrongParameters.__name__:
                raise
            raise WrongParameters(refusal.arguments[0]) from None

    def _ask(
        self,
        call: str,
        message: messages.Message | None = None,
        batch: np.ndarray | None = None,
    ) -> tuple[str, dict[str, tf.Tensor]]:
        tensors = message.to_tensors() if message is not None else {}
        if batch is not None:
            tensors["batch"] = tf.constant(batch, tf.int64)
        request, answer, head, parts = self._exchange(*pack(call, tensors))
        kind, tensors = _unpacked(head, parts)
        sent = type(message).__name__ if message else call
        self._record("features", "labels", sent, request)
        self._record("labels", "features", kind, answer)
        return kind, tensors

    def _record(self, sender: str, receiver: str, kind: str, frame: bytes | bytearray) -> None:
        self.crossings.append(Crossing(sender, receiver, kind, len(frame), bytes(frame)))

    def _asked(
        self,
        cls: type[Reply],
        call: str,
        message: messages.Message | None = None,
        batch: np.ndarray | None = None,
    ) -> Reply:
        kind, tensors = self._ask(call, message, batch)
        if kind != cls.__name__:
            raise PartyError(f"The labels party answers `{call}` by {kind}.")
        return cls.from_tensors(tensors)

    def public_key(self) -> messages.PublicKey:
        """As `LabelsParty.public_key`."""
        return self._asked(messages.PublicKey, "public_key")

    def accept(self, probe: messages.Probe) -> None:
        """As `LabelsParty.accept`."""
        self._ask("accept", probe)

    def encrypt_labels(self, batch: np.ndarray) -> messages.EncryptedLabels:
        """As `LabelsParty.encrypt_labels`."""
        return self._asked(messages.EncryptedLabels, "encrypt_labels", batch=batch)

    def encrypt_share(self, message: messages.MaskedSignals) -> messages.EncryptedShare:
        """As `LabelsParty.encrypt_share`."""
        return self._asked(messages.EncryptedShare, "encrypt_share", message)

    def open(self, message: messages.MaskedProducts) -> messages.MaskedGradient:
        """As `LabelsParty.open`."""
        return self._asked(messages.MaskedGradient, "open", message)

    def bytes_sent(self) -> dict[str, int]:
        """Bytes of all messages that each party has sent so far."""
        total = Counter({"features": 0, "labels": 0})
        for crossing in self.crossings:
            total[crossing.sender] += len(crossing.data)
        return total


def prepare(role: Role) -> Answer:
    """Be the labels party of these settings."""
    settings = role.settings
    privacy = settings["privacy"] and LabelPrivacy(**settings["privacy"])
    labels = np.load(settings["labels"], allow_pickle=False)
    party = LabelsParty(Parameters(**settings["parameters"]), labels, privacy)

    def answer(head: dict[str, Any], parts: list[memoryview]) -> tuple[dict[str, Any], list[Part]]:
        call, tensors = _unpacked(head, parts)
        if call == "ready":
            return pack("done", {})
        if call == "encrypt_labels":
            arguments = [tensors["batch"].numpy()]
        else:
            cls = CALLS[call]
            arguments = [cls.from_tensors(tensors)] if cls else []
        reply = getattr(party, call)(*arguments)
        return pack(type(reply).__name__, reply.to_tensors()) if reply else pack("done", {})

    return answer


def main() -> None:
    serve(prepare)
