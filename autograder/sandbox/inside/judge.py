"""The judge's end of the calls to the student's kernel: it runs checks, in the judge's kernel.

In its namespace the exercises' functions are stand-ins that call the student's, in another process.
A check has passed when the judge says so, of this very check, and in no other case (`statement`).
"""

import builtins
import contextlib
import io
import json
import pickle
import socket
import sys
import types
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from autograder.sandbox.inside import clean, wire
from autograder.sandbox.inside.wire import Decoder, Nonsense, Unreachable

Result = tuple[Any, Exception | None, None]  # what a callback returned, or raised

_session: "Session | None" = None


def judge(shell: Any, exercises: list[str], check: str, name: str) -> None:
    """Run a check on the student's functions as they are now, and state how it went."""
    global _session
    if _session is None:
        _session = Session(wire.adopted())
    _session.judge(shell, exercises, check, name)


def statement() -> str:
    """Return the statement on the last check: see `Session`."""
    return _session.statement if _session is not None else ""


class Session:
    """All that the judge knows of the student's kernels, one after the other.

    `statement` is JSON about the last check: the name that was given for its run, which nobody else
    knows, whether the check ran to its end on answers all of which could be had, and how they were.

    Args:
        link: brings a new connection when there is a new kernel of the student's.
        calls: the connection to the kernel that is there, if there is one already.
    """

    def __init__(self, link: socket.socket | None, calls: socket.socket | None = None):
        self._link, self._calls = link, calls
        # The functions that may be called, while what they are called with can be read.
        self._callable: list[Any] | None = None
        self._handed_out: list[np.random.Generator] = []  # in this check
        self._first_number = 0  # of this check's generators
        self.broken = False  # whether in this check an answer could not be had, or not be taken
        self.nonsense = False  # whether one was nonsense
        self.statement = ""

    def judge(self, shell: Any, exercises: list[str], check: str, name: str) -> None:
        """Run a check in a shell, and state how it went."""
        self.statement, passed = "", False
        try:
            self.begin(shell.user_ns, exercises)
            passed = shell.run_cell(check).success is True  # it shows what it raises
        finally:
            self.end()
            passed = passed and not self.broken
            self.statement = json.dumps(
                {"run": name, "passed": passed, "broken": self.broken, "nonsense": self.nonsense}
            )

    def begin(self, namespace: dict[str, Any], exercises: list[str]) -> None:
        """Put stand-ins for the exercises' functions, as they are now, into the namespace."""
        self.broken = self.nonsense = False
        self._first_number += len(self._handed_out)
        self._handed_out.clear()
        self._connect()
        reply, _ = self._ask(None, None, exercises, {})
        for name in exercises:
            namespace.pop(name, None)
            if reply.get(name) == "function":
                namespace[name] = self.stand_in(name)
            elif reply.get(name) == "value":
                namespace[name] = wire.opaque("value")

    def end(self) -> None:
        """Tell the student's kernel that there are no more calls."""
        if self._calls is not None:
            with contextlib.suppress(OSError):
                wire.send(self._calls)

    def stand_in(self, name: str) -> Any:
        """Return a function that calls the student's.

        Its `at_home(run, *data)` calls a function of labkit's there, with the student's and data.
        """

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._called(name, None, args, kwargs)

        def at_home(run: Any, *data: Any) -> Any:
            return self._called(name, (run.__module__, run.__qualname__), data, {})

        call.__name__ = call.__qualname__ = name
        vars(call)["at_home"] = at_home
        return call

    def _connect(self) -> None:
        """Take the newest connection to the student's kernel from the grader."""
        if self._link is None:
            return
        self._link.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                _, fds, _, _ = socket.recv_fds(self._link, 1, 1)
                if not fds:
                    break
                if self._calls is not None:
                    self._calls.close()
                self._calls = socket.socket(fileno=fds[0])

    # --- one call ---

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Note an answer that cannot be had, or not be taken, whatever the check makes of that."""
        try:
            yield
        except Unreachable as error:
            self.broken = True
            self.nonsense |= isinstance(error, Nonsense)
            raise

    def _called(
        self, name: str, run: tuple[str, str] | None, args: tuple, kwargs: dict[str, Any]
    ) -> Any:
        return self._understood(*self._ask(name, run, args, kwargs))

    def _understood(self, header: dict[str, Any], values: list) -> Any:
        """Return what an answer says that was returned, or raise what was raised."""
        with self._noting():
            try:
                error = _error(header) if "kinds" in header else None
                result = None if error else values[0]
            except Exception:
                raise Nonsense from None
        if error is not None:
            raise error
        return result

    def _ask(
        self, name: str | None, run: tuple[str, str] | None, args: Any, kwargs: dict[str, Any]
    ) -> tuple[dict[str, Any], list]:
        """Ask, and return the answer's header and values."""
        functions: list[Any] = []
        try:
            request = self._pickled((name, run, args, kwargs, np.geterr()), functions)
        except Exception as error:
            raise TypeError(
                f"`{name}` is called with what cannot be sent to it ({error}): make it in a "
                "function, and call that by `checks.at_home`"
            ) from None
        return self._converse(request, functions)

    def _converse(self, request: bytes, functions: list[Any]) -> tuple[dict[str, Any], list]:
        """Send a request, serve the callbacks to `functions`, and return the answer."""
        while True:
            with self._noting():
                header, values = self._exchange(request, functions)
                if "callback" not in header:
                    return header, values
                try:
                    function, ((args, kwargs),) = functions[header["callback"]], values
                    plain = bool(header["data"])
                except Exception:
                    raise Nonsense from None
            request = self._called_back(function, args, kwargs, plain, functions)

    def _exchange(self, request: bytes, functions: list[Any]) -> tuple[dict[str, Any], list]:
        try:
            assert self._calls is not None
            wire.send(self._calls, request)
            header, data = wire.split_answer(wire.receive(self._calls))
            # Only what a callback is called with may be shared.
            decoder = Decoder(data, self._mapping if "callback" in header else None)
            return header, [decoder.value(code) for code in header["values"]]
        except Unreachable:
            raise
        except OSError:
            raise Unreachable("the kernel with your code died") from None
        except MemoryError:
            raise Unreachable("it returned more than fits into memory") from None
        except Exception:
            raise Nonsense from None

    def _called_back(
        self, function: Any, args: Any, kwargs: Any, plain: bool, functions: list[Any]
    ) -> bytes:
        """Call a function of the check's for the student's; return the request that says how."""
        result: Result
        try:
            if not plain:
                raise TypeError("only plain data can be handed to this function here")
            with self._serving(functions):
                result = function(*args, **kwargs), None, None
        except Unreachable:
            raise
        except Exception as error:
            result = None, error, None
        try:
            return self._pickled(result, functions)
        except Exception:  # an exception of a class that only one side knows
            raised = result[1] or TypeError("it returned what cannot be sent")
            known = RuntimeError(f"{type(raised).__name__}: {raised}")
            return self._pickled((None, known, None), functions)

    # --- what is sent ---

    def _pickled(self, value: Any, functions: list[Any]) -> bytes:
        file = io.BytesIO()
        _Pickler(file, functions, self._number).dump(value)
        return file.getvalue()

    def _number(self, generator: np.random.Generator) -> int:
        known = [id(each) for each in self._handed_out]
        if id(generator) not in known:
            self._handed_out.append(generator)
            known.append(id(generator))
        return self._first_number + known.index(id(generator))

    # --- mappings of the student's class ---

    @contextlib.contextmanager
    def _serving(self, functions: list[Any]) -> Iterator[None]:
        before, self._callable = self._callable, functions
        try:
            yield
        finally:
            self._callable = before

    def _mapping(self, name: str, index: int, keys: list[Any]) -> Mapping:
        return type(name, (_StudentsMapping,), {})(partial(self._item, index), keys)

    def _item(self, index: int, key: Any) -> Any:
        functions = self._callable
        if functions is None:
            raise TypeError("a mapping of yours can be read only while the call lasts")
        request = self._pickled((None, None, (index, key)), functions)
        return self._understood(*self._converse(request, functions))


class _StudentsMapping(Mapping):
    """A mapping of the student's class, of which the judge has the keys."""

    def __init__(self, item: Any, keys: list[Any]):
        self._item, self._keys = item, keys

    def __getitem__(self, key: Any) -> Any:
        return self._item(key)

    def __iter__(self):
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class _Pickler(pickle.Pickler):
    """Sends functions that the other side cannot import as numbers, by which it can call them.

    A generator gets a number too: it is one and the same on the other side, in all calls.
    """

    def __init__(self, file: io.BytesIO, functions: list[Any], number: Any):
        super().__init__(file, protocol=5)
        self._functions, self._number = functions, number

    def persistent_id(self, value: Any) -> tuple[str, int, bytes] | None:
        if isinstance(value, np.random.Generator):
            return "generator", self._number(value), pickle.dumps(value)
        if not isinstance(value, types.FunctionType):
            return None
        home = sys.modules.get(value.__module__)
        if home is not None and getattr(home, value.__qualname__, None) is value:
            return None
        self._functions.append(value)
        return "function", len(self._functions) - 1, b""


def _error(header: dict[str, Any]) -> Exception:
    """Return the exception that the student's function raised, as far as it can be known."""
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
