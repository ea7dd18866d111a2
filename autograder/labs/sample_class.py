"""Make a class of submissions whose points are known, of the release, the solution and answers."""

import copy
import json
from collections.abc import Iterable
from pathlib import Path

from nbformat import NotebookNode

from autograder.labs.answers import Answer, read_answers
from autograder.labs.build import as_text, release, solution
from autograder.labs.master import Lab


def make(lab: Lab, answers: Path, folder: Path) -> dict[str, float]:
    """Write the class as `<student>/<lab>.ipynb` and return the points that each must get."""
    by_exercise = read_answers(answers, lab)
    perfect = solution(lab)
    class_ = {"perfect": (as_text(perfect), lab.points), "blank": (as_text(release(lab)), 0)}
    for number in (1, 2, 3, 4):
        notebook, points = _partly_right(lab, by_exercise, number)
        class_[f"partly_right_{number}"] = as_text(notebook), points
    class_ |= {
        "broken_no_json": ("This is no notebook.", 0),
        "broken_no_metadata": (_without_metadata(perfect), lab.points),
        "broken_other_kernel": (_with_other_kernel(perfect), lab.points),
        "broken_missing_cell": _without_last_exercise(lab, perfect),
    }
    for student, (text, _) in class_.items():
        path = folder / student / f"{lab.name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, "utf-8")
    return {student: points for student, (_, points) in class_.items()}


def _partly_right(
    lab: Lab, answers: dict[str, list[Answer]], number: int
) -> tuple[NotebookNode, float]:
    """Return a notebook with about every second exercise wrong, and its points.

    Different numbers take different answers, wrong at different places.
    """
    chosen = []
    for index, exercise in enumerate(lab.exercises):
        wrong = (index + number) % 2 == 1
        choice = [answer for answer in answers[exercise] if bool(answer.loses) == wrong]
        chosen.append(choice[(number - 1) // 2 % len(choice)])
    return filled(lab, chosen)


def filled(lab: Lab, answers: Iterable[Answer]) -> tuple[NotebookNode, float]:
    """Return the release with an answer to each exercise, in their order, and its points."""
    notebook = release(lab)
    points: float = 0
    for (exercise, checks), answer in zip(lab.exercises.items(), answers, strict=True):
        _cell(notebook, exercise).source = answer.source
        points += sum(worth for check, worth in checks.items() if check not in answer.loses)
    return notebook, points


def _cell(notebook: NotebookNode, name: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == name)


def _without_metadata(notebook: NotebookNode) -> str:
    cells = [{**cell, "metadata": {}} for cell in notebook.cells]
    for cell in cells:
        del cell["id"]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def _with_other_kernel(notebook: NotebookNode) -> str:
    notebook = copy.deepcopy(notebook)
    notebook.metadata.kernelspec = {"name": "ir", "display_name": "R", "language": "R"}
    return as_text(notebook)


def _without_last_exercise(lab: Lab, notebook: NotebookNode) -> tuple[str, float]:
    """Delete the last exercise's cell, and a check's, which grading restores."""
    notebook = copy.deepcopy(notebook)
    exercise, checks = list(lab.exercises.items())[-1]
    for name in (exercise, next(iter(lab.checks))):
        notebook.cells.remove(_cell(notebook, name))
    return as_text(notebook), lab.points - sum(checks.values())
