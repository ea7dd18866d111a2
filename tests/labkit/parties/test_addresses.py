"""Parties that somebody else started, found by address and key."""

import signal
import socket
import subprocess
import sys

import numpy as np
import psutil
import pytest

from labkit.parties import AddressError, PartyTimeout, parties
from labkit.processes.__main__ import main
from tests.processes import has_ended

pytestmark = pytest.mark.labs

HERE = np.ones(2, np.float32)
KEY = bytes(range(32))


def test_a_wrong_address():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]  # bound, but nobody listens
        with pytest.raises(AddressError) as error:
            parties("alice", addresses={"alice": f"127.0.0.1:{port}"}, key=KEY).start()
    assert f"Nobody answers for alice at 127.0.0.1:{port}" in str(error.value)
    assert "Is the address right?" in str(error.value)


def test_an_address_where_somebody_listens_and_never_answers():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(PartyTimeout, match="alice did not answer within 2 s, saying hello"):
            parties("alice", addresses={"alice": address}, key=KEY, timeout=2).start()


@pytest.mark.parametrize(
    "names, addresses, message",
    [
        ([], None, "at least one"),
        (["alice", "alice"], None, "different names"),
        (["alice", "b-b"], None, "'b-b' cannot be a party's name"),
        (["notebook"], None, "'notebook' cannot be a party's name"),
        (["alice"], {"bob": "localhost:5000"}, "addresses are of"),
        (["alice"], {"alice": "localhost:5000"}, "need the key"),
        (["alice"], {"alice": "localhost"}, "'localhost' is not of the form host:port"),
        (["alice"], {"alice": "localhost:99999"}, "is not of the form host:port"),
    ],
)
def test_names_and_addresses_are_checked(names, addresses, message):
    with pytest.raises(ValueError, match=message):
        parties(*names, addresses=addresses, key=None if "key" in message else KEY)


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "key"
    file.write_bytes(KEY)
    return file


def started_on_its_own(*arguments):
    """Start a party from the command line."""
    return subprocess.Popen(
        [sys.executable, "-m", "labkit.processes", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def test_parties_by_address(key_file):
    names = ["alice", "bob"]
    book = {name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(2), strict=True)}
    running = [started_on_its_own(*item, "--key", str(key_file)) for item in book.items()]
    try:
        assert [process.stdout.readline() for process in running] == [
            f"{name} listens at {address}; Ctrl-C ends it.\n" for name, address in book.items()
        ]
        again = started_on_its_own("alice", book["alice"], "--key", str(key_file))
        running.append(again)
        together = parties(*names, addresses=book, key=KEY)
        with together as (alice, bob):
            assert alice.send(HERE).send(bob).get().tolist() == [1, 1]
            assert together.bytes_on_the_wire()["alice", "bob"] > HERE.nbytes
        swapped = {"alice": book["bob"], "bob": book["alice"]}
        with pytest.raises(AddressError, match=r"Not alice answers at .*bob listens there"):
            parties(*names, addresses=swapped, key=KEY).start()
        with pytest.raises(AddressError, match="does not know the key"):
            parties(*names, addresses=book, key=bytes(32)).start()
        # They go on, without what they held, and for several notebooks at once.
        groups = [parties(*names, addresses=book, key=KEY) for _ in range(2)]
        held = [(group, group.start()[0].send(HERE + i)) for i, group in enumerate(groups)]
        assert held[0][1].owner.stored_tensors() == 2
        for i, (group, x) in enumerate(held):
            assert (x + 1).get().tolist() == (HERE + i + 1).tolist()
            group.close()
        assert again.wait(timeout=60) == 1
        port = book["alice"].partition(":")[2]
        assert f"port {port} of this machine cannot be had: Address already" in again.stderr.read()
        children = [psutil.Process(process.pid).children()[0].pid for process in running[:2]]
        for process in running[:2]:
            process.send_signal(signal.SIGINT)
        assert [process.wait(timeout=60) for process in running[:2]] == [130, 130]
        assert all(map(has_ended, children))
    finally:
        for process in running:
            process.kill()
            process.communicate()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["127.0.0.1:5000"], "the following arguments are required: --key"),
        (["127.0.0.1", "--key", "{key}"], "is not of the form host:port"),
        (["127.0.0.1:5000", "--key", "{key}.none"], "No such file"),
        (["127.0.0.1:5000", "--key", "/dev/null"], "holds 0 bytes; a key has at least 16"),
    ],
)
def test_a_party_that_must_not_start(arguments, message, monkeypatch, capsys, key_file):
    arguments = [argument.format(key=key_file) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["labkit.processes", "alice", *arguments])
    with pytest.raises(SystemExit):
        main()
    assert message in " ".join(capsys.readouterr().err.split())
