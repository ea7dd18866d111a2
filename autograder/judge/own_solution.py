"""Before a class is graded: does the lab's own solution pass here?"""

from autograder.intake.rebuild import rebuild
from autograder.judge.judge import Submission
from autograder.judge.outcome import Outcome
from autograder.labs.build import as_text, release, solution
from autograder.labs.master import Lab


def submission(lab: Lab) -> Submission:
    """Return the lab's solution, as a student would hand it in."""
    rebuilt = rebuild(as_text(solution(lab)).encode(), release(lab))
    return Submission("solution", rebuilt.notebook)


def problem(lab: Lab, outcome: Outcome) -> str:
    """Return why the outcome of the lab's solution is not what it must be; nothing, if it is."""
    lost = {
        check: outcome.messages.get(check, outcome.reason)
        for check, points in lab.checks.items()
        if outcome.scores.get(check) != points
    }
    if not lost:
        return ""
    check, message = next(iter(lost.items()))
    return (
        f"the solution itself loses {len(lost)} of {len(lab.checks)} checks here; `{check}` says: "
        f"{message}"
    )
