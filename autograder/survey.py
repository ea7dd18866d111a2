"""Before a class is graded: does the lab's own solution pass here?"""

import tempfile
from pathlib import Path

from autograder.build import Lab, as_text, release, solution
from autograder.intake.rebuild import rebuild
from autograder.submission import Outcome, Submission, grade


class Unfit(ValueError):
    """The lab's own solution fails here; the message says where."""


def prepare(lab: Lab, course: Path, *, sandbox: str, kernels: Path | None) -> None:
    """Grade the solution.

    Raises:
        Unfit: it does not get full marks.
    """
    with tempfile.TemporaryDirectory() as temporary:
        notebook = Path(temporary, f"{lab.name}.ipynb")
        rebuilt = rebuild(as_text(solution(lab)).encode(), release(lab))
        notebook.write_text(as_text(rebuilt.notebook), "utf-8")
        submission = Submission(
            student="solution",
            lab=lab.name,
            file=notebook,
            course=course,
            folder=Path(temporary, "graded"),
            threads=1,
            sandbox=sandbox,
            kernels=kernels,
        )
        lost = _lost(lab, submission)
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
