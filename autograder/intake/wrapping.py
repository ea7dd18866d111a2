"""The folders around a class: what packs a folder puts all that is in it below its name.

Nothing says so. What is in the only folder tells whether it is a class's or one student's: names
that an LMS gives, or the folders and files of several students. What is refused says nothing.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from autograder.intake import files, lms, names
from autograder.intake.files import Entry

# What students call what stands beside their notebook, and what else is nobody's name.
_NO_PERSON = re.compile(
    r"(?=.*[^\W\d_])(?:(?:"
    r"accountant|accounting|analysis|archive|assets?|assignment|attempt|backups?|cache|cifar|"
    r"class|code|colab|copy|data|datasets?|demo|docs?|drafts?|examples?|exercises?|"
    r"experiments?|explor(?:ation|e)|extras?|fashion|figs?|figures?|files?|final|functions?|"
    r"help(?:er)?s?|homework|hw|images?|img|labs?|lib|logs?|main|mine|misc|mnist|models?|nb|new|"
    r"notebooks?|notes?|old|original|outputs?|part|pdfs?|pictures?|plots?|plotting|privacy|"
    r"project|python|readme|release|reports?|results?|runs?|samples?|sandbox|scratch|scripts?|"
    r"solutions?|src|submissions?|task|temp|tests?|tmp|train|training|try|tutorial|untitled|"
    r"utils?|v|version|warmup|week|work"
    r")(?![^\W\d_])|[\W\d_])++",
    re.IGNORECASE | re.DOTALL,
)
_A_CLASS = re.compile(
    r"(?:.*[\W_])?(?:submissions|submitted|students|class)(?:[\W_].*)?", re.IGNORECASE | re.DOTALL
)
# A student may have so many copies of the lab in one folder.
_COPIES = 5


class Level(NamedTuple):
    """What a folder holds: its files, and its folders with the files in each, or the first of them.

    `real` are those of the folders that hold more than what is refused.
    """

    loose: Sequence[Entry]
    folders: dict[str, Iterable[Entry]]
    real: Collection[str]


def around(
    look: Callable[[tuple[str, ...]], Level], lab: str, others: Collection[str], archive: str = ""
) -> tuple[str, ...]:
    """Return the folders, each in the one before, that all of a class is in; (), if none is.

    Args:
        look: returns what the folder of that path holds.
        lab: the lab's name.
        others: the names of other labs.
        archive: the archive's name without its ending, if it is one.
    """
    above: tuple[str, ...] = ()
    of_one: tuple[str, ...] = ()  # what is around one student, if nothing more is found
    doubtful = False
    level = _visible(look(above))
    while len(level.real) == 1 and len(above) < files.MAX_AROUND:
        (root,) = level.real
        beside = [_owner(entry, lab) for entry in level.loose if _is_work(entry)]
        if any(beside) or lms.moodle(root) or lms.brightspace(root):
            break
        doubtful = doubtful or bool(beside or (above and root == lab))
        above = (*above, root)
        level = _visible(look(above))
        students = _students(level, root, lab, others, archive, doubtful)
        if students > 1:
            return above
        doubtful = doubtful or bool(lms.github(root, lab))
        of_one = of_one or above[: len(above) * students]
    return of_one


def in_archive(entries: Iterable[Entry]) -> Callable[[tuple[str, ...]], Level]:
    """Return what says what a folder in an archive of these entries holds."""
    entries = [entry for entry in entries if not entry.refused.startswith(files.ELSEWHERE)]
    if all(entry.refused for entry in entries if entry.name):  # as where all is encrypted
        entries = [replace(entry, refused="") for entry in entries]

    def look(above: tuple[str, ...]) -> Level:
        depth = len(above)
        loose, folders = [], defaultdict(list)
        for entry in entries:
            if entry.parts[:depth] != above or entry.parts[depth:] == ("",):
                continue
            if len(entry.parts) == depth + 1:
                loose.append(entry)
            else:
                folders[entry.parts[depth]].append(entry)
        real = {name for name, inside in folders.items() if not all(e.refused for e in inside)}
        return Level(loose, dict(folders), real)

    return look


def in_folder(source: Path) -> Callable[[tuple[str, ...]], Level]:
    """Return what says what a folder below this one holds."""

    def look(above: tuple[str, ...]) -> Level:
        loose, folders = files.beginning(source, above)
        return Level(loose, folders, folders)

    return look


def unwrapped(entries: Iterable[Entry], above: tuple[str, ...]) -> list[Entry]:
    """Return entries as they are below those folders, or beside the first that they are not in."""
    left = []
    for entry in entries:
        depth = files.in_common(above, entry.parts[:-1])
        if entry.parts[depth:] != ("",):
            left.append(replace(entry, parts=entry.parts[depth:], above=depth))
    return left


# --- whose a folder is ----------------------------------------------------------------------------


def _visible(level: Level) -> Level:
    """Return a level without what is refused, and what programs leave behind."""

    def visible(name: str) -> bool:
        return not files.LITTER.fullmatch(name)

    folders = {name: inside for name, inside in level.folders.items() if visible(name)}
    loose = [entry for entry in level.loose if not entry.refused]
    return Level(loose, folders, list(filter(visible, level.real)))


def _students(
    level: Level, root: str, lab: str, others: Collection[str], archive: str, doubtful: bool
) -> int:
    """Return how many students' work the folder `root` holds, two for any more; 0 if it is its own.

    Where it looks as a student's (`doubtful`), only what bears the lab's name is another's.
    """
    told = any(entry.name == lms.METADATA for entry in level.loose)
    if told and level.real and all(map(lms.GRADESCOPE.fullmatch, level.real)):
        # In a folder of one's own, one may call files so.
        return 2 if archive or lms.GRADESCOPES_EXPORT.fullmatch(root) else 0
    if _is_an_lmss(level, lab):
        return 2
    clone = () in files.clones((name, "") for name in level.real)
    nobodys = {lab, *others, *({"labs", *files.COURSES_OWN} if clone else ())}
    doubtful = doubtful or clone or lab in level.real
    if len(level.real) == 1:  # it is for the next level to say
        nobodys |= {name for name in level.real if _A_CLASS.fullmatch(name)}
    persons = [n for n in level.folders if n not in nobodys and not _NO_PERSON.fullmatch(n)]
    notebooks = _notebooks(level)
    owners = _owners(notebooks, root, lab)
    copies = [entry for entry in notebooks if not _owner(entry, lab)]
    several = min(2, len(persons) + len(owners))
    as_it_is = any(names.stem(entry.name).lower() == lab.lower() for entry in copies)
    many = len(copies) > (1 if archive and not as_it_is else _COPIES)
    own = copies or any(
        _evidence(inside, lab)
        for name, inside in level.folders.items()
        if _NO_PERSON.fullmatch(name)
    )
    doubtful = doubtful or bool(own and lms.github(root, lab))
    if not doubtful and (many or (several > 1 and not (own or notebooks))):
        return 2
    evidence = chain(
        (1 + (lab.lower() in entry.name.lower()) for entry in owners.values()),
        (_evidence(level.folders[name], lab) for name in persons),
    )
    enough = len(list(islice((each for each in evidence if each > doubtful), 2)))
    if enough > 1 or _A_CLASS.fullmatch(root) or (enough and not doubtful and len(persons) > 2):
        return several
    alone = several == 1 and not doubtful and not copies and not lms.github(root, lab)
    return int(alone and root == archive)


def _is_an_lmss(level: Level, lab: str) -> bool:
    """Whether an LMS gave names to what a folder holds."""
    loose = [entry.name for entry in level.loose]
    if any(lms.moodle(name) or lms.brightspace(name) for name in [*level.folders, *loose]):
        return True
    if any(lms.blackboard(name, {}) for name in loose):
        return True
    # What a student calls files may read as Canvas's, and a repository may hold another.
    sent = [e.name for e in level.loose if e.is_notebook or e.is_archive] or loose
    several = {sender.lms_id for name in sent if (sender := lms.canvas(name))}
    return len(several) > 1 or sum(bool(lms.github(name, lab)) for name in level.folders) > 1


def _is_work(entry: Entry) -> bool:
    """Whether it is a notebook or an archive; scripts are what stands beside one."""
    return entry.is_archive or (entry.is_notebook and not entry.name.lower().endswith(".py"))


def _notebooks(level: Level) -> list[Entry]:
    """Return notebooks and archives, or scripts, where nothing else is there."""
    found = [entry for entry in level.loose if entry.is_archive or entry.is_notebook]
    work = list(filter(_is_work, found))
    return work if work or level.real else found


def _owner(entry: Entry, lab: str) -> str:
    owner = names.owner(entry.name, lab)
    return "" if _NO_PERSON.fullmatch(owner) else owner


def _owners(notebooks: Iterable[Entry], root: str, lab: str) -> dict[str, Entry]:
    """Return whose notebooks are by their names, other than the folder's student's."""
    owners = {owner: entry for entry in notebooks if (owner := _owner(entry, lab))}
    called = [] if _NO_PERSON.fullmatch(root) else [root.casefold()]
    several = {}
    for owner in sorted(owners, key=str.casefold):  # "ann-2" is "ann" again
        folded = owner.casefold()
        if not any(folded.startswith(o) and not folded[len(o) :][:1].isalnum() for o in called):
            several[owner], called[1:] = owners[owner], [folded]
    return several


def _evidence(inside: Iterable[Entry], lab: str) -> int:
    """Return 2 if a folder holds a notebook with the lab's name, 1 if any, else 0."""
    found = 0
    for entry in inside:
        if _is_work(entry):
            found = 2 if lab.lower() in entry.name.lower() else max(found, 1)
        if found == 2:
            break
    return found
