"""Frames over TCP, between two processes that know one key.

A frame is a line of JSON, which gives the lengths of the raw parts that follow it: no pickles, so
that what arrives is data. Whoever opens a wire proves that it knows the key, and so does who
answers: other users of this machine are kept out. Frames are not encrypted, and not signed one by
one: who can change what is under way can give orders, so that between machines it needs a tunnel.
"""

import hmac
import json
import os
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

Part = bytes | memoryview

_LENGTH = struct.Struct("!Q")
# No frame is longer before the other side has proved that it knows the key.
OPENING_BYTES = 1000


class Stranger(ConnectionError):
    """Who is at the other end does not know the key, or is no party at all."""


def pack(head: dict[str, Any], *parts: Part) -> bytes:
    """Return a frame: a JSON object, and bytes."""
    line = json.dumps({**head, "parts": [len(part) for part in parts]}).encode()
    return b"".join([line, b"\n", *parts])


def unpack(frame: bytes | bytearray) -> tuple[dict[str, Any], list[memoryview]]:
    """Return what `pack` was given; the parts are views of the frame."""
    at = frame.index(b"\n") + 1
    head, parts = json.loads(frame[:at]), []
    for length in head.pop("parts"):
        parts.append(memoryview(frame)[at : at + length])
        at += length
    return head, parts


class Wire:
    """A connected socket that carries frames.

    Attributes:
        other: the name of who is at the other end, once the wire is open.
        sent, received: bytes so far, all that the socket was given and gave.
    """

    def __init__(self, connection: socket.socket):
        self.other = "?"
        self.sent = self.received = 0
        self._connection = connection
        # Each frame is awaited: it must not wait for company.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, frame: bytes, deadline: float | None = None) -> None:
        """Send a frame.

        Args:
            deadline: when to give up, by time.monotonic().

        Raises:
            TimeoutError: the deadline has passed.
            OSError: the other side is gone.
        """
        data = _LENGTH.pack(len(frame)) + frame
        self._await(deadline)
        self._connection.sendall(data)
        self.sent += len(data)

    def receive(self, deadline: float | None = None, limit: float = float("inf")) -> bytearray:
        """Return the next frame.

        Raises: as `send` does; EOFError, too, where the other side has hung up, and Stranger where
            the frame is longer than the limit.
        """
        [length] = _LENGTH.unpack(self._read(_LENGTH.size, deadline))
        if not length <= limit:
            raise Stranger(f"it sends {length} bytes where at most {limit} are expected")
        return self._read(length, deadline)

    def _read(self, length: int, deadline: float | None) -> bytearray:
        data, at = bytearray(length), 0
        while at < length:
            self._await(deadline)
            count = self._connection.recv_into(memoryview(data)[at:])
            if count == 0:
                raise EOFError("the other side has hung up")
            at += count
            self.received += count
        return data

    def _await(self, deadline: float | None) -> None:
        if deadline is None:
            self._connection.settimeout(None)
        elif (left := deadline - time.monotonic()) > 0:
            self._connection.settimeout(left)
        else:
            raise TimeoutError

    def close(self) -> None:
        """Hang up; may be called again."""
        self._connection.close()


def greet(wire: Wire, me: str, key: bytes, deadline: float) -> None:
    """Open a wire as the one who connected, and learn who is at the other end.

    Raises:
        Stranger: the other side does not know the key.
        TimeoutError, OSError, EOFError: as `Wire.receive` raises them.
    """
    nonce = _nonce()
    wire.send(pack({"name": me, "nonce": nonce}), deadline)
    name, theirs, proof = _opening(wire, ("name", "nonce", "proof"), deadline)
    words = (me, nonce, name, theirs)
    _require_proof(proof, key, "accepts", words)
    wire.send(pack({"proof": _proof(key, "connects", words)}), deadline)
    wire.other = name


def admit(wire: Wire, me: str, key: bytes, deadline: float) -> None:
    """Open a wire as the one who was connected to; raises what `greet` does."""
    name, theirs = _opening(wire, ("name", "nonce"), deadline)
    nonce = _nonce()
    words = (name, theirs, me, nonce)
    proof = _proof(key, "accepts", words)
    wire.send(pack({"name": me, "nonce": nonce, "proof": proof}), deadline)
    [proof] = _opening(wire, ("proof",), deadline)
    _require_proof(proof, key, "connects", words)
    wire.other = name


def _nonce() -> str:
    return os.urandom(32).hex()


def _proof(key: bytes, role: str, words: Sequence[str]) -> str:
    # The role is in it: nobody can prove by sending back what was proved to them.
    return hmac.digest(key, json.dumps([role, *words]).encode(), "sha256").hex()


def _require_proof(proof: str, key: bytes, role: str, words: Sequence[str]) -> None:
    if not hmac.compare_digest(proof.encode(), _proof(key, role, words).encode()):
        raise Stranger("it does not know the key")


def _opening(wire: Wire, fields: Sequence[str], deadline: float) -> list[str]:
    frame = wire.receive(deadline, OPENING_BYTES)
    try:
        head, _ = unpack(frame)
        return [str(head[field]) for field in fields]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Stranger("what it says is no greeting") from None
