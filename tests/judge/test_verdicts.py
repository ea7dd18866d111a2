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
from autograder.judge.judge import Order, Submission, Terms, judge
from autograder.labs.master import read_lab
from autograder.sandbox.inside import wire
from autograder.sandbox.inside.judge import Session
from autograder.sandbox.kernel import Run
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


@settings(max_examples=300, deadline=None)
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
