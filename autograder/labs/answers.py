"""Read the answers to a lab's exercises: right ones, and wrong ones with what they must lose.

An exercise's answers stand in one percent-format file, `<exercise>.py`: right ones, which get all
its points, and wrong ones, each a mistake that students make, which lose exactly the checks that
they name, with a message that contains the phrase they give. A wrong answer has a body, or it is
an edit of a right one.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from autograder.labs.build import solution
from autograder.labs.master import Lab
from autograder.labs.percent import Cell, Malformed, read

KEYS = ({"right"}, {"wrong", "loses"}, {"wrong", "edit", "loses"}, {"wrong", "of", "edit", "loses"})


@dataclass(frozen=True)
class Answer:
    """One way to fill in an exercise; `loses` gives a phrase of the message of each lost check."""

    name: str
    source: str
    loses: dict[str, str]


def read_answers(folder: Path, lab: Lab) -> dict[str, list[Answer]]:
    """Return the answers of every exercise of a lab, in the order of the file.

    Raises:
        Malformed: with file and line, where an answer breaks a rule.
    """
    solutions = {cell.id: cell.source for cell in solution(lab).cells}
    return {
        exercise: _read(folder / f"{exercise}.py", exercise, checks, solutions[exercise])
        for exercise, checks in lab.exercises.items()
    }


def _read(path: Path, exercise: str, checks: dict[str, float], solved: str) -> list[Answer]:
    if not path.is_file():
        raise Malformed(path, 1, f"exercise {exercise!r} has no answers")
    answers: list[Answer] = []
    for cell in read(path)[1]:
        keys = set(cell.metadata)
        if keys not in KEYS or cell.kind != "code":
            kinds = 'right="…", or wrong="…" loses={…}, or wrong="…" of="…" edit={…} loses={…}'
            raise Malformed(path, cell.line, f"an answer is {kinds}")
        loses = cell.metadata.get("loses", {})
        if "wrong" in keys and not (
            isinstance(loses, dict) and loses and loses.keys() <= checks.keys()
        ):
            raise Malformed(path, cell.line, f"loses={loses} names other checks than {[*checks]}")
        source = cell.source
        if "edit" in keys:
            right = {answer.name: answer.source for answer in answers if not answer.loses}
            source = _edited(path, cell, right | {"solution": solved})
        try:
            body = ast.parse(source).body
        except SyntaxError as error:
            raise Malformed(path, cell.line, f"the answer is no Python: {error}") from None
        if exercise not in {node.name for node in body if isinstance(node, ast.FunctionDef)}:
            raise Malformed(path, cell.line, f"the answer does not define {exercise!r}")
        name = cell.metadata["right" if "right" in keys else "wrong"]
        answers.append(Answer(name, source, loses))
    return answers


def _edited(path: Path, cell: Cell, right: dict[str, str]) -> str:
    """Return the right answer that `of` names, by default the first, with each text replaced."""

    def refuse(problem: str) -> NoReturn:
        raise Malformed(path, cell.line, problem)

    edit, of = cell.metadata["edit"], cell.metadata.get("of", next(iter(right)))
    if cell.source.strip():
        refuse("an edit has no body")
    if of not in right:
        refuse(f"of={of!r} is none of the right answers above, {[*right]}")
    if not (isinstance(edit, dict) and edit and all(isinstance(new, str) for new in edit.values())):
        refuse(f"edit={edit!r} is not {{old: new}}")
    for old in edit:
        if (count := right[of].count(old)) != 1:
            refuse(f"{old!r} occurs {count} times in {of!r}, not once")
    # All at once, so that two texts can change places.
    olds = "|".join(map(re.escape, edit))
    source, made = re.subn(olds, lambda found: edit[found[0]], right[of])
    if made != len(edit):
        refuse("the edits overlap")
    if source == right[of]:
        refuse("the edits change nothing")
    return source
