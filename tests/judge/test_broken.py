"""The corpus of broken submissions, collected and graded as one class."""

import pytest

from autograder.labs.build import as_text
from tests.hostile import solved
from tests.hostile.broken import CASES
from tests.tiny import TINY, grade

pytestmark = pytest.mark.grader
LONG = True


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Every case's row of grades.csv, by name."""
    folder = tmp_path_factory.mktemp("broken")
    for case in CASES:
        place = folder / "in" / case.name
        place.mkdir(parents=True)
        made = case.make(solved(TINY), place)
        if made is None:
            continue
        files = made if isinstance(made, dict) else {"00_tiny.ipynb": made}
        for name, content in files.items():
            if not isinstance(content, str | bytes):
                content = as_text(content)
            content = content.encode() if isinstance(content, str) else content
            (place / name).write_bytes(content)
    # What is slow for IPython itself is slow in the sandbox too, where it is interrupted.
    yield grade(folder / "in", folder / "out", "--cell-seconds", 10)[0]
    for each in (folder / "in").glob("*/*/"):
        each.chmod(0o700)  # pytest removes them later, and cannot remove what it may not read


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_gets_what_it_must(graded, case):
    row = graded[case.name]
    assert (float(row["score"]), row["status"]) == (case.points, case.status), row
    assert case.reason in row["reason"], row
    for phrase in case.repairs:
        assert phrase in row["repairs"], row
    assert row["flags"] == "", row


def test_nobody_is_left_out(graded):
    assert graded.keys() == {case.name for case in CASES}
    assert sum(case.status == "graded" for case in CASES) >= 15
