"""The build: what comes out of a master, byte for byte, and which masters are refused."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace

import nbformat
import pytest

from autograder.labs import MASTERS, ROOT, build
from autograder.labs.master import (
    CHECKS,
    MARKER,
    MARKER_WORDS,
    NEEDED,
    check_functions,
    colab_url,
    module,
    read_lab,
)
from autograder.labs.percent import Malformed
from labkit import verdicts
from tests.tiny import FIXTURES

TINY = FIXTURES / "masters" / "00_tiny.py"
LABS = sorted(MASTERS.glob("*.py"))
each_lab = pytest.mark.parametrize("master", [TINY, *LABS], ids=lambda path: path.stem)

HEADER = '# ---\n# title: "Lab"\n# minutes: 1\n# ---\n'
EXERCISE = (
    '# %% exercise="double"\ndef double(x):\n'
    "    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION\n"
)
CHECK = '# %% check="doubles" points=2\nassert double(1) == 2\n'


def sources(notebook):
    return [cell.source for cell in notebook.cells]


def test_committed_notebooks_are_what_the_masters_give():
    assert build.stale(build.build()) == []


def test_the_readme_opens_every_lab_in_colab():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert LABS
    for master in LABS:
        link = f"({colab_url(master.stem)})"
        assert link in readme, f"README.md's table has no line that opens {master.stem}: {link}"


def test_every_lab_is_worth_100_points():
    for master in LABS:
        points = read_lab(master).points
        assert points == 100, f"{master.name}: the checks' points sum to {points:g}"


def test_a_second_build_in_another_place_and_locale_is_equal_byte_for_byte(tmp_path):
    script = (
        "from pathlib import Path; from autograder.labs import build\n"
        "from autograder.labs import MASTERS\n"
        f"for folder in (MASTERS, Path({str(TINY.parent)!r})):\n"
        "    for path, text in build.build(folder).items():\n"
        "        Path(path.name + path.parent.name).write_bytes(text.encode())\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "7",
        "LC_ALL": "C",
        "HOME": str(tmp_path),
    }
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True)
    here = build.build() | build.build(TINY.parent)
    assert here
    for path, text in here.items():
        assert (tmp_path / (path.name + path.parent.name)).read_bytes() == text.encode()


@each_lab
def test_cells_have_unique_ids_twice_and_no_trace_of_a_run(master):
    lab = read_lab(master)
    for notebook in (build.release(lab), build.solution(lab)):
        nbformat.validate(notebook)
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids)
        assert ids == [cell.metadata.id for cell in notebook.cells]
        assert not any(
            cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells
        )
        assert notebook.metadata.kernelspec.name == "python3"


@each_lab
def test_the_release_holds_no_answer_and_no_hidden_test(master):
    """No line that stands only between markers is left, in code or in prose."""
    lab = read_lab(master)
    lines = {"SOLUTION": set(), "HIDDEN TESTS": set(), None: set()}
    for source in sources(lab.source):
        inside = None
        for line in source.split("\n"):
            if marker := MARKER.match(line):
                inside = marker[2] if marker[1] == "BEGIN" else None
            else:
                lines[inside].add("".join(line.split()))
    answers = lines["SOLUTION"] - lines[None]
    tests = lines["HIDDEN TESTS"] - lines[None]
    assert answers and tests
    released = build.release(lab)
    text = "\n".join(sources(released))
    assert (answers | tests).isdisjoint("".join(line.split()) for line in text.split("\n"))
    assert MARKER_WORDS.search(text) is None
    # No hint may quote an answer's longer lines either; shorter ones (`return total`) say nothing.
    prose = "".join(cell.source for cell in released.cells if cell.cell_type == "markdown")
    prose = "".join(prose.split())
    assert [line for line in answers if len(line) > 24 and line in prose] == []


@each_lab
def test_every_blank_names_its_exercise_and_announces_its_size(master):
    lab = read_lab(master)
    for cell in build.release(lab).cells:
        if cell.id in lab.exercises:
            assert re.search(r"# YOUR CODE HERE: (1 line|about \d+ lines)\.$", cell.source, re.M)
            assert f'NotImplementedError("Exercise `{cell.id}` is still blank.")' in cell.source
            ast.parse(cell.source)


@each_lab
def test_the_solution_has_neither_markers_nor_hidden_tests(master):
    lab = read_lab(master)
    text = "\n".join(sources(build.solution(lab)))
    assert MARKER_WORDS.search(text) is None
    assert "is still blank" not in text


def test_the_tiny_lab_in_detail():
    lab = read_lab(TINY)
    assert lab.exercises == {
        "double": {"doubles_integers": 2, "doubles_fractions": 3},
        "length": {"pythagoras": 5},
    }
    cells = {cell.id: cell for cell in build.release(lab).cells}
    assert list(cells) == [
        "title", "start-1", "points", "install", "start-2", "start-3",
        "double", "doubles_integers", "doubles_fractions",
        "doubles_fractions-1", "doubles_fractions-2", "length", "pythagoras",
    ]  # fmt: skip
    assert "# Lab 00: a tiny one" in cells["title"].source
    assert "5 minutes, 10 points" in cells["title"].source
    assert "| 2 | `length` | 5 |" in cells["points"].source
    assert cells["double"].source.endswith(
        "    # YOUR CODE HERE: 1 line.\n"
        '    raise NotImplementedError("Exercise `double` is still blank.")'
    )
    assert "a quarter" not in cells["doubles_fractions"].source
    assert cells["doubles_fractions"].metadata.nbgrader.points == 3
    assert cells["doubles_fractions"].metadata.editable is False
    assert cells["start-2"].metadata.nbgrader.locked is True


def install_cell(master):
    return next(cell for cell in build.release(read_lab(master)).cells if cell.id == "install")


def test_set_up_cell_installs_nothing_outside_colab(monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    exec(install_cell(TINY).source, {})


def test_set_up_cell_installs_in_colab_what_is_lacking_and_can_be_run_again(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    calls, codes, there = [], [1, 0], set(NEEDED) - {"tf_shell"}

    def pip(command, **_):
        calls.append(command)
        code = codes.pop(0)
        there.update(() if code else NEEDED)
        return SimpleNamespace(returncode=code, stderr="no network")

    monkeypatch.setattr(subprocess, "run", pip)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in there or None)
    source = install_cell(TINY).source
    with pytest.raises(RuntimeError, match=r"Run this cell again\.\nno network"):
        exec(source, {})
    exec(source, {})
    exec(source, {})
    assert len(calls) == 2 and calls[0] == calls[1]
    *_, requirements, labs = calls[0]
    assert requirements.endswith("/requirements-colab.txt") and labs.endswith(".tar.gz")


@pytest.mark.parametrize("master", LABS, ids=lambda path: path.stem)
def test_a_lab_begins_with_its_story_and_ends_with_points_and_handing_in(master):
    lab = read_lab(master)
    for notebook in (build.release(lab), build.solution(lab)):
        ids = [cell.id for cell in notebook.cells]
        assert ids[0] == "title"
        assert 1 < ids.index("points") < ids.index("install")
        assert ids[-3:] == ["finish", "summary", "hand-in"]
        heading, install = (notebook.cells[ids.index("install") - i] for i in (1, 0))
        assert heading.source.startswith("## Set-up")
        # labkit computes it by itself.
        known = f'"{lab.name}", edition="{verdicts.lab(lab.name).edition}"'
        assert install.source.endswith(f"labkit.ready({known})")
        assert f'labkit.summary("{lab.name}")' in notebook.cells[-2].source


@each_lab
def test_headings_are_in_order_and_every_picture_has_alt_text(master):
    levels = []
    for cell in build.release(read_lab(master)).cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"(?ms)^```.*?^```", "", cell.source)
            levels += [len(marks) for marks in re.findall(r"(?m)^(#+) ", text)]
            assert not re.search(r"!\[\s*\]\(|<img(?![^>]*\balt=\"[^\"]+\")[^>]*>", text)
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_start_page_names_every_lab_with_its_minutes():
    page = (ROOT / "labs" / "README.md").read_text("utf-8")
    for master in LABS:
        lab = read_lab(master)
        [row] = [line for line in page.splitlines() if f"({lab.name}.ipynb)" in line]
        assert f"| {lab.minutes} min | {lab.points:g} |" in row


def test_labkit_knows_the_points_of_every_lab():
    assert verdicts.labs() == {
        lab.name: verdicts.LabPoints(lab.name, lab.exercises) for lab in map(read_lab, LABS)
    }


MALFORMED = {
    "no header": (EXERCISE + CHECK, 1, "needs `title:`"),
    "no minutes": ('# ---\n# title: "x"\n# ---\n' + EXERCISE + CHECK, 1, "needs `minutes:`"),
    "header is no YAML": ("# ---\n# title: [\n# ---\n" + EXERCISE + CHECK, 1, "no YAML"),
    "unknown key": (HEADER + "# %% exercises='a'\npass\n", 5, "cannot have exercises"),
    "no key=value": (HEADER + "# %% exercise=double\n", 5, "cannot understand"),
    "exercise in prose": (HEADER + '# %% [markdown] exercise="a"\n# x\n', 5, "markdown cell"),
    "check first": (HEADER + CHECK + EXERCISE, 5, "before any exercise"),
    "None as a name": (HEADER + EXERCISE + "# %% check=None points=1\n", 10, "None is no name"),
    "no points": (HEADER + EXERCISE + '# %% check="a"\npass\n', 10, "needs points"),
    "text as points": (HEADER + EXERCISE + '# %% check="a" points="2"\n', 10, "no positive number"),
    "points are no number": (HEADER + EXERCISE + '# %% check="a" points=NaN\n', 10, "no positive"),
    "endless points": (HEADER + EXERCISE + '# %% check="a" points=1e999\n', 10, "no positive"),
    "commas": (HEADER + EXERCISE + '# %% check="a" points=3, trials=2\n', 10, "points=[3] is no"),
    "no points at all": (HEADER + EXERCISE + '# %% check="a" points=0\n', 10, "no positive number"),
    "trials without points": (HEADER + EXERCISE + '# %% check="a" trials=2\n', 10, "needs points"),
    "trials of an exercise": (
        HEADER + EXERCISE.replace('"double"', '"double" trials=2'),
        5,
        "cannot have exercise, trials",
    ),
    "trials are a name": (
        HEADER + EXERCISE + '# %% check="a" points=1 trials=ten\n', 10, "cannot understand",
    ),
    "trials and a body": (
        HEADER + EXERCISE + CHECK.replace("points=2", "points=2 trials=2"), 10, "not both",
    ),
    "a body of comments": (
        HEADER + EXERCISE + '# %% check="a" points=1\n# as below\n', 10, "without code",
    ),
    "neither a body nor a function": (
        HEADER + EXERCISE + '# %% check="a" points=1\n', 10, "bad.py has no check function 'a'",
    ),
    "same check twice": (HEADER + EXERCISE + CHECK + CHECK, 12, "in line 10"),
    "same exercise twice": (HEADER + EXERCISE + CHECK + EXERCISE, 12, "in line 5"),
    "check named as exercise": (
        HEADER + EXERCISE + '# %% check="double" points=2\n', 10, "in line 5",
    ),
    "name is no identifier": (HEADER + EXERCISE.replace('"double"', '"a-b"'), 5, "identifier"),
    "exercise without check": (HEADER + EXERCISE, 5, "has no check"),
    "exercise without check in between": (
        HEADER + EXERCISE + EXERCISE.replace("double", "triple") + CHECK, 5, "has no check",
    ),
    "other function": (HEADER + EXERCISE.replace("def double", "def twice"), 5, "must define"),
    "two functions": (HEADER + EXERCISE + "def other(): pass\n", 5, "must define"),
    "no Python": (HEADER + EXERCISE.replace("2 * x", "2 *"), 5, "is no Python"),
    "empty solution": (HEADER + EXERCISE.replace("return", "#") + "    ...\n", 5, "is empty"),
    "no solution": (HEADER + '# %% exercise="a"\ndef a(): pass\n', 5, "do not balance"),
    "solution has no end": (HEADER + EXERCISE.replace("    ### END SOLUTION\n", ""), 7, "balance"),
    "solution has no begin": (
        HEADER + EXERCISE.replace("    ### BEGIN SOLUTION\n", ""), 8, "out of place",
    ),
    "two solutions": (
        HEADER + EXERCISE + "### BEGIN SOLUTION\npass\n### END SOLUTION\n", 10, "out of place",
    ),
    "hidden tests have no end": (
        HEADER + EXERCISE + CHECK + "### BEGIN HIDDEN TESTS\npass\n", 12, "do not balance",
    ),
    "solution in a check": (
        HEADER + EXERCISE + CHECK + "### BEGIN SOLUTION\npass\n", 12, "out of place",
    ),
    "markers in prose": (
        HEADER + "# %% [markdown]\n# Write\n# ### BEGIN SOLUTION\n", 7, "out of place",
    ),
    "text before the first cell": (HEADER + "import math\n" + EXERCISE + CHECK, 1, "before the"),
}  # fmt: skip


for trials in ("0", "-1", "1.5", "True", '"x"', "[2]", ""):
    header = f'# %% check="a" points=1 trials={trials}'.rstrip("=")
    MALFORMED[f"trials={trials}"] = (HEADER + EXERCISE + header, 10, "is no positive whole number")


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_master_is_refused_with_file_and_line(case, tmp_path):
    text, line, problem = MALFORMED[case]
    master = tmp_path / "bad.py"
    master.write_text(text, "utf-8")
    with pytest.raises(Malformed, match=re.escape(problem)) as caught:
        read_lab(master)
    assert str(caught.value).startswith(f"{master}:{line}: ")


LONG = "doubles_whatever_the_argument_may_be_called"
FUNCTIONS = f"""
@check
def doubles(double, rng): ...
@check
def doubles_zero(double, rng): ...
@check
def doubles_once_more(double, rng): ...
@check
def {LONG}(double, rng): ...
def helper(): ...
"""


@pytest.fixture
def bodiless(tmp_path, monkeypatch):
    """A master whose checks have no bodies, beside their module."""
    monkeypatch.setattr("autograder.labs.master.CHECKS", tmp_path)
    (tmp_path / "twice_as_much.py").write_text(FUNCTIONS, "utf-8")
    master = tmp_path / "09_twice_as_much.py"
    checks = {"doubles": " trials=3", "doubles_once_more": " trials=1", LONG: " trials=10"}
    lines = [f'# %% check="{name}" points=2{trials}\n' for name, trials in checks.items()]
    zero = '# %% check="doubles_zero" points=2\n'
    master.write_text(HEADER + EXERCISE + "".join(lines) + zero, "utf-8")
    return master


def test_a_check_without_a_body_calls_its_function_on_the_exercise_above(bodiless):
    lab = read_lab(bodiless)
    call = "checks.twice_as_much.{}(double, checks.fresh_rng()".format
    hidden = "{})\n### BEGIN HIDDEN TESTS\n{})\n### END HIDDEN TESTS".format
    broken = f"checks.twice_as_much.{LONG}(\n    double, checks.fresh_rng(), trials=10\n"
    assert {cell.id: cell.source for cell in lab.source.cells if cell.id in lab.checks} == {
        "doubles": hidden(call("doubles"), f"{call('doubles')}, trials=3"),
        "doubles_once_more": hidden(call("doubles_once_more"), call("doubles_once_more")),
        LONG: hidden(call(LONG), broken),
        "doubles_zero": f"{call('doubles_zero')})",
    }
    for cell in build.release(lab).cells:
        if cell.id in lab.checks:
            assert cell.source == f"{call(cell.id)})"
            assert cell.metadata.nbgrader.points == 2


def test_a_check_function_without_a_check_is_refused_with_file_and_line(bodiless):
    bodiless.write_text(bodiless.read_text("utf-8").replace("doubles_zero", "doubles_0"), "utf-8")
    place = bodiless.parent / "twice_as_much.py"
    with pytest.raises(Malformed, match=f"^{bodiless}:13: {place} has no check function"):
        read_lab(bodiless)
    place.write_text(FUNCTIONS.replace("doubles_zero", "doubles_0") + "@check\ndef other(): ...")
    with pytest.raises(Malformed, match=f"^{place}:12: {bodiless.name} has no check 'other'"):
        read_lab(bodiless)


def test_every_check_function_is_some_lab_s():
    """read_lab compares those of the labs that there are."""
    with_checks = {place.stem for place in CHECKS.glob("*.py") if check_functions(place)}
    assert with_checks == {module(master.stem) for master in LABS}


def test_stale_names_what_changed_what_is_missing_and_what_is_left_over(tmp_path):
    files = build.build(TINY.parent)
    assert build.stale(files, tmp_path) == sorted(files)
    for path, text in files.items():
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text(text, "utf-8")
    assert build.stale(files, tmp_path) == []
    (tmp_path / "labs" / "00_tiny.ipynb").write_text("{}", "utf-8")
    (tmp_path / "labs" / "old.ipynb").write_text("{}", "utf-8")
    assert build.stale(files, tmp_path) == [Path("labs/00_tiny.ipynb"), Path("labs/old.ipynb")]
