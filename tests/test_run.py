"""Which submissions a run grades: some students', those since a time, late ones, again."""

import json
import os

import pytest
from nbgrader.api import Gradebook

from tests.tiny import answered, double, entries, grade, graded_now, start, write_class

pytestmark = pytest.mark.grader


def hand_in(path, time_):
    os.utime(path, (time_, time_))


def test_in_parts_late_and_again(tmp_path):
    folder = write_class(tmp_path / "in", ann={}, bob={}, cem={})
    output = tmp_path / "out"
    for number, name in enumerate(["ann", "bob", "cem"]):
        hand_in(folder / f"{name}.ipynb", 1_000_000_000 + 86400 * number)

    found, stdout = grade(folder, output, "--only", "bob")
    assert graded_now(stdout) == ["bob"]
    assert "Not graded, as asked: ann, cem" in stdout
    assert set(found) == {"bob"}

    # 1_000_000_000 is 2001-09-09 01:46:40 UTC.
    found, stdout = grade(folder, output, "--since", "2001-09-10T00:00Z")
    assert graded_now(stdout) == ["cem"]
    assert set(found) == {"bob", "cem"}

    # Handed in again, but not asked for: the older grade stands.
    (folder / "bob.ipynb").write_text("{")
    found, stdout = grade(folder, output, "--only", "ann")
    assert graded_now(stdout) == ["ann"]
    assert found["bob"]["score"] == "10"

    found, stdout = grade(folder, output, "--only", "cem", "--regrade")
    assert graded_now(stdout) == ["cem"]

    found, stdout = grade(folder, output, "--due", "2001-09-10T12:00Z")
    assert graded_now(stdout) == ["bob"]
    assert (found["bob"]["score"], found["bob"]["status"]) == ("0", "broken")
    with Gradebook(f"sqlite:///{output / 'gradebook.db'}") as book:
        late = {each.student.id: each.total_seconds_late for each in
                book.assignment_submissions("00_tiny")}  # fmt: skip
    assert late["ann"] == 0 and late["cem"] == 1_000_000_000 + 2 * 86400 - 1_000_123_200
    # nbgrader's own default: to be late costs nothing.
    assert found["cem"]["late_penalty"] == "0"


def test_an_earlier_grade_has_the_time_and_the_file_that_it_was_given_for(tmp_path):
    """Whatever has been handed in since; also where an earlier version kept the outcome."""
    folder, output = write_class(tmp_path / "in", ann={}, bob={}), tmp_path / "out"
    due, hour = ("--due", "2001-09-10T12:00Z"), 3600
    for name in ("ann", "bob"):
        hand_in(folder / f"{name}.ipynb", 1_000_000_000)
    first, _ = grade(folder, output, *due)
    (folder / "bob").mkdir()
    (folder / "bob.ipynb").rename(folder / "bob" / "second.ipynb")
    (folder / "bob" / "second.ipynb").write_text(answered(double=double("return 0")), "utf-8")
    hand_in(folder / "bob" / "second.ipynb", 1_000_000_000 + 100 * hour)
    about = ("score", "late", "hours_late", "file", "handed_in")
    for version in ("this", "an earlier one"):
        if version != "this":
            for name, text in entries(output).items():
                said = json.loads(text)
                assert said.pop("origin")["graded"]
                (output / "journal" / name).write_text(json.dumps(said))
        for more in (("--only", "ann"), ("--since", "2100-01-01")):
            found, stdout = grade(folder, output, *due, *more)
            assert graded_now(stdout) == []
            known = about if version == "this" else about[:3]
            assert [found["bob"][each] for each in known] == [first["bob"][each] for each in known]
            assert "`second.ipynb` was not graded, as asked" in found["bob"]["repairs"]
            page = (output / "feedback" / "bob.html").read_text("utf-8")
            assert "File: second.ipynb" not in page and "was not graded, as asked" in page
            stamp = (output / "submitted" / "bob" / "00_tiny" / "timestamp.txt").read_text()
            assert stamp.startswith("2001-09-09 01:46:40")
            # Of whom nothing else is there, nothing is said.
            assert "as asked" not in found["ann"]["repairs"] or version != "this"
    found, stdout = grade(folder, output, *due)
    assert graded_now(stdout) == ["bob"]
    assert [found["bob"][each] for each in about[1:4]] == ["yes", "65.78", "second.ipynb"]
    assert "as asked" not in found["bob"]["repairs"]


def test_who_is_not_there_is_named(tmp_path):
    folder = write_class(tmp_path / "in", ann={})
    run = start("--submissions", folder, "--output", tmp_path / "out", "--only", "zoë")
    assert run.communicate(timeout=120)[1] == "Nothing graded: no submission of zoë: there is ann\n"


def namesakes(folder):
    folder.mkdir()
    for number, changed in ((444, {}), (222, {"length": "def length(x, y):\n    return 0"})):
        (folder / f"doejohn_{number}_1_00_tiny.ipynb").write_text(answered(**changed), "utf-8")
    return folder


def test_of_namesakes_the_one_who_is_meant_is_graded(tmp_path):
    folder = namesakes(tmp_path / "in")
    run = start("--submissions", folder, "--output", tmp_path / "out", "--only", "doejohn")
    assert run.communicate(timeout=120)[1] == (
        "Nothing graded: 2 students are called doejohn: --only takes one of canvas-222, "
        "canvas-444\n"
    )
    found, stdout = grade(folder, tmp_path / "out", "--only", "canvas-444")
    assert graded_now(stdout) == ["canvas-444"]
    assert {key: row["score"] for key, row in found.items()} == {"canvas-444": "10"}


def test_what_a_person_wrote_stays_with_the_student_when_a_namesake_joins(tmp_path):
    folder = namesakes(tmp_path / "in")
    second = folder / "doejohn_222_1_00_tiny.ipynb"
    text = second.read_text("utf-8")
    second.unlink()
    grade(folder, tmp_path / "out")
    url = f"sqlite:///{tmp_path / 'out' / 'gradebook.db'}"
    with Gradebook(url, "privacy-labs") as book:
        book.find_grade("pythagoras", "00_tiny", "00_tiny", "canvas-444").manual_score = 1
        book.db.commit()
        assert book.find_student("canvas-444").last_name == "doejohn"
    second.write_text(text, "utf-8")
    found, _ = grade(folder, tmp_path / "out")
    scores = {key: row["score"] for key, row in found.items()}
    assert scores == {"canvas-444": "6", "canvas-222": "5"}


@pytest.mark.parametrize(
    "text", ["5.11.2026", "2026-11-31", "..", "2026-11-05 ..", "20261105", "0001-01-01T00:00+14:00",
             "2026-W45", "\ud800", "", "tomorrow"],
)  # fmt: skip
@pytest.mark.parametrize("option", ["--since", "--due"])
def test_a_date_that_is_none_is_one_clear_line(tmp_path, option, text):
    folder = tmp_path / "in"
    folder.mkdir()
    with pytest.raises(SystemExit) as caught:
        grade(folder, tmp_path / "out", option, text)
    said = str(caught.value.code)
    assert said.startswith(f"Nothing graded: {option} ") and "\n" not in said
    assert "is no date or time" in said and said.isprintable()
