"""labkit.progress in a pipe, in a terminal and in a notebook."""

import io
import sys
import types

import pytest

from labkit import progress
from labkit.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def run(total, clock, seconds=1.0, **figures):
    with Progress(total, "work") as shown:
        for done in range(1, total + 1):
            clock[0] += seconds
            shown.update(done, **figures)


def test_plain_text_is_a_few_lines_on_stdout(capsys, clock):
    run(1000, clock, loss=0.5)
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert len(lines) == progress.PLAIN_LINES
    assert "\r" not in out
    assert "200/1000" in lines[0] and "1/s" in lines[0] and "13:20 left" in lines[0]
    assert "1000/1000" in lines[-1] and "16:40 in all" in lines[-1] and "loss 0.5" in lines[-1]


def test_a_task_of_no_or_few_units_ends_with_one_line(capsys, clock):
    run(0, clock)
    assert capsys.readouterr().out.count("\n") == 1
    run(1, clock)
    assert capsys.readouterr().out.count("\n") == 1


def test_terminal_redraws_one_line_and_seldom(monkeypatch, clock):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    run(1000, clock, seconds=0.01)
    text = out.getvalue()
    assert text.count("\n") == 1 and text.endswith("\n")
    # 10 s at one draw in 0.2 s, and the last state.
    assert text.count("\r") <= 51
    assert "1000/1000" in text.rpartition("\r")[2]


def test_a_shorter_line_wipes_the_longer_one(monkeypatch, clock):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    with Progress(2, "work") as shown:
        clock[0] += 1
        shown.update(1, loss=1.2345)
        clock[0] += 1
        shown.update(2, loss=float("nan"))
    first, last = out.getvalue().rstrip("\n").split("\r")[1:3]
    assert len(last) >= len(first)
    assert "nan" not in last


def test_notebook_updates_one_display(monkeypatch, clock, capsys):
    shown, updates = [], []

    def display(data, raw, display_id):
        shown.append(data["text/plain"])
        return types.SimpleNamespace(update=lambda data, raw: updates.append(data["text/plain"]))

    ipython = types.SimpleNamespace(
        get_ipython=lambda: types.SimpleNamespace(kernel=object()),
        display=types.SimpleNamespace(display=display),
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    run(10, clock, accuracy=0.91)
    assert len(shown) == 1
    assert "10/10" in updates[-1] and "accuracy 0.91" in updates[-1]
    assert capsys.readouterr() == ("", "")


def test_an_exception_passes_and_the_last_state_is_shown(capsys, clock):
    with pytest.raises(KeyError), Progress(10, "work") as shown:
        shown.update(3)
        raise KeyError
    assert "3/10" in capsys.readouterr().out.splitlines()[-1]


def test_negative_total_is_refused():
    with pytest.raises(ValueError, match="total is -1"):
        Progress(-1, "work")


def test_tracked_items_are_all_there_and_what_is_raised_in_between_ends_the_line(capsys, clock):
    assert list(progress.tracked("abc", "letters")) == ["a", "b", "c"]
    assert "3/3" in capsys.readouterr().out.splitlines()[-1]
    with pytest.raises(ZeroDivisionError):
        for item in progress.tracked(range(3), "numbers"):
            1 / (1 - item)
    # The generator ends when it is freed, which draws once more.
    assert "1/3" in capsys.readouterr().out.splitlines()[-1]
