"""What crosses between the student's kernel and the judge's: values, calls back, errors."""

import io
import itertools
import json
import math
import pickle
import re
import socket
import threading
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from autograder.sandbox.inside import judge, student, wire
from autograder.sandbox.inside.judge import Session
from autograder.sandbox.inside.wire import Decoder

pytestmark = pytest.mark.grader


def crossed(value):
    """Send a value as the student's kernel does, and receive it as the judge's does."""
    buffers = []
    code = json.loads(json.dumps(wire.encode(value, buffers)))
    return Decoder(memoryview(b"".join(buffers))).value(code)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, -(10**40), 0.1, math.inf, "text", 1 + 2j, NotImplemented, ...,
        [1, (2.0, {"a": [None]})], {1, 2}, (), np.float32(0.1), np.int64(7), np.bool_(True),
        np.str_("x"), b"\0x",
    ],
    ids=repr,
)  # fmt: skip
def test_plain_values_cross_unchanged(value):
    got = crossed(value)
    assert got == value and type(got) is type(value)


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8", "i2", "u1", "?", "c16", "U3", "f2"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (4, 5)])
def test_arrays_cross_unchanged(dtype, shape):
    value = np.random.default_rng(1).integers(0, 9, shape).astype(dtype)
    got = crossed(value)
    assert got.dtype == value.dtype and got.shape == shape
    assert np.array_equal(got, value) and got.flags.writeable


def test_what_is_nearly_an_array_crosses_as_one():
    for value in (tf.constant([1.0, 2.0]), tf.Variable([1.0, 2.0]), np.matrix([1.0, 2.0])):
        assert np.array_equal(np.ravel(crossed(value)), [1, 2])
    assert crossed(Fraction(1, 4)) == crossed(Decimal("0.25")) == 0.25
    ragged = np.array([np.zeros(2), np.ones(3)], dtype=object)
    assert [len(part) for part in crossed(ragged)] == [2, 3]
    assert list(crossed(i * i for i in range(4))) == [0, 1, 4, 9]
    assert crossed(tf.constant(np.ones(2), tf.bfloat16)).dtype == np.float32
    assert math.isnan(crossed(math.nan))


@pytest.mark.parametrize(
    "value, wanted",
    [
        (MappingProxyType({"a": np.int64(1)}), {"a": 1}),
        (ChainMap({"a": 1}, {"a": 2, "b": (3,)}), {"a": 1, "b": (3,)}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (UserDict(a=[1]), {"a": [1]}),
        (deque([1, 2]), [1, 2]),
        (UserList([1, (2,)]), [1, (2,)]),
        (range(3), [0, 1, 2]),
        (MappingProxyType({"a": deque([ChainMap({1: 2})])}), {"a": [{1: 2}]}),
    ],
    ids=repr,
)
def test_any_mapping_and_any_sequence_cross(value, wanted):
    got = crossed(value)
    assert got == wanted and type(got) is type(wanted)


def test_an_endless_sequence_does_not_cross():
    class Endless(UserList):
        def __iter__(self):
            return itertools.count()

    assert len(list(crossed(Endless()))) == wire.MOST_ITEMS


def test_of_anything_else_only_the_name_is_left():
    class Model:
        def __eq__(self, other):
            return True

    got = crossed(Model())
    assert type(got).__name__ == "Model" and got != 8
    assert type(crossed(print)).__name__ == "builtin_function_or_method"
    loop = []
    loop.append(loop)
    assert isinstance(crossed(loop), list)


@pytest.mark.parametrize(
    "code",
    [
        ["array", "O", [1], 8], ["array", "f8", [-1], 8], ["array", "f8", [9], 8],
        ["array", "f8,f8", [1], 16], ["array", "M8[s]", [1], 8], ["plain", [1]], ["nothing", 1],
        ["dict", [[["plain", 1]]]], ["special", "exit"], ["array", "f8", [1 << 62, 0], 8],
        ["bytes", "no hex"],
    ],
    ids=str,
)  # fmt: skip
def test_forged_answers_are_refused(code):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Decoder(memoryview(bytes(8))).value(code)


@contextmanager
def conversing(functions):
    """Yield the judge's session with a thread that serves these functions."""
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as thread, pytest.MonkeyPatch.context() as patch:
        for link in (ours, theirs):
            link.settimeout(20)
        patch.setattr(wire, "_link", theirs)
        session = Session(None, ours)
        serving = thread.submit(student.serve, functions)
        try:
            yield session
        finally:
            session.end()
            serving.result(20)


def test_a_generator_goes_on_in_the_next_call_and_the_judges_stays_as_it_was():
    """Whose draws decide what the judge draws next could choose its inputs."""
    mine, same = np.random.default_rng(3), np.random.default_rng(3)
    before = mine.bit_generator.state
    with conversing({"draw": lambda rng: [rng.normal(), rng.spawn(1)[0].normal()]}) as session:
        draws = [session._ask("draw", None, (mine,), {})[1][0] for _ in range(2)]
        again = session._ask("draw", None, (np.random.default_rng(3),), {})[1][0]
    assert mine.bit_generator.state == before
    assert draws == [[same.normal(), same.spawn(1)[0].normal()] for _ in range(2)]
    assert again == draws[0]


def test_the_judges_own_arrays_stay_as_they_were():
    mine = [np.ones(3), {"a": (np.ones(2), [1])}]

    def spoil(parts):
        parts[0][:] = math.nan
        parts[1]["a"][0][:] = 0
        parts[1].clear()

    with conversing({"spoil": spoil}) as session:
        session._ask("spoil", None, (mine,), {})
    assert mine[0].tolist() == [1, 1, 1] and mine[1]["a"][0].tolist() == [1, 1]


def test_functions_of_the_judge_are_called_by_number():
    functions, file = [], io.BytesIO()
    secret = 42
    judge._Pickler(file, functions, None).dump((lambda x: x + secret, np.sum))
    assert len(functions) == 1 and functions[0](0) == 42  # NumPy's is there on both sides
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(file.getvalue())


def test_functions_of_the_judge_are_called_from_several_threads():
    together = threading.Barrier(8)

    def squares(square):
        def one(x):
            together.wait(60)
            return [square(x), square(-x)]

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(one, range(8)))

    with conversing({"squares": squares}) as session:
        _, values = session._ask("squares", None, (lambda x: x * x,), {})
    assert values == [[[x * x, x * x] for x in range(8)]]


class Unsayable(Exception):
    def __str__(self):
        raise ValueError


def endless():
    yield from iter(int, 1)
    raise AssertionError


class Uncountable:
    def __len__(self):
        return 3

    def __iter__(self):
        raise RuntimeError("\ud800")


@pytest.mark.parametrize(
    "answer",
    [Unsayable, lambda: ValueError("\ud800\x1b[2J"), lambda: type("\u202eX", (Exception,), {})()],
)
def test_whatever_it_raises_can_be_told(answer):
    def answers():
        raise answer()

    with conversing({"f": answers}) as session:
        header, _ = session._ask("f", None, (), {})
        error = judge._error(header)
    told = f"{type(error).__name__}: {error} {error.place}"
    assert told.encode("utf-8").decode().isprintable() or "\n" in told
    assert "\x1b" not in told and "\u202e" not in told


class HashedList(list):
    def __hash__(self):
        return 1


class OddItems(dict):
    def items(self):
        return [(1, 2, 3)]


def hashed_arrays():
    return HashedList([np.ones(2)]), (1, HashedList())


@pytest.mark.parametrize(
    "value",
    [Uncountable(), endless(), {"\ud800": 1}, ["\ud800"], "\udfff", OddItems(a=1), {range(3): 1},
     {range(2), 5}, {hashed_arrays(): np.ones(3)}, [{hashed_arrays()[0]: 1}, np.arange(4)]],
    ids=lambda value: re.sub(" at 0x.*", "", repr(value)),
)  # fmt: skip
def test_whatever_it_returns_can_be_told(value):
    with conversing({"f": lambda: value}) as session:
        header, values = session._ask("f", None, (), {})
    assert header or values
    str([header, values, *(list(v) for v in values if isinstance(v, dict | list))]).encode()


def test_what_can_be_no_key_here_takes_no_numbers_of_others_along():
    mapping, rest = crossed(({hashed_arrays(): np.ones(3)}, np.arange(4)))
    [(key, item)] = mapping.items()
    assert isinstance(key, wire.Opaque) and type(key).__name__ == "tuple"
    assert item.tolist() == [1, 1, 1] and rest.tolist() == [0, 1, 2, 3]


@given(st.text(st.characters(exclude_categories=[])) | st.lists(st.text("\ud800\U0010ffffa")))
def test_any_text_that_crosses_can_be_written(text):
    for got in (crossed(text), crossed(np.array(text, dtype=str)), crossed({str(text): [text]})):
        str(np.asarray(got).tolist()).encode()
        repr(got).encode()


def test_code_points_that_there_are_not_do_not_cross():
    raw = np.array([0x110000, 0xD800, 65], "<u4").tobytes()
    got = Decoder(memoryview(raw)).value(["array", "<U1", [3], 12])
    assert got.tolist() == ["\ufffd", "\ufffd", "A"]


def test_a_truth_value_that_crosses_is_0_or_1():
    """Of bytes that are neither NumPy counts and adds up to anything."""
    got = crossed(np.frombuffer(b"\x00\x02\xff", bool))
    assert got.view(np.uint8).tolist() == [0, 1, 1]


def test_an_object_of_the_students_own_class_is_no_data():
    class Watched(dict):
        __module__ = "__main__"  # where cells run

    assert student._is_data([{"a": np.ones(2)}, (1, None), np.float32(1)])
    assert student._is_data([OrderedDict(a=Fraction(1, 3)), tf.constant([1.0])])
    assert not student._is_data([Watched()])
    assert not student._is_data([OrderedDict(a=Watched())])
