"""All answers, called from another process as by the judge, against the hidden tests.

What a wrong answer does not lose, tests/labs/test_answers.py has seen in one process.
"""

import zlib

import pytest

from tests.labs.test_answers import LABS, cases, judged, namespace
from tests.outside import student

pytestmark = pytest.mark.labs
BY_LAB = LONG = True

# The answers of a lab, by the names of their cases.
ANSWERS = """
from tests.labs.test_answers import cases, namespace, run
functions = {}
for case in cases():
    if case.lab == sys.argv[2]:
        cells = namespace(case.lab) | {"__name__": "__main__"}
        run(case.source, case.exercise, cells)
        functions[str(case)] = cells[case.exercise]
"""


@pytest.mark.parametrize("lab", sorted(LABS))
def test_an_answer_loses_from_outside_what_it_must(lab, monkeypatch):
    monkeypatch.setenv("LABKIT_BUDGET", "quick")
    monkeypatch.setenv("MPLBACKEND", "agg")
    of_lab = {str(case): case for case in cases() if case.lab == lab}
    functions, wrong = {}, []
    with student(ANSWERS, lab) as session:
        session.begin(functions, list(of_lab))
        for name, case in of_lab.items():
            monkeypatch.setenv("LABKIT_SEED", str(zlib.crc32(name.encode())))
            function = functions[name]
            function.__name__ = case.exercise
            checks = case.loses or LABS[lab].exercises[case.exercise]
            cells = namespace(lab) | {case.exercise: function}
            messages = judged(case, cells, checks, hidden=True)
            if messages.keys() != case.loses.keys() or any(
                phrase not in messages[check] for check, phrase in case.loses.items()
            ):
                wrong.append((name, messages, case.loses))
    assert not wrong
