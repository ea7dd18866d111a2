"""Say which answers of a graded class are suspiciously alike.

    python -m autograder.similarity --lab 02_gdp_accounting [--output grades/02_gdp_accounting]

Read are the clean notebooks that grading left; written is one page, `similarity.html`, which runs
nothing. Nothing is executed, and no grade depends on it.
"""

import argparse
import csv
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.intake.answers import OWN
from autograder.intake.files import BadUsage
from autograder.labs import MASTERS, UnknownLab, named
from autograder.labs.answers import read_answers
from autograder.labs.build import release, solution
from autograder.labs.master import Lab, read_lab
from autograder.results import pages
from autograder.results.folder import held
from autograder.sandbox.inside import clean
from autograder.similarity.compare import AlikePair, alike
from autograder.similarity.tokens import MOST_READ
from autograder.whole import write_whole

OWN_CELLS = "cells of their own"
CLEAN = "submitted/*/{0}/{0}.ipynb"  # the notebooks of a lab, in an output folder
MOST_GROUPS = 40  # of an exercise, on the page


@dataclass(frozen=True)
class AlikeGroup:
    """Students whom pairs connect, and of these pairs the one that shares most."""

    students: set[str]
    pair: AlikePair


def main(argv: Sequence[str] | None = None, masters: Path = MASTERS) -> None:
    """Run the command line; exit with 1 and one line if there is no graded class."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.similarity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--lab", required=True, help="the lab's name or number, such as 01_dp_sgd or 1")
    add("--output", type=Path, help="the graded class; default: grades/<lab>")
    arguments = parser.parse_args(argv)
    try:
        lab = read_lab(masters / f"{named(arguments.lab, masters)}.py")
    except UnknownLab as error:
        sys.exit(f"Nothing compared: {error}")
    output = arguments.output or Path("grades", lab.name)
    if not any(output.glob(CLEAN.format(lab.name))):
        sys.exit(f"Nothing compared: {output} holds no graded class of {lab.name}; grade it first")
    path = output / "similarity.html"
    try:
        with held(output):
            answers = read_class(lab, output)
            pairs = compare(lab, answers, masters.parent / "answers" / lab.name)
            write_whole(path, page(lab, answers, pairs, names(output)).encode("utf-8"))
    except BadUsage as error:
        sys.exit(f"Nothing compared: {error}")
    counts = [f"{exercise} {len(found)}" for exercise, found in pairs.items() if found]
    where = f" ({', '.join(counts)})" if counts else ""
    print(f"Pairs that are alike: {sum(map(len, pairs.values()))}{where}")
    print(f"Written to {path}")


def read_class(lab: Lab, output: Path) -> dict[str, dict[str, str]]:
    """Return each student's answers by exercise, from the clean notebooks of a graded class."""
    answers = {}
    for path in sorted(output.glob(CLEAN.format(lab.name))):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        own = "\n".join(each for name, each in _sources(cells) if name.startswith(OWN))
        answers[path.parts[-3]] = {
            name: source for name, source in _sources(cells) if name in lab.exercises
        } | {OWN_CELLS: own}
    return answers


def _sources(cells: list[dict]) -> Iterator[tuple[str, str]]:
    for cell in cells:
        source = cell["source"]
        text = source if isinstance(source, str) else "".join(source)
        yield cell["id"], clean.lines(text, MOST_READ)


def compare(
    lab: Lab, answers: dict[str, dict[str, str]], on_file: Path
) -> dict[str, list[AlikePair]]:
    """Return for each exercise the pairs of students that are alike."""
    released = [cell.source for cell in release(lab).cells]
    solved = {cell.id: cell.source for cell in solution(lab).cells}
    filed = read_answers(on_file, lab)
    everything = [*released, *solved.values(), *(a.source for own in filed.values() for a in own)]
    result = {}
    for exercise in [*lab.exercises, OWN_CELLS]:
        known = everything
        if exercise in filed:
            known = [*released, solved[exercise], *(a.source for a in filed[exercise])]
        theirs = {student: own[exercise] for student, own in answers.items() if exercise in own}
        result[exercise] = alike(theirs, known)
    return result


def groups(pairs: list[AlikePair]) -> list[AlikeGroup]:
    """Return the students that pairs connect; of pairs and groups, those that share most first."""
    found: list[AlikeGroup] = []
    for pair in pairs:
        here = [each for each in found if not each.students.isdisjoint(pair.students)]
        joined = AlikeGroup(set(pair.students), pair) if not here else here[0]
        joined.students.update(pair.students, *(each.students for each in here))
        found = [each for each in found if each not in here[1:]] + ([] if here else [joined])
    return found


def names(output: Path) -> dict[str, str]:
    """Return the students' names by their keys, as the class's table has them."""
    table = output / "grades.csv"
    if not table.is_file():
        return {}
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if "student" not in (rows.fieldnames or ()):  # somebody else's, such as nbgrader's export
            return {}
        return {row["student"]: row.get("name") or "" for row in rows}


def page(
    lab: Lab,
    answers: dict[str, dict[str, str]],
    pairs: dict[str, list[AlikePair]],
    called: dict[str, str],
) -> str:
    """Return the page: who is alike in which exercise, side by side."""
    exercises = []
    for exercise, found in pairs.items():
        all_groups = groups(found)
        shown = [
            {
                "students": sorted(each.students),
                "pair": each.pair,
                "texts": [
                    (student, list(_marked(answers[student][exercise], places)))
                    for student, places in zip(each.pair.students, each.pair.places, strict=True)
                ],
            }
            for each in all_groups[:MOST_GROUPS]
        ]
        exercises.append({"name": exercise, "groups": shown, "more": len(all_groups) - len(shown)})
    in_several = defaultdict(list)
    for exercise, found in pairs.items():
        for pair in found:
            in_several[pair.students].append(exercise)
    several = Counter({who: len(where) for who, where in in_several.items() if len(where) > 1})

    def who(student: str) -> str:
        name = clean.line(called.get(student, ""))
        return f"{name} ({student})" if name and name != student else student

    return pages.template("page.html.j2", Path(__file__).parent).render(
        lab=lab,
        count=len(answers),
        exercises=exercises,
        several=[(who, in_several[who]) for who, _ in several.most_common(MOST_GROUPS)],
        who=who,
    )


def _marked(text: str, places: list[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """Yield the text in pieces, and whether each is shared."""
    end = 0
    for start, stop in places:
        between = text[end:start]
        if between:
            yield between, between.isspace() and "\n" not in between and end > 0
        yield text[start:stop], True
        end = stop
    yield text[end:], False


if __name__ == "__main__":
    main()
