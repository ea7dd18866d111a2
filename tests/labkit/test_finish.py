"""What a lab ends with: points, what is open, handing in; in a notebook's shell that is made up."""

import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from labkit import checks, finish, notebook, start, verdicts
from labkit.checks import require

LAB = "07_made_up"
EXERCISES = {"double": {"doubles": 3, "doubles_zero": 2}, "half": {"halves": 5}}


def make_check(name, wanted):
    def body(student, rng):
        x = float(rng.integers(1, 9))
        print("a check prints")
        require(student(x) == wanted(x), f"{name} says <no>")

    body.__name__, body.__module__ = name, "labkit.checks.made_up"
    body.__doc__ = f"what {name} wants."
    return checks.check(body)


class Shell:
    """As much of IPython's shell as a summary asks for."""

    kernel = True
    custom_exceptions = ()

    def __init__(self):
        self.user_ns = {"checks": checks}
        self.compile = SimpleNamespace(cache=lambda code: "<ipython-input-1>")

    def transform_cell(self, source):
        return source


@pytest.fixture
def shell(monkeypatch):
    monkeypatch.delenv("LABKIT_SEED", raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr(verdicts, "labs", lambda: {LAB: verdicts.LabPoints(LAB, EXERCISES)})
    monkeypatch.setattr(verdicts, "_verdicts", {})
    module = ModuleType("labkit.checks.made_up")
    module.doubles = make_check("doubles", lambda x: 2 * x)
    module.doubles_zero = make_check("doubles_zero", lambda x: 2 * x)
    module.halves = make_check("halves", lambda x: x / 2)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    found = Shell()
    monkeypatch.setattr(notebook, "shell", lambda: found)
    monkeypatch.setattr(notebook, "show", lambda text, rich: print(text))
    found.checks = module
    return found


def states(summary):
    return {line.exercise: (line.points, line.state) for line in summary.lines}


def blank(x):
    raise NotImplementedError("Exercise `half` is still blank.")


def test_points_what_failed_and_what_is_blank(shell, capsys):
    shell.user_ns |= {"double": lambda x: 2 * x, "half": blank}
    blank.__name__ = "half"
    summary = finish.summary(LAB)
    assert states(summary) == {"double": (5, "passed"), "half": (0, "still blank")}
    assert (summary.points, summary.of) == (5, 10)
    shell.user_ns["half"] = lambda x: 3 * x
    summary = finish.summary(LAB)
    assert states(summary)["half"] == (0, "failed")
    assert "halves (5): halves says <no>" in repr(summary)
    out = capsys.readouterr().out
    assert "a check prints" not in out and "✓" not in out


def test_nothing_is_judged_twice_and_what_has_changed_is(shell):
    calls = []
    shell.user_ns |= {"double": lambda x: calls.append(x) or 2 * x, "half": lambda x: x / 2}
    shell.checks.doubles(shell.user_ns["double"], np.random.default_rng())
    finish.summary(LAB)
    assert len(calls) == 2
    finish.summary(LAB)
    assert len(calls) == 2
    shell.user_ns["double"] = lambda x: x
    assert states(finish.summary(LAB))["double"] == (0, "failed")


def test_a_check_that_was_stopped_counts_for_nothing(shell):
    def stopped(x):
        raise KeyboardInterrupt

    shell.user_ns |= {"double": lambda x: 2 * x, "half": stopped}
    with pytest.raises(KeyboardInterrupt):
        finish.summary(LAB)
    line = finish._line(verdicts.lab(LAB), "half", shell.user_ns, "")
    assert (line.points, line.state) == (0, "failed")
    assert "stopped" in line.details[0]


def test_functions_that_are_not_there_are_made_from_the_notebook_s_file(
    shell, tmp_path, monkeypatch
):
    def cell(name, source, **about):
        return {"cell_type": "code", "metadata": {"id": name, "nbgrader": about}, "source": source}

    file = tmp_path / "mine.ipynb"
    cells = [
        cell("install", ["raise SystemExit"], locked=True, grade=False),
        cell("set-up", ["two = 2\n", "checks = None"], locked=True, grade=False),
        cell("demonstration", "raise SystemExit"),
        cell("double", ["def double(x):\n", "    return two * x"], solution=True),
        cell("half", "def half(x): return x / undefined\nhalf(1)", solution=True),
        cell("halves", "raise SystemExit", locked=True, grade=True),
    ]
    file.write_text(json.dumps({"cells": cells}), "utf-8")
    monkeypatch.setenv("JPY_SESSION_NAME", str(file))
    del shell.user_ns["checks"]
    summary = finish.summary(LAB)
    assert states(summary) == {"double": (5, "passed"), "half": (0, "failed")}
    del shell.user_ns["half"]
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "gone.ipynb"))
    summary = finish.summary(LAB)
    assert states(summary)["half"] == (0, "not run")
    assert "Run its cell" in repr(summary)


def test_a_summary_is_text_and_html_that_says_the_same(shell):
    shell.user_ns |= {"double": lambda x: 2 * x, "half": lambda x: -x}
    summary = finish.summary(LAB)
    rich = summary._repr_html_()
    for text in (repr(summary), rich):
        assert "5 of 10 points" in text and "fresh inputs" in text and "To hand in" in text
    assert "halves says &lt;no&gt;" in rich
    assert '<img alt="A bar of 10 points, 5 of them green: double 5 of 5, half 0 of 5."' in rich


def test_the_grader_needs_no_summary(shell, monkeypatch, capsys):
    monkeypatch.setenv("LABKIT_SEED", "1")
    assert finish.summary(LAB) is None
    finish.hand_in(LAB)
    assert capsys.readouterr().out == ""


def test_an_unknown_lab_is_refused_by_name(shell):
    for call in (finish.summary, finish.hand_in):
        with pytest.raises(ValueError, match=r"no lab '1'.*07_made_up"):
            call("1")


def test_handing_in_outside_colab_says_where_the_file_is(shell, tmp_path, monkeypatch, capsys):
    file = tmp_path / "mine.ipynb"
    file.write_text("{}")
    monkeypatch.setenv("JPY_SESSION_NAME", str(file))
    finish.hand_in(LAB)
    out = capsys.readouterr().out
    assert f"save this notebook (Ctrl+S), then hand in this file, as it is:\n{file}\n" in out
    assert "last saved 0 s ago" in out or "last saved 1 s ago" in out


@pytest.fixture
def colab(monkeypatch):
    """A stand-in for Colab's package, and what it was asked to download."""
    module, message, files = (
        ModuleType(f"google.colab{name}") for name in ("", "._message", ".files")
    )
    live = {"cells": [], "metadata": {"colab": {}}, "nbformat": 4, "nbformat_minor": 0}
    message.blocking_request = lambda kind, request, timeout_sec: {"ipynb": live}
    downloads = []
    files.download = lambda path: downloads.append(path)
    module._message, module.files = message, files
    for each in (module, message, files):
        monkeypatch.setitem(sys.modules, each.__name__, each)
    module.downloads, module.live = downloads, live
    return module


def test_handing_in_in_colab_downloads_the_notebook_as_it_stands(shell, colab, capsys):
    finish.hand_in(LAB)
    [path] = colab.downloads
    assert path.endswith(f"/{LAB}.ipynb")
    with open(path, encoding="utf-8") as file:
        assert json.load(file) == colab.live
    assert "has downloaded 07_made_up.ipynb" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [None, {}, {"ipynb": None}, {"ipynb": {"cells": 3}}])
def test_where_colab_does_not_give_it_away_the_menu_does(shell, colab, answer, capsys):
    colab._message.blocking_request = lambda *_, **__: answer
    finish.hand_in(LAB)
    assert colab.downloads == []
    assert "File → Download → Download .ipynb" in capsys.readouterr().out


def test_ready_says_so_last_and_names_another_edition(shell, capsys, monkeypatch):
    edition = verdicts.lab(LAB).edition
    start.ready(LAB, edition)
    assert capsys.readouterr().out.startswith("Ready, with TensorFlow 2.")
    start.ready(LAB, "0000")
    lines = capsys.readouterr().out.splitlines()
    assert (
        f"(07_made_up, edition 0000) and the labkit that is installed (edition {edition})"
        in (lines[0])
    )
    assert lines[-1].startswith("Ready")


def test_ready_in_colab_reminds_of_drive_and_of_the_download(shell, colab, capsys):
    start.ready(LAB, verdicts.lab(LAB).edition)
    first, last = capsys.readouterr().out.splitlines()
    assert "Save a copy in Drive" in first and "downloads it" in first
    assert last.startswith("Ready")


def test_what_passed_is_shown_with_its_points_in_a_notebook_and_as_text_in_a_terminal(
    shell, monkeypatch, capsys
):
    shown = []
    monkeypatch.setattr(notebook, "show", lambda text, rich: shown.append((text, rich)))
    shell.checks.doubles(lambda x: 2 * x, np.random.default_rng())
    [(text, rich)] = shown
    assert text == "✓ doubles: what doubles wants."
    assert "✓ 3 points</span> <code>doubles</code>: what doubles wants." in rich
    assert capsys.readouterr().err == ""
