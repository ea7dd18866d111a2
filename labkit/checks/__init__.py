"""Checks that teach: what every lab's checks are made of.

A check is a function that takes a student's function, tries it on fresh inputs, and raises
`CheckFailed` with the property that is broken, the values that were seen and the likely
misconception. On success it prints one plain line. Nothing is ever written to stderr: nbgrader
gives a graded cell that does so no points.

Checks hold no points: those stand beside their names in the masters
(`autograder/course/masters/`). They compare with closed forms, independent oracles and properties;
an oracle computes what is asked, too, and is no more secret than the solutions.

A point follows from a comparison that holds, never from one that does not: NaN is near nothing. And
nothing that a student's function could have changed is compared with: it gets copies, generators
of its own, and answers from callbacks that are copies, too.
"""

import collections
import contextlib
import copy
import functools
import importlib.util
import inspect
import itertools
import linecache
import math
import numbers
import os
import re
import reprlib
import sys
import textwrap
import traceback
from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    ValuesView,
)
from types import FunctionType
from typing import Any, Protocol, cast

import numpy as np

from labkit import verdicts

__all__ = [
    "FALSE_FAIL",
    "CheckFailed",
    "after_others",
    "as_array",
    "as_arrays",
    "as_number",
    "at_home",
    "check",
    "fresh_rng",
    "in_turn",
    "kept",
    "likely",
    "on_copies",
    "reason",
    "require",
    "shown",
    "student_rng",
]

# The chance that one run of a randomised check fails a right answer, for each of the check's
# statistical tests. Every tolerance in the checks is derived from it.
FALSE_FAIL = 1e-8


class CheckFailed(AssertionError):
    """A property that the student's function does not have; the message explains it.

    Whatever it quotes of the student's, the message can be written to a file or a stream.
    """

    def __init__(self, message: str = ""):
        super().__init__(message.encode("utf-8", "backslashreplace").decode())

    def _render_traceback_(self) -> list[str]:
        # IPython's hook: the message is the lesson, the frames inside labkit are not.
        return [_wrapped(f"CheckFailed: {self}")]


def require(holds: bool, message: str) -> None:
    """Raise `CheckFailed(message)` unless `holds`."""
    if not holds:
        raise CheckFailed(message)


def likely(got: Any, slips: Mapping[str, Any], rtol: float = 1e-4) -> str:
    """Return the one text whose value is what was seen, as the end of a message, else nothing.

    Args:
        got: numbers that are wrong.
        slips: texts, and what each mistake would have given in place of `got`.
        rtol: how near, relative to the slip's largest number.
    """
    got = np.asarray(got, np.float64)

    def fits(value: Any) -> bool:
        value = np.asarray(value, np.float64)
        if value.shape != got.shape or not np.all(np.isfinite(value)) or not np.any(value):
            return False  # and nothing, 0, may come of many mistakes
        return bool(np.all(np.abs(got - value) <= rtol * np.max(np.abs(value), initial=0)))

    found = [text for text, value in slips.items() if fits(value)]
    return f" {found[0]}" if len(found) == 1 else ""


def fresh_rng() -> np.random.Generator:
    """Return the generator for one check: other inputs every time.

    Where the environment variable LABKIT_SEED holds a number, as it does under the grader, the
    series of generators is the same in every process with that number: a grade can be reproduced.
    """
    seed = os.environ.get("LABKIT_SEED")
    return np.random.default_rng([int(seed), next(_calls(seed))] if seed else None)


def student_rng(rng: np.random.Generator) -> np.random.Generator:
    """Return a generator to hand to a student's function, drawn from the check's.

    The check's own is never handed out: who has it decides what the check draws next.
    """
    return np.random.default_rng(rng.integers(2**32, size=4).tolist())


def after_others(student: Callable[..., Any], arguments: Sequence, others: Sequence) -> Any:
    """Return `student(*arguments)`, called after calls with one of `others` in its place each.

    And before those with all of `others` but one: what is remembered by some of the arguments
    alone, or by their shapes, is then of another call.
    """
    for at in range(len(others) if len(others) > 2 else 0):  # of two these are the calls below
        student(*others[:at], arguments[at], *others[at + 1 :], *arguments[len(others) :])
    for at, other in enumerate(others):
        student(*arguments[:at], other, *arguments[at + 1 :])
    return student(*arguments)


def in_turn(student: Callable[..., Any], *calls: Sequence) -> list[Any]:
    """Return `student(*call)` for three calls or more, none of which changes what others returned.

    The last has the arrays, lists and dictionaries of the first, filled anew: what is remembered
    must go by what they hold.
    """
    return list(at_home(student, _in_turn, list(calls)))


def _in_turn(student: "Guarded", calls: list[Sequence]) -> list[Any]:
    first, *others, last = calls
    given = _copied(first)

    def made() -> Iterator[Any]:
        yield student.in_place(*given)
        for call in others:
            yield student(*call)

    return [*kept(student, made()), student.in_place(*map(_put, last, given))]


def _require_unwritten(student: Callable[..., Any], pairs: Iterable[tuple[Any, Any]]) -> None:
    """Require that results of a function are as their copies are."""
    name = getattr(student, "__name__", "your function")
    require(
        all(_unchanged(result, copied) for result, copied in pairs),
        f"A call of `{name}` changes what an earlier call returned, which the notebook may still "
        "use: return something new each time.",
    )


def kept(student: Callable[..., Any], results: Iterable) -> list[Any]:
    """Return results of a student's function, and require that each is left as it is by the next.

    Args:
        student: the function.
        results: makes each where it is asked for it. Of those that a check has in another process
            than the function (see `at_home`) there is nothing to see.
    """
    pairs = [(result, _copied(result, of_result=True)) for result in results]
    _require_unwritten(student, pairs)
    return [copied for _, copied in pairs]


def _put(new: Any, old: Any) -> Any:
    """Return a copy of `new`, in an older array, list or dictionary if it fits."""
    copied = _copied(new)
    if type(new) is not type(old):
        return copied
    if isinstance(new, np.ndarray) and (new.shape, new.dtype) == (old.shape, old.dtype):
        old[...] = new
        return old
    if type(new) is list:
        old[:] = copied
        return old
    if type(new) is dict:
        old.clear()
        old.update(copied)
        return old
    return copied


@functools.cache
def _calls(seed: str) -> Iterator[int]:
    return itertools.count()


class Guarded(Protocol):
    """A student's function as a check gets it; see `guard`."""

    __name__: str
    __wrapped__: Callable[..., Any]
    in_place: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


def check(body: Callable[..., None]) -> Callable[..., None]:
    """Make a check of `body(student, rng)`; its docstring's first line is what success prints.

    The check is called as `check(student, rng, trials=1)`: it runs `body` on fresh inputs
    `trials` times. The student's function is guarded: it gets copies of what it is called with,
    and whatever it raises becomes a `CheckFailed` that says where. So does whatever `body` itself
    meets with in what the function returned: no verdict, no points.
    """

    if not body.__doc__:
        raise TypeError(f"the check {body.__name__} has no docstring: its first line is printed")
    success = f"✓ {body.__name__}: {body.__doc__.splitlines()[0]}"

    @functools.wraps(body)
    def run(student: Callable[..., Any], rng: np.random.Generator, trials: int = 1) -> None:
        with contextlib.redirect_stderr(sys.stdout), verdicts.judging(body, student):
            forget_results()
            guarded = guard(student)
            for _ in range(trials):
                try:
                    body(guarded, rng)
                except CheckFailed:
                    raise
                except Exception as error:
                    raise CheckFailed(
                        f"`{guarded.__name__}` cannot be judged by what it returned "
                        f"({type(error).__name__}: {reason(error)}). Is it of the kind that its "
                        "cell asks for?"
                    ) from error
        verdicts.announce(body, _wrapped(success))

    return run


def _wrapped(text: str) -> str:
    # JupyterLab breaks longer lines in the middle of a word.
    return "\n".join(textwrap.fill(line, 88) for line in text.split("\n"))


def guard(student: Callable[..., Any]) -> Guarded:
    """Return a function that calls `student` on copies; what that raises is a `CheckFailed`.

    Arrays and containers are copied, however nested, and so is what a function that is handed over
    returns. A student's function that changes a copy fails, too: other cells go on with what they
    called it with. Other objects, such as a model to train, are handed over as they are: make
    them for the one call (see `at_home`). The function's `in_place` calls `student` on the
    arguments themselves, for checks that ask, in what `at_home` runs, what it does to them.
    """
    name = getattr(student, "__name__", None)
    name = name if isinstance(name, str) else shown(student)
    require(callable(student), f"`{name}` is not a function: did you overwrite it with a value?")

    @functools.wraps(student)
    def in_place(*args: Any, **kwargs: Any) -> Any:
        try:
            return student(*args, **kwargs)
        except (CheckFailed, KeyboardInterrupt):
            raise
        except BaseException as error:
            # TensorFlow raises it too, where NumPy meets a tensor without a value.
            if isinstance(error, NotImplementedError) and "symbolic" not in str(error):
                # The function may be filled in, and call one that is not.
                found = re.search(r"Exercise `(\w+)` is still blank", str(error))
                blank = found[1] if found else name
                why = f", and `{name}` calls it" if blank != name else ""
                raise CheckFailed(
                    f"Exercise `{blank}` is still blank{why}. Fill in its cell, run that cell, "
                    "then run this one again."
                ) from None
            raise CheckFailed(
                f"`{name}` raised {type(error).__name__}: {reason(error)}{place(student, error)}"
            ) from None

    in_place.__name__ = name
    # What crosses to another process is a copy, and there `on_copies` calls it.
    guarded = cast(Guarded, in_place if hasattr(student, "at_home") else on_copies(in_place))
    guarded.__wrapped__, guarded.in_place = student, in_place
    return guarded


def on_copies(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls `function` on copies; see `guard` for what is copied.

    It raises `CheckFailed` if `function` has changed a copy, or what its last calls had returned.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        copies, named = _copied(args), _copied(kwargs)
        student = getattr(function, "__wrapped__", function)  # guarded or not
        earlier = [(result, copied) for of, result, copied in _last if of is student]
        result = function(*copies, **named)
        _keep(student, result)
        _require_unwritten(student, earlier)
        changed = [i for i, copied in enumerate(copies) if not _unchanged(copied, args[i])]
        keys = [key for key, copied in named.items() if not _unchanged(copied, kwargs[key])]
        if changed or keys:
            names = [f"number {i + 1}" for i in changed]
            with contextlib.suppress(TypeError, ValueError):
                parameters = list(inspect.signature(function).parameters)
                names = [f"`{parameters[i]}`" for i in changed if i < len(parameters)] or names
            names += [f"`{key}`" for key in keys]
            raise CheckFailed(
                f"`{getattr(function, '__name__', shown(function))}` changes its argument "
                f"{' and '.join(names)}; in the notebook other cells go on with theirs. "
                "Compute something new, or work on a copy."
            )
        return result

    return call


# Of the last calls the function, what it returned, and a copy of that: who fills one of several
# buffers in turn has no more of them.
_last: collections.deque[tuple[Any, Any, Any]] = collections.deque(maxlen=4)


def _keep(student: Callable[..., Any], result: Any) -> None:
    """Keep a result in mind for the next calls."""
    copied = _copied(result, of_result=True)
    if _unchanged(result, copied):  # not so of what is another at each look
        _last.append((student, result, copied))


def forget_results() -> None:
    """Let the notebook do what it likes with what was returned so far: a check begins."""
    _last.clear()


# Looked for first: most of what is passed is of these.
_PLAIN = frozenset({type(None), bool, int, float, str, bytes, np.random.Generator})
_VIEWS = KeysView | ValuesView | ItemsView


def _unchanged(now: Any, before: Any) -> bool:
    """Whether a copy by `_copied` still holds what it was made of."""
    if now is before and type(before) in _PLAIN:
        return True
    if isinstance(before, np.ndarray):
        now = _held(now)
        if not isinstance(now, np.ndarray) or now.shape != before.shape:
            return False
        if before.dtype.hasobject:
            return _unchanged(now.ravel().tolist(), before.ravel().tolist())
        if now.dtype != before.dtype:
            return False
        if now.dtype.kind in "fc":  # -0.0 is 0.0
            same = bool(np.all(now == before))
            return same or bool(np.array_equal(now, before, equal_nan=True))
        return now.tobytes() == before.tobytes()
    if isinstance(before, FunctionType):
        return True
    if isinstance(before, Mapping):
        same = isinstance(now, Mapping) and now.keys() == before.keys()
        return same and all(_unchanged(now[key], before[key]) for key in before)
    now, before = (list(each) if isinstance(each, _VIEWS) else each for each in (now, before))
    if type(now) is not type(before):
        return False
    if isinstance(before, list | tuple | collections.deque):
        return len(now) == len(before) and all(map(_unchanged, now, before))
    if isinstance(before, numbers.Number | str | bytes | bytearray | set | frozenset):
        return now is before or bool(now == before)
    return now is before


def at_home(student: Callable[..., Any], run: Callable[..., Any], *data: Any) -> Any:
    """Return `run(student, *data)`, computed in the process in which the student's function lives.

    Under the grader the check runs in another process, so that nothing of the student's can touch
    it, and only plain data and arrays pass between the two. A check that must hand over an object,
    such as a model to train, makes it in `run`, a function at the top level of a module, which
    returns data. These are then the student's word: let them be what only right work can produce,
    such as weights, and compare them in the check.
    """
    # The grader's stand-in for a function brings it along, through the guard's `functools.wraps`.
    in_other_process = getattr(student, "at_home", None)
    data = _copied(data)
    return in_other_process(run, *data) if in_other_process else run(student, *data)


# What libraries say where a student's mistake reaches them, and what it means here.
_MEANINGS = {
    r"unsupported operand .*'NoneType'": "Something here is None: the result of a function without "
    "`return`, or a tape's gradient by what the tape did not `watch`.",
    r"'ShellTensor64' has no len": "TensorFlow's functions do not take ciphertexts; tf_shell has "
    "its own, such as `tf_shell.expand_dims` and `tf_shell.reduce_sum`.",
    r"Unsupported type for (reduce_sum|expand_dims)": "It is no ciphertext.",
    r"Rotation key must be provided": "tf_shell.fast_reduce_sum adds slots up without one.",
    r"Cannot reduce_sum over polynomial_axis": "tf_shell.reduce_sum wants axes counted from the "
    "front, such as 2: it miscounts negative ones.",
    r"(?i)mismatch\w* polynomial degree": "Two things of different contexts were put together, "
    "such as a key of the notebook's and these ciphertexts. Whoever computes on ciphertexts has no "
    "key to them, and needs none.",
    r"Invalid broadcast between": "These are the shapes behind the first axis, the slots.",
    r"non-persistent GradientTape": "Ask for all gradients in one call of `tape.gradient`, with a "
    "list.",
    r"Python integer -\d+ out of bounds for uint": "No unsigned integer is negative: subtract in "
    "place of multiplying by -1.",
    r"'RemoteTensor' does not support ufuncs": "NumPy cannot reach a remote tensor: let its party "
    "compute, with `run` and a function of TensorFlow's.",
}


def reason(error: BaseException) -> str:
    """What an exception says and means, without TensorFlow's frames and names of kernels."""
    try:
        said = str(error)
    except Exception:  # the student's own class
        said = ""
    lines = said.strip().splitlines() or [shown(error)]
    text = lines[-1].strip() if lines[0].startswith("in user code") else "\n".join(lines)
    if lines[0].startswith("Graph execution error"):
        frames = [i for i, line in enumerate(lines) if line.startswith('  File "')]
        text = "\n".join(lines[frames[-1] + 1 if frames else 1 :]).strip()
    text = re.sub(r"\{\{function_node [^}]*\}\} | \[Op:\w+\] name: *$", "", text)
    text = re.sub(r" for '\{\{node [^}]*\}\} = \w+\[[^]]*\]\([^)]*\)'", "", text)
    text = re.sub(r"\s*\[\[\{\{node [^}]*\}\}\]\]|\s*\[Op:\w+\]$", "", text)
    meaning = [m for pattern, m in _MEANINGS.items() if re.search(pattern, text)]
    return "\n".join([text, *meaning])


_SHORT = reprlib.Repr()
_SHORT.maxlong = _SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxdict = 12


def shown(value: Any) -> str:
    """Return a value as a message shows it: on one line, short, and whatever its `repr` does."""
    try:
        return textwrap.shorten(_SHORT.repr(value), 300)
    except Exception:  # such as an integer of too many digits
        return f"<{type(value).__name__}>"


def _copied(value: Any, *, of_result: bool = False) -> Any:
    """Return a copy of arrays and containers, however nested; see `guard` for all else.

    Of a result the copy of a TensorFlow variable is the array that it holds.
    """
    if type(value) in _PLAIN:
        return value
    again = functools.partial(_copied, of_result=True) if of_result else _copied
    if isinstance(value, np.ndarray):
        return copy.deepcopy(value) if value.dtype.hasobject else value.copy()
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(map(again, value))
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(map(again, value))
    if isinstance(value, Mapping):
        items = {again(key): again(item) for key, item in value.items()}
        return items if type(value) is dict else _refilled(value, items)
    if isinstance(value, bytearray):
        return value[:]
    if isinstance(value, collections.deque):
        return collections.deque(map(again, value), value.maxlen)
    if isinstance(value, KeysView):
        return dict.fromkeys(map(again, value)).keys()
    if isinstance(value, _VIEWS):
        return [again(item) for item in value]
    if isinstance(value, FunctionType) and (value.__closure__ or value.__defaults__):
        return _answering_copies(value)
    return _held(value) if of_result else value


def _held(value: Any) -> Any:
    """Return a copy of the array that a variable of TensorFlow's holds; all else as it is."""
    if hasattr(value, "assign") and hasattr(value, "__array__"):
        with contextlib.suppress(Exception):  # while a graph is made it holds none
            return np.array(value)
    return value


def _refilled(mapping: Mapping, items: dict) -> Mapping:
    """Return a mapping of the same class, if it can be changed, else a dictionary."""
    if not isinstance(mapping, dict):
        return items
    other = copy.copy(mapping)
    other.clear()
    for key, item in items.items():  # a Counter's `update` adds
        other[key] = item
    return other


def _answering_copies(function: FunctionType) -> Callable[..., Any]:
    """What it keeps, in its closure or its defaults, stays its own."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return _copied(function(*args, **kwargs))

    del call.__wrapped__  # which would hand it out
    return call


def place(student: Callable[..., Any], error: BaseException) -> str:
    """Where in the student's cell an exception arose, as the end of a message.

    The grader calls functions in another process, whose exceptions bring their place along.
    """
    if (known := getattr(error, "place", None)) is not None:
        return str(known)
    cell = getattr(getattr(student, "__code__", None), "co_filename", None)
    frames = traceback.extract_tb(error.__traceback__)
    lines = [(f.filename, f.lineno) for f in frames if f.filename == cell and f.lineno is not None]
    if not lines:
        return ""
    file, number = lines[-1]
    line = textwrap.shorten(linecache.getline(file, number).strip(), 100)
    return f"\n  line {number} of its cell: {line}"


def as_array(
    value: Any, what: str, shape: Sequence[int] | None = None, *, finite: bool = True
) -> np.ndarray:
    """Return `value` (NumPy, TensorFlow, a list or a number) as a float64 array.

    Args:
        value: what the student's function returned.
        what: its name in messages, such as "`noisy_mean`'s entry 0".
        shape: the shape it must have, if that is known.
        finite: whether NaN and infinity are refused.

    Raises:
        CheckFailed: it is None, no array of numbers, of another shape, or not finite.
    """
    require(value is not None, f"{what} is None. Did you forget `return`?")
    if value is NotImplemented or value is ...:
        raise CheckFailed(f"{what} is {shown(value)}, not an array.")
    try:
        array = _numbers(np.array(value))
    except Exception:  # whatever the student's class does when it is asked
        raise CheckFailed(f"{what} is a {type(value).__name__}, not an array of numbers.") from None
    if shape is not None:
        require(
            array.shape == tuple(shape),
            f"{what} has shape {array.shape}, but {tuple(shape)} is wanted.",
        )
    if finite:
        bad = int(np.count_nonzero(~np.isfinite(array)))
        require(
            bad == 0,
            f"{what} holds {bad} NaN or infinite value{'s' * (bad != 1)}. Is something divided "
            "by zero, or overflowing?",
        )
    return array


def _numbers(array: np.ndarray) -> np.ndarray:
    """Return real numbers as float64; text that `float` could read is none, and None is none."""
    if array.dtype.kind == "c" and np.all(array.imag == 0):
        array = array.real
    if array.dtype.kind == "O":
        numbers = [_number(item) for item in array.ravel()]
        return np.array(numbers, np.float64).reshape(array.shape)
    if array.dtype.kind not in "biufV":  # V: bfloat16 and its kin
        raise TypeError(f"{array.dtype} holds no numbers")
    return array.astype(np.float64)


def _number(value: Any) -> float:
    if value is None or isinstance(value, str | bytes | bytearray):
        raise TypeError("no number")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def as_number(value: Any, what: str, *, finite: bool = True) -> float:
    """Return `value` as one float; raise `CheckFailed` if it is not one number."""
    array = as_array(value, what, finite=finite)
    require(array.size == 1, f"{what} has shape {array.shape}, but one number is wanted.")
    return float(array.reshape(()))


def as_arrays(value: Any, what: str, like: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return `value`, a list or tuple with one array for each of `like`, as float64 arrays."""
    require(value is not None, f"{what} is None. Did you forget `return`?")
    try:
        items = list(itertools.islice(value, 10_000))  # it may have no end
    except Exception:
        raise CheckFailed(
            f"{what} is a {type(value).__name__}; a list with one array per variable is wanted."
        ) from None
    kind = "is one array of" if hasattr(value, "shape") else "has"
    require(
        len(items) == len(like),
        f"{what} {kind} {len(items)} entries, but there are {len(like)} variables: return one "
        "array for each.",
    )
    missing = [i for i, item in enumerate(items) if item is None]
    require(not missing, f"{what} has None in place of an array, at {missing}.")
    return [
        as_array(item, f"{what}, entry {i},", wanted.shape)
        for i, (item, wanted) in enumerate(zip(items, like, strict=True))
    ]


def __getattr__(name: str) -> Any:
    # `checks.dp_sgd` without an import of its own: one lab's checks load only where used.
    if importlib.util.find_spec(f"{__name__}.{name}") is not None:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
