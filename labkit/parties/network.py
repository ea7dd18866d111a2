"""The parties of a notebook: started, connected, watched and ended."""

import contextlib
import itertools
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from labkit.child import Child
from labkit.parties import process, program
from labkit.parties.errors import AddressError, PartyError, PartyLost, PartyTimeout, WrongParty
from labkit.parties.program import Program
from labkit.parties.remote import (
    NO_NUMBERS,
    NOTEBOOK,
    RemoteTensor,
    components,
    dtypes_of,
    size_of,
    text_of,
)

v1 = tf.compat.v1
T = TypeVar("T")

TIMEOUT_SECONDS = 120.0
# How often a wait looks whether the parties that it waits for are still alive.
POLL_SECONDS = 0.1
# Freed tensors are collected until so many wait, or somebody looks.
FREE_TOGETHER = 32
SECONDS_TO_PART = 5
# How long the first attempt to send from party to party may take.
PATIENCE_SECONDS = 15.0
# How often something is tried whose failure is chance.
ATTEMPTS = 5


@dataclass(frozen=True)
class Crossing:
    """One value that went from one party to another.

    `nbytes` are those of its numbers, without any protocol's overhead; None where only the party
    knows, as for ciphertexts. `value` is there if the wires are tapped, and not for ciphertexts.
    """

    name: str
    sender: str
    receiver: str
    spec: tf.TypeSpec
    nbytes: int | None
    value: np.ndarray | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        size = "?" if self.nbytes is None else self.nbytes
        what = f"{self.name}, {text_of(self.spec)}, {size} bytes"
        return f"{self.sender} → {self.receiver}: {what}"


def parties(
    *names: str,
    addresses: Mapping[str, str] | None = None,
    libraries: Sequence[str | os.PathLike] = (),
    timeout: float = TIMEOUT_SECONDS,
    wiretap_INSECURE: bool = False,
) -> "Parties":
    """Describe parties; they start with `with … as (alice, bob):`, or with `.start()`.

    Args:
        names: one or more different identifiers.
        addresses: name → "host:port" for all of them, where they listen already, each started on
            its machine by `python -m labkit.parties NAME NAME=HOST:PORT …`. Without it they are
            started on this machine, listen on loopback on free ports, and end with this process.
        libraries: files with more TensorFlow operations for the parties to load.
        timeout: seconds after which a party that does not answer is given up.
        wiretap_INSECURE: keep the values of all crossings, for the notebook to see.

    Raises:
        ValueError: a name is no identifier, occurs twice, or has no address.
    """
    for name in names:
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) or name == NOTEBOOK:
            raise ValueError(f"{name!r} cannot be a party's name: use letters and digits.")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"Parties need different names, and at least one; these are {names}.")
    if addresses is not None:
        if set(addresses) != set(names):
            raise ValueError(f"addresses are of {sorted(addresses)}; the parties are {names}.")
        for name, address in addresses.items():
            parse_address(name, address)
    files = [str(path) for path in libraries]
    return Parties(names, addresses, files, timeout, wiretap_INSECURE)


def parse_address(name: str, address: str) -> tuple[str, int]:
    """Return host and port.

    Raises:
        ValueError: it is not of the form host:port.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{name}'s address {address!r} is not of the form host:port.")
    return host, int(port)


class Parties:
    """Several parties; see `parties`. A context manager; `close()` ends what `start()` began.

    Attributes:
        crossings: every `Crossing` so far, in order.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        addresses: Mapping[str, str] | None,
        libraries: Sequence[str],
        timeout: float,
        tapped: bool,
    ):
        self.names, self.addresses, self.timeout = names, addresses, timeout
        self._libraries, self._tapped = libraries, tapped
        self.crossings: list[Crossing] = []
        self._members: dict[str, Party] = {}
        self._pid: int | None = None
        # Ends them where nobody calls close(): when Python does, or frees this.
        self._children: list[Child] = []
        weakref.finalize(self, _kill, self._children, os.getpid())
        self._lock = threading.RLock()

    def start(self) -> tuple["Party", ...]:
        """Start the parties, or connect to those at `addresses`; return them in order.

        Raises:
            AddressError: nobody listens at an address, or the port is taken.
            PartyTimeout: somebody listens there and does not answer.
            PartyError: they are started already.
        """
        if self._members:
            raise PartyError("These parties are started already.")
        self._pid = os.getpid()
        _bypass_proxies(self.addresses or {"loopback": "127.0.0.1:1"})
        attempt = 0
        while True:
            attempt += 1
            try:
                if self.addresses is None:
                    self._start_here()
                else:
                    self._members = {
                        name: Party(self, name, address) for name, address in self.addresses.items()
                    }
                for party in self._members.values():
                    party._connect()
                return tuple(self._members[name] for name in self.names)
            except AddressError:
                self.close()
                # A port that was free a moment ago may be taken now.
                if self.addresses is not None or attempt == ATTEMPTS:
                    raise
            except BaseException:
                self.close()
                raise

    def _start_here(self) -> None:
        """Start the processes; connecting waits for them."""
        book = {name: f"127.0.0.1:{port}" for name, port in _free_ports(self.names).items()}
        self._members = {name: Party(self, name, book[name]) for name in self.names}
        for party in self._members.values():
            self._children.append(party._launch(book, self._libraries))

    def close(self) -> None:
        """End the parties' processes, or disconnect; what they held for this notebook is gone."""
        if self.addresses is not None:
            with contextlib.suppress(PartyError, tf.errors.OpError):
                for party in self.members:
                    party._discard_all()
        members, self._members = self._members, {}
        if self._pid == os.getpid():
            for party in members.values():
                party._end()
            self._children.clear()

    @property
    def running(self) -> bool:
        """Whether they have been started and not closed."""
        return bool(self._members)

    @property
    def members(self) -> tuple["Party", ...]:
        """The parties that run, in order."""
        return tuple(self._members.values())

    def __enter__(self) -> tuple["Party", ...]:
        return self.start()

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "running" if self._members else "not started"
        return f"<parties {', '.join(self.names)}: {state}>"

    def bytes_on_the_wire(self) -> dict[tuple[str, str], int]:
        """Return the bytes that have gone each way, as the kernel's TCP counters have it.

        Protocol and all: what `crossings` count, the functions that parties are told to run, gRPC
        and HTTP/2. Headers of TCP and below are not in it.

        Returns:
            (sender, receiver) → bytes, for every pair of parties, the notebook included.

        Raises:
            PartyError: a party is not on this machine, so that its kernel is not ours to ask.
        """
        if not self._members:
            raise PartyError("These parties are not running.")
        received = {name: self._members[name]._connections() for name in self.names}
        owner = {port: name for name, found in received.items() for port, _, _ in found}
        total = dict.fromkeys(itertools.permutations((NOTEBOOK, *self.names), 2), 0)
        for name, found in received.items():
            for _, theirs, count in found:
                total[owner.get(theirs, NOTEBOOK), name] += count
        for _, theirs, count in process.connections():
            if theirs in owner:
                total[owner[theirs], NOTEBOOK] += count
        return total

    def _require_running(self, party: "Party") -> None:
        if self._members.get(party.name) is not party:
            raise PartyError(f"{party.name} is not running any more: these parties were closed.")
        if self._pid != os.getpid():
            raise PartyError(f"{party.name} belongs to another process: start parties of your own.")

    def _await(
        self, function: Callable[[], T], concerned: Sequence["Party"], what: str, seconds: float
    ) -> T:
        """Call a function that waits for parties, but not longer than they live, nor `seconds`.

        It runs in a thread, so that Ctrl-C interrupts the wait, and a lost party ends it.
        """
        outcome: list[tuple[bool, Any]] = []
        done = threading.Event()

        def work():
            try:
                outcome.append((True, function()))
            except BaseException as error:
                outcome.append((False, error))
            done.set()

        threading.Thread(target=work, daemon=True).start()
        deadline = time.monotonic() + seconds
        names = " and ".join(party.name for party in concerned)
        slow = f"{names} did not answer within {seconds:g} s, {what}."
        while not done.wait(POLL_SECONDS):
            for party in concerned:
                party._require_alive(what)
            if time.monotonic() > deadline:
                raise PartyTimeout(slow)
        [(well, value)] = outcome
        if well:
            return value
        if isinstance(value, tf.errors.DeadlineExceededError):
            raise PartyTimeout(slow) from None
        if isinstance(value, tf.errors.UnavailableError | tf.errors.AbortedError):
            # The connection breaks a moment before the process has ended.
            for _ in range(20):
                for party in concerned:
                    party._require_alive(what)
                time.sleep(POLL_SECONDS)
            lost = next((p.name for p in concerned if f"/job:{p.name}/" in str(value)), names)
            raise PartyLost(f"{lost} cannot be reached any more, {what}: {value.message}") from None
        raise value


def _bypass_proxies(addresses: Mapping[str, str]) -> None:
    """Have gRPC, in this process and those that it starts, connect to these hosts directly.

    Where http_proxy is set it would ask the proxy, even for what is on this machine.
    """
    variable = "no_grpc_proxy"  # gRPC knows it by this name only
    direct = os.environ.get(variable, os.environ.get("no_proxy", "")).split(",")
    hosts = [parse_address(name, address)[0] for name, address in addresses.items()]
    os.environ[variable] = ",".join(filter(None, dict.fromkeys([*direct, *hosts])))


def _kill(children: list[Child], pid: int) -> None:
    if os.getpid() == pid:
        for child in children:
            child.kill()


def _free_ports(names: Sequence[str]) -> dict[str, int]:
    """A free port for each name, all different."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in names]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(names, probes, strict=True)}


def start_process(
    name: str,
    book: Mapping[str, str],
    libraries: Sequence[str] = (),
    *,
    loopback_only: bool = True,
    log: Any = None,
) -> Child:
    """Start the process of one party of the address book, tied to this process's life."""
    cluster = tf.train.ClusterSpec({job: [address] for job, address in book.items()})
    definition = tf.train.ServerDef(
        cluster=cluster.as_cluster_def(), job_name=name, task_index=0, protocol="grpc"
    )
    host, port = parse_address(name, book[name])
    arguments = {
        "folder": str(Path(tf.__file__).parent),
        "server_def": definition.SerializeToString().hex(),
        "host": host,
        "port": port,
        "loopback_only": loopback_only,
        "libraries": list(libraries),
    }
    return Child(
        [sys.executable, "-IS", process.__file__, json.dumps(arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
    )


class Party:
    """One party: a process that holds tensors, and computes with them when it is told to.

    Attributes:
        name: the party's name.
        address: "host:port", where it listens.
    """

    def __init__(self, network: Parties, name: str, address: str):
        self.name, self.address = name, address
        self._network = network
        self._process: Child | None = None
        self._log: Any = None
        self._sessions: dict[str, _Session] = {}
        self._programs: dict[Any, tuple[_Session, Program]] = {}
        # A party that others started may serve several notebooks: none counts where another does.
        self._numbers = itertools.count(secrets.randbits(62))
        self._held: weakref.WeakValueDictionary[int, RemoteTensor] = weakref.WeakValueDictionary()
        self._dtypes: set[tf.DType] = set()
        self._trash: deque[tuple[int, tf.DType]] = deque()

    def __repr__(self) -> str:
        return f"<party {self.name} at {self.address}>"

    @property
    def pid(self) -> int | None:
        """The id of its process; None if that was not started here."""
        return None if self._process is None else self._process.pid

    def send(self, value: Any, name: str | None = None) -> Any:
        """Send a value of the notebook's to this party.

        Args:
            value: an array, a tensor, a number or a list of numbers (Python's floats become
                float32, its ints int32); or a list, tuple or dictionary of arrays.
            name: what it is called in errors and records.

        Returns:
            A RemoteTensor, or for a structure of arrays one for each, in the same structure.
        """
        if isinstance(value, RemoteTensor):
            return value.send(self, name)
        if isinstance(value, dict):
            return {key: self.send(item, name or str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple) and any(_is_array(item) for item in value):
            sent = [self.send(item, name and f"{name}[{i}]") for i, item in enumerate(value)]
            return tuple(sent) if isinstance(value, tuple) else sent
        array = tf.convert_to_tensor(value).numpy()
        spec = tf.TensorSpec(array.shape, tf.as_dtype(array.dtype))
        name = name or f"a {text_of(spec)} from the notebook"
        _, _, kept = self._call(
            ("put", spec.dtype),
            lambda graph: program.put(graph, self._device, spec.dtype),
            [],
            f"receiving {name}",
            values=[array],
        )
        self._record(name, NOTEBOOK, self.name, spec, array)
        return self._hold(name, spec, kept)

    def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        name: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Let the party compute `function(*args)`, and keep the result.

        Args:
            function: made of TensorFlow operations. It is written down once for each kind of
                arguments (shapes, dtypes, Python values), as tf.function does, and after that
                only called: so do not make it anew in a loop.
            args: this party's RemoteTensors, Python values, and lists, tuples or dictionaries of
                them.
            name: the result's, in errors and records; by default the function's.
            timeout: seconds, in place of the parties' own.

        Returns:
            What `function` returns, with a RemoteTensor in place of each tensor.

        Raises:
            WrongParty: an argument, or something else that the function reads, is not the party's.
            PartyLost: the party's process has ended.
            PartyTimeout: it took longer than the timeout.
            PartyError: it could not compute this.
        """
        what = getattr(function, "__name__", repr(function))
        leaves = tf.nest.flatten(args)
        for leaf in leaves:
            self._require_own(leaf, f"`{what}`")
        remotes = [leaf for leaf in leaves if isinstance(leaf, RemoteTensor)]
        kind = (
            function,
            repr(tf.nest.map_structure(lambda _: 0, args)),
            *(leaf.spec if isinstance(leaf, RemoteTensor) else _hashable(leaf) for leaf in leaves),
        )
        fetched, written, kept = self._call(
            kind,
            lambda graph: program.call(graph, self._device, self.name, function, args),
            [number for remote in remotes for number in remote.numbers],
            f"running `{what}`",
            timeout=timeout,
        )
        return self._results(written, fetched, kept, name or what)

    def store(self) -> list[RemoteTensor]:
        """Return what the party holds and the notebook still has a name for, oldest first."""
        return [self._held[number] for number in sorted(self._held)]

    def stored_tensors(self) -> int:
        """Return how many tensors the party's process holds, by its own count."""
        self._empty_trash()
        total = 0
        for dtype in self._dtypes:
            [size], *_ = self._call(
                ("count", dtype),
                partial(program.count, device=self._device, dtype=dtype),
                [],
                "counting its tensors",
            )
            total += int(size)
        return total

    # --- what RemoteTensor calls ------------------------------------------------------------

    def _pass_on(self, remote: RemoteTensor, receiver: "Party", name: str) -> RemoteTensor:
        if not isinstance(receiver, Party):
            raise PartyError(f"{remote.name} can be sent to a party only, not to {receiver!r}.")
        self._require_own(remote, "send")
        if receiver is self:
            return self.run(tf.identity, remote, name=name)
        if receiver._network is not self._network:
            raise PartyError(f"{self.name} and {receiver.name} do not know each other.")
        dtypes = tuple(dtypes_of(remote.spec))
        what = f"sending {remote.name} from {self.name} to {receiver.name}"
        kept = self._until_answered(
            lambda seconds: self._call(
                ("to", receiver.name, dtypes),
                lambda graph: program.pass_on(graph, self._device, receiver._device, dtypes),
                remote.numbers,
                what,
                receiver=receiver,
                timeout=seconds,
            )[2]
        )
        value = receiver._tap(kept, dtypes) if self._network._tapped else None
        self._record(name, self.name, receiver.name, remote.spec, value)
        return receiver._hold(name, remote.spec, kept)

    def _until_answered(self, send: Callable[[float], T]) -> T:
        """Call send(seconds), with more and more patience, within the parties' timeout.

        Rarely sender and receiver wait for each other for ever: seen once in some 30 000 sends, on
        a crowded machine. To send again does no harm.
        """
        left, seconds = self._network.timeout, PATIENCE_SECONDS
        while left > seconds:
            with contextlib.suppress(PartyTimeout):
                return send(seconds)
            left, seconds = left - seconds, 2 * seconds
        return send(left)

    def _take(self, remote: RemoteTensor) -> np.ndarray:
        self._require_own(remote, "get")
        if not isinstance(remote.spec, tf.TensorSpec) or remote.dtype in NO_NUMBERS:
            raise PartyError(
                f"{remote.name} ({text_of(remote.spec)}) has no form outside of TensorFlow: `send` "
                "it to another party, or let its owner compute numbers from it."
            )
        [value], *_ = self._call(
            ("take", remote.dtype),
            lambda graph: program.take(graph, self._device, remote.dtype),
            remote.numbers,
            f"returning {remote.name}",
        )
        del self._held[remote.numbers[0]]
        self._record(remote.name, self.name, NOTEBOOK, remote.spec, value)
        return value

    def _discard(self, numbers: list[int], dtypes: list[tf.DType]) -> None:
        # Called whenever Python frees the name: nothing may be run here.
        self._trash.extend(zip(numbers, dtypes, strict=True))

    def _discard_all(self) -> None:
        for remote in self.store():
            self._discard(remote.numbers, dtypes_of(remote.spec))
        self._empty_trash()

    # --- programs ---------------------------------------------------------------------------

    @property
    def _device(self) -> str:
        return f"/job:{self.name}/replica:0/task:0/device:CPU:0"

    def _call(
        self,
        kind: Any,
        write: Callable[[tf.Graph], Program],
        inputs: Sequence[int],
        what: str,
        *,
        values: Sequence[np.ndarray] = (),
        receiver: "Party | None" = None,
        timeout: float | None = None,
    ) -> tuple[list[Any], Program, list[int]]:
        """Run a program, written down if it is the first of its kind.

        Returns:
            What was fetched, the program, and the numbers of the tensors that are kept.
        """
        with self._network._lock:
            self._network._require_running(self)
            if len(self._trash) >= FREE_TOGETHER:
                self._empty_trash()
            concerned = [self] if receiver is None else [self, receiver]
            for party in concerned:
                party._require_alive(what)
            if kind not in self._programs:
                session = self._session(receiver)
                self._programs[kind] = session, write(session.graph)
            session, written = self._programs[kind]
            keeper = receiver or self
            kept = [next(keeper._numbers) for _ in written.kept]
            feeds = dict(zip(written.keys, [*inputs, *kept], strict=True))
            feeds |= dict(zip(written.values, values, strict=True))
            keeper._dtypes |= {spec.dtype for spec in written.kept}
            seconds = timeout or self._network.timeout
            options = v1.RunOptions(timeout_in_ms=int(1000 * seconds))
            try:
                fetched = self._network._await(
                    lambda: _run(session, written.fetches, feeds, options),
                    concerned,
                    what,
                    seconds,
                )
            except tf.errors.OpError:
                raise
            except BaseException:
                self._forget(session)
                raise
            return [value for value in fetched if value is not None], written, kept

    def _session(self, receiver: "Party | None") -> "_Session":
        """A session that this party leads, alone or with a receiver."""
        names = [self.name] if receiver is None else [self.name, receiver.name]
        key = " ".join(names)
        if key not in self._sessions:
            config = v1.ConfigProto(
                allow_soft_placement=False,
                device_filters=[f"/job:{name}" for name in names],
                operation_timeout_in_ms=int(1000 * self._network.timeout),
            )
            self._sessions[key] = _Session(
                f"grpc://{self.address}", graph=tf.Graph(), config=config
            )
        return self._sessions[key]

    def _forget(self, session: "_Session") -> None:
        """Leave a session whose answer nobody awaited: it may be locked for as long as it works."""
        self._sessions = {key: own for key, own in self._sessions.items() if own is not session}
        self._programs = {
            kind: program for kind, program in self._programs.items() if program[0] is not session
        }

    def _empty_trash(self) -> None:
        """Free what the notebook has no name for any more."""
        by_dtype: dict[tf.DType, list[int]] = {}
        while self._trash:
            number, dtype = self._trash.popleft()
            by_dtype.setdefault(dtype, []).append(number)
        for dtype, numbers in by_dtype.items():
            self._call(
                ("free", dtype),
                partial(program.free, device=self._device, dtype=dtype),
                [],
                "freeing tensors",
                values=[np.array(numbers, np.int64)],
            )

    def _results(self, written: Program, shapes: list, kept: list[int], name: str) -> Any:
        """Put a RemoteTensor in the place of each spec of what a function returned."""
        several = len(tf.nest.flatten(written.structure)) > 1
        found, index = iter(shapes), itertools.count()
        tensors = (
            (part.shape if part.shape.is_fully_defined() else tf.TensorShape(next(found)), number)
            for part, number in zip(written.kept, kept, strict=True)
        )

        def hold(spec):
            own = list(itertools.islice(tensors, len(components(spec))))
            if isinstance(spec, tf.TensorSpec):
                spec = tf.TensorSpec(own[0][0], spec.dtype)
            title = f"{name}[{next(index)}]" if several else name
            return self._hold(title, spec, [number for _, number in own])

        return tf.nest.map_structure(hold, written.structure)

    def _hold(self, name: str, spec: tf.TypeSpec, numbers: list[int]) -> RemoteTensor:
        remote = RemoteTensor(self, name, spec, numbers)
        self._held[numbers[0]] = remote
        return remote

    def _record(
        self,
        name: str,
        sender: str,
        receiver: str,
        spec: tf.TypeSpec,
        value: np.ndarray | None,
    ) -> None:
        value = value if self._network._tapped else None
        crossing = Crossing(name, sender, receiver, spec, size_of(spec), value)
        self._network.crossings.append(crossing)

    def _tap(self, numbers: list[int], dtypes: Sequence[tf.DType]) -> np.ndarray | None:
        """Read what has just arrived, if it is one tensor that NumPy understands."""
        if len(dtypes) != 1 or dtypes[0] in NO_NUMBERS:
            return None
        [value], *_ = self._call(
            ("tap", dtypes[0]),
            lambda graph: program.tap(graph, self._device, dtypes[0]),
            numbers,
            "tapping the wire",
        )
        return value

    def _require_own(self, value: Any, what: str) -> None:
        """Raise WrongParty unless this party may read the value without a move."""
        if isinstance(value, RemoteTensor):
            if value.gone:
                raise PartyError(
                    f"{value.name} was moved home by `get`; {self.name} has it no more."
                )
            if value.owner is not self:
                raise WrongParty(
                    f"{value.name} belongs to {value.owner.name}, and {self.name} reads it in "
                    f"{what}: first let {value.owner.name} `send` it to {self.name}."
                )
        elif _is_array(value):
            spec = text_of(tf.type_spec_from_value(value))
            raise WrongParty(
                f"A {spec} belongs to the notebook, and {self.name} reads it in {what}: first "
                f"`{self.name}.send` it."
            )

    # --- its process ------------------------------------------------------------------------

    def _launch(self, book: Mapping[str, str], libraries: Sequence[str]) -> Child:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, closed by _end
        self._process = start_process(self.name, book, libraries, log=self._log)
        return self._process

    def _connect(self) -> None:
        """Wait until the party is ready.

        Raises:
            AddressError: it cannot listen, or nobody, or another one, listens at its address.
            PartyTimeout: somebody listens there and does not answer.
        """
        if self._process is not None:
            answer = self._answer("starting")
            if "error" in answer:
                raise AddressError(f"{self.name}: {answer['error']}.")
        host, port = parse_address(self.name, self.address)
        try:
            socket.create_connection((host, port), timeout=self._network.timeout).close()
        except OSError as error:
            raise AddressError(
                f"Nobody answers for {self.name} at {self.address} ({error}). Was it started "
                f"there, with `python -m labkit.parties {self.name} …`? Is the address right?"
            ) from None
        # Whoever listens there answers for its own devices, and asks the others for theirs.
        devices = self._network._await(
            self._session(None).list_devices, [self], "saying hello", self._network.timeout
        )
        jobs = {tf.DeviceSpec.from_string(device.name).job for device in devices}
        if jobs != {self.name}:
            raise AddressError(
                f"{' or '.join(sorted(jobs))} listens at {self.address}, which is not "
                f"{self.name}'s address: compare with those that the parties were started with."
            )

    def _answer(self, what: str) -> Any:
        """Read the next line that the party's process writes."""
        process = self._process
        assert process is not None and process.stdout is not None
        line = self._network._await(process.stdout.readline, [self], what, self._network.timeout)
        if not line:
            self._network._await(process.wait, [], what, 10)
            self._require_alive(what)
        return json.loads(line)

    def _connections(self) -> list[tuple[int, int, int]]:
        if self._process is None:
            raise PartyError(f"{self.name} runs on another machine, which counts its own bytes.")
        self._network._require_running(self)
        self._require_alive("counting bytes")
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return self._answer("counting bytes")

    def _require_alive(self, what: str) -> None:
        code = None if self._process is None else self._process.poll()
        if code is None:
            return
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        self._log.seek(0)
        last = self._log.read().decode(errors="replace").strip().splitlines()[-1:]
        said = "" if code == -signal.SIGKILL or not last else f" It said: {last[0]}"
        raise PartyLost(
            f"{self.name}'s process has ended ({how}) while {what}. What {self.name} held is "
            f"lost: start the parties again.{said}"
        )

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.close()
            self._process.stdout.close()
            self._log.close()
        else:  # it goes on
            for session in self._sessions.values():
                closing = threading.Thread(target=session.close, daemon=True)
                closing.start()
                closing.join(SECONDS_TO_PART)
        self._sessions.clear()
        self._programs.clear()


class _Session(tf.compat.v1.Session):
    # Session's own would ask the party to end the session, and wait for one that is lost.
    def __del__(self) -> None:
        pass


def _run(session: _Session, fetches: list[Any], feeds: dict, options: Any) -> list[Any]:
    """Run a session, again where TensorFlow takes a request for a repeated one.

    A server refuses a request with the number of one of the last 100 000. TensorFlow draws the
    numbers in each new thread from a generator with a seed of 32 bits: among so many, one in 40 000
    is refused by mistake. None of a refused request has been done.
    """
    for _ in range(ATTEMPTS):
        try:
            return session.run(fetches, feeds, options=options)
        except tf.errors.AbortedError as error:
            if "request was received twice" not in str(error):
                raise
            refused = error
    raise refused


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (tf.is_tensor(value) and not _is_remote(value))


def _is_remote(value: Any) -> bool:
    return isinstance(value, RemoteTensor)


def _hashable(value: Any) -> Any:
    # The type too: 1, 1.0 and True are equal and make different programs.
    if isinstance(value, slice):
        return slice, value.start, value.stop, value.step
    try:
        hash(value)
    except TypeError:
        raise PartyError(
            f"{value!r} cannot be an argument of what a party runs: send it, or pass numbers and "
            "text."
        ) from None
    return type(value), value
