"""Folders and archives, collected and chosen from as the grader does; for several test modules."""

import os
import zipfile
from dataclasses import dataclass, replace

from autograder.intake import choose, files
from autograder.intake.collect import Collected, collect
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
        return self.choice.entry and self.choice.entry.source.content().decode("utf-8")


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
        entries = [e if e.refused else replace(e, source=source(e.source)) for e in each.entries]
        entries = [inside for entry in entries for inside in unpacked(entry)]
        choice = choose.choose(entries, LAB, blanks or {}, bool(each.lms))
        result[each.student] = Chosen(each, choice)
    assert len(result) == len(found)
    return result, aside


def write(folder, files):
    """Write files, and folders, whose names end with "/"."""
    for number, (name, content) in enumerate(files.items()):
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
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


def contents(found):
    return {student: each.text for student, each in found.items()}
