"""The parties of a notebook: started, or found where they listen, and ended."""

import contextlib
import itertools
import os
import re
import secrets
import sys
import weakref
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

from labkit import notebook
from labkit.parties.party import Party
from labkit.processes.child import uninterrupted
from labkit.processes.errors import AddressError, PartyError, Refusal
from labkit.processes.ledger import NOTEBOOK, Crossing, Ledger
from labkit.processes.peer import Peer, parse_address
from labkit.processes.tensor_party import MODULE, settings

TIMEOUT_SECONDS = 120.0
# By names: in which run of a cell parties were started last, and those that it has started.
_of_cells: dict[tuple[str, ...], tuple[int, weakref.WeakSet[Peer]]] = {}


def parties(
    *names: str,
    addresses: Mapping[str, str] | None = None,
    key: bytes | None = None,
    libraries: Sequence[str | os.PathLike] = (),
    timeout: float = TIMEOUT_SECONDS,
    wiretap_INSECURE: bool = False,
) -> "Parties":
    """Describe parties; they start with `with … as (alice, bob):`, or with `.start()`.

    Args:
        names: one or more different identifiers.
        addresses: name → "host:port" for all of them, where they listen already, each started on
            its machine by `python -m labkit.processes NAME HOST:PORT --key FILE`. Without it they
            are started on this machine, listen on loopback on free ports, and end with this
            process.
        key: what those were started with: the file's bytes.
        libraries: files with more TensorFlow operations for the parties to load.
        timeout: seconds after which a party that does not answer is given up.
        wiretap_INSECURE: keep the values of all crossings, for the notebook to see.

    Raises:
        ValueError: a name is no identifier, occurs twice, or has no address; or addresses came
            without a key.
    """
    for name in names:
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) or name == NOTEBOOK:
            raise ValueError(f"{name!r} cannot be a party's name: use letters and digits.")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"Parties need different names, and at least one; these are {names}.")
    found = None
    if addresses is not None:
        if set(addresses) != set(names):
            raise ValueError(f"addresses are of {sorted(addresses)}; the parties are {names}.")
        if not key:
            raise ValueError("Parties at addresses need the key that they were started with.")
        found = {name: parse_address(name, addresses[name]) for name in names}
    return Parties(names, found, key, [str(path) for path in libraries], timeout, wiretap_INSECURE)


class Parties:
    """Several parties; see `parties`. A context manager; `close()` ends what `start()` began.

    Attributes:
        members: the parties that run, in order.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        addresses: Mapping[str, tuple[str, int]] | None,
        key: bytes | None,
        libraries: Sequence[str],
        timeout: float,
        tapped: bool,
    ):
        self.names, self.timeout = names, timeout
        self.members: tuple[Party, ...] = ()
        self._addresses, self._key, self._libraries = addresses, key, libraries
        self._ledger, self._tapped = Ledger(), tapped
        self._own: weakref.WeakSet[Peer] = weakref.WeakSet()

    def start(self) -> tuple[Party, ...]:
        """Start the parties, or connect to those at `addresses`; return them in order.

        Raises:
            AddressError: nothing listens at an address, or another program, or a library does not
                load.
            PartyTimeout: what listens there does not answer.
            PartyError: they are started already.
        """
        if self.members:
            raise PartyError("These parties are started already.")
        self._ledger.wires.clear()
        with uninterrupted():
            self._end_those_of_the_last_run(sys._getframe(1))
        with contextlib.ExitStack() as undo:
            with uninterrupted():
                peers = self._peers(undo)
            for peer in peers:
                try:
                    peer.ask({"do": "count"}, seconds=self.timeout, doing="saying hello")
                except Refusal as refusal:
                    raise AddressError(f"{peer.name} cannot start: {refusal}") from None
            undo.pop_all()
        self.members = tuple(
            Party(peer, self._ledger, self.timeout, self._tapped) for peer in peers
        )
        return self.members

    def _end_those_of_the_last_run(self, caller: FrameType) -> None:
        """End parties of these names that another cell, or this one before, has left running.

        Names of tensors would keep them for ever. Only where a notebook's cell starts parties
        itself: what a library starts is its own business.
        """
        running = notebook.shell()
        if running is None or self._addresses is not None:
            return
        if caller.f_code is Parties.__enter__.__code__ and caller.f_back is not None:
            caller = caller.f_back
        if caller.f_globals is not running.user_ns:
            return
        run, peers = _of_cells.get(self.names, (None, weakref.WeakSet()))
        if run != running.execution_count:
            for peer in list(peers):
                peer.close()
            peers = weakref.WeakSet()
        self._own, _of_cells[self.names] = peers, (running.execution_count, peers)

    def _peers(self, undo: contextlib.ExitStack) -> list[Peer]:
        key, peers = self._key or secrets.token_bytes(32), []
        for name in self.names:
            if self._addresses is None:
                peer = Peer.start(
                    name, MODULE, settings(self._libraries), key=key, ledger=self._ledger
                )
            else:
                peer = Peer(name, self._addresses[name], key, self._ledger)
            undo.callback(peer.close)
            self._own.add(peer)
            peers.append(peer)
        return peers

    def close(self) -> None:
        """End the parties' processes, or disconnect; what they held for this notebook is gone."""
        with uninterrupted():
            members, self.members = self.members, ()
            for party in members:
                if party.pid is not None:
                    party.close()
        for party in members:
            if party.pid is None:  # it goes on
                with contextlib.suppress(PartyError):
                    party.discard_all()
                party.close()

    @property
    def crossings(self) -> list[Crossing]:
        """Every `Crossing` so far, in order."""
        return self._ledger.crossings

    @property
    def running(self) -> bool:
        """Whether they have been started and not closed."""
        return bool(self.members)

    def __enter__(self) -> tuple[Party, ...]:
        return self.start()

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "running" if self.running else "not started"
        return f"<parties {', '.join(self.names)}: {state}>"

    def bytes_on_the_wire(self) -> dict[tuple[str, str], int]:
        """Return the bytes that have gone each way, as both ends counted them at their sockets.

        All of them: what `crossings` count, the functions that parties are asked to run, and what
        frames these. Headers of TCP and below are not in it. Parties that serve several notebooks
        count what goes between them for all of these together.

        Returns:
            (sender, receiver) → bytes, for every pair of parties, the notebook included.

        Raises:
            PartyError: the parties are not running, or one is lost.
        """
        if not self.running:
            raise PartyError("These parties are not running.")
        total = dict.fromkeys(itertools.permutations((NOTEBOOK, *self.names), 2), 0)
        for party in self.members:
            for sender, count in party.bytes_received().items():
                if sender != NOTEBOOK:
                    total[sender, party.name] = count
        for name, count in self._ledger.sent().items():
            total[NOTEBOOK, name] = count
        for name, count in self._ledger.received().items():
            total[name, NOTEBOOK] = count
        return total
