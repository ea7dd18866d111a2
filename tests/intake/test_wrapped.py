"""Folders around a class: what is in them is collected as it is without them."""

import os
import zipfile
from dataclasses import replace

import pytest

from autograder.intake import files
from autograder.intake.collect import collect
from tests.intake.handed_in import LAB, archive, chosen, contents, write
from tests.intake.test_files import link
from tests.intake.test_lms import METADATA, header

MOODLE = "{}_assignsubmission_file_"
LAYOUTS = {
    "folders": ["ann/x.ipynb", "bob/mine.ipynb", "cem/work/deep/y.ipynb"],
    "folders of one lab": [f"{name}/{LAB}.ipynb" for name in ("ann", "bob")],
    "numbers": ["1001/x.ipynb", "1002/x.ipynb"],
    "nbgrader": [f"{name}/{LAB}/{LAB}.ipynb" for name in ("ann", "bob")]
    + ["ann/01_other/01_other.ipynb", f"ann/{LAB}/timestamp.txt"],
    "files": ["ann.ipynb", "bob.ipynb", "cem.ipynb.txt"],
    "files of one lab": [f"{LAB} - Ann.ipynb", f"bob_{LAB}.ipynb"],
    "folders and files": ["ann/x.ipynb", "bob.ipynb", "cem.zip", "dan/y.ipynb"],
    "archives": ["ann.zip", "bob.zip"],
    "nothing readable": ["ann/report.pdf", "bob/", "cem/x.ipynb"],
    "hidden": ["ann/.mine/x.ipynb", "bob/x.ipynb", ".cem/x.ipynb", ".git/HEAD"],
    "clones": [f"{n}/{d}/x.ipynb" for n in ("ann", "bob") for d in ("labs", "solutions")],
    "moodle": [f"{MOODLE.format('Ann Lee_55')}/x.ipynb", f"{MOODLE.format('Bob_66')}/y.ipynb"],
    "moodle, one": [f"{MOODLE.format('Ann Lee_55')}/x.ipynb"],
    "moodle, files": [f"{MOODLE.format('Ann Lee_55')}x.ipynb", f"{MOODLE.format('B_66')}y.pdf"],
    "canvas": [f"leeann_12_34_{LAB}.ipynb", "kimbo_LATE_56_78_y.ipynb", "kimbo_56_79_y-1.ipynb"],
    "canvas, anonymous": ["anon_aB3dE_97_x.ipynb", "LATE_anon_Zz9zZ_99_x.ipynb"],
    "github": ["lab-00-ann/labs/x.ipynb", f"lab-00-bo-kim/{LAB}.ipynb"],
    "brightspace": ["1234-5678 - Ann Lee - Nov 26, 2026 1000 AM/x.ipynb",
                    "2345-5678 - Bo Kim - Nov 6, 2026 959 AM/a/b.ipynb", "index.html"],
    "brightspace, files": ["1234-5678 - Ann Lee - Nov 26, 2026 10:00 AM - x.ipynb", "index.html"],
    "blackboard": ["Lab02_alee_attempt_2026-11-26-10-00-00_x.ipynb",
                   "Lab02_alee_attempt_2026-11-26-10-00-00.txt",
                   "Lab02_bo_kim_attempt_2026-11-26-11-00-00_x.ipynb"],
    "gradescope": ["submission_metadata.yml", "submission_101/x.ipynb", "submission_102/y.ipynb"],
}  # fmt: skip
# Gradescope's says whose a folder is if it can be read, and nothing else lies there.
FEW = [each for each in LAYOUTS if each != "gradescope"]
AROUND = ["class/", "Lab 0/all of it/", f"{LAB}/", "lab-00-fall/", "a/b/c/submitted/"]
SAYS = {
    "submission_metadata.yml": METADATA,
    "Lab02_alee_attempt_2026-11-26-10-00-00.txt": header("Ann Lee", "alee"),
}
NAMED = [
    f"{LAB}.ipynb", f"Copy of {LAB}.ipynb", f"{LAB} (1).ipynb", f"{LAB}.py", f"{LAB}.zip",
    f"{LAB}_release.ipynb", f"{LAB}.ipynb.txt",
]  # fmt: skip
BESIDE = ["roster.csv", "README.md", ".DS_Store", "desktop.ini", "__MACOSX/._x", "data/train.csv"]


def listed(names):
    return {name: SAYS.get(name, "x") for name in names}


def rows(source, around="", **more):
    """Return all that is said of a class, in order; no content, and no number of a member."""
    found, aside = collect(source, LAB, **more)
    kept = [replace(each, entries=()) for each in found]
    entries = [
        sorted(
            (replace(e, source=None, above=0, refused=e.refused.replace(around, ""))
             for e in each.entries), key=str)
        for each in found
    ]  # fmt: skip
    return kept, entries, aside


def in_both(tmp_path, members, around=""):
    """Return what is said of a folder of these files, and of an archive."""
    place = tmp_path / f"of {around.replace('/', '+')}"
    inside = {around + name: text for name, text in members.items()}
    write(place, inside)
    return rows(place), rows(archive(tmp_path / "x.zip", inside))


def around_of(layout, around):
    # In a folder that a student may have named, only the name of Gradescope's own is believed.
    return f"{around}assignment_4711_export/" if layout == "gradescope" else around


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_class_in_a_folder_is_the_class(tmp_path, layout, around):
    members = listed(LAYOUTS[layout])
    flat = in_both(tmp_path, members)
    assert in_both(tmp_path, members, around_of(layout, around)) == flat
    assert [len(each[0]) for each in flat] == [len(flat[0][0])] * 2


@pytest.mark.parametrize("around", ["class/", "outer/inner/"])
@pytest.mark.parametrize("layout", FEW)
def test_what_else_is_there_has_its_own_row_only(tmp_path, layout, around):
    members = listed(LAYOUTS[layout])
    assert in_both(tmp_path, members | listed([*BESIDE, NAMED[0]]), around) == in_both(
        tmp_path, members | listed([*BESIDE, NAMED[0]])
    )
    for more in [*NAMED, *BESIDE]:
        flat, wrapped = (
            rows(archive(tmp_path / "x.zip", {f"{above}{name}": "x" for name in [*members, more]}))
            for above in ("", around)
        )
        assert wrapped == flat, more


@pytest.mark.parametrize("above", ["course/submitted/", "course/of/lab-00-submissions/"])
@pytest.mark.parametrize("beside", ["nbgrader_config.py", "gradebook.db", "of/collect_all.py"])
def test_what_stands_beside_nbgraders_folder_is_no_student(tmp_path, above, beside):
    beside = "course/" + (beside if "of/" in above else beside.removeprefix("of/"))
    members = [f"{above}{name}/{LAB}/{LAB}.ipynb" for name in ("ann", "bob")]
    write(tmp_path / "of", listed([*members, beside]))
    for place in (tmp_path / "of", archive(tmp_path / "x.zip", listed([*members, beside]))):
        assert {"ann", "bob"} <= {each.student for each in collect(place, LAB)[0]}


@pytest.mark.parametrize("beside", [["collect_all.py"], ["collect_all.py", "grade.py"]])
def test_scripts_beside_students_who_handed_in_nothing(tmp_path, beside):
    members = ["fall 2026/ann/report.pdf", "fall 2026/bob/report.pdf"]
    members += [f"fall 2026/{name}" for name in beside]
    found, _ = collect(archive(tmp_path / "x.zip", listed(members)), LAB)
    assert {"ann", "bob"} <= {each.student for each in found}


# --- what is refused ------------------------------------------------------------------------------


def encrypted(path):
    """Mark all members of an archive as encrypted."""
    data = bytearray(path.read_bytes())
    for begin, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        found = data.find(begin)
        while found >= 0:
            data[found + at] |= 1
            found = data.find(begin, found + 4)
    path.write_bytes(data)
    return path


# In the folder around the class, and beside it.
REFUSED = [
    "{}../evil.ipynb", "../evil.ipynb", "{}ann/../evil.ipynb", "/{}evil.ipynb", "/etc/evil.ipynb",
    "C:\\evil.ipynb", "{}a/../../../b/evil.ipynb", "{}..", "..\\..\\evil", "->{}link.ipynb",
    f"->{{}}{LAB}.ipynb", "->link.ipynb", "->{}eve/link.ipynb", "->eve/link", f"->{LAB}.ipynb",
    f"->{{}}{LAB}/{LAB}.ipynb", "->{}submission_7/x", "/{}Cem_77_assignsubmission_file_/x.ipynb",
]  # fmt: skip


@pytest.mark.parametrize("around", ["class/", "outer/inner/"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_refused_is_said_and_changes_nobodys_row(tmp_path, layout, around):
    members = listed(LAYOUTS[layout])
    alone = rows(archive(tmp_path / "x.zip", members))
    for refused in REFUSED:

        def packed(above, refused=refused):
            name = refused.format(above)
            more = link(name[2:]) if name.startswith("->") else name
            inside = {above + name: text for name, text in members.items()}
            return rows(archive(tmp_path / "x.zip", inside | {more: "x"}), above)

        flat = packed("")
        assert packed(around) == flat, refused
        entries = [entry for each in flat[1] for entry in each]
        assert sum("refused" in e.refused or "link" in e.refused for e in entries) == 1
        was = dict(zip(alone[0], alone[1], strict=True))
        own = dict(zip(flat[0], flat[1], strict=True))
        new = [each for each in own if own[each] != was.get(each)]
        assert len(new) == 1 and was.keys() <= own.keys() and flat[2] == alone[2], refused


@pytest.mark.parametrize("around", ["class/", "outer/inner/"])
@pytest.mark.parametrize("layout", FEW)
def test_a_class_whose_archive_is_encrypted_is_the_class(tmp_path, layout, around):
    flat, wrapped = (
        rows(
            encrypted(archive(tmp_path / "x.zip", {above + name: "x" for name in LAYOUTS[layout]}))
        )
        for above in ("", around)
    )
    assert wrapped == flat


@pytest.mark.parametrize("at", ["{}", "{}class/", "{}class/ann/"])
def test_links_around_a_class_are_not_followed(tmp_path, at):
    secret = tmp_path / "secret"
    write(secret, {"00_tiny.ipynb": "secret", "eve/x.ipynb": "secret"})
    names = {"class/ann/x.ipynb": "hers", "class/bob/y.ipynb": "his"}
    write(tmp_path / "of", names)
    before, _ = chosen(tmp_path / "of")
    place = tmp_path / at.format("of/")
    (place / "link.ipynb").symlink_to(secret / "00_tiny.ipynb")
    (place / "folder").symlink_to(secret)
    os.mkfifo(place / "pipe.ipynb")
    found, aside = chosen(tmp_path / "of")
    assert contents(before) == {"ann": "hers", "bob": "his"} and aside == []
    assert contents(found) == contents(before) | (
        dict.fromkeys(["link", "folder", "pipe"]) if "ann" not in at else {}
    )
    said = " ".join(each.reason + " ".join(each.notes) for each in found.values())
    assert said.count("symbolic link") == 2 and said.count("no regular file") == 1


def test_a_folder_around_a_class_that_becomes_a_link_is_not_followed(tmp_path):
    """A student may be able to write there while it is read."""
    write(tmp_path / "of", {"class/ann/x.ipynb": "hers", "class/bob/y.ipynb": "his"})
    found, _ = collect(tmp_path / "of", LAB)
    assert [each.student for each in found] == ["ann", "bob"]
    for each in found:
        os.close(files.open_regular(each.entries[0].source, each.entries[0].depth))
    (tmp_path / "of" / "class").rename(tmp_path / "moved")
    (tmp_path / "of" / "class").symlink_to(tmp_path / "moved")
    for each in found:
        with pytest.raises(OSError):
            files.open_regular(each.entries[0].source, each.entries[0].depth)


# --- one student's --------------------------------------------------------------------------------

OWN = {
    "lab and helpers": [f"{LAB}.ipynb", "helper.py", "privacy.py", "data.csv", "plots/a.png"],
    "a copy and helpers": [f"Copy of {LAB}.ipynb", "privacy.py", "data/x.csv", "README.md"],
    "copies": [f"{LAB}.ipynb", f"{LAB} (1).ipynb", f"Copy of {LAB}.ipynb"],
    "lab and notes": [f"{LAB}.ipynb", "my notes.ipynb", "scratch.ipynb", "old/x.ipynb"],
    "its own name": [f"smith_{LAB}.ipynb", "smith.ipynb", "smith-2.ipynb"],
    "old ones": [f"{LAB}.ipynb", f"old/{LAB}.ipynb", f"backup 2/{LAB}.ipynb"],
    "parts": ["part1/a.ipynb", "part2/b.ipynb"],
    "deep": [f"work/of/mine/{LAB}.ipynb"],
    "nbgrader": [f"{LAB}/{LAB}.ipynb", "01_other/01_other.ipynb", "02_third/02_third.ipynb"],
    "nbgrader, other courses": [f"{LAB}/{LAB}.ipynb", "ps1/ps1.ipynb", "ps2/ps2.ipynb"],
    "nbgrader, and folders": [f"{LAB}/{LAB}.ipynb", f"{LAB}/mine/a.ipynb", f"{LAB}/more/b.ipynb"],
    "a clone": [f"labs/{LAB}.ipynb", f"solutions/{LAB}.ipynb", "labkit/x.py", "mine/x.ipynb"],
    "one beside": [f"{LAB}.ipynb", "experiment with mnist/x.ipynb", "mnist/train.csv"],
    "only an archive": ["work.zip"],
}
STUDENTS = {
    "smith": "smith", "Ann Lee_55_assignsubmission_file_": "moodle-55", "lab-00-ann": "github-ann",
    "55-66 - Ann Lee - Nov 26, 2026 1000 AM": "brightspace-55",
}  # fmt: skip


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("own", OWN)
def test_what_one_student_handed_in_is_one_students(tmp_path, own, student):
    inside = {f"{student}/{name}": "x" for name in OWN[own]}
    write(tmp_path / "folder", inside)
    refused = {"../y.ipynb": "x", "/etc/z.ipynb": "x", link("link.ipynb"): "x"}
    places = [tmp_path / "folder", archive(tmp_path / "x.zip", inside)]
    places.append(archive(tmp_path / "y.zip", inside | refused))
    if own != "only an archive":  # it may be a class's, too, where the folder's name is its own
        places.append(archive(tmp_path / f"{student}.zip", inside | refused))
    for place in places:
        found, aside = collect(place, LAB, ["01_other", "02_third"])
        rest = {each.student: all(e.refused for e in each.entries) for each in found}
        assert aside == [] and rest.pop(STUDENTS[student]) is False
        assert rest in ({}, {"y": True, "etc": True, "link": True})


@pytest.mark.parametrize("own", ["folders", "files", "moodle", "canvas", "github", "gradescope"])
def test_where_one_student_is_asked_for_it_is_one(tmp_path, own):
    """As at Gradescope, whoever calls folders and files as a class's."""
    inside = {f"ann/{name}": text for name, text in listed(LAYOUTS[own]).items()}
    write(tmp_path / "folder", inside)
    for place in (tmp_path / "folder", archive(tmp_path / "x.zip", inside)):
        found, _ = collect(place, LAB, wrapped=False)
        assert [each.student for each in found] == ["ann"]


@pytest.mark.parametrize("files", [LAYOUTS["gradescope"], [*LAYOUTS["gradescope"], "x.ipynb"]])
def test_a_folder_that_says_it_is_gradescopes_is_its_students(tmp_path, files):
    write(tmp_path, {f"bob/{name}": text for name, text in listed(files).items()})
    assert [each.student for each in collect(tmp_path, LAB)[0]] == ["bob"]


# --- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("around", ["", "class/", "outer/inner/"])
def test_files_without_end_are_one_students_there(tmp_path, monkeypatch, around):
    monkeypatch.setattr(files, "MAX_OF_ONE", 50)
    handed_in = {"bob/00_tiny.ipynb": "his", "ann/x.ipynb": "hers"}
    handed_in |= {f"bob/{i}/{j}.txt": "" for i in range(10) for j in range(10)}
    handed_in |= {f"{i}/y.ipynb": "" for i in range(60)} | {f"cem/.git/{i}": "" for i in range(99)}
    handed_in = {around + name: text for name, text in handed_in.items()}
    write(tmp_path / "of", handed_in)
    for place in (tmp_path / "of", archive(tmp_path / "x.zip", handed_in)):
        result, _ = chosen(place)
        assert len(result) == 63 and len(result["bob"].entries) <= 60
        assert result["ann"].text == "hers" and not result["ann"].notes
        assert "more than 50 files" in " ".join(result["bob"].notes)
        assert result["cem"].reason == "no notebook in the folder"


def test_a_class_is_seen_behind_a_student_of_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FIRST", 50)
    write(tmp_path, {f"class/aaa/{i}.txt": "" for i in range(100)})
    write(tmp_path, {f"class/{name}/{LAB}.ipynb": name for name in ("ann", "bob")})
    assert list(chosen(tmp_path)[0]) == ["aaa", "ann", "bob"]


def test_folders_without_end_around_nobody_are_no_class(tmp_path):
    deep = "/".join("d" * 300)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr(f"{deep}/x.ipynb", "x")
        packed.writestr(f"{deep}/y.ipynb", "x")
    assert [each.student for each in collect(tmp_path / "x.zip", LAB)[0]] == ["d"]
