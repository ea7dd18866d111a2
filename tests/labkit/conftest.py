"""What tests of several modules use."""

import contextlib
import os
import socket
import threading

import pytest

from labkit.processes.ledger import Ledger
from labkit.processes.peer import Peer
from labkit.processes.serving import Role, play


@pytest.fixture
def in_thread():
    """A function: prepare → a Peer for whom a thread of this process answers."""
    listeners = []

    def start(prepare, name="alice", settings=None, ledger=None):
        listeners.append(socket.create_server(("127.0.0.1", 0)))
        role = Role(name, os.urandom(32), listeners[-1], settings or {})

        def answer():
            with contextlib.suppress(OSError):  # the test is over
                play(role, prepare)

        threading.Thread(target=answer, daemon=True).start()
        return Peer(name, listeners[-1].getsockname(), role.key, ledger or Ledger())

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
