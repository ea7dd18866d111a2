"""What soaks the answers notices another verdict than the one on file, and counts draws."""

from dataclasses import replace

import pytest

from tests.labs import soak
from tests.labs.test_answers import LABS, cases

pytestmark = pytest.mark.labs

EXERCISE = "gaussian_tradeoff"
RIGHT, WRONG = (
    next(case for case in cases() if case.exercise == EXERCISE and case.name.startswith(kind))
    for kind in ("right", "wrong")
)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(soak, "DRAWS", 4)
    monkeypatch.setenv("LABKIT_SEED", "")  # which is set for each draw, and set back


@pytest.mark.parametrize("case", [RIGHT, WRONG], ids=["right", "wrong"])
def test_an_answer_that_gets_what_is_on_file_is_drawn_as_often_as_it_must(case):
    found = soak.soaked(("key", case))
    assert (
        found["wrong"] == [] and found["draws"].keys() == LABS[case.lab].exercises[EXERCISE].keys()
    )
    assert min(found["draws"].values()) >= 4


def test_another_verdict_or_message_is_noticed_and_says_what_was_drawn():
    check = next(iter(WRONG.loses))
    for case in (
        replace(WRONG, loses={}),
        replace(WRONG, loses=dict.fromkeys(WRONG.loses, "no such words")),
        replace(RIGHT, loses={check: ""}),
    ):
        verdicts = soak.soaked(("key", case))["wrong"]
        assert check in {each[0] for each in verdicts}
        assert all(isinstance(seed, int) for _, seed, _, _ in verdicts)


def test_a_name_that_no_answer_has_is_no_success(capsys):
    assert soak.main("no such exercise") == 1
    assert "No answer's name holds" in capsys.readouterr().out


def test_what_is_on_file_has_a_key_of_its_own_that_its_text_decides():
    found = soak.keys()
    assert len(found) == sum(case.name != "blank" for case in cases())
