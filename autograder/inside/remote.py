"""Calls from the judge's kernel to the student's: data go over, and data come back.

The judge runs the checks; in its namespace the exercises' functions are stand-ins that call the
student's, in another process. It trusts nothing that comes back: answers are JSON and raw numbers,
never pickles, and are rebuilt from plain Python values and NumPy arrays alone. The student gets
copies: nothing that the judge computes with is changed by what is done to them.

A check has passed when the judge says so, of this very check, and in no other case (`statement`).
"""

import builtins
import contextlib
import importlib
import io
import json
import numbers
import pickle
import socket
import struct
import sys
import threading
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import clean
import numpy as np

MOST_BYTES = 1 << 28  # of one message
MOST_ITEMS = 100000  # of one list

_link: socket.socket | None = None


class Unreachable(Exception):
    """The student's kernel has ended, or its answer cannot be taken."""

    place = ""  # for labkit.checks.place: it arose in no line of the student's

    def __init__(self, message: str):
        global broken
        super().__init__(message)
        broken = True


class Nonsense(Unreachable):
    """It answered with what `serve` never sends, whatever a student's function does."""

    def __init__(self):
        global nonsense
        super().__init__("it answered nonsense")
        nonsense = True


def adopt(fd: int) -> None:
    """Take the socket that this process was given."""
    global _link
    _link = socket.socket(fileno=fd) if fd >= 0 else None


def _send(link: socket.socket, *parts: bytes) -> None:
    link.sendall(struct.pack("<Q", sum(map(len, parts))))
    for part in parts:
        link.sendall(part)


def _receive(link: socket.socket) -> bytearray:
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


# --- the student's side ---------------------------------------------------------------------------

_turn = threading.RLock()  # a student's threads may call the judge's functions at the same time


class _Lent(NamedTuple):
    """Stands for a mapping of the student's own class: the judge asks for its items."""

    number: int
    name: str
    keys: list[Any]


def _lent(value: Any, lent: list[Mapping]) -> Any:
    if isinstance(value, Mapping) and type(value).__module__ == "__main__":
        lent.append(value)
        return _Lent(len(lent) - 1, type(value).__name__, list(value))
    return value


# The judge's generators, by the numbers that it gives them. A call goes on where the one before
# left its generator; the judge draws from none that it has handed out.
_generators: dict[int, np.random.Generator] = {}


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, known: tuple[str, int, bytes]) -> Any:
        """Return a generator, or a stand-in for a function of the judge's."""
        kind, number, state = known
        if kind == "generator":
            if number not in _generators:
                _generators[number] = pickle.loads(state)
            return _generators[number]

        def call(*args: Any, **kwargs: Any) -> Any:
            lent: list[Mapping] = []
            given = [
                [_lent(value, lent) for value in args],
                {key: _lent(value, lent) for key, value in kwargs.items()},
            ]
            request = {"callback": number, "data": _is_data(given)}
            with _turn:
                _reply(request, given)
                while True:
                    assert _link is not None
                    answer = _receive(_link)
                    result, error, wanted = _Unpickler(io.BytesIO(answer)).load()
                    if wanted is None:
                        break
                    index, key = wanted
                    _call(lent[index].__getitem__, (key,), {})
            if error is not None:
                raise error
            return result

        return call


def _reply(header: dict[str, Any], *values: Any) -> None:
    buffers: list[bytes] = []
    header |= {"values": [_encode(value, buffers, 0) for value in values]}
    text = json.dumps(header).encode()
    assert _link is not None
    _send(_link, struct.pack("<Q", len(text)), text, *buffers)


def serve(namespace: dict[str, Any]) -> None:
    """Answer calls to the functions in `namespace` until the judge has no more."""
    assert _link is not None
    while request := _receive(_link):
        name, run, args, kwargs, errors = _Unpickler(io.BytesIO(request)).load()
        if name is None:
            _reply({wanted: _describe(namespace, wanted) for wanted in args})
            continue
        function = namespace.get(name)
        if run is not None:
            function = _at_home(function, *run)
        with np.errstate(**errors):  # as they are where it is called from
            _call(function, args, kwargs)


def _describe(namespace: dict[str, Any], name: str) -> str:
    if name not in namespace:
        return "missing"
    return "function" if callable(namespace[name]) else "value"


def _at_home(student: Any, module: str, name: str) -> Any:
    def call(*data: Any) -> Any:
        from labkit import checks

        run = getattr(importlib.import_module(module), name)
        return run(checks.guard(student), *data)

    return call


def _is_data(value: Any) -> bool:
    """Whether nothing is lost when a value is sent: no class of the student's is in it."""
    kind = type(value)
    if kind.__module__ == "__main__":
        return False
    if kind in (list, tuple, set, frozenset):
        return all(map(_is_data, value))
    if isinstance(value, dict):
        return all(map(_is_data, value)) and all(map(_is_data, value.values()))
    tensor = kind.__module__.startswith("tensorflow.") and hasattr(value, "__array__")
    plain = kind in (type(None), str, bytes, np.ndarray, _Lent)
    return plain or tensor or isinstance(value, np.generic | numbers.Number)


def _call(function: Any, args: tuple, kwargs: dict[str, Any]) -> None:
    try:
        # Encoding it calls the student's code too: iterators, conversions.
        _reply({}, function(*args, **kwargs))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        _reply({"kinds": kinds, "text": _text(error), "place": _place(function, error)})


def _text(error: BaseException) -> str:
    try:
        return str(error)[:10000]
    except Exception:
        return "(its message cannot be shown)"


def _place(function: Any, error: BaseException) -> str:
    from labkit import checks

    with contextlib.suppress(Exception):
        return checks.place(function, error)
    return ""


def _encode(value: Any, buffers: list[bytes], depth: int) -> list:
    """Return JSON for a value; arrays go to `buffers`."""
    if depth > 20:
        return ["opaque", "object"]
    if type(value) is int and abs(value) >= 1 << 4096:  # JSON cannot write it
        return ["opaque", "int"]
    if value is None or type(value) in (bool, int, float, str):
        return ["plain", value]
    if value is NotImplemented or value is ...:
        return ["special", repr(value)]
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        return _encode_array(value, buffers, depth)
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return ["plain", kind(value)]
    if type(value) is _Lent:
        keys = [_encode(key, buffers, depth + 1) for key in value.keys[:MOST_ITEMS]]
        return ["lent", value.number, value.name, keys]
    if isinstance(value, bytes | bytearray):
        return ["bytes", value.hex()]
    if isinstance(value, complex):
        return ["complex", [value.real, value.imag]]
    if hasattr(type(value), "__float__"):  # fractions, decimals
        return ["plain", float(value)]
    for container in (list, tuple, set, frozenset):
        if isinstance(value, container) and len(value) <= MOST_ITEMS:
            return [container.__name__, [_encode(item, buffers, depth + 1) for item in value]]
    if isinstance(value, dict) and len(value) <= MOST_ITEMS:
        return ["dict", [[_encode(i, buffers, depth + 1) for i in pair] for pair in value.items()]]
    if hasattr(value, "__iter__") and (hasattr(value, "__next__") or hasattr(value, "__len__")):
        items = [item for _, item in zip(range(MOST_ITEMS), value, strict=False)]
        name = type(value).__name__
        return ["iterable", name, [_encode(item, buffers, depth + 1) for item in items]]
    return ["opaque", type(value).__name__]


def _encode_array(value: Any, buffers: list[bytes], depth: int) -> list:
    try:
        array = np.asarray(value)
        if array.dtype.kind == "V" and array.dtype.names is None:  # bfloat16 and its kin
            array = array.astype(np.float32)
    except Exception:
        return ["opaque", type(value).__name__]
    if array.dtype.kind == "O" and array.size <= MOST_ITEMS:
        items = [_encode(item, buffers, depth + 1) for item in array.ravel()]
        return ["objects", list(array.shape), items]
    if array.dtype.kind not in "biufcSU":
        return ["opaque", type(value).__name__]
    buffers.append(np.ascontiguousarray(array).tobytes())
    kind = "scalar" if isinstance(value, np.generic) else "array"
    return [kind, array.dtype.str, list(array.shape), len(buffers[-1])]


# --- the judge's side -----------------------------------------------------------------------------

_calls: socket.socket | None = None
_lender: list[Any] | None = None  # the functions that may be called, while something is lent
_handed_out: list[np.random.Generator] = []  # in this check
_first_number = 0  # of this check's generators
broken = False  # whether in the last check an answer could not be had, or not be taken
nonsense = False  # whether one was nonsense
statement = ""  # of the judge, about the last check: see `judge`


def connect() -> None:
    """Take the newest connection to the student's kernel from the grader."""
    global _calls
    assert _link is not None
    _link.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            _, fds, _, _ = socket.recv_fds(_link, 1, 1)
            if not fds:
                break
            if _calls is not None:
                _calls.close()
            _calls = socket.socket(fileno=fds[0])


def judge(shell: Any, exercises: list[str], check: str, name: str) -> None:
    """Run a check on the student's functions as they are now, and state how it went.

    `statement` is then JSON: the name that was given for this run, which nobody else knows,
    whether the check ran to its end on answers all of which could be had, and how they were.
    """
    global statement
    statement, passed = "", False
    try:
        _begin(shell.user_ns, exercises)
        passed = shell.run_cell(check).success is True  # it shows what it raises
    finally:
        _end()
        passed = passed and not broken
        told = {"run": name, "passed": passed, "broken": broken, "nonsense": nonsense}
        statement = json.dumps(told)


def _begin(namespace: dict[str, Any], exercises: list[str]) -> None:
    """Put stand-ins for the exercises' functions, as they are now, into the namespace."""
    global broken, nonsense, _first_number
    broken = nonsense = False
    _first_number += len(_handed_out)
    _handed_out.clear()
    connect()
    reply, _ = _ask(None, None, exercises, {})
    for name in exercises:
        namespace.pop(name, None)
        if reply.get(name) == "function":
            namespace[name] = _stand_in(name)
        elif reply.get(name) == "value":
            namespace[name] = type("value", (Opaque,), {})()


def _end() -> None:
    """Tell the student's kernel that there are no more calls."""
    if _calls is not None:
        with contextlib.suppress(OSError):
            _send(_calls)


class _Pickler(pickle.Pickler):
    """Sends functions that the other side cannot import as numbers, by which it can call them.

    A generator gets a number too: it is one and the same on the other side, in all calls.
    """

    def __init__(self, file: io.BytesIO, functions: list[Any]):
        super().__init__(file, protocol=5)
        self._functions = functions

    def persistent_id(self, value: Any) -> tuple[str, int, bytes] | None:
        if isinstance(value, np.random.Generator):
            known = [id(each) for each in _handed_out]
            if id(value) not in known:
                _handed_out.append(value)
                known.append(id(value))
            return "generator", _first_number + known.index(id(value)), pickle.dumps(value)
        if not isinstance(value, types.FunctionType):
            return None
        home = sys.modules.get(value.__module__)
        if home is not None and getattr(home, value.__qualname__, None) is value:
            return None
        self._functions.append(value)
        return "function", len(self._functions) - 1, b""


_Outcome = tuple[Any, Exception | None, None]  # what a callback returned, or raised


def _ask(
    name: str | None, run: tuple[str, str] | None, args: Any, kwargs: dict[str, Any]
) -> tuple[dict[str, Any], list]:
    """Ask, and return the answer's header and values."""
    functions: list[Any] = []
    try:
        request = _pickled((name, run, args, kwargs, np.geterr()), functions)
    except Exception as error:
        raise TypeError(
            f"`{name}` is called with what cannot be sent to it ({error}): make it in a function, "
            "and call that by `checks.at_home`"
        ) from None
    return _converse(request, functions)


def _converse(request: bytes, functions: list[Any]) -> tuple[dict[str, Any], list]:
    """Send a request, serve the callbacks to `functions`, and return the answer."""
    while True:
        try:
            assert _calls is not None
            _send(_calls, request)
            reply = memoryview(_receive(_calls))
            (size,) = struct.unpack_from("<Q", reply)
            header = json.loads(bytes(reply[8 : 8 + size]))
            data = [reply[8 + size :]]
            # Only what a callback is called with may be lent.
            with _lending(functions if "callback" in header else None):
                values = [_decode(value, data, 0) for value in header["values"]]
            if "callback" not in header:
                return header, values
            function, ((args, kwargs),) = functions[header["callback"]], values
        except Unreachable:
            raise
        except OSError:
            raise Unreachable("the kernel with your code died") from None
        except MemoryError:
            raise Unreachable("it returned more than fits into memory") from None
        except Exception:
            raise Nonsense from None
        try:
            if not header["data"]:
                raise TypeError("only plain data can be handed to this function here")
            with _lending(functions):
                outcome: _Outcome = function(*args, **kwargs), None, None
        except Unreachable:
            raise
        except Exception as error:
            outcome = None, error, None
        request = _answer(outcome, functions)


def _answer(outcome: _Outcome, functions: list[Any]) -> bytes:
    try:
        return _pickled(outcome, functions)
    except Exception:  # an exception of a class that only one side knows
        error = outcome[1] or TypeError("it returned what cannot be sent")
        return _pickled((None, RuntimeError(f"{type(error).__name__}: {error}"), None), functions)


def _pickled(value: Any, functions: list[Any]) -> bytes:
    file = io.BytesIO()
    _Pickler(file, functions).dump(value)
    return file.getvalue()


@contextlib.contextmanager
def _lending(functions: list[Any] | None) -> Iterator[None]:
    global _lender
    before, _lender = _lender, functions
    try:
        yield
    finally:
        _lender = before


class _Borrowed(Mapping):
    """A mapping of the student's class, while it is lent."""

    def __init__(self, index: int, keys: list[Any]):
        self._index, self._keys = index, keys

    def __getitem__(self, key: Any) -> Any:
        functions = _lender
        if functions is None:
            raise TypeError("a mapping of yours can be read only while the call lasts")
        header, values = _converse(_pickled((None, None, (self._index, key)), functions), functions)
        if "kinds" in header:
            raise _error(header)
        return values[0]

    def __iter__(self):
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _stand_in(name: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        return ask(None, args, kwargs)

    def at_home(run: Any, *data: Any) -> Any:
        return ask((run.__module__, run.__qualname__), data, {})

    def ask(run: tuple[str, str] | None, args: tuple, kwargs: dict[str, Any]) -> Any:
        header, values = _ask(name, run, args, kwargs)
        try:
            error = _error(header) if "kinds" in header else None
            result = None if error else values[0]
        except Exception:
            raise Nonsense from None
        if error is not None:
            raise error
        return result

    call.__name__ = call.__qualname__ = name
    vars(call)["at_home"] = at_home
    return call


def _error(header: dict[str, Any]) -> Exception:
    kinds = [clean.line(str(kind), 100) for kind in header["kinds"]][:20] or ["Exception"]
    text, place = (clean.lines(str(header.get(part, ""))) for part in ("text", "place"))
    if kinds[0] == "CheckFailed":  # by the guard of a function that was called at home
        from labkit import checks

        return checks.CheckFailed(text)
    known = (getattr(builtins, kind, None) for kind in kinds)
    base = next((k for k in known if isinstance(k, type) and issubclass(k, Exception)), Exception)
    kind = base if base.__name__ == kinds[0] else type(kinds[0], (base,), {})
    try:
        error = kind(text)
    except TypeError:  # such as UnicodeDecodeError, which wants five arguments
        error = type(kinds[0], (Exception,), {})(text)
    error.place = place
    return error


class Opaque:
    """Stands for what cannot be sent: of all that it is, its type's name is left."""


def _opaque(name: str) -> Any:
    return type(name if name.isidentifier() else "object", (Opaque,), {})()


class _Iterable(Opaque):
    def __init__(self, items: list):
        self._items = iter(items)

    def __iter__(self):
        return self._items


def _decode(code: list, data: list[memoryview], depth: int) -> Any:
    if depth > 30:
        raise ValueError("too deep")
    kind, content = code[0], code[1]
    if kind == "plain":
        if isinstance(content, str):
            return clean.source(content)
        if content is None or isinstance(content, bool | int | float):
            return content
    elif kind == "special":
        return {"NotImplemented": NotImplemented, "Ellipsis": ...}[content]
    elif kind == "bytes":
        return bytes.fromhex(content)
    elif kind == "lent" and _lender is not None:
        keys = [_decode(key, data, depth + 1) for key in code[3]]
        return type(str(code[2]), (_Borrowed,), {})(int(content), keys)
    elif kind == "complex":
        return complex(*map(float, content))
    elif kind in ("list", "tuple", "set", "frozenset"):
        return getattr(builtins, kind)([_decode(item, data, depth + 1) for item in content])
    elif kind == "dict":
        pairs = [[_decode(item, data, depth + 1) for item in pair] for pair in content]
        return dict(pairs)
    elif kind in ("array", "scalar"):
        return _decode_array(code, data)
    elif kind == "objects":
        array = np.empty(len(code[2]), dtype=object)
        for index, item in enumerate(code[2]):
            array[index] = _decode(item, data, depth + 1)
        return array.reshape([int(size) for size in content])
    elif kind == "iterable":
        items = [_decode(item, data, depth + 1) for item in code[2]]
        return type(content if content.isidentifier() else "object", (_Iterable,), {})(items)
    elif kind == "opaque":
        return _opaque(str(content))
    raise ValueError(f"no kind {kind!r}")


def _decode_array(code: list, data: list[memoryview]) -> Any:
    kind, dtype, shape, size = code
    dtype = np.dtype(str(dtype))
    if dtype.kind not in "biufcSU":
        raise ValueError("no numbers")
    shape = tuple(int(n) for n in shape)
    entries = int(np.prod(shape, dtype=object))
    if any(n < 0 for n in shape) or size != entries * dtype.itemsize or (entries and not size):
        raise ValueError("the size does not fit the shape")
    piece, data[0] = data[0][:size], data[0][size:]
    if len(piece) != size:
        raise ValueError("cut off")
    raw = bytearray(piece)
    if dtype.kind == "U":
        points = np.frombuffer(raw, dtype.str[0] + "u4")
        half = (points >= 0xD800) & (points <= 0xDFFF)
        points[half | (points > sys.maxunicode)] = ord(clean.MARK)
    array = np.frombuffer(raw, dtype).reshape(shape) if size else np.empty(shape, dtype)
    return array[()] if kind == "scalar" else array
