"""The student's end of the calls from the judge's kernel: it runs in the student's.

The functions that the judge calls get copies: nothing that the judge computes with is changed by
what is done to them.
"""

import contextlib
import importlib
import io
import numbers
import pickle
import sys
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograder.sandbox.inside import wire
from autograder.sandbox.inside.wire import Shared

_turn = threading.RLock()  # a student's threads may call the judge's functions at the same time
# The judge's generators, by the numbers that it gives them. A call goes on where the one before
# left its generator; the judge draws from none that it has handed out.
_generators: dict[int, np.random.Generator] = {}


def serve(namespace: dict[str, Any]) -> None:
    """Answer calls to the functions in `namespace` until the judge has no more."""
    if checks := sys.modules.get("labkit.checks"):
        checks.forget_results()
    while request := wire.receive(wire.adopted()):
        name, run, args, kwargs, errors = _Unpickler(io.BytesIO(request)).load()
        if name is None:
            _reply({wanted: _describe(namespace, wanted) for wanted in args})
            continue
        function = namespace.get(name)
        call = _on_copies(function) if run is None else _at_home(function, *run)
        with np.errstate(**errors):  # as they are where it is called from
            _call(call, args, kwargs, function)


def _reply(header: dict[str, Any], *values: Any) -> None:
    wire.send_answer(wire.adopted(), header, *values)


def _describe(namespace: dict[str, Any], name: str) -> str:
    if name not in namespace:
        return "missing"
    return "function" if callable(namespace[name]) else "value"


def _on_copies(student: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        # Loaded by the set-up cells of a lab whose checks are labkit's: theirs is this rule.
        checks = sys.modules.get("labkit.checks")
        return (checks.on_copies(student) if checks else student)(*args, **kwargs)

    return call


def _at_home(student: Any, module: str, name: str) -> Any:
    def call(*data: Any) -> Any:
        from labkit import checks

        run = getattr(importlib.import_module(module), name)
        return run(checks.guard(student), *data)

    return call


def _call(function: Any, args: tuple, kwargs: dict[str, Any], student: Any) -> None:
    """Reply with what a function returns, or with its exception and where in `student` it arose."""
    try:
        # Encoding it calls the student's code too: iterators, conversions.
        _reply({}, function(*args, **kwargs))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        _reply({"kinds": kinds, "text": _text(error), "place": _place(student, error)})


def _text(error: BaseException) -> str:
    try:
        return str(error)[:10000]
    except Exception:
        return "(its message cannot be shown)"


def _place(student: Any, error: BaseException) -> str:
    from labkit import checks

    with contextlib.suppress(Exception):
        return checks.place(student, error)
    return ""


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, known: tuple[str, int, bytes]) -> Any:
        """Return a generator, or a stand-in for a function of the judge's."""
        kind, number, state = known
        if kind == "generator":
            if number not in _generators:
                _generators[number] = pickle.loads(state)
            return _generators[number]

        def call(*args: Any, **kwargs: Any) -> Any:
            return _call_judge(number, args, kwargs)

        return call


def _call_judge(number: int, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Call a function of the judge's; meanwhile it may ask for items of mappings that it got."""
    shared: list[Mapping] = []
    given = [
        [_sharing(value, shared) for value in args],
        {key: _sharing(value, shared) for key, value in kwargs.items()},
    ]
    request = {"callback": number, "data": _is_data(given)}
    with _turn:
        _reply(request, given)
        while True:
            answer = wire.receive(wire.adopted())
            result, error, wanted = _Unpickler(io.BytesIO(answer)).load()
            if wanted is None:
                break
            index, key = wanted
            _call(shared[index].__getitem__, (key,), {}, shared[index].__getitem__)
    if error is not None:
        raise error
    return result


def _sharing(value: Any, shared: list[Mapping]) -> Any:
    """Return what is sent of an argument: of a mapping of the student's own class, its keys."""
    if isinstance(value, Mapping) and type(value).__module__ == "__main__":
        shared.append(value)
        return Shared(len(shared) - 1, type(value).__name__, list(value))
    return value


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
    plain = kind in (type(None), str, bytes, np.ndarray, Shared)
    return plain or tensor or isinstance(value, np.generic | numbers.Number)
