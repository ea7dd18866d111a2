"""What the student's code does to what others trust, and what it reaches for, for a person to see.

Fingerprints are taken before it runs and compared after. What it reaches for is heard by an audit
hook (PEP 578), which Python code cannot remove. The hook also makes the report, out of a private
copy of this module and of the builtins, and signs it: replacing this module's functions, or the
builtins, changes nothing. The key is in no source, and in no exception's frames.

All the same it is the student's process that speaks: who finds the key in its memory, or the hook's
frames while it runs, says what they like. No point depends on it.
"""

import builtins
import secrets
import sys
import threading
from hashlib import blake2b
from types import FrameType, FunctionType, ModuleType
from typing import Any

REPORT = "labkit.report"  # the audit event that asks for it

MOST = 100  # that are reported
_TRUSTED = ("builtins", "math", "numpy", "scipy", "labkit", "time", "random", "autograder")
_before: dict[str, tuple[ModuleType, dict[str, Any]]] = {}
_code: dict[str, Any] = {}
_loaded = sys.modules


def watch() -> str:
    """Remember the trusted modules as they are, and listen; returns a new secret.

    From then on `sys.audit(REPORT, nonce, shell)` prints a line: a signature by `secret` of the
    nonce and of what follows it, the tuple of all that was found, as Python writes it in ASCII.
    """
    space: dict[str, Any] = {"__name__": __name__, "__builtins__": dict(vars(builtins))}
    loader: Any = __spec__.loader  # of a file: one that has its code
    exec(loader.get_code(__name__), space)
    secret = secrets.token_hex(16)
    space["_start"](secret, sys.stdout.write)
    return secret


def sign(secret: str, nonce: str, text: str) -> str:
    """Return the signature of a report."""
    return blake2b(f"{nonce} {text}".encode(), key=secret.encode(), digest_size=16).hexdigest()


def _start(secret: str, say: Any) -> None:
    for name, module in _modules():
        _before[name] = module, dict(vars(module))
    for key, function in _functions():
        _code[key] = (function.__code__, function.__defaults__, function.__kwdefaults__)

    def hook(event: str, arguments: tuple) -> None:
        try:
            if event == REPORT:
                nonce, shell = arguments
                text = ascii(tuple(_changes(shell)[:MOST]))
                say(f"{sign(secret, nonce, text)} {text}\n")
            else:
                _listen(event, arguments)
        except Exception:
            return  # an error would bring these frames along

    sys.addaudithook(hook)


def _changes(shell: Any) -> list[str]:
    found = []
    for name, (module, old) in _before.items():
        if _loaded.get(name) is not module:
            found.append(f"{name} was replaced")
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
    found += [f"a cell {what}" for what in _heard]
    return found


# An event, the attribute that it may be about, and what it means if a cell itself causes it.
_EVENTS = {
    "sys._getframe": "looked at its callers",
    "sys._current_frames": "looked at its callers",
    "gc.get_objects": "searched memory for objects",
    "gc.get_referrers": "searched memory for objects",
    "gc.get_referents": "searched memory for objects",
    "sys.settrace": "set a trace function",
    "sys.setprofile": "set a trace function",
    "ctypes.dlopen": "called into the C library",
    "os.kill": "sent signals",
    "os.fork": "forked",
}
_FRAMES = ("tb_frame", "gi_frame", "cr_frame", "ag_frame", "__code__")
# What calls these for a cell.
_BETWEEN = ("/inspect.py", "/ctypes/__init__.py")
_heard: dict[str, None] = {}
_listening = threading.local()


def _listen(event: str, arguments: tuple) -> None:
    what = _EVENTS.get(event)
    name = arguments[1] if event == "object.__getattr__" and len(arguments) > 1 else ""
    if type(name) is str and name in _FRAMES:
        what = "looked at its callers"
    if what is None or hasattr(_listening, "now"):
        return
    _listening.now = True  # what follows is heard as well
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and event in _EVENTS and frame.f_code.co_filename.endswith(_BETWEEN):
        frame = frame.f_back
    if frame is not None and "/ipykernel_" in frame.f_code.co_filename:
        _heard[what] = None
    del _listening.now


def _modules() -> list[tuple[str, ModuleType]]:
    return [
        (name, module)
        for name, module in list(_loaded.items())
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
    if not type(shell).__module__.startswith("ipykernel."):
        found.append("IPython's shell was replaced")
        return found
    if shell.ast_transformers:
        found.append("IPython's ast_transformers were added to")
    if shell.custom_exceptions:
        found.append("IPython's handler of exceptions was replaced")
    if sys.gettrace() is not None or sys.getprofile() is not None:
        found.append("a trace function was set")
    own = set(vars(shell)) & {"run_cell", "run_code", "showtraceback", "run_ast_nodes"}
    found += [f"IPython's {name} was replaced" for name in sorted(own)]
    return found
