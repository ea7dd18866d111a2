"""What soaks the answers notices another verdict than the one on file, and counts draws."""

import json
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
    for name in ("LABKIT_SEED", "LABKIT_BUDGET", "MPLBACKEND"):  # which it sets
        monkeypatch.setenv(name, "")


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


def test_what_was_found_is_not_tried_again_and_decides_the_exit_code(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(soak, "FOUND", tmp_path / "build" / "soak.jsonl")
    name = str(RIGHT)
    (key,) = (key for key, case in soak.keys().items() if str(case) == name)
    for wrong in ([], [["check", 1, 0, "another message"]]):
        found = {"key": key, "answer": name, "draws": {"check": 7}, "wrong": wrong}
        soak.FOUND.parent.mkdir(exist_ok=True)
        soak.FOUND.write_text(json.dumps(found) + '\n{"key": "cut o')
        assert soak.main(name) == bool(wrong)
        assert "1 answers, 7 draws" in capsys.readouterr().out
        assert soak.FOUND.read_text() == json.dumps(found) + "\n"


def test_what_is_on_file_has_a_key_of_its_own_that_its_text_decides():
    found = soak.keys()
    assert len(found) == sum(case.name != "blank" for case in cases())
