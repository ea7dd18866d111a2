"""The other side of a `peer`: a process that answers requests."""

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from labkit.processes.errors import Refusal
from labkit.processes.ledger import Ledger
from labkit.processes.wire import Part, Wire, admit, pack, unpack

# A request's head and parts → the answer's.
Answer = Callable[[dict[str, Any], list[memoryview]], tuple[dict[str, Any], list[Part]]]

SECONDS_TO_PROVE = 60.0


@dataclass(frozen=True)
class Role:
    """What a process was started as.

    Attributes:
        name: who it is.
        key: what all who may ask it know.
        listener: where they come.
        settings: what it makes of them is its own business.
        ledger: where its bytes are counted.
    """

    name: str
    key: bytes
    listener: socket.socket
    settings: dict[str, Any]
    ledger: Ledger = field(default_factory=Ledger)


def serve(prepare: Callable[[Role], Answer]) -> None:
    """Be what this process was started as, until it is ended."""
    given = json.loads(sys.stdin.readline())
    listener = socket.socket(fileno=given["listener"])
    play(Role(given["name"], bytes.fromhex(given["key"]), listener, given["settings"]), prepare)


def play(role: Role, prepare: Callable[[Role], Answer]) -> None:
    """Answer whoever knows the key, each in a thread of its own, for ever.

    What `prepare` raises is the answer to everything; what an answer raises, to that request.
    """
    try:
        answer = prepare(role)
    except Exception as error:
        refusal = error

        def answer(*_: Any) -> Any:
            raise refusal

    while True:
        connection, _ = role.listener.accept()
        threading.Thread(target=_attend, args=(connection, role, answer), daemon=True).start()


def _attend(connection: socket.socket, role: Role, answer: Answer) -> None:
    wire = Wire(connection)
    # Strangers are sent away, and whoever hangs up has gone.
    with contextlib.closing(wire), contextlib.suppress(OSError, EOFError):
        admit(wire, role.name, role.key, time.monotonic() + SECONDS_TO_PROVE)
        role.ledger.wires.append(wire)
        while True:
            wire.send(_answered(wire.receive(), answer))


def _answered(request: bytearray, answer: Answer) -> bytes:
    try:
        head, parts = answer(*unpack(request))
    except Refusal as refusal:
        return pack({"error": refusal.kind, "arguments": refusal.arguments})
    except Exception as error:
        return pack({"error": type(error).__name__, "arguments": [str(error)]})
    return pack(head, *parts)
