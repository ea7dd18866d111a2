"""A submission graded by Otter-Grader, without containers, in this environment."""

import tempfile

import otter.run

PACKAGES = ["otter-grader"]


def contender(autograder, submission):
    """Return a function that grades the notebook `submission`, and tells the score."""

    def grade():
        with tempfile.TemporaryDirectory() as folder:
            results = otter.run.main(
                submission, autograder=autograder, output_dir=folder, no_logo=True
            )
        return {"score": results.total}

    return grade
