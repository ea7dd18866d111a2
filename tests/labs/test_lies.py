"""What a student's process says of itself, where it lies: it needs the right data all the same."""

import warnings

import numpy as np
import pytest

from labkit.checks import (
    CheckFailed,
    dp_sgd,
    encrypted_labels,
    federated_masking,
    guard,
    split_learning,
)
from tests.labs.test_answers import ANSWERS
from tests.outside import student

pytestmark = pytest.mark.labs

BEFORE = """
import numpy as np
functions = {{{exercise!r}: lambda *args: None}}
"""
ANSWER = """
from tests.labs import test_answers
functions |= test_answers.namespace({lab!r})
test_answers.run({source!r}, {exercise!r}, functions)
"""


def judged(check, exercise, program):
    """Return a check's message about a function of another process, which runs a program first."""
    program = BEFORE.format(exercise=exercise) + program
    with student(program) as session, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check(session.stand_in(exercise), np.random.default_rng(5))
        except CheckFailed as failure:
            return str(failure)
    return ""


def test_names_that_are_not_found_out_cannot_be_told():
    lies = """
from labkit.checks import federated_masking
federated_masking._read_and_left = lambda reads, compute, data: (
    {name for name in data if name in repr(vars(compute)) + repr(compute.__closure__)}
    | {"party 12: images", "registry: images"}, data)
"""
    check = federated_masking.the_data_stay_as_they_were
    assert "nor found out" in judged(check, "reads", lies)


def test_a_count_of_multiplications_must_fit_the_rounding():
    lies = """
from contextlib import contextmanager
from labkit.encrypted import counting
counting.counted_multiplications = contextmanager(lambda: iter([[20]]))
"""
    lab, exercise = "05_encrypted_labels", "reordered_gradient"
    [source] = [a.source for a in ANSWERS[lab][exercise] if a.name == "the published order"]
    lies += ANSWER.format(lab=lab, source=source, exercise=exercise)
    check = encrypted_labels.a_fraction_of_the_multiplications
    assert "not rounded" in judged(check, exercise, lies)


def test_weights_that_were_not_trained_do_not_look_so():
    lies = """
from labkit.checks import dp_sgd
dp_sgd._trained_on = lambda train, x, y, plan, rngs, validation_data, classes: [
    (rng.normal(size=7 * classes), plan[2], 1.0, 0.5) for rng in rngs]
"""
    message = judged(dp_sgd.the_model_learns, "train_privately", lies)
    assert "from there" in message


# The same two batches, whatever was asked for; or all of them as one; or an empty one.
@pytest.mark.parametrize(
    "sent",
    [
        "two = fixed(rng, n, q), fixed(rng, n, q)[1:]; return flat(*two), sizes(*two)",
        "one = flat(*(fixed(rng, n, q) for _ in range(draws))); return one, sizes(one)",
        "return np.zeros(0), np.zeros(1)",
        "return np.arange(n), np.array([n + 1, -1])",
    ],
)
def test_batches_that_do_not_come_back_are_missed(sent):
    lies = f"""
from labkit.checks import dp_sgd
flat, rng = lambda *batches: np.concatenate(batches), np.random.default_rng(1)
sizes = lambda *batches: np.array([len(batch) for batch in batches])
fixed = lambda rng, n, q: rng.choice(n, max(1, round(n * q)), replace=False)

def drawn(_, handed, n, q, draws):
    {sent}

dp_sgd._drawn = lambda *args: (*drawn(*args), ["i"], [], None)
functions = {{"poisson_batch": fixed}}
"""
    for check in (dp_sgd.sizes_are_binomial, dp_sgd.examples_are_independent):
        assert "the batches' sizes has shape" in judged(check, "poisson_batch", lies)


@pytest.mark.parametrize(
    "lies",
    [
        "said = lambda key: vars(key).update(seeds=[bytes(32)], contexts=[bytes(32)])",
        "said = lambda key: vars(key).update(seeds=[], contexts=[])",
        "from labkit.checks import federated_masking as checks\n"
        "said, really_listened = id, checks._listened\n"
        "checks._listened = lambda *args: (really_listened(*args)[0], [[b'']] * len(args[2]))",
    ],
)
def test_which_seed_was_agreed_on_is_not_believed(lies):
    lab, exercise = "03_federated_masking", "pairwise_mask"
    [source] = [a.source for a in ANSWERS[lab][exercise] if a.name == "the larger id adds"]
    program = (
        ANSWER.format(lab=lab, source=source, exercise=exercise)
        + f"""
really = functions["pairwise_mask"]
{lies}

def pairwise_mask(party, key, *more):
    mask = really(party, key, *more)
    said(key)
    return mask

functions = {{"pairwise_mask": pairwise_mask}}
"""
    )
    assert "SUBTRACTED" in judged(federated_masking.all_pair_masks_cancel, exercise, program)


# Of an array of objects NumPy takes the last number for the largest, whatever NaN come before it.
@pytest.mark.parametrize("numbers", ["0", "np.nan", "np.array(np.nan, object)"])
def test_what_crossed_the_cut_must_be_what_belongs_there(numbers):
    lies = """
from labkit.checks import split_learning as s

def split(step, bottom, top, batches, rates, factors):
    cuts = [np.full((7, 5), numbers) for _ in range(2)]
    run = {"batches": batches, "start": (bottom, top), "factors": factors}
    for cut, right in zip(cuts, s._at_the_cut(run)):
        cut[-1, -1] = right[-1, -1]
    return {
        "bottom": bottom, "top": top, "losses": [0.0], "received": cuts[1:],
        "moves": [("alice", "bob", 140, cuts[0], ""), ("bob", "alice", 140, cuts[1], "")],
    }

s._split_by_parties = split
"""
    check = split_learning.only_the_cut_is_crossed
    said = judged(check, "split_step", f"{lies}\nnumbers = {numbers}\n")
    assert "neither the smashed data" in said


def test_what_is_said_to_have_moved_must_be_what_was_left_there():
    lies = """
from labkit.checks import split_learning as s

def turns(turns, clients, start, shift):
    by = sum(map(shift, clients))
    pairs = [pair for pair in zip(clients, clients[1:]) if pair[0] != pair[1]]
    moves = [(*pair, w.nbytes, w, "") for pair in pairs for w in start]
    return {"moves": moves, "bottom": [w + by for w in start], "top": by}

s._turns_of_parties = turns
"""
    message = judged(split_learning.weights_go_straight_on, "take_turns", lies)
    assert "is not what `work` left" in message


def test_nobody_worked_who_did_not_ask():
    lies = """
from labkit.checks import split_learning as s
s._turns_of_parties = lambda turns, clients, start, *_: {
    "worked": clients, "shift": 3.0, "moves": [], "bottom": [w + 3 for w in start], "top": 3.0,
}
"""
    check = split_learning.each_client_has_its_turn
    assert "was called for []" in judged(check, "take_turns", lies)


def test_who_changes_an_argument_is_told_by_the_other_process():
    program = """
from labkit import checks

def double(x):
    x *= 2
    return x

functions = globals()
"""
    with (
        student(program) as session,
        pytest.raises(CheckFailed, match="`double` changes its argument `x`"),
    ):
        guard(session.stand_in("double"))(np.ones(2))


def test_the_line_at_fault_is_told_by_the_other_process():
    program = """
exec(compile("def double(x):\\n    return 2 / (x[0] * 0)", "<a cell>", "exec"))
functions = globals()
"""
    with student(program) as session, pytest.raises(CheckFailed, match="line 2 of its cell"):
        guard(session.stand_in("double"))([1])


@pytest.mark.parametrize("value", ["None", "type('Odd', (), {'__dict__': property(len)})()"])
def test_what_cannot_be_called_is_an_error_of_that_call(value):
    program = f"functions = {{'double': {value}, 'half': lambda x: x / 2}}"
    with student(program) as session:
        with pytest.raises(CheckFailed, match="raised TypeError"):
            guard(session.stand_in("double"))(1)
        assert guard(session.stand_in("half"))(1) == 0.5
