"""Processes that answer, and the wires between: strangers, lost ones, and every byte."""

import contextlib
import os
import re
import signal
import socket
import struct
import threading
import time

import pytest

from labkit.processes import wire as wires
from labkit.processes.errors import AddressError, PartyError, PartyLost, PartyTimeout, Refusal
from labkit.processes.ledger import Crossing, Ledger
from labkit.processes.peer import Peer, read
from labkit.processes.tensor_party import MODULE
from labkit.processes.wire import Stranger, Wire, pack, unpack
from tests.processes import has_ended

# Linux's struct tcp_info (linux/tcp.h): its size, and where bytes_received is.
TCP_INFO_SIZE, BYTES_RECEIVED = 136, 128


def echo(role):
    """What this module's processes answer."""

    def answer(head, parts):
        if seconds := head.get("sleep"):
            time.sleep(seconds)
        if head.get("fail"):
            raise ValueError(head["fail"])
        if head.get("refuse"):
            raise Refusal("TensorFlow", 3, "too small")
        return {"said": head["say"]}, parts

    return answer


@pytest.fixture
def alice(in_thread):
    return in_thread(echo)


def say(peer, text, *parts, seconds=30, **more):
    return peer.ask({"say": text, **more}, *parts, seconds=seconds, doing="saying it")


# --- frames ---------------------------------------------------------------------------------------


def test_a_frame_holds_what_was_packed():
    for head, parts in [
        ({}, []),
        ({"a": [1, None, "ü\n"]}, [b"", b"\n\0", memoryview(bytes(1000))]),
    ]:
        got, views = unpack(pack(head, *parts))
        assert got == head
        assert [bytes(view) for view in views] == [bytes(part) for part in parts]


def connected():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        return near, listener.accept()[0]


def test_a_wire_counts_every_byte_as_the_kernel_does():
    near, far = connected()
    sending, receiving = Wire(near), Wire(far)
    with contextlib.closing(sending), contextlib.closing(receiving):
        frames = [b"", b"x", os.urandom(3 * 10**6)]
        thread = threading.Thread(target=lambda: [sending.send(frame) for frame in frames])
        thread.start()
        assert [receiving.receive() for _ in frames] == frames
        thread.join()
        info = far.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
        [count] = struct.unpack_from("=Q", info, BYTES_RECEIVED)
        assert sending.sent == receiving.received == count == sum(map(len, frames)) + 3 * 8
        assert (sending.received, receiving.sent) == (0, 0)


def test_a_ledger_adds_up_wires_by_who_is_at_the_other_end(in_thread):
    ledger = Ledger()
    alice, bob = (in_thread(echo, name, ledger=ledger) for name in ("alice", "bob"))
    for peer in (alice, alice, bob):
        say(peer, "x", bytes(1000))
    assert set(ledger.sent()) == set(ledger.received()) == {"alice", "bob"}
    assert 2000 < ledger.sent()["alice"] < 3000 < ledger.sent().total() < 4500
    assert str(Crossing("alice", "bob", "x, float32[1]", 4)) == (
        "alice → bob: x, float32[1], 4 bytes"
    )
    assert str(Crossing("alice", "bob", "box", None)) == "alice → bob: box, ? bytes"


# --- who may ask ----------------------------------------------------------------------------------


def raw(peer):
    """A wire to a peer's address, which nobody has opened."""
    return Wire(socket.create_connection(peer.address, timeout=30))


def sends_no_greeting(wire, peer):
    wire.send(pack({"say": "x"}))


def sends_no_json(wire, peer):
    wire.send(b"GET / HTTP/1.1")


def sends_what_is_too_long(wire, peer):
    wire._connection.sendall(struct.pack("!Q", 2**60))


def has_another_key(wire, peer):
    with pytest.raises(Stranger, match="does not know the key"):
        wires.greet(wire, "notebook", bytes(32), time.monotonic() + 30)
    wire.send(pack({"proof": "0" * 64}))


def sends_back_what_was_proved_to_it(wire, peer):
    wire.send(pack({"name": "notebook", "nonce": "1"}))
    wire.send(pack({"proof": unpack(wire.receive())[0]["proof"]}))


def repeats_what_another_one_sent(wire, peer):
    heard = Recorded(socket.create_connection(peer.address))
    wires.greet(heard, "notebook", peer._key, time.monotonic() + 30)
    greeting, proof = heard.frames
    wire.send(greeting)
    wire.receive()
    wire.send(proof)


class Recorded(Wire):
    """A wire that keeps what it is given."""

    def __init__(self, connection):
        super().__init__(connection)
        self.frames = []

    def send(self, frame, deadline=None):
        self.frames.append(frame)
        super().send(frame, deadline)


@pytest.mark.parametrize(
    "attack",
    [
        sends_no_greeting,
        sends_no_json,
        sends_what_is_too_long,
        has_another_key,
        sends_back_what_was_proved_to_it,
        repeats_what_another_one_sent,
    ],
)
def test_strangers_get_no_answer(alice, attack):
    with contextlib.closing(raw(alice)) as wire:
        with contextlib.suppress(OSError):  # it may have hung up already
            attack(wire, alice)
            wire.send(pack({"say": "let me in"}))
        with pytest.raises((EOFError, ConnectionError)):
            wire.receive(time.monotonic() + 30)
    assert say(alice, "x")[0] == {"said": "x"}


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request", "echo", "silence"])
def test_nobody_is_asked_who_does_not_prove_that_they_know_the_key(reply):
    """A program that has taken the port learns nothing."""
    heard = []

    def pretend():
        connection, _ = listener.accept()
        wire = Wire(connection)
        with contextlib.closing(wire), contextlib.suppress(OSError, EOFError):
            while True:
                heard.append(wire.receive())
                if reply == "echo":
                    head, _ = unpack(heard[-1])
                    wire.send(pack({"name": "alice", "proof": head["nonce"], **head}))
                elif reply != "silence":
                    wire.send(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=pretend, daemon=True).start()
        peer = Peer("alice", listener.getsockname(), bytes(32), Ledger())
        with pytest.raises((AddressError, PartyTimeout)):
            say(peer, "a secret", seconds=2)
    assert len(heard) == 1 and b"secret" not in heard[0]


def test_another_party_s_address_is_no_address(in_thread):
    bob = in_thread(echo, "bob")
    wrong = Peer("alice", bob.address, bob._key, Ledger())
    with pytest.raises(AddressError, match="bob listens there"):
        say(wrong, "x")


# --- answers --------------------------------------------------------------------------------------


def test_parts_come_back_as_they_were(alice):
    head, parts = say(alice, "x", b"one", b"")
    assert head == {"said": "x"}
    assert [bytes(part) for part in parts] == [b"one", b""]


def test_what_an_answer_raises_is_the_answer(alice):
    with pytest.raises(Refusal, match="ValueError: no such thing"):
        say(alice, "x", fail="no such thing")
    with pytest.raises(Refusal) as refused:
        say(alice, "x", refuse=True)
    assert (refused.value.kind, refused.value.arguments) == ("TensorFlow", (3, "too small"))
    assert say(alice, "x")[0] == {"said": "x"}


def test_an_answer_that_nobody_awaited_is_never_taken_for_another_s(alice):
    with pytest.raises(PartyTimeout, match=r"alice did not answer within 0\.2 s, saying it"):
        say(alice, "late", sleep=0.5, seconds=0.2)
    for text in ("1", "2"):
        assert say(alice, text)[0] == {"said": text}
    time.sleep(0.5)
    assert say(alice, "3")[0] == {"said": "3"}


def test_what_has_been_closed_is_not_asked(alice):
    say(alice, "x")
    alice.close()
    alice.close()
    with pytest.raises(PartyError, match="alice is not running any more"):
        say(alice, "x")


# --- processes ------------------------------------------------------------------------------------


@pytest.mark.labs
def test_a_process_that_does_not_start_says_why():
    peer = Peer.start("alice", "labkit.processes.no_such_module", {}, ledger=Ledger())
    with contextlib.closing(peer), pytest.raises(PartyLost) as lost:
        say(peer, "x")
    assert re.search(
        r"alice's process has ended \(exit status 1\) .*No module named", str(lost.value)
    )
    assert has_ended(peer.pid)


@pytest.mark.labs
def test_a_process_that_is_killed_is_lost():
    """Whatever it was about to do; its key stands on no command line."""
    peer = Peer.start("alice", MODULE, {"folder": "/none", "libraries": []}, ledger=Ledger())
    with contextlib.closing(peer):
        with pytest.raises(Refusal, match="OSError: /none"):
            say(peer, "x")
        with open(f"/proc/{peer.pid}/cmdline", "rb") as file:
            assert peer._key.hex().encode() not in file.read()
        os.kill(peer.pid, signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(PartyLost, match=r"ended \(killed by SIGKILL\) while saying it"):
                say(peer, "x")


@pytest.mark.parametrize("name", ["__name__", "annotations", "Refusal_", "ValueError", "Any"])
def test_an_error_that_is_no_partys_is_a_refusal(name):
    with pytest.raises(Refusal, match=f"^{name}: why$"):
        read(pack({"error": name, "arguments": ["why"]}))
    with pytest.raises(PartyLost, match=r"^why$"):
        read(pack({"error": "PartyLost", "arguments": ["why"]}))
