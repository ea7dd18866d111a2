"""Which answers are read from a file, and which files are refused."""

import re

import pytest

from autograder.labs.answers import read_answers
from autograder.labs.percent import Malformed
from tests.tiny import FIXTURES, TINY

LENGTH = (FIXTURES / "answers" / "00_tiny" / "length.py").read_text("utf-8")
RIGHT = (
    '# %% right="a sum"\ndef double(x):\n    return x + x\n'
    '# %% right="a product"\ndef double(x):\n    y = 2\n    return y * x\n'
)
WRONG = '# %% wrong="m" edit={"x + x": "x"} loses={"doubles_integers": ""}\n'


def read(folder, text):
    (folder / "length.py").write_text(LENGTH, "utf-8")
    (folder / "double.py").write_text(text, "utf-8")
    return {answer.name: answer for answer in read_answers(folder, TINY)["double"]}


def test_a_wrong_answer_is_an_edit_of_the_first_right_one(tmp_path):
    answers = read(tmp_path, RIGHT + WRONG)
    assert answers["m"].source == "def double(x):\n    return x"
    assert answers["m"].loses == {"doubles_integers": ""}


def test_a_wrong_answer_is_an_edit_of_the_right_one_that_it_names(tmp_path):
    edit = WRONG.replace("edit=", 'of="a product" edit=')
    answers = read(tmp_path, RIGHT + edit.replace('"x + x": "x"', '"* x": ""'))
    assert answers["m"].source == "def double(x):\n    y = 2\n    return y "


def test_a_wrong_answer_is_an_edit_of_the_solution(tmp_path):
    edit = WRONG.replace("edit=", 'of="solution" edit=').replace('"x + x": "x"', '"2 * x": "x"')
    answers = read(tmp_path, RIGHT + edit)
    assert answers["m"].source.endswith("    # Not x + x.\n    return x")


def test_texts_change_places_and_have_several_lines(tmp_path):
    edit = WRONG.replace("edit=", 'of="a product" edit=')
    edit = edit.replace('"x + x": "x"', r'"y = 2": "return x", "return y * x": "y = 2\n    x = y"')
    answers = read(tmp_path, RIGHT + edit)
    assert answers["m"].source == "def double(x):\n    return x\n    y = 2\n    x = y"


MALFORMED = {
    "neither right nor wrong": (RIGHT + "# %%\ndef double(x): pass\n", "an answer is"),
    "an edit of a right answer": (RIGHT + WRONG.replace("wrong", "right"), "an answer is"),
    "another right answer without an edit": (RIGHT + WRONG.replace("edit", "of"), "an answer is"),
    "loses no check": (RIGHT + WRONG.replace('"doubles_integers": ""', ""), "names other checks"),
    "loses another exercise's": (RIGHT + WRONG.replace("doubles_integers", "pythagoras"), "names"),
    "a body": (RIGHT + WRONG + "def double(x): pass\n", "an edit has no body"),
    "an unknown right answer": (RIGHT + WRONG.replace("edit", 'of="m" edit'), "of='m' is none of"),
    "a right answer below": (
        RIGHT + WRONG.replace("edit", 'of="b" edit') + RIGHT.replace("a sum", "b"),
        "['a sum', 'a product', 'solution']",
    ),
    "no edit": (RIGHT + WRONG.replace('{"x + x": "x"}', "{}"), "is not {old: new}"),
    "a number": (RIGHT + WRONG.replace('"x + x": "x"', '"x + x": 1'), "is not {old: new}"),
    "nothing to edit": (
        RIGHT + WRONG.replace("x + x", "x + y"),
        "'x + y' occurs 0 times in 'a sum'",
    ),
    "two places": (RIGHT + WRONG.replace("x + x", "x"), "'x' occurs 3 times in 'a sum'"),
    "overlap": (RIGHT + WRONG.replace('": "x"', '": "x", "+ x": ""'), "the edits overlap"),
    "no change": (RIGHT + WRONG.replace('": "x"', '": "x + x"'), "change nothing"),
    "no Python": (RIGHT + WRONG.replace('": "x"', '": "x +"'), "is no Python: "),
    "no function": (RIGHT + WRONG.replace('"x + x": "x"', '"def double": "def d"'), "not define"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_answer_is_refused_with_file_and_line(case, tmp_path):
    text, problem = MALFORMED[case]
    with pytest.raises(Malformed, match=re.escape(problem)) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'double.py'}:8: ")


def test_an_exercise_without_answers_is_refused(tmp_path):
    with pytest.raises(Malformed, match="'double' has no answers"):
        read_answers(tmp_path, TINY)
