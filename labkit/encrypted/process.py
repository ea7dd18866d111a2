"""The labels party in a process of its own: nothing but the protocol's messages gets in or out.

with LabelsProcess(parameters, labels_file) as labels:
    train(features, labels, order, test)
"""

import json
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import tensorflow as tf

from labkit.encrypted import messages
from labkit.encrypted.label_dp import LabelPrivacy
from labkit.encrypted.labels_party import LabelsParty
from labkit.encrypted.parameters import Parameters, WrongParameters

Answer = TypeVar("Answer", bound=messages.Message)

# Importing TensorFlow takes seconds, on a busy machine many.
START_SECONDS = 180

# What may be asked of the labels party, and what it is sent with the request.
CALLS: dict[str, type[messages.Message] | None] = {
    "public_key": None,
    "accept": messages.Probe,
    "encrypt_labels": None,
    "encrypt_share": messages.MaskedSignals,
    "open": messages.MaskedProducts,
}
ANSWERS = {
    cls.__name__: cls
    for cls in (
        messages.PublicKey,
        messages.EncryptedLabels,
        messages.EncryptedShare,
        messages.MaskedGradient,
    )
}


class PartyLost(RuntimeError):
    """The labels party's process has ended."""


@dataclass(frozen=True)
class Crossing:
    """One message on the wire.

    Attributes:
        sender: "features" or "labels".
        kind: the message's name.
        data: all its bytes, as they were sent.
    """

    sender: str
    kind: str
    data: bytes


def pack(kind: str, message: messages.Message | None, batch: np.ndarray | None = None) -> bytes:
    """Return a frame: a JSON line with names, types and lengths, then the tensors; no pickles."""
    tensors = message.to_tensors() if message is not None else {}
    if batch is not None:
        tensors["batch"] = tf.constant(batch, tf.int64)
    data = {name: tf.io.serialize_tensor(tensor).numpy() for name, tensor in tensors.items()}
    parts = {name: [tensors[name].dtype.name, len(data[name])] for name in tensors}
    return json.dumps({"kind": kind, "parts": parts}).encode() + b"\n" + b"".join(data.values())


def unpack(frame: bytes) -> tuple[str, dict[str, tf.Tensor]]:
    """Return a frame's kind and tensors."""
    head, _, body = frame.partition(b"\n")
    described = json.loads(head)
    tensors, at = {}, 0
    for name, (dtype, length) in described["parts"].items():
        tensors[name] = tf.io.parse_tensor(body[at : at + length], tf.as_dtype(dtype))
        at += length
    return described["kind"], tensors


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
        crossings: everything that crossed the wire, in order, byte for byte.

    Raises:
        PartyLost: the process does not start, or ends before it is told to.
        WrongParameters: what `LabelsParty` raises.
    """

    def __init__(
        self, parameters: Parameters, labels: Path, privacy: LabelPrivacy | None = None
    ) -> None:
        self.crossings: list[Crossing] = []
        key = secrets.token_bytes(32)
        # Not a pipe: one that nobody reads fills up, and stops who writes.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115, it lives as long as the process
        settings = {
            "parameters": asdict(parameters),
            "labels": str(labels),
            "privacy": None if privacy is None else asdict(privacy),
        }
        with Listener(("127.0.0.1", 0), authkey=key) as listener:
            settings["address"] = listener.address
            self._process = subprocess.Popen(
                [sys.executable, "-m", "labkit.encrypted.process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
            )
            # The secret that opens the wire goes through a pipe: others can read a command line.
            assert self._process.stdin is not None
            self._process.stdin.write(key.hex().encode() + b"\n")
            self._process.stdin.write(json.dumps(settings).encode() + b"\n")
            self._process.stdin.close()
            self._wire = self._accepted(listener)
        self._received()

    def _accepted(self, listener: Listener) -> Connection:
        listener._listener._socket.settimeout(1.0)  # type: ignore[attr-defined]  # private
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                return listener.accept()
            except TimeoutError:
                continue
        self.close()
        raise PartyLost(f"The labels party's process did not start: {self._last_words()}")

    def _last_words(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-500:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def close(self) -> None:
        """End the process; may be called again."""
        if wire := getattr(self, "_wire", None):
            wire.close()  # the sign to leave
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _received(self) -> tuple[str, bytes]:
        try:
            frame = self._wire.recv_bytes()
        except (EOFError, OSError):
            self.close()
            raise PartyLost(f"The labels party is gone: {self._last_words()}") from None
        kind = json.loads(frame.partition(b"\n")[0])["kind"]
        if kind == "error":
            raise WrongParameters(json.loads(frame.partition(b"\n")[0])["parts"]["text"])
        return kind, frame

    def _ask(
        self,
        call: str,
        message: messages.Message | None = None,
        batch: np.ndarray | None = None,
    ) -> messages.Message | None:
        frame = pack(call, message, batch)
        sent = type(message).__name__ if message else call
        self.crossings.append(Crossing("features", sent, frame))
        try:
            self._wire.send_bytes(frame)
        except OSError:
            self.close()
            raise PartyLost(f"The labels party is gone: {self._last_words()}") from None
        kind, frame = self._received()
        self.crossings.append(Crossing("labels", kind, frame))
        if kind == "done":
            return None
        cls = ANSWERS[kind]
        return cls.from_tensors(unpack(frame)[1])

    def _asked(
        self,
        cls: type[Answer],
        call: str,
        message: messages.Message | None = None,
        batch: np.ndarray | None = None,
    ) -> Answer:
        answer = self._ask(call, message, batch)
        if not isinstance(answer, cls):
            raise TypeError(f"The labels party answers `{call}` by {type(answer).__name__}.")
        return answer

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
        """Bytes that each party has sent so far."""
        return {
            party: sum(len(c.data) for c in self.crossings if c.sender == party)
            for party in ("features", "labels")
        }


def serve() -> None:
    """The process: connect, then answer until the other side hangs up."""
    authkey = bytes.fromhex(sys.stdin.readline())
    settings = json.loads(sys.stdin.readline())
    privacy = settings["privacy"] and LabelPrivacy(**settings["privacy"])
    with Client(tuple(settings["address"]), authkey=authkey) as wire:
        try:
            labels = np.load(settings["labels"], allow_pickle=False)
            party = LabelsParty(Parameters(**settings["parameters"]), labels, privacy)
            wire.send_bytes(pack("ready", None))
            while True:
                frame = wire.recv_bytes()
                call, tensors = unpack(frame)
                if call == "encrypt_labels":
                    arguments = [tensors["batch"].numpy()]
                else:
                    cls = CALLS[call]
                    arguments = [cls.from_tensors(tensors)] if cls else []
                answer = getattr(party, call)(*arguments)
                kind = type(answer).__name__ if answer is not None else "done"
                wire.send_bytes(pack(kind, answer))
        except EOFError:
            pass  # the other side has hung up
        except (WrongParameters, OSError, ValueError) as error:
            head = json.dumps({"kind": "error", "parts": {"text": str(error)}})
            wire.send_bytes(head.encode() + b"\n")


if __name__ == "__main__":
    serve()
