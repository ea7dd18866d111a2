"""Before a class is graded: does the lab's own solution pass here, and how is each check judged?"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

from autograder.build import Lab, as_text, solution
from autograder.integrity import FILE, wrong_answers
from autograder.submission import Outcome, Submission, grade


class Unfit(ValueError):
    """The lab's own solution fails here; the message says where."""


def prepare(lab: Lab, answers: Path, course: Path, *, sandbox: str, kernels: Path | None) -> None:
    """Grade the solution, and write to the course what judging submissions needs.

    A check that the solution passes only in the student's own kernel, because objects go over that
    cannot be sent, is judged there for everybody, with the wrong answers in `answers` as canaries.

    Raises:
        Unfit: the solution does not get full marks.
    """
    file = course / FILE
    settings = {"canaries": wrong_answers(lab, answers), "learning": False}
    file.write_text(json.dumps(settings | {"learning": True}))
    with tempfile.TemporaryDirectory() as temporary:
        notebook = Path(temporary, f"{lab.name}.ipynb")
        notebook.write_text(as_text(solution(lab)), "utf-8")
        first = Submission(
            student="solution",
            lab=lab.name,
            file=notebook,
            course=course,
            folder=Path(temporary, "1"),
            threads=1,
            sandbox=sandbox,
            kernels=kernels,
        )
        lost = _lost(lab, first)
        beside = {*json.loads(first.report.read_text("utf-8"))["in_process"], *lost}
        in_order = [check for check in lab.checks if check in beside]
        file.write_text(json.dumps(settings | {"in_process": in_order}))
        if lost:
            lost = _lost(lab, replace(first, folder=Path(temporary, "2")))
    if lost:
        check, message = next(iter(lost.items()))
        raise Unfit(
            f"the solution itself loses {len(lost)} of {len(lab.checks)} checks here; `{check}` "
            f"says: {message}"
        )


def _lost(lab: Lab, submission: Submission) -> dict[str, str]:
    submission.folder.mkdir()
    grade(submission)
    outcome = Outcome.read(submission.folder)
    return {
        check: outcome.messages.get(check, outcome.reason)
        for check, points in lab.checks.items()
        if outcome.scores.get(check) != points
    }
