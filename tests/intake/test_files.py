"""Files and archives that are handed in: links, damage, sizes, folders without end."""

import os
import stat
import subprocess
import zipfile

import pytest

from autograder.intake import files, salvage
from autograder.intake.collect import BadUsage, collect
from tests.intake.handed_in import LAB, archive, chosen, contents, write


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


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no more", b"\x1f\x8b"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    with pytest.raises(BadUsage, match="neither a folder nor a zip archive"):
        collect(path, LAB)


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
    assert "more than 50 folders in one another" in " ".join(result["bob"].notes)


def test_files_without_end_are_one_students(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_OF_ONE", 50)
    write(tmp_path, {f"bob/{i}/{j}.txt": "" for i in range(10) for j in range(10)})
    write(tmp_path, {"ann/00_tiny.ipynb": "hers", "bob/00_tiny.ipynb": "his"})
    result, _ = chosen(tmp_path)
    assert contents(result) == {"ann": "hers", "bob": "his"}
    assert len(result["bob"].entries) <= 60
    assert "more than 50 files" in " ".join(result["bob"].notes)


@pytest.mark.parametrize("above", ["", "submissions/"])
def test_an_archives_files_without_end_are_one_students(tmp_path, monkeypatch, above):
    monkeypatch.setattr(files, "MAX_OF_ONE", 50)
    handed_in = {"bob/00_tiny.ipynb": "his", **{f"bob/{i}.txt": "" for i in range(200)}}
    handed_in |= {f"cem/.git/objects/{i}": "" for i in range(200)} | {"cem/x.ipynb": "cem's"}
    handed_in |= {f"{i}/00_tiny.ipynb": "" for i in range(60)} | {"ann/00_tiny.ipynb": "hers"}
    path = {above + name: text for name, text in handed_in.items()}
    result, _ = chosen(archive(tmp_path / "submissions.zip", path))
    assert len(result) == 63 and len(result["bob"].entries) == 51
    assert [result[name].text for name in ("ann", "bob", "cem")] == ["hers", "his", "cem's"]
    assert "more than 50 files" in " ".join(result["bob"].notes)
    assert not result["ann"].notes and not result["cem"].notes


@pytest.mark.parametrize("beside, notes", [(".venv/lib/{}.py", 0), ("data/{}.csv", 1)])
def test_a_students_own_archive_of_many_files(tmp_path, monkeypatch, beside, notes):
    monkeypatch.setattr(files, "MAX_OF_ONE", 50)
    inner = archive(
        tmp_path / "i.zip",
        {"00_tiny.ipynb": "hers", **{beside.format(i): "" for i in range(200)}},
    )
    path = archive(tmp_path / "o.zip", {"ann/all.zip": inner.read_bytes()})
    ann = chosen(path)[0]["ann"]
    assert ann.text == "hers"
    assert " ".join(ann.notes).count("more than 50 files") == notes


@pytest.mark.parametrize("where", ["unpacked", "parsed"])
def test_what_needs_too_much_memory_is_passed_over(tmp_path, monkeypatch, where):
    hers, bomb = '{"cells": [{"source": "def one(): 1"}]}', "a bomb"
    inner = archive(tmp_path / "i.zip", {"00_tiny.ipynb": bomb})
    write(tmp_path / "class", {"ann/x.ipynb": hers})
    (tmp_path / "class" / "ann" / "00_tiny.zip").write_bytes(inner.read_bytes())
    place = zipfile.ZipExtFile if where == "unpacked" else salvage
    read = place.read

    def limited(what, *more):
        if place is zipfile.ZipExtFile or what == bomb.encode():
            raise MemoryError
        return read(what, *more)

    monkeypatch.setattr(place, "read", limited)
    result, _ = chosen(tmp_path / "class", {"one": "def one(): ..."})
    assert result["ann"].text == hers
