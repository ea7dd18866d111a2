"""Messages between the judge's kernel and the student's: JSON and raw numbers.

Requests of the judge's are pickles, which the student's kernel may trust. Nothing that comes back
is: answers are rebuilt from plain Python values and NumPy arrays alone, never from a pickle, and
what cannot be sent arrives as its type's name.
"""

import builtins
import json
import socket
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograder.sandbox.inside import clean

MOST_BYTES = 1 << 28  # of one message
MOST_ITEMS = 100000  # of one list

_link: socket.socket | None = None


class Unreachable(Exception):
    """The student's kernel has ended, or its answer cannot be taken."""

    place = ""  # for labkit.checks.place: it arose in no line of the student's


class Nonsense(Unreachable):
    """It answered with what `student` never sends, whatever a student's function does."""

    def __init__(self):
        super().__init__("it answered nonsense")


def adopt(fd: int) -> None:
    """Take the socket that this process was given."""
    global _link
    _link = socket.socket(fileno=fd)


def adopted() -> socket.socket:
    """Return the socket that this process was given."""
    assert _link is not None
    return _link


# --- frames ---------------------------------------------------------------------------------------


def send(link: socket.socket, *parts: bytes) -> None:
    """Send one message, in parts."""
    link.sendall(struct.pack("<Q", sum(map(len, parts))))
    for part in parts:
        link.sendall(part)


def receive(link: socket.socket) -> bytearray:
    """Return the next message.

    Raises:
        Unreachable: the other side has ended, or the message is too large.
    """
    (size,) = struct.unpack("<Q", _exactly(link, 8))
    if size > MOST_BYTES:
        raise Unreachable(f"it returned more than {MOST_BYTES >> 20} MB")
    return _exactly(link, size)


def _exactly(link: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view, position = memoryview(data), 0
    while position < size:
        count = link.recv_into(view[position:])
        if count == 0:
            raise Unreachable("the kernel with your code died")
        position += count
    return data


def send_answer(link: socket.socket, header: dict[str, Any], *values: Any) -> None:
    """Send an answer: a header, and values with it."""
    buffers: list[bytes] = []
    text = json.dumps(header | {"values": [encode(value, buffers) for value in values]}).encode()
    send(link, struct.pack("<Q", len(text)), text, *buffers)


def split_answer(answer: bytearray) -> tuple[dict[str, Any], memoryview]:
    """Return an answer's header, and the raw numbers that its values need."""
    view = memoryview(answer)
    (size,) = struct.unpack_from("<Q", view)
    return json.loads(bytes(view[8 : 8 + size])), view[8 + size :]


# --- values → codes -------------------------------------------------------------------------------


class Shared(NamedTuple):
    """Stands for a mapping of the student's own class: the judge asks for its items."""

    number: int
    name: str
    keys: list[Any]


def encode(value: Any, buffers: list[bytes], depth: int = 0) -> list:
    """Return JSON for a value; arrays go to `buffers`."""
    if depth > 20:
        return ["opaque", "object"]
    for encoder in (_constant, _array, _number_or_text, _shared, _container, _iterable):
        if (code := encoder(value, buffers, depth)) is not None:
            return code
    return ["opaque", type(value).__name__]


def _constant(value: Any, *_: Any) -> list | None:
    if type(value) is int and abs(value) >= 1 << 4096:  # JSON cannot write it
        return ["opaque", "int"]
    if value is None or type(value) in (bool, int, float, str):
        return ["plain", value]
    if value is NotImplemented or value is ...:
        return ["special", repr(value)]
    return None


def _array(value: Any, buffers: list[bytes], depth: int) -> list | None:
    if not (isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__")):
        return None
    try:
        array = np.asarray(value)
        if array.dtype.kind == "V" and array.dtype.names is None:  # bfloat16 and its kin
            array = array.astype(np.float32)
    except Exception:
        return ["opaque", type(value).__name__]
    if array.dtype.kind == "O" and array.size <= MOST_ITEMS:
        return ["objects", list(array.shape), _each(array.ravel(), buffers, depth)]
    if array.dtype.kind not in "biufcSU":
        return ["opaque", type(value).__name__]
    buffers.append(np.ascontiguousarray(array).tobytes())
    kind = "scalar" if isinstance(value, np.generic) else "array"
    return [kind, array.dtype.str, list(array.shape), len(buffers[-1])]


def _number_or_text(value: Any, *_: Any) -> list | None:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return ["plain", kind(value)]
    if isinstance(value, bytes | bytearray):
        return ["bytes", value.hex()]
    if isinstance(value, complex):
        return ["complex", [value.real, value.imag]]
    if hasattr(type(value), "__float__"):  # fractions, decimals
        return ["plain", float(value)]
    return None


def _shared(value: Any, buffers: list[bytes], depth: int) -> list | None:
    if type(value) is not Shared:
        return None
    return ["shared", value.number, value.name, _each(value.keys[:MOST_ITEMS], buffers, depth)]


def _container(value: Any, buffers: list[bytes], depth: int) -> list | None:
    for container in (list, tuple, set, frozenset):
        if isinstance(value, container) and len(value) <= MOST_ITEMS:
            send = _keys if container in (set, frozenset) else _each
            return [container.__name__, send(value, buffers, depth)]
    if isinstance(value, Mapping | Sequence):
        # Of other classes, too: a chain of dictionaries, a view of one, a queue. An endless one
        # is cut off.
        whole = value.items() if isinstance(value, Mapping) else value
        items = [item for _, item in zip(range(MOST_ITEMS + 1), whole, strict=False)]
        if len(items) > MOST_ITEMS:
            return None
        if isinstance(value, Mapping):
            pairs = ((_keys([key], buffers, depth), item) for key, item in items)
            return ["dict", [[*code, encode(item, buffers, depth + 1)] for code, item in pairs]]
        return ["list", _each(items, buffers, depth)]
    return None


def _iterable(value: Any, buffers: list[bytes], depth: int) -> list | None:
    if not hasattr(value, "__iter__"):
        return None
    if not (hasattr(value, "__next__") or hasattr(value, "__len__")):
        return None
    items = [item for _, item in zip(range(MOST_ITEMS), value, strict=False)]
    return ["iterable", type(value).__name__, _each(items, buffers, depth)]


def _each(items: Any, buffers: list[bytes], depth: int) -> list[list]:
    return [encode(item, buffers, depth + 1) for item in items]


def _keys(items: Any, buffers: list[bytes], depth: int) -> list[list]:
    """Return codes of which each stands for something hashable."""
    codes = []
    for item in items:
        own: list[bytes] = []
        code = encode(item, own, depth + 1)
        if _is_hashable(code):
            buffers += own
        else:  # such as a range, which crosses as a list
            code = ["opaque", type(item).__name__]
        codes.append(code)
    return codes


def _is_hashable(code: list) -> bool:
    if code[0] == "tuple":
        return all(map(_is_hashable, code[1]))
    return code[0] not in ("list", "set", "dict", "array", "objects")


# --- codes → values -------------------------------------------------------------------------------


class Opaque:
    """Stands for what cannot be sent: of all that it is, its type's name is left."""


class _Iterable(Opaque):
    def __init__(self, items: list):
        self._items = iter(items)

    def __iter__(self):
        return self._items


def opaque(name: str) -> Any:
    """Return what stands for an object of a type that is called so."""
    return _named(name, Opaque)()


def _named(name: str, base: type) -> type:
    return type(name if name.isidentifier() else "object", (base,), {})


class Decoder:
    """Rebuilds the values of one answer.

    Args:
        data: the answer's raw numbers.
        mapping: makes a mapping of the number and the keys of a shared one, and its type's name;
            None where nothing may be shared.
    """

    def __init__(
        self, data: memoryview, mapping: Callable[[str, int, list[Any]], Mapping] | None = None
    ):
        self._data, self._mapping = data, mapping

    def value(self, code: list, depth: int = 0) -> Any:
        """Return the value that a code stands for.

        Raises:
            Exception: of any class: it stands for none.
        """
        if depth > 30:
            raise ValueError("too deep")
        kind, content = code[0], code[1]
        if kind in ("list", "tuple", "set", "frozenset"):
            return getattr(builtins, kind)(self._each(content, depth))
        if kind == "dict":
            pairs = [self._each(pair, depth) for pair in content]
            return dict(pairs)
        if kind in ("array", "scalar"):
            array = self._array(*code[1:])
            return array[()] if kind == "scalar" else array
        if kind == "objects":
            return self._objects(content, self._each(code[2], depth))
        if kind == "iterable":
            return _named(content, _Iterable)(self._each(code[2], depth))
        if kind == "shared" and self._mapping is not None:
            return self._mapping(str(code[2]), int(content), self._each(code[3], depth))
        return _SIMPLE[kind](content)

    def _each(self, codes: list, depth: int) -> list[Any]:
        return [self.value(code, depth + 1) for code in codes]

    def _objects(self, shape: list, items: list[Any]) -> np.ndarray:
        array = np.empty(len(items), dtype=object)
        for index, item in enumerate(items):
            array[index] = item
        return array.reshape([int(size) for size in shape])

    def _array(self, name: Any, shape: list, size: int) -> np.ndarray:
        dtype = np.dtype(str(name))
        if dtype.kind not in "biufcSU":
            raise ValueError("no numbers")
        sizes = tuple(int(n) for n in shape)
        entries = int(np.prod(sizes, dtype=object))
        if any(n < 0 for n in sizes) or size != entries * dtype.itemsize or (entries and not size):
            raise ValueError("the size does not fit the shape")
        piece, self._data = self._data[:size], self._data[size:]
        if len(piece) != size:
            raise ValueError("cut off")
        raw = bytearray(piece)
        if dtype.kind == "U":
            points = np.frombuffer(raw, dtype.str[0] + "u4")
            half = (points >= 0xD800) & (points <= 0xDFFF)
            points[half | (points > sys.maxunicode)] = ord(clean.MARK)
        if dtype.kind == "b" and size:  # NumPy relies on it that they are 0 and 1
            raw = bytearray(np.frombuffer(raw, np.uint8) != 0)
        return np.frombuffer(raw, dtype).reshape(sizes) if size else np.empty(sizes, dtype)


def _plain(content: Any) -> Any:
    if isinstance(content, str):
        return clean.source(content)
    if content is None or isinstance(content, bool | int | float):
        return content
    raise ValueError("not plain")


_SIMPLE: dict[str, Callable[[Any], Any]] = {
    "plain": _plain,
    "special": {"NotImplemented": NotImplemented, "Ellipsis": ...}.__getitem__,
    "bytes": bytes.fromhex,
    "complex": lambda parts: complex(*map(float, parts)),
    "opaque": lambda name: opaque(str(name)),
}
