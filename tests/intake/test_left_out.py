"""What is not looked at: somebody handed it in all the same, and it is named."""

import pytest

from autograder.intake import files
from autograder.intake.collect import Aside
from autograder.intake.files import HIDDEN
from tests.intake.handed_in import LAB, archive, chosen, contents, write

BOB = {"Bob_66_assignsubmission_file_/00_tiny.ipynb": "his"}
HERS = {
    "moodle-55": "Ann Lee_55_assignsubmission_file_/",
    "brightspace-55": "55-66 - Ann Lee - Nov 26, 2026 1000 AM/",
    "github-ann": "lab-00-ann/",
    "ann": "ann/",
}


@pytest.mark.parametrize("student", HERS)
@pytest.mark.parametrize(
    "name",
    [
        ".mine/00_tiny.ipynb",
        ".ipynb_checkpoints/00_tiny-checkpoint.ipynb",
        "work/.mine/deep/00_tiny.ipynb.txt",
        "__pycache__/00_tiny.ipynb",
        "__MACOSX/00_tiny.ipynb",
        ".mine/all.zip",
    ],
)
def test_a_hidden_notebook_is_its_students_and_named(found, student, name):
    result = found({HERS[student] + name: "hers", **BOB})
    assert contents(result) == {student: None, "moodle-66": "his"}
    assert result[student].reason == f"no notebook that can be read; `{name}`: {HIDDEN}"


@pytest.mark.parametrize("student", HERS)
@pytest.mark.parametrize(
    "name", ["", "work/", ".mine/", ".DS_Store", ".git/HEAD", "__MACOSX/._00_tiny.ipynb"]
)
def test_a_folder_with_nothing_in_it_is_its_students(found, student, name):
    result = found({HERS[student] + name: "", **BOB})
    assert contents(result) == {student: None, "moodle-66": "his"}
    assert result[student].reason == "no notebook in the folder"


def test_a_hidden_notebook_beside_another_is_named(found):
    result = found({"ann/00_tiny.ipynb": "hers", "ann/.old/00_tiny.ipynb": "newer", "bob/": ""})
    assert contents(result) == {"ann": "hers", "bob": None}
    assert result["ann"].notes == (f"`.old/00_tiny.ipynb`: {HIDDEN}",)


def test_what_a_students_own_archive_hides_is_named(tmp_path):
    inner = archive(tmp_path / "inner.zip", {".mine/00_tiny.ipynb": "hers", "x/.DS_Store": ""})
    path = archive(tmp_path / "outer.zip", {"leeann_55_66_lab.zip": inner.read_bytes()})
    ann = chosen(path)[0]["canvas-55"]
    assert f"`lab.zip/.mine/00_tiny.ipynb`: {HIDDEN}" in ann.reason


@pytest.mark.parametrize("above", ["", "class/"])
def test_a_hidden_folder_at_the_top_is_nobodys(tmp_path, above):
    handed_in = {
        "ann/00_tiny.ipynb": "hers",
        "bob/": "",
        ".ipynb_checkpoints/ann-checkpoint.ipynb": "",
        ".cem/00_tiny.ipynb": "",
        ".cem/x/00_tiny.ipynb": "",
        ".git/HEAD": "",
        "__MACOSX/._ann.ipynb": "",
    }
    write(tmp_path / "class", handed_in)
    packed = archive(tmp_path / "class.zip", {above + name: handed_in[name] for name in handed_in})
    reason = "it is hidden, or a program made it: nobody's submission"
    for source in (tmp_path / "class", packed):
        result, aside = chosen(source)
        assert contents(result) == {"ann": "hers", "bob": None}
        assert aside == [Aside(".cem/", reason), Aside(".ipynb_checkpoints/", reason)]


def test_hidden_files_without_end_leave_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_OF_ONE", 50)
    write(tmp_path, {f"ann/.venv/{i}/x.py": "" for i in range(60)})
    write(tmp_path, {"ann/00_tiny.ipynb": "hers", "ann/.venv/bin": ""})
    (tmp_path / "ann" / ".venv" / "python").symlink_to("/usr/bin/python3")
    result, _ = chosen(tmp_path)
    assert result["ann"].text == "hers" and not result["ann"].notes


# --- other labs' folders --------------------------------------------------------------------------


@pytest.mark.parametrize("student", ["moodle-55", "brightspace-55", "github-ann"])
@pytest.mark.parametrize("name", ["01_other/00_tiny.ipynb", "01_other/work/my own.ipynb"])
def test_in_an_lmss_download_no_folder_is_another_labs(found, student, name):
    result = found({HERS[student] + name: "hers", **BOB}, others=[LAB, "01_other"])
    assert contents(result) == {student: "hers", "moodle-66": "his"}


@pytest.mark.parametrize("name", ["01_other/00_tiny.ipynb", "02_third/work/my own.ipynb"])
def test_what_is_in_another_labs_folder_alone_is_named(found, name):
    result = found(
        {f"ann/{name}": "hers", "bob.ipynb": "his"}, others=[LAB, "01_other", "02_third"]
    )
    assert contents(result) == {"ann": None, "bob": "his"}
    assert result["ann"].notes == (f"in another lab's folder: {name}",)


def test_this_labs_notebook_in_another_labs_folder_is_named(found):
    handed_in = {f"ann/{lab}/{lab}.ipynb": lab for lab in (LAB, "01_other")}
    handed_in["ann/01_other/Copy of 00_tiny.ipynb"] = "newer"
    ann = found(handed_in, others=[LAB, "01_other"])["ann"]
    assert ann.text == LAB
    assert ann.notes == ("in another lab's folder: 01_other/Copy of 00_tiny.ipynb",)
