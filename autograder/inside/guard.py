"""Fingerprints of what a check trusts, taken before the student's code runs and compared after."""

import json
import sys
from types import FunctionType, ModuleType
from typing import Any

_TRUSTED = ("builtins", "math", "numpy", "scipy", "labkit", "time", "random", "remote", "guard")
_before: dict[str, dict[str, Any]] = {}
_code: dict[str, Any] = {}
_names: dict[str, Any] = {}
_say = sys.stdout.write


def watch() -> None:
    """Remember the trusted modules as they are."""
    global _say
    _say = sys.stdout.write
    for name, module in _modules():
        _before[name] = dict(vars(module))
    for key, function in _functions():
        _code[key] = (function.__code__, function.__defaults__, function.__kwdefaults__)


def remember(namespace: dict[str, Any], names: list[str]) -> None:
    """Remember what a set-up cell has bound to `names`."""
    _names.update({name: namespace[name] for name in names if name in namespace})


def as_set_up(namespace: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a namespace in which the set-up cells' names are bound as they were."""
    return namespace | _names


def report(shell: Any) -> None:
    """Print as JSON what has changed since."""
    found = []
    for name, old in _before.items():
        module = sys.modules.get(name)
        if not isinstance(module, ModuleType):
            found.append(f"{name} was replaced")
            continue
        new = vars(module)
        found += [
            f"{name}.{key} was replaced"
            for key, value in old.items()
            if (key in new and new[key] is not value and _matters(key, value))
            or (key not in new and _matters(key, value))
        ]
    for key, function in _functions():
        now = (function.__code__, function.__defaults__, function.__kwdefaults__)
        if key in _code and any(a is not b for a, b in zip(_code[key], now, strict=True)):
            found.append(f"{key} was rewritten")
    found += _shell(shell)
    _say(json.dumps(found))


def _modules() -> list[tuple[str, ModuleType]]:
    return [
        (name, module)
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and name.split(".")[0] in _TRUSTED
    ]


def _functions() -> list[tuple[str, FunctionType]]:
    found = []
    for name, module in _modules():
        if name.split(".")[0] != "labkit":
            continue
        for key, value in list(vars(module).items()):
            while isinstance(value, FunctionType):
                if value.__module__ == name:
                    found.append((f"{name}.{key}", value))
                value = getattr(value, "__wrapped__", None)
                key += "'"
    return found


def _matters(key: str, value: Any) -> bool:
    # The kernel itself changes `input` for each cell. Modules count calls and fill caches.
    if key in ("input", "help", "display") or key.startswith("__"):
        return False
    if callable(value):
        return True
    return not key.startswith("_") and isinstance(value, int | float | str | tuple)


def _shell(shell: Any) -> list[str]:
    found = []
    if shell.ast_transformers:
        found.append("IPython's ast_transformers were added to")
    if shell.custom_exceptions:
        found.append("IPython's handler of exceptions was replaced")
    if sys.gettrace() is not None or sys.getprofile() is not None:
        found.append("a trace function was set")
    own = set(vars(shell)) & {"run_cell", "run_code", "showtraceback", "run_ast_nodes"}
    found += [f"IPython's {name} was replaced" for name in sorted(own)]
    return found
