"""The folder that the grader writes to: one grader's at a time, and nobody else's."""

import pytest

from autograder.results.folder import FIRST_LINE
from autograder.results.journal import Journal
from tests.tiny import grade, start, write_class

pytestmark = pytest.mark.grader


def test_two_graders_do_not_share_an_output_folder(tmp_path):
    folder = write_class(tmp_path / "in", ann={})
    journal = Journal(tmp_path / "out", "00_tiny", "version")
    run = start("--submissions", folder, "--output", tmp_path / "out")
    assert "another grader is at work" in run.communicate(timeout=120)[1]
    assert run.returncode == 1
    del journal


def test_what_was_handed_in_is_never_written_over(tmp_path):
    """Nor is a course that was nbgrader's before."""
    course = tmp_path / "course"
    course.mkdir()
    folder = write_class(course / "submitted", ann={})
    before = (folder / "ann.ipynb").read_text("utf-8")
    with pytest.raises(SystemExit, match="where the grader writes to: take another --output"):
        grade(folder, course)
    (course / "nbgrader_config.py").write_text("c = get_config()\n")
    with pytest.raises(SystemExit, match="course of nbgrader's own: take another --output"):
        grade(write_class(tmp_path / "in", ann={}), course)
    assert (folder / "ann.ipynb").read_text("utf-8") == before
    assert {path.name for path in course.iterdir()} == {"submitted", "nbgrader_config.py"}


def test_a_folder_of_an_earlier_version_is_refused_and_left_as_it_is(tmp_path):
    # Its executed notebooks hold HTML of the students', and its gradebook has other keys.
    output = tmp_path / "out"
    (output / "autograded").mkdir(parents=True)
    (output / "nbgrader_config.py").write_text(f"{FIRST_LINE}\nc = get_config()\n")
    with pytest.raises(SystemExit, match=r"earlier version of the grader.*: take another --output"):
        grade(write_class(tmp_path / "in", ann={}), output)
    assert {path.name for path in output.iterdir()} == {"autograded", "nbgrader_config.py"}
