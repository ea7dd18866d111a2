"""Lab 05's checks on ciphertexts, from the process of the check to that of the student's code."""

import gc
import re
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tf_shell

from autograder.labs import MASTERS, ROOT, build
from autograder.labs.answers import read_answers
from autograder.labs.master import read_lab
from autograder.sandbox.inside import wire
from labkit.checks import CheckFailed, encrypted_labels, guard
from labkit.checks.encrypted_labels import _small
from tests.outside import student as other_process

pytestmark = pytest.mark.labs

NAME = "05_encrypted_labels"
LAB = read_lab(MASTERS / f"{NAME}.py")
ANSWERS = read_answers(ROOT / "autograder" / "course" / "answers" / NAME, LAB)
EXERCISES = ("scale_by_residual", "sum_over_classes_and_batch", "reordered_gradient")
CHECKS = [(exercise, check) for exercise in EXERCISES for check in LAB.exercises[exercise]]
SOLUTIONS = {cell.id: cell.source for cell in build.solution(LAB).cells}
# labkit first, as in a notebook: it lets NumPy leave ciphertexts to tf-shell.
HEADER = "import labkit\nimport numpy as np\nimport tensorflow as tf\nimport tf_shell\n"
# The notebook's own context and key, which an answer may confuse with those of its argument.
SET_UP = """
from labkit import encrypted
RING = encrypted.large_ring(encrypted.Parameters().plaintext_modulus)
context = tf_shell.create_context64(
    log_n=RING.log_n,
    main_moduli=list(RING.moduli),
    plaintext_modulus=RING.plaintext_modulus,
    scaling_factor=32,
)
key = tf_shell.create_key64(context)
"""


@pytest.fixture(scope="module")
def student():
    """Stand-ins for functions that live in another process, and all the bytes that went there."""
    sources, names = [HEADER, SET_UP], {}
    for exercise in EXERCISES:
        cases = {"solution": SOLUTIONS[exercise]}
        cases |= {answer.name: answer.source for answer in ANSWERS[exercise]}
        for case, source in cases.items():
            names[exercise, case] = name = f"case_{len(names)}"
            sources.append(source.replace(f"def {exercise}(", f"def {name}("))
    sent = bytearray()

    def send(link, *parts):
        sent.extend(b"".join(parts))
        original(link, *parts)

    program = "\n".join([*sources, "functions = globals()"])
    with pytest.MonkeyPatch.context() as patch, other_process(program) as session:
        original = wire.send
        patch.setattr(wire, "send", send)
        stand_ins = {case: session.stand_in(name) for case, name in names.items()}
        yield SimpleNamespace(functions=stand_ins, sent=sent)


def run(check, function):
    getattr(encrypted_labels, check)(function, np.random.default_rng(7))


@pytest.mark.parametrize("exercise, check", CHECKS)
def test_every_answer_gets_from_another_process_what_it_gets_at_home(student, exercise, check):
    run(check, student.functions[exercise, "solution"])
    for answer in ANSWERS[exercise]:
        function = student.functions[exercise, answer.name]
        if check in answer.loses:
            with pytest.raises(CheckFailed) as failure:
                run(check, function)
            assert answer.loses[check] in str(failure.value), answer.name
        else:
            run(check, function)


# Of these draws NumPy and tf-shell round a pixel to two different steps, 12.5 to 12 and 13, unless
# it is moved.
@pytest.mark.parametrize("seed", [[2166378238, 2], [4137286695, 2]])
def test_a_pixel_halfway_between_two_steps_costs_nothing(student, seed):
    function = student.functions["reordered_gradient", "solution"]
    rng = np.random.default_rng(seed)
    encrypted_labels.a_fraction_of_the_multiplications(function, rng)


KEYS = tf_shell.ShellKey64, tf_shell.ShellFastRotationKey64


def keys_here(function):
    return [type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, KEYS)]


def kinds(data):
    return {*re.findall(rb"Shell[A-Za-z]*Variant|Shell[A-Za-z]*Key[A-Za-z]*", bytes(data))}


def test_the_key_never_gets_to_the_student(student):
    function = student.functions["sum_over_classes_and_batch", "solution"]
    run("both_halves_are_added", function)
    assert keys_here(function)
    assert function.at_home(keys_here) == ["ShellKey64"]  # the notebook's
    assert kinds(student.sent) == {b"ShellSymmetricCtVariant"}
    # And a key would be seen.
    for key in (_small().key, _small().fast_rotation_key):
        data = tf.io.serialize_tensor(key._raw_keys_at_level).numpy()
        assert kinds(data) - kinds(student.sent)


# --- what a forger can say ------------------------------------------------------------------------


def forged(source, change):
    """An answer in a process that changes what comes back."""
    namespace = {}
    exec(HEADER + source, namespace)
    [function] = [namespace[name] for name in EXERCISES if name in namespace]

    def at_home(run, *data):
        return change(run(guard(function), *data))

    function.at_home = at_home
    return function


def summed(change):
    return forged(SOLUTIONS["sum_over_classes_and_batch"], change)


def plaintext(answer):
    values = tf_shell.to_shell_plaintext(tf.zeros((2048, 4)), _small().context)
    return tf.io.serialize_tensor(values._raw_tensor).numpy()


def floats(answer):
    return tf.io.serialize_tensor(tf.zeros(4)).numpy()


def cut(answer):
    return answer["ciphertexts"].tobytes()[:-100]


def fewer(answer):
    values = _small().receive(answer["ciphertexts"])[:, :2]
    return tf.io.serialize_tensor(values._raw_tensor).numpy()


@pytest.mark.parametrize("forge", [plaintext, floats, cut, fewer])
def test_other_bytes_are_no_ciphertexts(forge):
    def change(answer):
        return answer | {"ciphertexts": np.frombuffer(forge(answer), np.uint8)}

    with pytest.raises(CheckFailed, match="is no ciphertext of the context"):
        run("both_halves_are_added", summed(change))


@pytest.mark.parametrize(
    "lie",
    [
        {"level": 9}, {"level": "one"}, {"scaling_factor": np.nan}, {"scaling_factor": 0},
        {"scaling_factor": np.inf}, {"scaling_factor": -32.0}, {"ciphertexts": "none"},
    ],
)  # fmt: skip
def test_nonsense_is_no_ciphertext(lie):
    with pytest.raises(CheckFailed, match="is no ciphertext of the context"):
        run("both_halves_are_added", summed(lambda a: a | lie))
    with pytest.raises(CheckFailed, match="is no ciphertext of the context"):
        run("both_halves_are_added", summed(lambda a: None))


def test_the_right_numbers_under_a_key_of_ones_own_are_noise():
    def encrypted_by(scheme):
        def change(answer):
            values = _small().decrypt(answer, "it", (2048, 4))
            lie = {"ciphertexts": scheme.encrypt(values), "fast_rotated": False}
            return answer | lie

        return summed(change)

    twin = _small.__wrapped__()  # without the cache
    assert twin == _small()
    run("both_halves_are_added", encrypted_by(_small()))
    with pytest.raises(CheckFailed, match="it holds"):
        run("both_halves_are_added", encrypted_by(twin))


@pytest.mark.parametrize("lie", [{"scaling_factor": 64.0}, {"fast_rotated": False}])
def test_a_lie_about_a_ciphertext_makes_other_numbers_of_it(lie):
    with pytest.raises(CheckFailed, match="it holds"):
        run("both_halves_are_added", summed(lambda answer: answer | lie))


def test_a_multiplication_cannot_be_denied():
    [deeper] = [a.source for a in ANSWERS["scale_by_residual"] if "for the sign" in a.name]

    def deny(answer):
        return answer[0] | {"scaling_factor": 32.0**2}, 8

    with pytest.raises(CheckFailed, match="next to nothing of the labels"):
        run("one_multiplication_deep", forged(deeper, deny))
    run("one_multiplication_deep", forged(SOLUTIONS["scale_by_residual"], deny))
