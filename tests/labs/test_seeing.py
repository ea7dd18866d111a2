"""What each lab shows: pictures, a slider, questions before plots, headings, words explained."""

import ast
import re
from functools import cache
from importlib import import_module
from itertools import pairwise

import pytest

from autograder.labs import MASTERS, ROOT
from autograder.labs.build import release
from autograder.labs.master import glossary_url, module, read_lab

LABS = [path.stem for path in sorted(MASTERS.glob("*.py"))]
each_lab = pytest.mark.parametrize("lab", LABS)
LONGEST_LINE, MOST_LINES = 100, 60
PREDICTION = re.compile(
    r"\*\*Predict first\.\*\* .+?\n\n<details><summary>Answer</summary>\n\n.+?\n\n</details>", re.S
)


@cache
def students_cells(lab):
    """The cells of a lab as students get it."""
    return release(read_lab(MASTERS / f"{lab}.py")).cells


def cells(lab, kind):
    return [cell for cell in students_cells(lab) if cell.cell_type == kind]


def calls(lab, place):
    """The calls of a module's functions in a lab: names and keywords."""
    found = []
    for cell in cells(lab, "code"):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(f"{place}."):
                found.append((node.func.attr, [keyword.arg for keyword in node.keywords]))
    return found


@each_lab
def test_a_lab_has_three_drawings_and_a_slider(lab):
    names = {name for name, _ in calls(lab, "pictures")}
    sliders = {name for name in names if name.endswith("_slider")}
    assert len(sliders) == 1 and len(names - sliders) >= 3
    place = import_module(f"labkit.pictures.{module(lab)}")
    assert all(callable(getattr(place, name)) for name in names)


@each_lab
def test_every_drawing_of_the_lab_s_module_is_shown(lab):
    place = import_module(f"labkit.pictures.{module(lab)}")
    drawn = {
        name
        for name, function in vars(place).items()
        if callable(function) and getattr(function, "__module__", "") == place.__name__
        and not name.startswith("_")
    }  # fmt: skip
    names = {name for name, _ in calls(lab, "pictures")}
    # A slider's own picture is shown by the slider.
    moved = {"curve_and_bells", "neighbours", "noise_at_the_cut", "circle_of_t"}
    assert drawn - moved == names


@each_lab
def test_every_plot_has_alt_text(lab):
    plots = [keywords for name, keywords in calls(lab, "plots") if name.islower()]
    assert plots
    assert all("alt" in keywords for keywords in plots)
    images = [
        m for cell in cells(lab, "markdown") for m in re.findall(r"!\[(.*?)\]\(", cell.source)
    ]
    assert all(images)


@each_lab
def test_surprises_are_asked_for_first(lab):
    text = "\n\n".join(cell.source for cell in cells(lab, "markdown"))
    questions = PREDICTION.findall(text)
    assert len(questions) >= 3
    assert len(questions) == text.count("Predict first")
    # What is folded away is opened by who wants it: every one is closed, too.
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>")


@each_lab
def test_a_hard_exercise_has_a_second_hint(lab):
    text = "\n\n".join(cell.source for cell in cells(lab, "markdown"))
    for exercise in re.split(r"(?m)^### Exercise ", text)[1:]:
        if re.match(r"\d+ · `\w+` \(harder", exercise):
            assert "<summary>Second hint</summary>" in exercise.split("\n## ")[0]


@each_lab
def test_headings_are_in_order(lab):
    levels = [
        len(marks)
        for cell in cells(lab, "markdown")
        for marks in re.findall(r"(?m)^(#+) ", cell.source)
    ]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@each_lab
def test_cells_can_be_read(lab):
    for cell in students_cells(lab):
        if "Beyond this lab" in cell.source:
            return  # what follows is no part of the lab proper
        if cell.cell_type == "markdown" or cell.id == "install":  # which holds addresses
            continue
        lines = cell.source.split("\n")
        if not cell.metadata.get("nbgrader", {}).get("solution"):
            assert len(lines) <= MOST_LINES, cell.id
        assert [line for line in lines if len(line) > LONGEST_LINE] == [], cell.id


@each_lab
def test_a_lab_leads_to_the_glossary(lab):
    assert f"]({glossary_url()})" in "".join(cell.source for cell in cells(lab, "markdown"))


def test_the_glossary_explains_each_symbol_once():
    text = (ROOT / "labs" / "glossary.md").read_text("utf-8")
    words = re.findall(r"(?m)^\| \*\*(.+?)\*\*", text)
    assert len(words) == len(set(words))
    for word in ("ε", "δ", "σ", "$q$", "μ", "nat", "cut layer", "full, quick", "noise_multiplier"):
        assert word in text
    assert {"α, the order", "α, the error"} <= set(words)
    assert all(re.search(r"\(0[1-5](, 0[1-5])*\)", line) or "notebooks" in text.split(line)[0]
               for line in text.splitlines() if line.startswith("| **"))  # fmt: skip
