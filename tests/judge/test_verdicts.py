"""Points follow from what the judge states of that very run, and from nothing else."""

import json
import struct
from contextlib import ExitStack, suppress
from socket import socketpair
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_notebook

from autograder.judge import execution
from autograder.judge.integrity import Report
from autograder.judge.judge import Order, Submission, Terms, judge
from autograder.labs.master import read_lab
from autograder.sandbox.inside import wire
from autograder.sandbox.inside.guard import sign
from autograder.sandbox.inside.judge import Session
from autograder.sandbox.kernel import Run
from labkit import checks
from tests.hostile import MASTERS

pytestmark = pytest.mark.grader

NONCE = "5eed"
PASSED = {"run": NONCE, "passed": True, "broken": False, "nonsense": False}
NOTHING = {"passed": False, "broken": True, "nonsense": False}


def stated(text):
    return execution._stated(Run("id", values={"statement": text}), NONCE)


def test_what_the_judge_states_counts():
    assert stated(repr(json.dumps(PASSED)))["passed"] is True


@pytest.mark.parametrize(
    "told",
    [
        PASSED | {"run": "another"}, PASSED | {"passed": 1}, PASSED | {"passed": "True"},
        {"run": NONCE}, {}, [], None, True, NONCE, [NONCE, True],
    ],
    ids=repr,
)  # fmt: skip
def test_anything_else_is_no_verdict(told):
    assert stated(repr(json.dumps(told)))["passed"] is False
    assert stated(json.dumps(told)) == NOTHING


def test_no_reply_is_no_verdict():
    assert execution._stated(None, NONCE) == execution._stated(Run("id"), NONCE) == NOTHING


@given(st.text() | st.text(st.characters(exclude_categories=[])).map(repr))
def test_no_text_is_a_verdict(text):
    assert stated(text) == NOTHING


class ShellOfOneCheck:
    """IPython's, as far as `Session.judge` uses it."""

    def __init__(self, run):
        self.user_ns, self._run = {}, run

    def run_cell(self, source):
        success = True
        try:
            self._run(self.user_ns)
        except Exception:
            success = False
        return SimpleNamespace(success=success)


@pytest.fixture
def judged():
    """A function that judges a check, of a student that answers with these bytes, and no more."""
    with ExitStack() as stack:

        def judge(check, *answers):
            ours, theirs = map(stack.enter_context, socketpair())
            for link in (ours, theirs):
                link.settimeout(20)
            session = Session(None, ours)

            def student():
                with suppress(OSError):  # a judge that fails at once hangs up
                    wire.receive(theirs)
                    wire.send(theirs, answer({"f": "function", "values": []}))
                    for raw in answers:
                        wire.receive(theirs)
                        theirs.sendall(raw)
                    theirs.shutdown(1)

            thread = Thread(target=student, daemon=True)
            thread.start()
            session.judge(ShellOfOneCheck(check), ["f"], "", NONCE)
            return json.loads(session.statement)

        yield judge


def answer(header, raw=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + raw


def sent(message):
    return struct.pack("<Q", len(message)) + message


def swallowing(namespace):
    """A check that does not care how its call ends."""
    try:
        namespace["f"](np.ones(2))
    except Exception:
        return


def test_a_check_passes_on_answers_only(judged):
    fine = sent(answer({"values": [["plain", 1]]}))
    assert judged(swallowing, fine) == PASSED
    for raw in (b"", b"x" * 8, fine[:-1], sent(b"nonsense"), sent(answer([])), sent(answer({}))):
        assert judged(swallowing, raw)["passed"] is False, raw


def test_a_check_that_raises_or_is_never_run_has_not_passed(judged):
    fine = sent(answer({"values": [["plain", 1]]}))
    assert judged(lambda namespace: namespace["f"]() / 0, fine)["passed"] is False
    session = Session(None, None)
    session.statement = json.dumps(PASSED)
    with pytest.raises(AttributeError):
        session.judge(None, ["f"], "", NONCE)
    assert json.loads(session.statement)["passed"] is False


@pytest.mark.parametrize(
    ("dtype", "shape", "raw"),
    [
        ("O8", [1], bytes(8)), ("(2,)f8", [1], bytes(16)), ("f8,f8", [1], bytes(16)),
        ("V8", [1], bytes(8)), ("M8[s]", [1], bytes(8)), ("m8", [1], bytes(8)), ("T", [1], b""),
        ("S0", [5], b""), ("f8", [-1], bytes(8)), ("f8", [-1, -1], bytes(8)), ("f8", [2], bytes(8)),
        ("f8", [0, 10**18, 10**18], b""), ("f8", [0, 2**62], b""), ("f8", [0] * 65, b""),
        ("f8", [10**400], b""), ("f8", ["x"], bytes(8)), ("f8", None, bytes(8)), ("", [1], b""),
        ("f8", [1e400], bytes(8)),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("kind", ["array", "scalar"])
def test_what_is_no_array_of_numbers_is_refused(kind, dtype, shape, raw):
    with pytest.raises(Exception):  # noqa: B017 - of any class
        wire.Decoder(memoryview(raw)).value([kind, dtype, shape, len(raw)])


@pytest.mark.parametrize(
    ("dtype", "raw", "numbers"),
    [
        # A truth value is one bit, whatever the other seven are.
        ("|b1", bytes([0, 1, 2, 128, 255]), [0, 1, 1, 1, 1]),
        (">i2", b"\0\1\xff\xff", [1, -1]), (">f4", b"\x80\0\0\0\x3f\x80\0\0", [-0.0, 1]),
        ("<f2", b"\1\0\0\x80", [2.0**-24, 0]), (">c8", b"\x3f\x80\0\0\0\0\0\0", [1]),
    ],
)  # fmt: skip
def test_raw_numbers_are_what_they_say(dtype, raw, numbers):
    got = wire.Decoder(memoryview(raw)).value(["array", dtype, [len(numbers)], len(raw)])
    assert checks.as_array(got, "it").tolist() == numbers
    assert got.flags.writeable and np.count_nonzero(got) == np.count_nonzero(numbers)


def test_a_callback_gets_data_and_no_more_than_it_was_lent(judged):
    lent = []

    def check(namespace):
        def remember(x, *, way=""):
            lent.append((x, way))
            return x

        assert namespace["f"](remember) == 7

    def called(number, *args, **kwargs):
        given = ["list", [["plain", value] for value in args]]
        named = ["dict", [[["plain", name], ["plain", value]] for name, value in kwargs.items()]]
        header = {"callback": number, "data": True, "values": [["list", [given, named]]]}
        return sent(answer(header))

    fine = sent(answer({"values": [["plain", 7]]}))
    assert judged(check, called(0, 5), called(0, 6, way="y"), fine) == PASSED
    assert lent == [(5, ""), (6, "y")]
    # Wrong arguments are the student's error; another function is nonsense.
    assert judged(check, called(0), called(0, 1, 2), called(0, 1, no="x"), fine) == PASSED
    for number in (1, -2, "0", None, 0.5, [], 1e308):
        assert judged(check, called(number, 5), fine)["nonsense"] is True
    assert len(lent) == 2


@pytest.mark.parametrize(
    "found", ["1", "{}", "None", "(1,)", "b'x'", "x()", "(" * 10**5, "-" * 10**5]
)
def test_a_report_that_is_signed_and_is_none_is_missing(found):
    report = Report()
    report.begin("5" * 32)
    report.ask()
    flagged, none = (f"{sign('5' * 32, report._nonce, said)} {said}" for said in ("('x',)", found))
    assert report.read(flagged) == ["x"]
    with pytest.raises(ValueError, match="no signed report"):
        report.read(none)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(
    ["plain", "special", "bytes", "shared", "complex", "list", "dict", "array", "scalar", "objects",
     "iterable", "opaque", "set", "tuple"]
)  # fmt: skip
CODES = st.recursive(
    st.tuples(KINDS, JSON, JSON, JSON),
    lambda inner: st.tuples(KINDS, st.lists(inner | JSON, max_size=3) | JSON, inner | JSON),
    max_leaves=8,
)
HEADERS = st.fixed_dictionaries(
    {"values": st.lists(CODES, max_size=2) | JSON},
    optional={"kinds": JSON, "text": JSON, "place": JSON, "callback": JSON, "data": JSON},
)


@settings(max_examples=300)
@given(HEADERS | JSON, st.binary(max_size=64))
def test_no_answer_ends_the_judge_otherwise_than_by_its_own_errors(header, raw):
    """Whatever comes back is data, an exception of the student's, or refused."""
    with ExitStack() as stack:
        ours, theirs = map(stack.enter_context, socketpair())
        for link in (ours, theirs):
            link.settimeout(20)
        session = Session(None, ours)
        theirs.sendall(sent(answer(header, raw)))
        theirs.shutdown(1)
        try:
            got = session.stand_in("f")(np.ones(2))
        except Exception as error:
            assert session.broken or getattr(error, "place", None) is not None
            f"{type(error).__name__}: {error}".encode()
        else:
            repr(got).encode()


def test_inputs_are_drawn_from_what_nobody_knows_unless_it_is_given():
    submission, lab = Submission("ann", new_notebook()), read_lab(MASTERS["00_tiny"])
    seeds = {judge(Order(submission, lab, Terms()))[0].seed for _ in range(2)}
    assert len(seeds) == 2
    assert judge(Order(submission, lab, Terms(seed=5)))[0].seed == 5
