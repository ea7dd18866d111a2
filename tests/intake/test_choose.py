"""Which of a student's files is graded, and when it was handed in."""

import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from tests.intake.handed_in import archive, chosen, contents, write


def test_an_answered_notebook_is_chosen_before_a_blank_one(found):
    def notebook(*sources):
        return json.dumps({"cells": [{"source": source.splitlines(True)} for source in sources]})

    one, two = (
        "def one():\n    raise NotImplementedError",
        "def two():\n    raise NotImplementedError",
    )
    blank, other = notebook(one, two), notebook("import math")
    answered = notebook(one, "def two():\n    return 2")
    damaged = notebook(one, "def two():\n    return 2", one)[:-9]
    result = found(
        {
            "ann/mine.ipynb": answered,
            "ann/00_tiny.ipynb": blank,
            "bob/00_tiny.ipynb": blank,
            "bob/scratch.ipynb": other,
            "cem/answers.py": "def one():\n    return 1",
            "cem/00_tiny.ipynb": blank,
            "dee/00_tiny.ipynb": answered,
            "dee/Copy of 00_tiny.ipynb": blank,
            "eve/00_tiny.ipynb": answered,
            "eve/00_tiny-2.ipynb": damaged,
        },
        blanks={"one": one, "two": two},
    )
    assert contents(result) == {
        "ann": answered, "bob": blank, "cem": "def one():\n    return 1", "dee": answered,
        "eve": damaged,
    }  # fmt: skip
    assert result["ann"].notes == ("graded `mine.ipynb`; also there: 00_tiny.ipynb",)


def test_the_notebook_of_that_name_is_chosen_before_a_newer_one(found):
    result = found({"ann/00_tiny.ipynb": "named", "ann/scratch.ipynb": "newer"})
    assert contents(result) == {"ann": "named"}
    assert "also there: scratch.ipynb" in result["ann"].notes[0]


# --- clones of the course -------------------------------------------------------------------------

CLONE = {
    "labs/00_tiny.ipynb": "my own",
    "solutions/00_tiny.ipynb": "the course's",
    "labkit/00_tiny.py": "the course's",
    "autograder/course/masters/00_tiny.py": "the course's",
    "tests/fixtures/00_tiny.ipynb": "the course's",
}


@pytest.mark.parametrize("where", ["ann", "ann/lab-ann", "ann/a/b/c"])
def test_a_clone_of_the_course_is_not_graded_from_its_solutions(found, where):
    result = found({f"{where}/{name}": text for name, text in CLONE.items()} | {"bob.ipynb": ""})
    assert contents(result)["ann"] == "my own"
    assert "solutions/`" in result["ann"].notes[0] and "no submission" in result["ann"].notes[0]


@pytest.mark.parametrize("above", ["", "privacy-labs-main/"])
def test_a_clone_in_a_students_own_archive(tmp_path, above):
    inner = archive(tmp_path / "i.zip", {above + name: text for name, text in CLONE.items()})
    path = archive(tmp_path / "o.zip", {"leeann_1_2_all.zip": inner.read_bytes(), "bob.ipynb": ""})
    result, _ = chosen(path)
    assert contents(result)["canvas-1"] == "my own"


@pytest.mark.parametrize("above", ["", "privacy-labs-main/"])
def test_a_clone_that_is_all_that_was_handed_in(found, above):
    result = found({above + name: text for name, text in CLONE.items()})
    assert "the course's" not in contents(result).values()
    assert "my own" in contents(result).values()


def test_a_folder_of_solutions_alone_is_the_last_choice(found):
    result = found(
        {
            "ann/solutions/00_tiny.ipynb": "a copy",
            "bob/solutions/00_tiny.ipynb": "a copy",
            "bob/old/mine.ipynb": "bob's",
        }
    )
    assert contents(result) == {"ann": "a copy", "bob": "bob's"}
    assert "`solutions`" in " ".join(result["ann"].notes)


# --- times ----------------------------------------------------------------------------------------


def test_the_time_is_the_lmss_and_not_the_students(tmp_path):
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as opened:
        opened.writestr(zipfile.ZipInfo("00_tiny/00_tiny.ipynb", (1999, 1, 1, 0, 0, 0)), "x")
        opened.writestr("00_tiny/timestamp.txt", "1999-01-01 00:00:00.0 UTC")
    path = archive(
        tmp_path / "outer.zip",
        {"leeann_1_2_all.zip": inner.read_bytes(), "ann/all.zip": inner.read_bytes()},
    )
    found = {key: each.handed_in for key, each in chosen(path)[0].items()}
    # Of a class's archive that no LMS made the times are the files'.
    assert found == {"canvas-1": None, "ann": datetime(2026, 11, 1, 12, 1, 0).astimezone(UTC)}


@pytest.mark.parametrize(
    "name, when",
    [
        ("leeann_12_3_00_tiny.ipynb", None), ("Ann_1_assignsubmission_file_00_tiny.ipynb", None),
        ("Ann_1_assignsubmission_file_/00_tiny.ipynb", None), ("lab-00-ann/00_tiny.ipynb", None),
        ("Lab_ann_attempt_2026-11-05-10-00-00_00_tiny.ipynb", datetime(2026, 11, 5, 10)),
        ("7-8 - Ann Lee - Nov 5, 2026 1000 AM - 00_tiny.ipynb", datetime(2026, 11, 5, 10)),
        ("7-8 - Ann Lee - Nov 5, 2026 1000 AM/00_tiny.ipynb", datetime(2026, 11, 5, 10)),
    ],
)  # fmt: skip
def test_a_download_s_own_times_are_nobody_s(found, name, when):
    # Canvas and Moodle write into their archives when these are made: all would be late.
    (each,) = found({name: "x"}).values()
    assert each.handed_in == (when and when.astimezone(UTC))


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-05 10:00:00.5 UTC ..", "1999-01-01 00:00:00.0 UTC", "2999-01-01 00:00:00.0 UTC",
        "2026-13-05 10:00:00.5 UTC", "2026-11-05", "yesterday", "..", "", "\udcff",
        "٢٠٢٦-11-05 10:00:00",
        "2026-11-05 10:00:00.5 +9999", "9999-12-31 23:59:59.9 -1200", "2026-11-05T10:00:00Z",
    ],
)  # fmt: skip
def test_a_timestamp_that_nbgrader_does_not_write_is_ignored(tmp_path, written):
    write(tmp_path, {"ann/00_tiny/00_tiny.ipynb": "x", "ann/00_tiny/timestamp.txt": ""})
    (tmp_path / "ann/00_tiny/timestamp.txt").write_bytes(written.encode("utf-8", "surrogateescape"))
    each = chosen(tmp_path)[0]["ann"]
    assert each.handed_in == datetime.fromtimestamp(1_000_000_000, UTC)
    assert "`timestamp.txt` was ignored" in each.notes[0]


@pytest.mark.parametrize("zone, hours", [("UTC", 0), ("+0200", -2), ("-0530", 5.5)])
def test_a_timestamp_of_nbgraders(tmp_path, zone, hours):
    files = {"ann/00_tiny/timestamp.txt": f"2026-11-05 10:00:00.123456 {zone}"}
    write(tmp_path, files | {"ann/00_tiny/00_tiny.ipynb": "x"})
    time = datetime(2026, 11, 5, 10, 0, 0, 123456, UTC) + timedelta(hours=hours)
    assert chosen(tmp_path)[0]["ann"].handed_in == time
    # In an LMS's download it is the student's own word.
    write(tmp_path / "lms", {f"Ann_1_assignsubmission_file_/{k[4:]}": v for k, v in files.items()})
    write(tmp_path / "lms", {"Ann_1_assignsubmission_file_/00_tiny/00_tiny.ipynb": "x"})
    assert chosen(tmp_path / "lms")[0]["moodle-1"].handed_in is None
