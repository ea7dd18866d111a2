"""Submissions, mangled as notebooks really get mangled, back on the release's skeleton."""

import copy
import json
import time

import nbgrader.utils
import pytest

from autograder.intake import cells
from autograder.intake.rebuild import Unreadable, rebuild
from autograder.judge.judge import Submission, _with_hidden_tests
from autograder.labs import MASTERS, build
from autograder.labs.master import read_lab
from tests.tiny import RELEASE, is_the_release, own

DOUBLE = "def double(x):\n    return x + x"
LENGTH = "def length(x, y):\n    return abs(complex(x, y))"


@pytest.fixture
def submission():
    """A student's complete notebook."""
    notebook = copy.deepcopy(RELEASE)
    cell(notebook, "double").source = DOUBLE
    cell(notebook, "length").source = LENGTH
    return notebook


def cell(notebook, name):
    return next(cell for cell in notebook.cells if cell.get("id") == name)


def graded(notebook):
    rebuilt = rebuild(json.dumps(notebook).encode(), RELEASE)
    is_the_release(rebuilt.notebook)
    return rebuilt


def answers(rebuilt):
    return cell(rebuilt.notebook, "double").source, cell(rebuilt.notebook, "length").source


def test_an_intact_submission_needs_no_repair(submission):
    rebuilt = graded(submission)
    assert answers(rebuilt) == (DOUBLE, LENGTH)
    assert rebuilt.repairs == rebuilt.missing == []


@pytest.mark.parametrize("tail", ["\0" * 1000, "}", "{}", "\nSaved.\n", '{"cells": []}'])
def test_what_follows_a_whole_notebook_is_left_out(submission, tail):
    rebuilt = rebuild((json.dumps(submission) + tail).encode(), RELEASE)
    assert answers(rebuilt) == (DOUBLE, LENGTH)
    assert rebuilt.repairs == ["what follows the notebook in the file was left out"]


@pytest.mark.parametrize("magic", ["%%time", "%%capture out", "\n%%capture\n%%time\n", "%%prun -q"])
def test_answers_below_a_magic_that_runs_them_are_found_by_their_functions(magic):
    both = own(f"{magic}\n{DOUBLE}\n\n{LENGTH}")
    for notebook in ([own(f"{magic}\n{DOUBLE}"), own(LENGTH)], [both]):
        rebuilt = graded({"cells": notebook, "metadata": {}})
        assert not rebuilt.missing
        for answer, source in zip((DOUBLE, LENGTH), answers(rebuilt), strict=True):
            assert source.strip().removeprefix(magic.strip()).strip() == answer


@pytest.mark.parametrize(
    "kept, how",
    [
        ({"metadata.id"}, None),
        ({"grade_id"}, "grade_id"),
        ({"id"}, "cell id"),
        (set(), "the function's name"),
    ],
)
def test_answers_are_found_by_whatever_is_left(submission, kept, how):
    for each in submission.cells:
        nbgrader, name = each.metadata.get("nbgrader"), each.pop("id")
        each.metadata = {}
        if "metadata.id" in kept:
            each.metadata["id"] = name
        if "grade_id" in kept and nbgrader:
            each.metadata["nbgrader"] = nbgrader
        if "id" in kept:
            each["id"] = name
    rebuilt = graded(submission)
    assert answers(rebuilt) == (DOUBLE, LENGTH)
    assert rebuilt.repairs == ([f"`double`, `length`: found by {how}"] if how else [])
    assert len(rebuilt.notebook.cells) == len(RELEASE.cells)


def test_another_kernel_is_replaced_and_reported(submission):
    submission.metadata = {"kernelspec": {"name": "ir", "language": "R"}}
    assert graded(submission).repairs == ["the kernel was `ir`: set to `python3`"]
    submission.metadata = {}
    assert graded(submission).repairs == ["the kernel's name was missing: set to `python3`"]


def test_a_missing_exercise_is_named_and_stays_blank(submission):
    submission.cells.remove(cell(submission, "length"))
    rebuilt = graded(submission)
    assert rebuilt.missing == ["length"]
    assert cell(rebuilt.notebook, "length") == cell(RELEASE, "length")


def test_an_edited_set_up_cell_is_restored_and_the_edit_kept_behind_it(submission):
    cell(submission, "start-2").source += "\nimport cmath"
    rebuilt = graded(submission)
    assert rebuilt.repairs == ["set-up cell `start-2` was edited: restored"]
    names = [cell.id for cell in rebuilt.notebook.cells]
    assert names[names.index("start-2") + 1] == "extra-1"
    assert cell(rebuilt.notebook, "extra-1").source == "import math\nimport cmath"


def test_helper_cells_stay_in_place_and_in_order(submission):
    at = submission.cells.index(cell(submission, "double"))
    submission.cells[at:at] = [own("import cmath"), own("%matplotlib inline\nTWO = 2"), own(" ")]
    submission.cells.insert(0, own("first = 1"))
    submission.cells.append(own("last = 1"))
    rebuilt = graded(submission)
    names = [cell.id for cell in rebuilt.notebook.cells]
    at = names.index("double")
    assert names[0] == "extra-1" and names[-1] == "extra-4"
    assert names[at - 3 : at] == ["start-3", "extra-2", "extra-3"]
    assert cell(rebuilt.notebook, "extra-3").source == "%matplotlib inline\nTWO = 2"
    assert rebuilt.repairs == []


def test_an_answer_written_in_another_cell_is_preferred_to_the_blank(submission):
    cell(submission, "double").source = cell(RELEASE, "double").source
    submission.cells.append(own(DOUBLE))
    rebuilt = graded(submission)
    assert answers(rebuilt) == (DOUBLE, LENGTH)
    assert rebuilt.repairs == ["`double`: found by the function's name"]
    assert len(rebuilt.notebook.cells) == len(RELEASE.cells)


def test_of_copied_cells_the_last_one_that_is_filled_in_counts(submission):
    at = submission.cells.index(cell(submission, "double"))
    earlier, blank = copy.deepcopy(submission.cells[at]), copy.deepcopy(submission.cells[at])
    earlier.source = "def double(x):\n    return 3 * x"
    blank.source = cell(RELEASE, "double").source
    submission.cells[at : at + 1] = [earlier, submission.cells[at], blank]
    rebuilt = graded(submission)
    assert answers(rebuilt) == (DOUBLE, LENGTH)
    names = [cell.id for cell in rebuilt.notebook.cells]
    assert names.index("extra-1") < names.index("double")
    assert len(names) == len(RELEASE.cells) + 1


def test_an_answer_that_is_no_python_is_still_found(submission):
    cell(submission, "double").source = "def double(x):\n    return 2 *"
    for each in submission.cells:
        each.metadata = {}
        del each["id"]
    assert answers(graded(submission))[0] == "def double(x):\n    return 2 *"


def test_a_plain_cell_is_the_students_to_change(submission):
    cell(submission, "doubles_fractions-1").source = "print('hello')"
    rebuilt = graded(submission)
    assert cell(rebuilt.notebook, "doubles_fractions-1").source == "print('hello')"
    assert "tags" not in cell(rebuilt.notebook, "doubles_fractions-1").metadata
    assert rebuilt.repairs == []


def test_demonstrations_alone_are_skipped(submission):
    cells = graded(submission).notebook.cells
    assert [cell.id for cell in cells if cell.metadata.get("tags")] == ["doubles_fractions-1"]


@pytest.mark.parametrize(
    ("source", "run"),
    [
        ("def length(x, y):\n    return (x + y) * answer", True),
        ("unit = answer / 42\ndef length(x, y):\n    return unit", True),
        ("def length(x, answer):\n    return math.hypot(x, answer)", False),
        ("def length(x, y):\n    answer = x\n    return answer", False),
        ("answer = 1\ndef length(x, y):\n    return answer", False),
    ],
)
def test_a_demonstration_whose_name_an_answer_uses_is_run(submission, source, run):
    cell(submission, "length").source = source
    tags = cell(graded(submission).notebook, "doubles_fractions-1").metadata.get("tags")
    assert (tags is None) == run


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"PK\x03\x04\xff\xfe", "archive"),
        (b"%PDF-1.7", "PDF"),
        (b"{\xff\x00", "no text"),
        (b"<html></html>", "web page"),
        (b'{"cells": [', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no notebook"),
        (b"{}", "no cells"),
        (b'{"cells": 3}', "no list"),
        (b'{"cells": []}', "another lab's"),
        (b'{"cells": [1, {"source": 2}, {"cell_type": "code", "metadata": []}]}', "another lab's"),
    ],
)
def test_what_cannot_be_graded_is_refused_with_the_reason(content, reason):
    with pytest.raises(Unreadable, match=reason):
        rebuild(content, RELEASE)


def test_a_lone_surrogate_can_be_written(submission):
    cell(submission, "double").source = DOUBLE + "  # \ud800"
    assert answers(graded(submission))[0] == DOUBLE + "  # \ufffd"


@pytest.mark.parametrize("master", sorted(MASTERS.glob("*.py")), ids=lambda path: path.stem)
def test_a_graded_notebook_has_the_answers_that_were_graded(master):
    """Its checks have their hidden tests, which are no code of the student's."""
    lab = read_lab(master)
    release = build.release(lab)
    handed_in = rebuild(build.as_text(build.solution(lab)).encode(), release)
    graded = _with_hidden_tests(Submission("ann", handed_in.notebook, ("a repair",)), lab)
    assert sum("HIDDEN TESTS" in cell.source for cell in graded.cells) > 5
    again = rebuild(build.as_text(graded).encode(), release)
    assert again.answers == handed_in.answers and not again.repairs


def test_hidden_tests_are_looked_for_in_linear_time(submission):
    cell(submission, "length").source = "### BEGIN HIDDEN TESTS\n" * 100_000
    began = time.process_time()
    rebuilt = graded(submission)
    assert time.process_time() - began < 5
    assert answers(rebuilt) == (DOUBLE, cell(submission, "length").source)


@pytest.mark.parametrize("master", sorted(MASTERS.glob("*.py")), ids=lambda path: path.stem)
def test_cells_are_what_nbgrader_takes_them_for(master):
    lab = read_lab(master)
    for cell in [*lab.source.cells, *build.release(lab).cells]:
        for name in ("is_solution", "is_grade", "is_locked"):
            assert getattr(cells, name)(cell) == getattr(nbgrader.utils, name)(cell)
