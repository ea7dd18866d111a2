"""What students hand in, in the layouts that real courses have, and in hostile ones."""

import json
import os
import stat
import zipfile
from datetime import UTC, datetime

import pytest

from autograder import collect as collecting
from autograder.collect import BadUsage, Collected, collect

LAB = "00_tiny"


def write(folder, files):
    for number, (name, content) in enumerate(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        os.utime(path, (1_000_000_000 + number,) * 2)  # each newer than the one before


def archive(path, files):
    with zipfile.ZipFile(path, "w") as opened:
        for number, (name, content) in enumerate(files.items()):
            member = name
            if isinstance(name, str):
                member = zipfile.ZipInfo(name, (2026, 11, 1, 12, number % 60, 0))
            opened.writestr(member, content)
    return path


@pytest.fixture
def found(tmp_path):
    """Collect from a folder and from an archive of the same files; both must agree."""

    def found(files, **more) -> dict[str, Collected]:
        results = []
        for source in ("folder", "submissions.zip"):
            work = tmp_path / f"{source}-work"
            work.mkdir()
            if source == "folder":
                write(tmp_path / source, files)
            else:
                archive(tmp_path / source, files)
            collected, _ = collect(tmp_path / source, LAB, work, **more)
            results.append({each.student: each for each in collected})
        folder, unpacked = results
        assert folder.keys() == unpacked.keys()
        for student, each in folder.items():
            other = unpacked[student]
            assert (each.reason, each.notes, each.lms, each.lms_id) == (
                other.reason, other.notes, other.lms, other.lms_id,
            )  # fmt: skip
            if each.file is not None:
                assert each.file.read_text("utf-8") == other.file.read_text("utf-8")
        return folder

    return found


def contents(found):
    return {student: each.file and each.file.read_text("utf-8") for student, each in found.items()}


def test_nbgraders_layout(found):
    result = found(
        {
            "ann/00_tiny/00_tiny.ipynb": "ann's",
            "ann/00_tiny/timestamp.txt": "2026-11-05 10:00:00.5 UTC",
            "ann/01_other/01_other.ipynb": "another lab",
            "bob/01_other/00_tiny.ipynb": "another lab",
        },
        others=[LAB, "01_other"],
    )
    assert contents(result) == {"ann": "ann's", "bob": None}
    assert result["ann"].handed_in == datetime(2026, 11, 5, 10, 0, 0, 500_000, UTC)
    assert result["ann"].notes == ()
    assert result["bob"].reason == "no notebook in the folder"


def test_colab_downloads_in_students_folders_and_as_files(found):
    result = found(
        {
            "ann/Copy of 00_tiny.ipynb": "older",
            "ann/00_tiny (1).ipynb": "newer",
            "Copy of 00_tiny - Bob Lee.ipynb": "bob's",
            "cem.ipynb": "cem's",
            "Copy of 00_tiny (2).ipynb": "nobody's",
        }
    )
    assert contents(result) == {
        "ann": "newer", "Bob Lee": "bob's", "cem": "cem's", "Copy of 00_tiny (2)": "nobody's",
    }  # fmt: skip
    assert result["ann"].notes == ("graded `00_tiny (1).ipynb`; also there: Copy of 00_tiny.ipynb",)
    assert result["Copy of 00_tiny (2)"].notes == ("the file's name does not say whose it is",)


@pytest.mark.parametrize(
    "name",
    [
        "Copie de 00_tiny - Ann.ipynb", "Co\u0301pia de Copia de 00_tiny_Ann (1).ipynb",
        "00_tiny.ipynb - Ann.ipynb", "Kopie von Ann_00_tiny.ipynb.txt", "Ann.ipynb.json",
        "00_tiny-Ann.py",
    ],
)  # fmt: skip
def test_whose_a_loose_file_is(found, name):
    result = found({name: "hers", "bob.ipynb": "his"})
    assert contents(result) == {"Ann": "hers", "bob": "his"}
    assert result["Ann"].notes == ()


def test_an_answered_notebook_is_chosen_before_a_blank_one(found):
    def notebook(*sources):
        return json.dumps({"cells": [{"source": source.splitlines(True)} for source in sources]})

    one, two = (
        "def one():\n    raise NotImplementedError",
        "def two():\n    raise NotImplementedError",
    )
    blank, other = notebook(one, two), notebook("import math")
    answered = notebook(one, "def two():\n    return 2")
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
            "eve/00_tiny-2.ipynb": answered[:-9],
        },
        blanks={"one": one, "two": two},
    )
    assert contents(result) == {
        "ann": answered, "bob": blank, "cem": "def one():\n    return 1", "dee": answered,
        "eve": answered[:-9],
    }  # fmt: skip
    assert result["ann"].notes == ("graded `mine.ipynb`; also there: 00_tiny.ipynb",)


def test_the_notebook_of_that_name_is_chosen_before_a_newer_one(found):
    result = found({"ann/00_tiny.ipynb": "named", "ann/scratch.ipynb": "newer"})
    assert contents(result) == {"ann": "named"}
    assert "also there: scratch.ipynb" in result["ann"].notes[0]


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
        "leeann": "second", "doejohn": "late", "doejohn-2": "a namesake", "roekim": None,
        "zhuyan": None,
    }  # fmt: skip
    assert (result["leeann"].lms, result["leeann"].lms_id) == ("canvas", "12345")
    assert "also there: 00_tiny.ipynb" in result["leeann"].notes[0]
    assert result["doejohn"].notes == ("Canvas marked it as late",)
    assert result["roekim"].reason == "no notebook among what was handed in: report.pdf"
    assert "`all.zip`: it is no zip archive" in result["zhuyan"].reason


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
        "Ann Lee": "ann's", "Zoë Müller": "zoë's", "Kim Roe": "flat", "Jo Poe": None,
    }  # fmt: skip
    assert {(each.lms, each.lms_id) for each in result.values()} == {
        ("moodle", number) for number in ("123", "124", "125", "126")
    }


def test_a_students_own_archive_is_opened(tmp_path):
    inner = archive(tmp_path / "inner.zip", {"work/00_tiny.ipynb": "zipped"})
    outer = archive(
        tmp_path / "outer.zip",
        {"leeann_1_2_hand in.zip": inner.read_bytes(), "bob/x.zip": inner.read_bytes()},
    )
    (tmp_path / "work").mkdir()
    result = {each.student: each for each in collect(outer, LAB, tmp_path / "work")[0]}
    assert contents(result) == {"leeann": "zipped", "bob": "zipped"}
    assert result["leeann"].lms_id == "1"


@pytest.mark.parametrize("root", ["submissions", "Lab 0"])
def test_an_archive_of_a_folder(tmp_path, root):
    path = archive(
        tmp_path / "Lab 0.zip", {f"{root}/ann/00_tiny.ipynb": "a", f"{root}/bob.ipynb": "b"}
    )
    collected, _ = collect(path, LAB, tmp_path)
    assert contents({each.student: each for each in collected}) == {"ann": "a", "bob": "b"}


def test_litter_is_passed_over_and_other_files_are_named(tmp_path):
    files = {
        "ann.ipynb": "ann's",
        ".DS_Store": "",
        "__MACOSX/._ann.ipynb": "",
        "bob/.ipynb_checkpoints/00_tiny-checkpoint.ipynb": "an old one",
        "roster.csv": "",
    }
    write(tmp_path, files)
    collected, aside = collect(tmp_path, LAB, tmp_path)
    assert contents({each.student: each for each in collected}) == {"ann": "ann's", "bob": None}
    assert aside == ["roster.csv"]


def test_links_and_special_files_are_not_followed(tmp_path):
    secret = tmp_path / "secret.ipynb"
    secret.write_text("secret")
    class_ = tmp_path / "class"
    write(class_, {"ann/notes.txt": ""})
    (class_ / "ann" / "00_tiny.ipynb").symlink_to(secret)
    (class_ / "bob").symlink_to(tmp_path)
    (class_ / "cem.ipynb").symlink_to(secret)
    (class_ / "dan").mkdir()
    os.mkfifo(class_ / "dan" / "00_tiny.ipynb")
    collected, _ = collect(class_, LAB, tmp_path)
    assert [each.student for each in collected] == ["ann", "bob", "cem", "dan"]
    assert all(each.file is None for each in collected)
    assert all("symbolic link" in each.reason for each in collected[:3])
    assert "no regular file" in collected[3].reason


def link(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    "name, student, reason",
    [
        ("../../evil.ipynb", "evil", "leads elsewhere"),
        ("ann/../../../etc/evil.ipynb", "ann", "leads elsewhere"),
        ("/etc/evil.ipynb", "etc", "leads elsewhere"),
        ("..\\..\\evil.ipynb", "evil", "leads elsewhere"),
        ("C:\\evil.ipynb", "C:", "leads elsewhere"),
        (link("ann/00_tiny.ipynb"), "ann", "symbolic link"),
    ],
)
def test_a_hostile_member_of_an_archive_is_refused_by_name(tmp_path, name, student, reason):
    inside = tmp_path / "deep" / "er"
    inside.mkdir(parents=True)
    path = archive(inside / "x.zip", {name: "evil", "good.ipynb": "good"})
    (inside / "work").mkdir()
    result = {each.student: each for each in collect(path, LAB, inside / "work")[0]}
    assert contents(result) == {student: None, "good": "good"}
    assert reason in result[student].reason
    assert {path.name for path in tmp_path.rglob("*.ipynb")} == set()


def test_archives_that_unpack_to_too_much_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "MAX_FILE", 1000)
    monkeypatch.setattr(collecting, "MAX_ARCHIVE", 1500)
    path = archive(
        tmp_path / "x.zip", {"a.ipynb": "x" * 1001, "b.ipynb": "x" * 1000, "c.ipynb": "x" * 1000}
    )
    (tmp_path / "work").mkdir()
    result = {each.student: each for each in collect(path, LAB, tmp_path / "work")[0]}
    assert "is not read" in result["a"].reason
    assert result["b"].file.stat().st_size == 1000
    assert "zip bomb" in result["c"].reason


def test_a_member_that_lies_about_its_size_or_is_damaged_costs_itself_only(tmp_path):
    path = archive(tmp_path / "x.zip", {"a.ipynb": "A" * 500, "b.ipynb": "B" * 500})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"A" * 500, b"A" * 499 + b"!"))
    (tmp_path / "work").mkdir()
    result = {each.student: each for each in collect(path, LAB, tmp_path / "work")[0]}
    assert "cannot be unpacked" in result["a"].reason
    assert result["b"].file.read_text() == "B" * 500


@pytest.mark.parametrize(
    "name, student",
    [
        ("a\nb", "a_b"),
        ("‮cod", "_cod"),
        ("-rf *", "-rf *"),
        ("=cmd()", "=cmd()"),
        ("名" * 80, "名" * 40),
        ("zoe\u0308", "zoë"),
    ],
)
def test_names_become_safe(tmp_path, name, student):
    write(tmp_path, {f"{name}/00_tiny.ipynb": ""})
    (each,) = collect(tmp_path, LAB, tmp_path)[0]
    assert each.student == student
    assert (each.notes == ()) == (student == name)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no more", b"\x1f\x8b"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    with pytest.raises(BadUsage, match="neither a folder nor a zip archive"):
        collect(path, LAB, tmp_path)


def test_nothing_to_grade_is_refused(tmp_path):
    with pytest.raises(BadUsage, match="no such folder or archive"):
        collect(tmp_path / "none", LAB, tmp_path)
    with pytest.raises(BadUsage, match="no submissions in"):
        collect(tmp_path, LAB, tmp_path)
