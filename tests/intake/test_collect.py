"""What students hand in, in the layouts that real courses have, and in hostile ones."""

import json
import os
import stat
import subprocess
import time
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from autograder.intake import choose, files
from autograder.intake import collect as collect_module
from autograder.intake.collect import Aside, BadUsage, Collected, collect
from autograder.intake.reader import Source, unpacked, unpacking

LAB = "00_tiny"


@dataclass
class Chosen:
    """A student, and what of the files was chosen, as the reader would."""

    collected: Collected
    choice: choose.Choice

    def __getattr__(self, name):
        own = {"reason", "handed_in"}
        if name == "notes":
            return (*self.collected.notes, *self.choice.notes)
        return getattr(self.choice if name in own else self.collected, name)

    @property
    def text(self):
        return self.choice.entry and self.choice.entry.place.content().decode("utf-8")


def source(place):
    """Return what a reader would read; here without its limits."""
    if not isinstance(place, tuple):
        return Source(place.read_bytes, lambda: files.opened(files.ArchiveFile(place.read_bytes())))
    archive = files.opened(files.ArchiveFile(place[0].read_bytes()))
    packed = unpacking(archive, archive.infolist()[place[1]])
    return Source(packed.content, lambda: files.opened(files.ArchiveFile(packed.content())))


def chosen(where, blanks=None, **more):
    """Collect and choose; return who was found, by key, and what was left aside."""
    found, aside = collect(where, LAB, **more)
    result = {}
    for each in found:
        entries = [e if e.refused else replace(e, place=source(e.place)) for e in each.entries]
        entries = [inside for entry in entries for inside in unpacked(entry)]
        choice = choose.choose(entries, LAB, blanks or {}, bool(each.lms))
        result[each.student] = Chosen(each, choice)
    assert len(result) == len(found)
    return result, aside


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

    def found(files, **more) -> dict[str, Chosen]:
        write(tmp_path / "folder", files)
        archive(tmp_path / "submissions.zip", files)
        folder, _ = chosen(tmp_path / "folder", **more)
        unpacked, _ = chosen(tmp_path / "submissions.zip", **more)
        assert folder.keys() == unpacked.keys()
        for student, each in folder.items():
            other = unpacked[student]
            assert (each.reason, each.notes, each.lms, each.lms_id, each.name, each.text) == (
                other.reason, other.notes, other.lms, other.lms_id, other.name, other.text,
            )  # fmt: skip
        return folder

    return found


def contents(found):
    return {student: each.text for student, each in found.items()}


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
    (unnamed,) = (key for key in result if key.startswith("Copy of 00_tiny (2)-"))
    assert contents(result) == {
        "ann": "newer", "Bob Lee": "bob's", "cem": "cem's", unnamed: "nobody's",
    }  # fmt: skip
    assert result["ann"].notes == ("graded `00_tiny (1).ipynb`; also there: Copy of 00_tiny.ipynb",)
    assert result[unnamed].notes == ("the file's name does not say whose it is",)


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


def test_a_students_own_archive_is_opened(tmp_path):
    inner = archive(tmp_path / "inner.zip", {"work/00_tiny.ipynb": "zipped"})
    outer = archive(
        tmp_path / "outer.zip",
        {"leeann_1_2_hand in.zip": inner.read_bytes(), "bob/x.zip": inner.read_bytes()},
    )
    result, _ = chosen(outer)
    assert contents(result) == {"canvas-1": "zipped", "bob": "zipped"}
    assert result["canvas-1"].choice.entry.shown == "hand in.zip/work/00_tiny.ipynb"


@pytest.mark.parametrize("root", ["submissions", "Lab 0"])
def test_an_archive_of_a_folder(tmp_path, root):
    path = archive(
        tmp_path / "Lab 0.zip", {f"{root}/ann/00_tiny.ipynb": "a", f"{root}/bob.ipynb": "b"}
    )
    assert contents(chosen(path)[0]) == {"ann": "a", "bob": "b"}


def test_litter_is_passed_over_and_other_files_are_named(tmp_path):
    files = {
        "ann.ipynb": "ann's",
        ".DS_Store": "",
        "__MACOSX/._ann.ipynb": "",
        "bob/.ipynb_checkpoints/00_tiny-checkpoint.ipynb": "an old one",
        "roster.csv": "",
    }
    write(tmp_path, files)
    result, aside = chosen(tmp_path)
    assert contents(result) == {"ann": "ann's", "bob": None}
    assert aside == [Aside("roster.csv", "it is no notebook, and in nobody's folder")]


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
    result, _ = chosen(class_)
    assert contents(result) == dict.fromkeys(["ann", "bob", "cem", "dan"])
    reasons = [each.reason for each in result.values()]
    assert all("symbolic link" in reason for reason in reasons[:3])
    assert "no regular file" in reasons[3]


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
    result, _ = chosen(path)
    assert contents(result) == {student: None, "good": "good"}
    assert reason in result[student].reason
    assert {path.name for path in tmp_path.rglob("*.ipynb")} == set()


def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE", 1000)
    path = archive(tmp_path / "x.zip", {"a.ipynb": "x" * 1001, "b.ipynb": "x" * 1000})
    result, _ = chosen(path)
    assert "is not read" in result["a"].reason
    assert len(result["b"].text) == 1000


def test_a_member_that_lies_about_its_size_or_is_damaged_costs_itself_only(tmp_path):
    path = archive(tmp_path / "x.zip", {"a.ipynb": "A" * 500, "b.ipynb": "B" * 500})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"A" * 500, b"A" * 499 + b"!"))
    result, _ = chosen(path)
    with pytest.raises(OSError, match="CRC"):
        result["a"].text  # noqa: B018
    assert result["b"].text == "B" * 500


def test_an_archive_with_a_name_that_is_no_utf_8_though_it_says_so(tmp_path):
    """zipfile itself would open none of it."""
    path = archive(tmp_path / "x.zip", {"Zoë.ipynb": "hers", "bob.ipynb": "his"})
    data = path.read_bytes()
    assert data.count("Zoë".encode()) == 2
    path.write_bytes(data.replace("Zoë".encode(), b"Zo\xeb\xff"))
    result, _ = chosen(path)
    assert len(result) == 2 and contents(result)["bob"] == "his"
    assert "hers" in contents(result).values()


@pytest.mark.parametrize(
    "name, student",
    [
        ("a\nb", "a_b-"),
        ("\u202ecod", "_cod-"),
        ("…", "_-"),
        ('a"<b>&', "a__b__-"),
        ("-rf", "-rf"),
        ("*", "_-"),
        ("[x]", "_x_-"),
        ("con", "con"),
        ("=cmd()", "=cmd()"),
        ("名" * 80, "名" * 40 + "-"),
        ("zoe\u0308", "zoë-"),
        (os.fsdecode(b"zo\xeb"), "zo_-"),
        ("canvas-12", "canvas-12-"),
    ],
)
def test_names_become_safe(tmp_path, name, student):
    write(tmp_path, {f"{name}/00_tiny.ipynb": ""})
    (each,) = collect(tmp_path, LAB)[0]
    assert each.student.startswith(student)
    # What is lost of a name is made up for: nobody else has this key.
    assert len(each.student) == len(student) + 16 * student.endswith("-")
    assert each.name and each.name.isprintable()
    each.name.encode("utf-8")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no more", b"\x1f\x8b"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    with pytest.raises(BadUsage, match="neither a folder nor a zip archive"):
        collect(path, LAB)


def test_nothing_to_grade_is_refused(tmp_path):
    with pytest.raises(BadUsage, match="no such folder or archive"):
        collect(tmp_path / "none", LAB)
    with pytest.raises(BadUsage, match="no submissions in"):
        collect(tmp_path, LAB)


# --- whose they are, though names lie -------------------------------------------------------------


def test_a_student_cannot_name_a_file_as_another_students(found):
    """Moodle writes the student's name and number first; the rest is what the student chose."""
    result = found(
        {
            "Bob_77_assignsubmission_file_Ann Y_55_assignsubmission_file_x.ipynb": "bob's",
            "Ann Y_55_assignsubmission_file_00_tiny.ipynb": "ann's",
            "Eve_9_assignsubmission_file_/Ann Y_55_assignsubmission_file_x.ipynb": "eve's",
        }
    )
    assert contents(result) == {"moodle-55": "ann's", "moodle-77": "bob's", "moodle-9": "eve's"}
    assert "more than one way" in " ".join(result["moodle-77"].notes)
    assert not result["moodle-55"].notes and not result["moodle-9"].notes


def test_a_name_that_reads_as_anothers_costs_the_other_nothing(found):
    """A student who is called so in Moodle; nobody can tell, so it is said, and comes second."""
    result = found(
        {
            "Ann Y_55_assignsubmission_file_00_tiny.ipynb": "ann's",
            "Ann Y_55_assignsubmission_file__77_assignsubmission_file_00_tiny.ipynb": "newer",
        }
    )
    assert contents(result) == {"moodle-55": "ann's"}
    assert "more than one way" in result["moodle-55"].notes[0]
    assert "also there: _77_assign" in result["moodle-55"].notes[1]


def test_a_namesake_who_joins_changes_nobodys_key(found):
    one = {"doejohn_444_555_00_tiny.ipynb": "the first"}
    before = set(collect_names(found(one)))
    after = found(one | {"doejohn_222_333_00_tiny.ipynb": "the other"})
    assert set(collect_names(after)) - before == {("canvas-222", "doejohn")}
    assert contents(after)["canvas-444"] == "the first"


def collect_names(found):
    return [(each.student, each.name) for each in found.values()]


@pytest.mark.parametrize(
    "names",
    [
        ["Copy_of_00_tiny.ipynb", "Copy_of_00_tiny (1).ipynb", "Copy of 00_tiny.ipynb"],
        ["Kopie von 00_tiny.ipynb", "Kopie_von_00_tiny(1).ipynb"],
        ["Копия 00_tiny.ipynb", "Копия 00_tiny (1).ipynb", "Копия_00_tiny.ipynb.txt"],
        ["「00_tiny.ipynb」のコピー.ipynb", "00_tiny.ipynb のコピー (2).ipynb"],
        ["“00_tiny.ipynb”的副本.ipynb", "“00_tiny.ipynb”的副本 (1).ipynb"],
        ["00_tiny - Copy.ipynb", "00_tiny - Copy (2).ipynb", "00_tiny.ipynb", "00_tiny.py"],
        ["final.ipynb", "final (1).ipynb", "00_tiny_final.ipynb", "Untitled (2).ipynb"],
        ["submission.zip", "submission (1).zip", "00_tiny.zip"],
    ],
)
def test_files_that_say_nothing_of_their_owner_are_not_merged(tmp_path, names):
    write(tmp_path, dict.fromkeys(names, "x") | {"00_tiny - Ann.ipynb": "1", "Ann.ipynb": "2"})
    result, aside = chosen(tmp_path)
    assert len(result) == len(names) + 1 and aside == []
    assert "also there" in result["Ann"].notes[0]


def test_names_that_differ_by_case_or_form_are_two(tmp_path):
    names = ["zoë", "zoe\u0308", "Zoë", "a\tb", "a_b", "a\nb"]
    write(tmp_path, {f"{name}/00_tiny.ipynb": name for name in names})
    result, _ = chosen(tmp_path)
    assert sorted(contents(result).values()) == sorted(names)
    assert contents(result)["zoë"] == "zoë" and contents(result)["a_b"] == "a_b"


def test_nobody_who_joins_takes_a_key_that_somebody_has(tmp_path):
    # With the key would go the grades that a person gave.
    names = ["zoe\u0308", "zoë", "a_b", "a\nb", "00_tiny", "a" * 130, "a" * 120]
    names += ["00_tiny.ipynb", "00_tiny.py", f"Ann_{'1' * 41}_1_x.ipynb", f"Bob_{'1' * 42}_1_x.py"]
    paths = [name if "." in name else f"{name}/x.ipynb" for name in names]
    alone = set()
    for number, path in enumerate(paths):
        write(tmp_path / str(number), {path: "x"})
        alone |= {each.student for each in collect(tmp_path / str(number), LAB)[0]}
    write(tmp_path / "all", dict.fromkeys(paths, "x"))
    assert {each.student for each in collect(tmp_path / "all", LAB)[0]} == alone
    assert len(alone) == len(paths)


@pytest.mark.parametrize("name", ["Ann & Bob", "a\nb", "名" * 80, "canvas-12"])
def test_nobody_can_be_called_as_anothers_key(tmp_path, name):
    write(tmp_path, {f"{name}/00_tiny.ipynb": "hers"})
    (hers,) = chosen(tmp_path)[0]
    write(tmp_path, {f"{hers}/00_tiny.ipynb": "his"})
    result, _ = chosen(tmp_path)
    assert len(result) == 2 and contents(result)[hers] == "hers"


@pytest.mark.parametrize("unit", ["kopya", "kopiav", "kopiaf", "a", "exercises", "answers", " v"])
@pytest.mark.parametrize("before", ["1", "copy of ", "kopya_"])
def test_a_name_that_can_be_read_in_many_ways_is_read_once(tmp_path, unit, before):
    name = f"{before}{unit * (200 // len(unit))} q!q"
    write(tmp_path, {f"{name}.ipynb": "1"})
    began = time.monotonic()
    assert len(chosen(tmp_path)[0]) == 1
    assert time.monotonic() - began < 5


def test_folders_without_end_are_one_students(tmp_path):
    write(tmp_path, {"ann/00_tiny.ipynb": "hers", "bob/00_tiny.ipynb": "his"})
    here = os.open(tmp_path / "bob", os.O_RDONLY)
    for _ in range(2500):  # deeper than Python calls itself, and longer than a path may be
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)
    try:
        result, _ = chosen(tmp_path)
    finally:  # which pytest cannot remove
        subprocess.run(["rm", "-rf", tmp_path / "bob" / "d"], check=True)
    assert {student: len(each.entries) for student, each in result.items()} == {"ann": 1, "bob": 2}
    assert "File name too long" in " ".join(result["bob"].notes)


def test_files_without_end_are_one_students(tmp_path, monkeypatch):
    monkeypatch.setattr(collect_module, "MAX_OF_ONE", 50)
    write(tmp_path, {f"bob/{i}/{j}.txt": "" for i in range(10) for j in range(10)})
    write(tmp_path, {"ann/00_tiny.ipynb": "hers", "bob/00_tiny.ipynb": "his"})
    result, _ = chosen(tmp_path)
    assert contents(result) == {"ann": "hers", "bob": "his"}
    assert len(result["bob"].entries) <= 60
    assert "more than 50 files" in " ".join(result["bob"].notes)


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
