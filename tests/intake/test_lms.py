"""What LMSs call what was handed in, in classes that are made here; all people are made up."""

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.intake import files, lms, names
from autograder.intake.collect import BadUsage, collect
from tests.intake.handed_in import LAB, archive, chosen, contents, write

seeded = settings(max_examples=100)


def local(*when):
    return datetime(*when).astimezone(UTC)


def both(tmp_path, files):
    """Return who is found in a folder and in an archive of the same files."""
    write(tmp_path / "folder", files)
    archive(tmp_path / "gradebook.zip", files)
    for place in (tmp_path / "folder", tmp_path / "gradebook.zip"):
        yield chosen(place)


def header(name, login):
    return f"Name: {name} ({login})\nAssignment: Lab 02\nDate Submitted: Thursday\n"


def test_canvas(found):
    result = found(
        {
            "leeann_12345_67890_00_tiny.ipynb": "first",
            "leeann_12345_67891_00_tiny-1.ipynb": "second",
            "doejohn_LATE_222_333_Copy of 00_tiny.ipynb": "late",
            "doejohn_444_555_00_tiny.ipynb": "a namesake",
            "roekim_666_777_report.pdf": "no notebook",
            "zhuyan_888_999_all.zip": "no archive",
        }
    )
    assert contents(result) == {
        "canvas-12345": "second", "canvas-222": "late", "canvas-444": "a namesake",
        "canvas-666": None, "canvas-888": None,
    }  # fmt: skip
    leeann = result["canvas-12345"]
    assert (leeann.lms, leeann.lms_id, leeann.name) == ("canvas", "12345", "leeann")
    assert "also there: 00_tiny.ipynb" in leeann.notes[0]
    assert result["canvas-222"].notes == ("Canvas marked it as late",)
    assert result["canvas-666"].reason == "no notebook among what was handed in: report.pdf"
    assert "`all.zip`: it is no zip archive" in result["canvas-888"].reason


def test_moodle(found):
    result = found(
        {
            "Ann Lee_123_assignsubmission_file_/00_tiny.ipynb": "ann's",
            "Zoë Müller_124_assignsubmission_file/sub/x.ipynb": "zoë's",
            "Kim Roe_125_assignsubmission_file_00_tiny.ipynb": "flat",
            "Jo Poe_126_assignsubmission_onlinetext_/onlinetext.html": "<p>none</p>",
        }
    )
    assert contents(result) == {
        "moodle-123": "ann's", "moodle-124": "zoë's", "moodle-125": "flat", "moodle-126": None,
    }  # fmt: skip
    assert [each.name for each in result.values()] == ["Ann Lee", "Jo Poe", "Kim Roe", "Zoë Müller"]
    assert {(each.lms, each.lms_id) for each in result.values()} == {
        ("moodle", number) for number in ("123", "124", "125", "126")
    }


def test_blackboard(tmp_path):
    files = {
        "Lab02_alee_attempt_2026-11-26-10-00-00_00_tiny.ipynb": "first",
        "Lab02_alee_attempt_2026-11-26-10-00-00.txt": header("Ann Lee", "alee"),
        "Lab02_alee_attempt_2026-11-27-09-30-00_report.ipynb": "second",
        "Lab02_alee_attempt_2026-11-27-09-30-00.txt": header("Ann Lee", "alee"),
        "Lab02_bo_kim_attempt_2026-11-26-11-00-00_x_attempt_2020-01-01-00-00-00_y.ipynb": "bo's",
        "Lab02_bo_kim_attempt_2026-11-26-11-00-00.txt": header("Bo Kim", "bo_kim"),
        "Lab02_cruz_attempt_2026-11-26-12-00-00.txt": header("Cy Cruz (she)", "cruz"),
        "Lab02_kim_attempt_2026-11-26-12-00-00_00_tiny.ipynb": "another's",
        "Lab_02_12345_attempt_2026-11-26-12-00-00_00_tiny.ipynb": "a number",
    }
    for result, aside in both(tmp_path, files):
        assert contents(result) == {
            "blackboard-alee": "second", "blackboard-bo_kim": "bo's", "blackboard-cruz": None,
            "blackboard-kim": "another's", "blackboard-12345": "a number",
        }  # fmt: skip
        assert aside == []
        ann = result["blackboard-alee"]
        assert (ann.name, ann.handed_in) == ("Ann Lee", local(2026, 11, 27, 9, 30))
        assert ann.notes[0].startswith("2 attempts: the newest counts, of 2026-11-27 09:30")
        assert "also there: 00_tiny.ipynb" in ann.notes[1]
        assert result["blackboard-cruz"].name == "Cy Cruz (she)"


def test_an_archives_directory_is_read_once_for_all_of_blackboards_texts(tmp_path, monkeypatch):
    names = [f"Lab_s{i}_attempt_2026-11-26-10-00-00" for i in range(30)]
    texts = {f"{name}.txt": header("X", f"s{i}") for i, name in enumerate(names)}
    path = archive(tmp_path / "x.zip", texts | {f"{name}_x.ipynb": name for name in names})
    opened, count = files.opened, []
    monkeypatch.setattr(files, "opened", lambda file: count.append(file) or opened(file))
    found, _ = collect(path, LAB)
    assert [each.name for each in found] == ["X"] * 30
    assert len(count) == 2  # to list it, and to read the texts


def test_of_attempts_the_newest_counts_whatever_is_in_it(tmp_path):
    answered = json.dumps({"cells": [{"source": ["def one():\n", "    return 1"]}]})
    blank = json.dumps({"cells": [{"source": ["def one():\n", "    raise NotImplementedError"]}]})
    blanks = {"one": "def one():\n    raise NotImplementedError"}
    name = "Lab_ann_attempt_2026-11-{}-10-00-00_00_tiny.ipynb"
    write(tmp_path, {name.format(20): answered, name.format(21): blank})
    assert contents(chosen(tmp_path, blanks)[0]) == {"blackboard-ann": blank}
    # Where there is no notebook in the newest, the one before is better than none.
    write(tmp_path, {"Lab_ann_attempt_2026-11-22-10-00-00_report.pdf": "x"})
    result, _ = chosen(tmp_path, blanks)
    assert contents(result) == {"blackboard-ann": blank}
    assert "3 attempts" in result["blackboard-ann"].notes[0]


def test_a_canvas_students_file_is_no_blackboards(tmp_path):
    odd = "leeann_1_2_bob_attempt_2026-11-26-10-00-00_00_tiny.ipynb"
    write(tmp_path, {odd: "ann's", "bob_3_4_00_tiny.ipynb": "bob's"})
    assert contents(chosen(tmp_path)[0]) == {"canvas-1": "ann's", "canvas-3": "bob's"}


def test_brightspace(tmp_path):
    files = {
        "1234-5678 - Ann Lee - Nov 26, 2026 1000 AM/00_tiny.ipynb": "first",
        "1234-5678 - Ann Lee - Nov 27, 2026 105 PM/mine.ipynb": "second",
        "2345-5678 - Bo Kim - Nov 6, 2026 959 AM/a/b.ipynb": "bo's",
        "3456-5678 - Ann Lee - Nov 26, 2026 1:00 PM - 00_tiny.ipynb": "a namesake, flat",
        "index.html": "<table>",
    }
    for result, aside in both(tmp_path, files):
        assert contents(result) == {
            "brightspace-1234": "second", "brightspace-2345": "bo's",
            "brightspace-3456": "a namesake, flat",
        }  # fmt: skip
        assert result["brightspace-1234"].handed_in == local(2026, 11, 27, 13, 5)
        assert result["brightspace-2345"].handed_in == local(2026, 11, 6, 9, 59)
        assert [each.file for each in aside] == ["index.html"]


@pytest.mark.parametrize(
    "called, file, when",
    [
        ("Ann Lee - Oct 1, 2026 1000 AM", "", (11, 30, 23, 59)),
        ("Ann Lee - Oct 1, 2026 1000 AM", " - 00_tiny.ipynb", (11, 30, 23, 59)),
        ("Ann Lee - Oct 1, 2026 10:00 AM - x", "", (11, 30, 23, 59)),
        ("Ann Lee- Feb 31, 2026 1000 AM", " - x.ipynb", (11, 30, 23, 59)),
        ("Ann Lee", " - Oct 1, 2026 1000 AM - x.ipynb", (11, 30, 23, 59)),
        ("Ann Lee", " - notes Dec 1, 2026 1000 AM.ipynb", (11, 30, 23, 59)),
        ("Ann Lee", " - 7-8 - Ann Lee - Oct 1, 2026 1000 AM - x.ipynb", (11, 30, 23, 59)),
        ("Ann Lee - Dec 1, 2026 1000 AM", " - x.ipynb", (12, 1, 10, 0)),
    ],
)  # fmt: skip
def test_nobody_is_called_like_an_earlier_time(called, file, when):
    sender = lms.brightspace(f"7-8 - {called} - Nov 30, 2026 1159 PM{file}")
    assert (sender.lms_id, sender.attempt) == ("7", local(2026, *when))


def test_a_number_that_several_people_have_makes_nobody_one_of_them(tmp_path):
    files = {
        "77-1 - Ann Lee - Nov 26, 2026 1000 AM/00_tiny.ipynb": "ann's",
        "77-2 - Bo Kim - Nov 26, 2026 1001 AM/00_tiny.ipynb": "bo's",
    }
    for result, _ in both(tmp_path, files):
        assert sorted(contents(result).values()) == ["ann's", "bo's"]
        assert {each.name for each in result.values()} == {"Ann Lee", "Bo Kim"}


METADATA = """---
submission_101:
  :submitters:
  - :name: Ann Lee
    :sid: '9001'
    :email: ann@uni.example
  :created_at: 2026-11-26 10:00:00.000000000 Z
  :score: 0.0
submission_102:
  :submitters:
  - :name: Bo Kim
    :sid: '9002'
    :email: bo@uni.example
  - :name: Cy Cruz
    :sid:
    :email: cy@uni.example
  :created_at: 2026-11-26 11:00:00.000000000 +01:00
"""


@pytest.mark.parametrize("above", ["", "assignment_4711_export/"])
def test_gradescope(tmp_path, above):
    files = {
        "submission_metadata.yml": METADATA,
        "submission_101/00_tiny.ipynb": "ann's",
        "submission_102/sub/00_tiny.ipynb": "a pair's",
        "submission_103/00_tiny.ipynb": "whose?",
    }
    for result, aside in both(tmp_path, {above + name: text for name, text in files.items()}):
        assert contents(result) == {
            "gradescope-ann@uni.example": "ann's", "gradescope-bo@uni.example": "a pair's",
            "gradescope-cy@uni.example": "a pair's", "submission_103": "whose?",
        }  # fmt: skip
        ann = result["gradescope-ann@uni.example"]
        assert (ann.name, ann.also) == ("Ann Lee", ("9001", "ann@uni.example"))
        assert ann.handed_in == datetime(2026, 11, 26, 10, tzinfo=UTC)
        cy = result["gradescope-cy@uni.example"]
        assert cy.handed_in == datetime(2026, 11, 26, 10, tzinfo=UTC)
        assert aside == []


@pytest.mark.parametrize("nobody", [" []", ""])
def test_what_gradescope_says_nobody_handed_in(tmp_path, nobody):
    left = f"submission_104:\n  :submitters:{nobody}\n  :created_at: 2026-11-27 10:00:00 Z\n"
    files = {
        "submission_metadata.yml": METADATA + left,
        "submission_101/00_tiny.ipynb": "ann's",
        "submission_104/00_tiny.ipynb": "whose?",
        "submission_104/more.ipynb": "",
    }
    for result, _ in both(tmp_path, files):
        assert contents(result) == {
            "gradescope-ann@uni.example": "ann's", "submission_104": "whose?",
        }  # fmt: skip
        assert result["submission_104"].handed_in == datetime(2026, 11, 27, 10, tzinfo=UTC)


def test_a_name_at_gradescope_is_no_address():
    who = {":name": "ann@uni.example", ":sid": "", ":email": ""}
    text = json.dumps({"submission_1": {":submitters": [who]}})
    ((sender,), _) = lms.gradescope(text.encode())["submission_1"]
    assert (sender.lms_id, sender.name) == ("submission_1", "ann@uni.example")


@pytest.mark.parametrize(
    "files",
    [
        {"bob/00_tiny.ipynb": "bob's"},
        {"bob.ipynb": "bob's"},
        {"bob.ipynb": "bob's", "submission_101/00_tiny.ipynb": "another's"},
    ],
)
@pytest.mark.parametrize("says", [METADATA.replace("submission_101", "bob"), METADATA, "{", "x: 1"])
def test_who_calls_a_file_as_gradescopes_gets_nobodys_work(tmp_path, files, says):
    """Nor does it end the class, where it is none."""
    for result, aside in both(tmp_path, files | {"submission_metadata.yml": says}):
        assert contents(result)["bob"] == "bob's"
        assert not any(each.lms for each in result.values())
        assert [each.file for each in aside] == ["submission_metadata.yml"]


def test_a_students_own_folder_is_no_export_of_gradescopes(tmp_path):
    for name, content in {
        "submission_metadata.yml": METADATA,
        "submission_101/x.ipynb": "",
    }.items():
        path = tmp_path / "bob" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    found, _ = collect(tmp_path, "00_tiny")
    assert [each.student for each in found] == ["bob"]


def test_metadata_that_would_be_text_without_end_has_none():
    lists = [f"  {b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise("abcdefghijklm")]
    said = ["x:", "  a: &a x", *lists, "  ':created_at': *m", "  ':submitters':"]
    said += ["  - ':name': *m", "    ':email': e"]
    senders, when = lms.gradescope("\n".join(said).encode())["x"]
    assert [each.lms_id for each in senders] == ["e"] and when is None


FORMS = {
    "canvas": ("annlee_{}_5_{}", "1001"),
    "moodle": ("Ann Lee_{}_assignsubmission_file_{}", "1001"),
    "blackboard": ("Lab_{}_attempt_2026-11-26-10-00-00_{}", "ann1001"),
    "brightspace": ("{}-5 - Ann Lee - Nov 26, 2026 1000 AM - {}", "1001"),
}


@pytest.mark.parametrize("beside", [{}, {"index.html": ""}])  # as Brightspace puts it there
@pytest.mark.parametrize("other", FORMS)
@pytest.mark.parametrize("own", FORMS)
def test_what_a_student_calls_a_file_is_no_other_lmss_part(tmp_path, own, other, beside):
    form, number = FORMS[own]
    hostile = FORMS[other][0].format("42", "00_tiny.ipynb")
    files = {form.format(f"{number}{i}", "00_tiny.ipynb"): "honest" for i in range(2)}
    for result, _ in both(tmp_path, files | {form.format(number, hostile): "hostile"} | beside):
        assert {each.lms for each in result.values()} == {own}
        assert contents(result)[f"{own}-{number}"] == "hostile"


@pytest.mark.parametrize("beside", [(), ("notes.txt",), ("zoe.ipynb",)])
@pytest.mark.parametrize("other", FORMS)
@pytest.mark.parametrize("own", ["canvas", "moodle", "blackboard"])
def test_who_hands_in_alone_is_in_no_other_lms(tmp_path, own, other, beside):
    form, number = FORMS[own]
    name = form.format(number, FORMS[other][0].format("42", "00_tiny.ipynb"))
    for result, _ in both(tmp_path, {name: "hostile"} | dict.fromkeys(beside, "")):
        assert contents(result)[f"{own}-{number}"] == "hostile"


def test_an_assignment_of_blackboards_that_reads_as_canvass_numbers(tmp_path):
    form, logins = "Lab_2_{}_attempt_2026-11-26-12-00-00_00_tiny.ipynb", ("12345", "kim")
    for result, _ in both(tmp_path, {form.format(login): login for login in logins}):
        assert contents(result) == {f"blackboard-{login}": login for login in logins}


def test_canvas_students_who_agree_are_no_blackboards(tmp_path):
    mine = ("leeann_1_2_x_bob", "leeann_1_3_x_carl", "kimbo_4_5_x_dora")
    write(tmp_path, {f"{each}_attempt_2026-11-26-10-00-00_00_tiny.ipynb": "x" for each in mine})
    assert sorted(chosen(tmp_path)[0]) == ["canvas-1", "canvas-4"]


@pytest.mark.parametrize("of", ["_", " ", "-_", "'", "(1)", "copy ", "Copy of ", "의", ".ipynb"])
def test_no_name_takes_long_to_read(of):
    # A student's folder may have 20 000 of them.
    began = time.process_time()
    for ending in ("", "!", ".ipynb", "(1"):
        names.is_notebook(of * (250 // len(of)) + ending)
    assert time.process_time() - began < 0.2


def test_metadata_that_is_too_large_is_not_called_false(tmp_path, monkeypatch):
    monkeypatch.setattr(lms, "MAX_METADATA", 2000)
    printed = "  :results:\n    :output: |\n" + "      x\n" * 1000
    write(tmp_path, {"submission_metadata.yml": METADATA + printed, "submission_101/x.ipynb": ""})
    with pytest.raises(BadUsage, match=r"larger than 0 MB.*take out :results:"):
        collect(tmp_path, "00_tiny")


@pytest.mark.parametrize("text", ["- x", "a: b", ": :", "x: {':submitters': 3}", "\t", "[[[[", ""])
def test_metadata_that_gradescope_does_not_write_is_one_clear_line(text):
    with pytest.raises(ValueError, match="is not what Gradescope writes"):
        lms.gradescope(text.encode())


@pytest.mark.parametrize(
    "folder, lab, login",
    [
        ("lab-02-annlee", "02_gdp_accounting", "annlee"), ("lab-2-ann-lee", "02_gdp", "ann-lee"),
        ("lab02-annlee", "02_gdp", "annlee"), ("02-gdp-accounting-bo", "02_gdp_accounting", "bo"),
        ("lab-02-gdp-accounting-Bo", "02_gdp_accounting", "Bo"), ("hw-2-x", "02_gdp", "x"),
        ("lab-03-annlee", "02_gdp_accounting", None), ("annlee", "02_gdp", None),
        ("lab-02-", "02_gdp", None), ("lab-02-ann_lee", "02_gdp", None), ("lab-02", "02_gdp", None),
        ("lab-02--x", "02_gdp", None), ("lab-022-x", "02_gdp", None),
        ("lab-02-submissions", "02_gdp", None), ("lab-02-gdp-Submissions", "02_gdp", None),
    ],
)  # fmt: skip
def test_github_classroom(folder, lab, login):
    sender = lms.github(folder, lab)
    assert (sender and sender.lms_id) == login


def test_repositories_of_github_classroom(tmp_path):
    files = {"lab-00-annlee/labs/00_tiny.ipynb": "hers", "lab-00-bo-kim/00_tiny.ipynb": "his"}
    for result, _ in both(tmp_path, files):
        assert contents(result) == {"github-annlee": "hers", "github-bo-kim": "his"}


def test_canvas_where_all_are_anonymous(tmp_path):
    write(tmp_path, {"anon_aB3dE_97_00_tiny.ipynb": "old", "anon_aB3dE_98_00_tiny-1.ipynb": "new",
                     "LATE_anon_Zz9zZ_99_anon_aB3dE_1_x.ipynb": "his"})  # fmt: skip
    found, _ = chosen(tmp_path)
    assert contents(found) == {"canvas-anon_aB3dE": "new", "canvas-anon_Zz9zZ": "his"}
    assert found["canvas-anon_Zz9zZ"].late and not found["canvas-anon_aB3dE"].late


def test_who_has_the_end_of_a_login_in_common_is_not_merged(tmp_path):
    names = [f"Lab_{login}_attempt_2026-11-05-12-00-00" for login in ("ann_lee", "bo_lee", "lee")]
    files = {f"{name}_x.ipynb": name for name in names}
    for result, _ in both(tmp_path / "none", files):
        assert sorted(contents(result)) == [
            "blackboard-lee (Lab_ann_lee)", "blackboard-lee (Lab_bo_lee)",
            "blackboard-lee (Lab_lee)",
        ]  # fmt: skip
    # One of them has the text that Blackboard puts beside an attempt: that is whose the login is.
    for result, _ in both(tmp_path / "one", files | {f"{names[2]}.txt": "Name: Kim Lee (lee)\n"}):
        assert contents(result)["blackboard-lee"] == names[2] and len(result) == 3
    texts = {f"{name}.txt": f"Name: X ({name.split('_', 1)[1].split('_attempt')[0]})\n"
             for name in names}  # fmt: skip
    for result, _ in both(tmp_path / "all", files | texts):
        assert sorted(result) == ["blackboard-ann_lee", "blackboard-bo_lee", "blackboard-lee"]


@pytest.mark.parametrize(
    ("repositories", "students"),
    [
        # A login may be the rest of the lab's name and another's login.
        (["lab-00-tiny-bo", "lab-00-bo"], ["github-bo", "github-tiny-bo"]),
        (["lab-00-tiny-bo", "lab-00-tiny-tiny-bo"], ["github-bo", "github-tiny-bo"]),
        (["Lab-00-Tiny-bo", "lab-00-tiny-al"], ["github-al", "github-bo"]),
        (["lab-00-tiny-bo"], ["github-bo"]),
        # Of two assignments: nobody is merged.
        (["lab-0-bo", "lab-00-bo"], ["github-bo (lab-0-bo)", "github-bo (lab-00-bo)"]),
        (["00-tiny-bo", "tiny-bo"], ["github-bo (00-tiny-bo)", "github-bo (tiny-bo)"]),
        (["lab-0-bo", "lab-00-tiny-bo", "lab-00-al"],
         ["github-al", "github-bo (lab-0-bo)", "github-bo (lab-00-tiny-bo)"]),
        # Of the assignment that most are of for sure, and of one beside.
        (["lab-00-bo", "lab-00-al", "lab-00-cy", "lab-0-bo"],
         ["github-al", "github-bo", "github-bo (lab-0-bo)", "github-cy"]),
        (["lab-00-bo", "Lab-00-bo", "lab-00-cy", "lab-0-bo"],
         ["github-bo (Lab-00-bo)", "github-bo (lab-0-bo)", "github-bo (lab-00-bo)", "github-cy"]),
        (["lab-00-tiny-bo", "lab-00-tiny-al", "lab-00-bo"],
         ["github-al", "github-bo (lab-00-bo)", "github-bo (lab-00-tiny-bo)"]),
    ],
)  # fmt: skip
def test_no_login_makes_a_repository_anothers(tmp_path, repositories, students):
    files = {f"{repository}/00_tiny.ipynb": repository for repository in repositories}
    for result, _ in both(tmp_path, files):
        assert sorted(result) == students and len(set(contents(result).values())) == len(students)


def test_canvas_says_who_is_late(tmp_path):
    write(tmp_path, {"leeann_LATE_1_2_00_tiny.ipynb": "x", "kimbo_3_4_00_tiny.ipynb": "x"})
    found, _ = collect(tmp_path, LAB)
    assert {each.student: each.late for each in found} == {"canvas-1": True, "canvas-3": False}


# --- properties: whatever people and files are called ---------------------------------------------

# What an LMS lets people be called, and what students call files: the marks of LMSs among it.
MARKS = ["_", "-", " - ", "_1_2_", "_attempt_2020-01-01-00-00-00_", "_assignsubmission_file_", ".",
         "LATE_", "Nov 26, 2026 1000 AM", "é", "名", " ", "'"]  # fmt: skip
LETTERS = st.characters(categories=["Lu", "Ll"])
FILES = st.lists(st.one_of(st.sampled_from(MARKS), LETTERS), max_size=8).map("".join).map(
    lambda text: f"{text}x.ipynb"
)  # fmt: skip
NUMBERS = st.integers(1, 10**9).map(str)
WORD = st.text(LETTERS, min_size=1, max_size=8)
PEOPLE = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
LOGINS = st.from_regex(re.compile(r"[a-z][a-z0-9.]{0,8}", re.ASCII), fullmatch=True)
TIMES = st.datetimes(datetime(2020, 1, 2), datetime(2029, 1, 1)).map(
    lambda t: t.replace(microsecond=0)
)


@seeded
@given(
    PEOPLE.map(lambda name: name.replace(" ", "").lower()), NUMBERS, NUMBERS, FILES, st.booleans()
)
def test_canvass_names(name, number, submission, file, late):
    sender = lms.canvas(f"{name}_{'LATE_' * late}{number}_{submission}_{file}")
    assert (sender.lms_id, sender.name, sender.file, sender.late) == (number, name, file, late)


@seeded
@given(PEOPLE, NUMBERS, FILES)
def test_moodles_names(name, number, file):
    for written, inside in ((f"{name}_{number}_assignsubmission_file_", ""),
                            (f"{name}_{number}_assignsubmission_file", ""),
                            (f"{name}_{number}_assignsubmission_file_{file}", file)):  # fmt: skip
        sender = lms.moodle(written)
        assert (sender.lms_id, sender.name, sender.file) == (number, name, inside)


@seeded
@given(LOGINS, TIMES, FILES, st.sampled_from(["Lab02", "Lab 02: DP", "Lab_02", "L_a_b"]))
def test_blackboards_names(login, time, file, assignment):
    name = f"{assignment}_{login}_attempt_{time:%Y-%m-%d-%H-%M-%S}"
    sender = lms.blackboard(f"{name}_{file}", {})
    assert (sender.lms_id, sender.file, sender.attempt) == (login, file, time.astimezone(UTC))
    sender = lms.blackboard(f"{name}.txt", {login: "Ann"})
    assert replace(sender, attempt=None) == lms.Sender("blackboard", login, "Ann")


@seeded
@given(PEOPLE, NUMBERS, NUMBERS, TIMES, FILES)
def test_brightspaces_names(name, number, folder, time, file):
    time = time.replace(second=0)
    hour = f"{(time.hour - 1) % 12 + 1}"
    when = f"{time:%b} {time.day}, {time.year} {hour}{time:%M} {'AM' if time.hour < 12 else 'PM'}"
    sender = lms.brightspace(f"{number}-{folder} - {name} - {when}")
    assert (sender.lms_id, sender.name, sender.attempt) == (number, name, time.astimezone(UTC))
    assert lms.brightspace(f"{number}-{folder} - {name} - {when} - {file}").file == file


@seeded
@given(st.dictionaries(NUMBERS, st.tuples(PEOPLE, PEOPLE, FILES), min_size=1, max_size=5))
def test_gradescopes_metadata(people):
    text = json.dumps({
        f"submission_{number}": {
            ":submitters": [{":name": name, ":sid": number, ":email": f"{number}@x"}],
            ":history": [{":submitters": other}, file],
        }
        for number, (name, other, file) in people.items()
    }, ensure_ascii=False)  # fmt: skip  # JSON is YAML
    read = lms.gradescope(text.encode())
    assert {folder: senders[0].name for folder, (senders, _) in read.items()} == {
        f"submission_{number}": name for number, (name, *_) in people.items()
    }
