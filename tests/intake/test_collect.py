"""Whose the files are that are handed in, in layouts of real courses, and where names lie."""

import os
import time
from datetime import UTC, datetime

import pytest
from nbgrader.api import Student

from autograder.intake.collect import Aside, BadUsage, collect, key_of
from tests.intake.handed_in import LAB, chosen, contents, write


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


def test_nothing_to_grade_is_refused(tmp_path):
    with pytest.raises(BadUsage, match="no such folder or archive"):
        collect(tmp_path / "none", LAB)
    with pytest.raises(BadUsage, match="no submissions in"):
        collect(tmp_path, LAB)


# --- names that lie -------------------------------------------------------------------------------


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


def test_nbgraders_database_has_room_for_any_key():
    most = Student.__table__.columns["id"].type.length
    for name in ("x" * 250, "x" * 119 + " ", "\N{SNOWMAN}" * 250, "x" * 120):
        for lms in ("", "canvas", "brightspace"):
            assert len(key_of(lms, name)) <= most


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


@pytest.mark.parametrize(
    "own, other",
    [
        ("Ann Y_55_assignsubmission_file_/00_tiny.ipynb",
         "!Ann Y_55_assignsubmission_file_77_assignsubmission_file_/00_tiny.ipynb"),
        ("Ann Y_55_assignsubmission_file_00_tiny.ipynb",
         "Ann Y_55_assignsubmission_file__77_assignsubmission_file_00_tiny.ipynb"),
        ("annlee_55_66_00_tiny.ipynb", "annlee_55_67_77_888_00_tiny.ipynb"),
        ("annlee_55_66_00_tiny.ipynb", "annlee_55_77_888_00_tiny.ipynb"),
        ("annlee_LATE_55_66_00_tiny.ipynb", "annlee_55_67_x_LATE_77_888_00_tiny.ipynb"),
        ("annlee_55_66_00_tiny.ipynb", "55_55_67__77_888_00_tiny.ipynb"),
    ],
)  # fmt: skip
def test_a_name_that_reads_as_anothers_costs_the_other_nothing(found, own, other):
    """A student who is called so; nobody can tell, so it is said, and joins nobody's files."""
    result = found({own: "ann's", other: "newer"})
    key = "moodle-55" if "assign" in own else "canvas-55"
    (apart,) = result.keys() - {key}
    assert contents(result) == {key: "ann's", apart: "newer"} and result[apart].lms_id != "77"
    assert "more than one way" not in " ".join(result[key].notes)
    assert "more than one way" in " ".join(result[apart].notes)


@pytest.mark.parametrize(
    "one, other",
    [
        ("leeann_55_70_2026_11_26.ipynb", "a_55_88_x_123_9_00_tiny.ipynb"),
        ("A_55_assignsubmission_file_B_77_assignsubmission_file_x.ipynb",
         "C_55_assignsubmission_file_9_assignsubmission_file_x.ipynb"),
    ],
)  # fmt: skip
def test_of_two_names_that_may_be_anothers_none_joins_the_other(found, one, other):
    result = found({one: "hers", other: "newer"})
    assert sorted(contents(result).values()) == ["hers", "newer"]


def test_two_files_of_a_name_that_may_be_anothers_are_one_students(tmp_path):
    names = ("leeann_55_70_2026_11_26.ipynb", "leeann_55_71_2026_11_25.ipynb")
    write(tmp_path, dict.fromkeys(names, "hers"))
    assert [each.student for each in collect(tmp_path, LAB)[0]] == ["canvas-55"]


@pytest.mark.parametrize(
    "name, key, said",
    [
        ("leeann_55_70_00_tiny.ipynb", "canvas-55", False),
        ("leeann_55_70_leeann_55_66_00_tiny.ipynb", "canvas-55", False),
        ("leeann_55_70_2026_11_26.ipynb", "canvas-55", True),
        ("anon_aB3dE_97_5_6_x.ipynb", "canvas-anon_aB3dE", False),
        ("anon_12345_97_x.ipynb", "canvas-anon_12345", False),
        ("A_55_assignsubmission_file_A_55_assignsubmission_file_x.ipynb", "moodle-55", False),
        ("A_55_assignsubmission_file_B_77_assignsubmission_file_x.ipynb", "moodle-55", True),
    ],
)  # fmt: skip
def test_a_number_that_is_the_only_one_is_the_students(found, name, key, said):
    result = found({name: "hers"})
    assert contents(result) == {key: "hers"}
    assert ("more than one way" in " ".join(result[key].notes)) == said


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
