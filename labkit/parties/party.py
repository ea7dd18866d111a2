"""One party, as the notebook has it: values are sent to it, and it is asked to compute."""

import contextlib
import itertools
import secrets
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from labkit.parties.program import Program, program
from labkit.parties.remote import NO_NUMBERS, RemoteTensor, components, size_of, text_of
from labkit.processes.errors import (
    AddressError,
    PartyError,
    PartyLost,
    PartyTimeout,
    Refusal,
    WrongParty,
)
from labkit.processes.ledger import NOTEBOOK, Crossing, Ledger
from labkit.processes.peer import Peer
from labkit.processes.wire import Part

SECONDS_TO_STOP = 2.0
# A party that awaits another one says so before the notebook gives it up.
SECONDS_TO_TELL = 1.0


class Party:
    """A process that holds tensors, and computes with them on request.

    Args:
        peer: the process.
        ledger: where moves are recorded; parties that share one may send to each other.
        timeout: seconds that it may take to answer.
        tapped: whether the ledger keeps the values that move.

    Attributes:
        name: the party's name.
    """

    def __init__(self, peer: Peer, ledger: Ledger, timeout: float, tapped: bool):
        self.name, self.timeout = peer.name, timeout
        self._peer, self._ledger, self._tapped = peer, ledger, tapped
        self._programs: dict[Any, Program] = {}
        # A party that others started may serve several notebooks: none counts where another does.
        self._numbers = itertools.count(secrets.randbits(62))
        self._held: weakref.WeakValueDictionary[int, RemoteTensor] = weakref.WeakValueDictionary()
        self._trash: deque[int] = deque()

    def __repr__(self) -> str:
        return f"<party {self.name} at {self.address}>"

    @property
    def address(self) -> str:
        """Where it listens, "host:port"."""
        host, port = self._peer.address
        return f"{host}:{port}"

    @property
    def pid(self) -> int | None:
        """The id of its process; None if that was not started here."""
        return self._peer.pid

    def send(self, value: Any, name: str | None = None) -> Any:
        """Send a value of the notebook's to this party.

        Args:
            value: an array, a tensor, a number or a list of numbers (Python's floats become
                float32, its ints int32); or a list, tuple or dictionary of arrays, or of
                RemoteTensors, which their owners send.
            name: what it is called in errors and records.

        Returns:
            A RemoteTensor, or for a structure of arrays one for each, in the same structure.
        """
        if isinstance(value, RemoteTensor):
            return value.send(self, name)
        if isinstance(value, Mapping):
            return {key: self.send(item, name or str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple) and any(
            _is_array(item) or isinstance(item, RemoteTensor) for item in value
        ):
            sent = [self.send(item, name and f"{name}[{i}]") for i, item in enumerate(value)]
            return tuple(sent) if isinstance(value, tuple) else sent
        array = tf.convert_to_tensor(value).numpy()
        spec = tf.TensorSpec(np.shape(array), tf.as_dtype(np.asarray(array).dtype))
        name = name or f"a {text_of(spec)} from the notebook"
        kept = self._new_numbers(1)
        described = [[spec.dtype.as_datatype_enum, spec.shape.as_list()]]
        self._ask(
            {"do": "keep", "numbers": kept, "tensors": described},
            _to_bytes(array, spec.dtype),
            doing=f"receiving {name}",
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
        seconds, doing = timeout or self.timeout, f"running `{what}`"
        written = self._written(function, args, leaves, doing, seconds)
        kept = self._new_numbers(len(written.outputs))
        request = {
            "do": "run",
            "computation": written.number,
            "numbers": [n for x in leaves if isinstance(x, RemoteTensor) for n in x.numbers],
            "as": kept,
            "options": _options(seconds),
        }
        try:
            answer, _ = self._ask(request, doing=doing, seconds=seconds)
        except KeyboardInterrupt:
            with contextlib.suppress(PartyError):
                self._forget([written], SECONDS_TO_STOP)
            raise
        return self._results(written.structure, kept, answer["shapes"], name or what)

    def store(self) -> list[RemoteTensor]:
        """Return what the party holds and the notebook still has a name for, oldest first."""
        return [self._held[number] for number in sorted(self._held)]

    def stored_tensors(self) -> int:
        """Return how many tensors the party's process holds, by its own count."""
        return self._ask({"do": "count"}, doing="counting its tensors")[0]["held"]

    def bytes_received(self) -> dict[str, int]:
        """Return the bytes that it received from each other party, by its own count."""
        return self._ask({"do": "count"}, doing="counting bytes")[0]["received"]

    def close(self) -> None:
        """End its process, if that was started here, or disconnect."""
        self._peer.close()

    # --- for remote tensors -----------------------------------------------------------------

    def pass_on(self, remote: RemoteTensor, receiver: "Party", name: str) -> RemoteTensor:
        """See `RemoteTensor.send`."""
        self._require_own(remote, "send")
        if receiver is self:
            return self.run(tf.identity, remote, name=name)
        if receiver._ledger is not self._ledger:
            raise PartyError(f"{self.name} and {receiver.name} do not know each other.")
        kept = receiver._new_numbers(len(remote.numbers))
        doing = f"sending {remote.name} from {self.name} to {receiver.name}"
        request = {
            "do": "pass_on",
            "numbers": remote.numbers,
            "as": kept,
            "to": [receiver.name, *receiver._peer.address],
            "seconds": self.timeout,
            "doing": doing,
        }
        try:
            self._ask(request, doing=doing, seconds=self.timeout + SECONDS_TO_TELL)
        except (PartyLost, AddressError):
            receiver._peer.require_alive(doing)
            raise
        value = receiver._tap(kept, remote.spec) if self._tapped else None
        self._record(name, self.name, receiver.name, remote.spec, value)
        return receiver._hold(name, remote.spec, kept)

    def take(self, remote: RemoteTensor) -> np.ndarray:
        """See `RemoteTensor.get`."""
        self._require_own(remote, "get")
        if not isinstance(remote.spec, tf.TensorSpec) or remote.dtype in NO_NUMBERS:
            raise PartyError(
                f"{remote.name} ({text_of(remote.spec)}) has no form outside of TensorFlow: `send` "
                "it to another party, or let its owner compute numbers from it."
            )
        value = self._show(remote.numbers, remote.dtype, f"returning {remote.name}")
        del self._held[remote.numbers[0]]
        self.discard(remote.numbers)
        self._record(remote.name, self.name, NOTEBOOK, remote.spec, value)
        return value

    def discard(self, numbers: list[int]) -> None:
        """Have tensors freed with the next request."""
        # Called whenever Python frees the name: nothing may be asked here.
        self._trash.extend(numbers)

    def discard_all(self) -> None:
        """Have the party forget, now, all that it holds and knows for this notebook."""
        for remote in self.store():
            self.discard(remote.numbers)
        self._forget(list(self._programs.values()))

    def _tap(self, numbers: list[int], spec: tf.TypeSpec) -> np.ndarray | None:
        """Read what has just arrived, if it is one tensor that NumPy understands."""
        [part, *more] = components(spec)
        if more or part.dtype in NO_NUMBERS:
            return None
        return self._show(numbers, part.dtype, "tapping the wire")

    # --- requests ---------------------------------------------------------------------------

    def _ask(
        self, head: dict[str, Any], *parts: Part, doing: str, seconds: float | None = None
    ) -> tuple[dict[str, Any], list[memoryview]]:
        """Make a request, and have freed what the notebook has no name for any more."""
        free: list[int] = []
        with contextlib.suppress(IndexError):
            while True:
                free.append(self._trash.popleft())
        try:
            return self._peer.ask(
                head | {"free": free}, *parts, seconds=seconds or self.timeout, doing=doing
            )
        except BaseException as error:
            self._trash.extend(free)  # to free it twice does no harm
            if isinstance(error, Refusal):
                raise self._explained(error, doing) from None
            raise

    def _explained(self, refusal: Refusal, doing: str) -> Exception:
        """What TensorFlow raises where it computes here."""
        if refusal.kind != "TensorFlow":
            return PartyError(f"{self.name} cannot do this, {doing}: {refusal}")
        code, message = refusal.arguments
        if code == tf.errors.DEADLINE_EXCEEDED:
            return PartyTimeout(f"{self.name} did not come to an end, {doing}.")
        return tf.compat.v1.errors.exception_type_from_error_code(code)(None, None, message)

    def _show(self, numbers: list[int], dtype: tf.DType, doing: str) -> np.ndarray:
        """Return the value of one tensor."""
        head, [data] = self._ask({"do": "show", "numbers": numbers}, doing=doing)
        if dtype == tf.string:
            return tf.io.parse_tensor(data.tobytes(), dtype).numpy()
        [[_, shape]] = head["tensors"]
        # A copy: it is the student's to change.
        return np.frombuffer(data, dtype.as_numpy_dtype).reshape(shape).copy()

    def _written(
        self, function: Callable, args: Any, leaves: Sequence[Any], doing: str, seconds: float
    ) -> Program:
        """What the party knows the function by; it learns what it does not know yet."""
        kind = (
            function,
            repr(tf.nest.map_structure(lambda _: 0, args)),
            *(leaf.spec if isinstance(leaf, RemoteTensor) else _hashable(leaf) for leaf in leaves),
        )
        if kind not in self._programs:
            written = program(next(self._numbers), self.name, function, args)
            request = {
                "do": "learn",
                "computation": written.number,
                "inputs": written.inputs,
                "outputs": written.outputs,
                "targets": written.targets,
            }
            self._ask(request, written.definition, doing=doing, seconds=seconds)
            self._programs[kind] = written
        return self._programs[kind]

    def _forget(self, programs: Sequence[Program], seconds: float | None = None) -> None:
        """Have the party forget them, and stop those that run."""
        self._programs = {kind: p for kind, p in self._programs.items() if p not in programs}
        request = {"do": "forget", "computations": [p.number for p in programs]}
        self._ask(request, doing="stopping", seconds=seconds)

    # --- what it holds ----------------------------------------------------------------------

    def _new_numbers(self, count: int) -> list[int]:
        return list(itertools.islice(self._numbers, count))

    def _results(self, structure: Any, numbers: list[int], shapes: list, name: str) -> Any:
        """Put a RemoteTensor in the place of each spec of what a function returned."""
        several = len(tf.nest.flatten(structure)) > 1
        index, tensors = itertools.count(), iter(zip(numbers, shapes, strict=True))

        def hold(spec: tf.TypeSpec) -> RemoteTensor:
            own = list(itertools.islice(tensors, len(components(spec))))
            if isinstance(spec, tf.TensorSpec):
                spec = tf.TensorSpec(own[0][1], spec.dtype)
            title = f"{name}[{next(index)}]" if several else name
            return self._hold(title, spec, [number for number, _ in own])

        return tf.nest.map_structure(hold, structure)

    def _hold(self, name: str, spec: tf.TypeSpec, numbers: list[int]) -> RemoteTensor:
        remote = RemoteTensor(self, name, spec, numbers)
        self._held[numbers[0]] = remote
        return remote

    def _record(self, name: str, sender: str, receiver: str, spec: tf.TypeSpec, value: Any) -> None:
        kind = f"{name}, {text_of(spec)}"
        value = value if self._tapped else None
        self._ledger.crossings.append(Crossing(sender, receiver, kind, size_of(spec), value))

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


def _to_bytes(array: Any, dtype: tf.DType) -> bytes:
    """As `capi.Tensor` reads them."""
    if dtype == tf.string:
        return tf.io.serialize_tensor(tf.constant(array)).numpy()
    return np.asarray(array).tobytes()


@cache
def _options(seconds: float) -> str:
    """RunOptions, in hexadecimal: the party ends by itself what nobody awaits any more."""
    options = tf.compat.v1.RunOptions(timeout_in_ms=int(1000 * seconds))
    return options.SerializeToString().hex()


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (
        tf.is_tensor(value) and not isinstance(value, RemoteTensor)
    )


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
