"""However a notebook is mangled, what was answered right keeps its points."""

import copy
import json
import random
import subprocess
import sys
from unittest.mock import MagicMock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from autograder.intake.answers import SKIP
from autograder.intake.rebuild import rebuild
from autograder.labs import build
from tests.tiny import RELEASE, ROOT, TINY, is_the_release, own

pytestmark = pytest.mark.grader

HELPER = "def helper(x):\n    return x + x"
DOUBLE = (
    'def double(x):\n    """Return twice `x`."""\n    y = helper(x)\n    # Twice.\n    return y'
)
LENGTH = "def length(x, y):\n    squares = x * x + y * y\n\n    return math.sqrt(squares)"
ANSWERS = {"double": DOUBLE, "length": LENGTH}


def passed(content):
    """Rebuild and run a submitted file; return the checks that pass, and the repairs."""
    rebuilt = rebuild(content, RELEASE)
    is_the_release(rebuilt.notebook)
    names = {}

    def run(source):
        try:
            exec(TransformerManager().transform_cell(source), names)
        except Exception:
            return False
        return True

    shell = MagicMock()
    shell.run_cell = run
    names["get_ipython"] = lambda: shell
    good = set()
    for cell in rebuilt.notebook.cells:
        skipped = SKIP in cell.metadata.get("tags", ())
        if cell.cell_type == "code" and not skipped and run(cell.source):
            good.add(cell.id)
    return good & TINY.checks.keys(), rebuilt.repairs


def submission():
    notebook = copy.deepcopy(RELEASE)
    for cell in notebook.cells:
        cell.source = ANSWERS.get(cell.id, cell.source)
    cells = [dict(copy.deepcopy(cell), metadata=dict(cell.metadata)) for cell in notebook.cells]
    cells.insert(at(cells, "double"), own(HELPER))
    return {"cells": cells, "metadata": dict(notebook.metadata), "nbformat": 4, "nbformat_minor": 5}


def at(cells, name):
    return next(index for index, cell in enumerate(cells) if is_answer(cell, name))


def is_answer(cell, name):
    return cell["source"] == ANSWERS.get(name) or cell["source"] == HELPER == name


def some(rng, document, *, answers=True):
    """Return the index of a cell; without `answers`, of one that no point depends on."""
    free = [
        index
        for index, cell in enumerate(document["cells"])
        if answers or cell["source"] not in (*ANSWERS.values(), HELPER)
    ]
    return rng.choice(free)


# --- what happens to notebooks --------------------------------------------------------------------
# Each changes a document in place. Those of a later group come after those of an earlier one: the
# halves of a cut answer stay beside each other.


def lose_metadata(rng, document):
    for cell in document["cells"]:
        cell["metadata"] = rng.choice([{}, {}, None, [], "lost"])


def lose_ids(rng, document):
    for cell in document["cells"]:
        cell.pop("id", None)


def change_kernel(rng, document):
    kernel = rng.choice([{"name": "ir"}, 1, [float("nan")]])
    document["metadata"] = rng.choice([{}, None, {"kernelspec": kernel}])


def copy_a_cell(rng, document):
    cells = document["cells"]
    source = cells[some(rng, document)]
    cells.insert(rng.randint(0, len(cells)), copy.deepcopy(source))


def copy_the_blank(rng, document):
    name = rng.choice(list(ANSWERS))
    blank = next(cell for cell in RELEASE.cells if cell.id == name)
    document["cells"].insert(rng.randint(0, len(document["cells"])), copy.deepcopy(dict(blank)))


def retype(rng, document):
    cell = document["cells"][some(rng, document)]
    if cell["source"] != HELPER:
        cell["cell_type"] = rng.choice(["markdown", "raw", "heading", None])


def delete(rng, document):
    if len(document["cells"]) > 5:
        del document["cells"][some(rng, document, answers=False)]


def edit_a_cell(rng, document):
    cell = document["cells"][some(rng, document, answers=False)]
    cell["source"] += rng.choice(["\npass", "\n1 / 0", " !", "\nx = 3", "  "])


def add_cells(rng, document):
    for _ in range(rng.choice([1, 3, 150])):
        mine = rng.choice(["y = 1", "1 / 0", "print('x')", "!ls", "%time z = 1", "def (", "", "  "])
        document["cells"].insert(rng.randint(0, len(document["cells"])), own(mine))


def answer_elsewhere(rng, document):
    """The answer in a cell of the student's own, and the blank left as it was."""
    cells = document["cells"]
    name = rng.choice(list(ANSWERS))
    cell = cells[at(cells, name)]
    mine = own(cell["source"])
    cell["source"] = next(each.source for each in RELEASE.cells if each.id == name)
    cells.insert(rng.randint(0, len(cells)), mine)


def shuffle(rng, document):
    rng.shuffle(document["cells"])


def reverse(rng, document):
    document["cells"].reverse()


def notebook_in_a_cell(rng, document):
    document["cells"].insert(0, own(json.dumps(document)))


def merge(rng, document):
    cells = document["cells"]
    index = rng.randrange(len(cells) - 1)
    first, second = cells[index], cells.pop(index + 1)
    never = ("def (", "1 / 0", '"cells"', " !")  # what fails, and all below it in one cell
    if any(text in first["source"] + second["source"] for text in never):
        cells.insert(index + 1, second)
        return
    first["source"] += rng.choice(["\n", "\n\n"]) + second["source"]


def cut(rng, document):
    cells = document["cells"]
    name = rng.choice(list(ANSWERS))
    whole = [index for index, cell in enumerate(cells) if cell["source"] == ANSWERS[name]]
    for index in whole[:1]:
        cell = cells[index]
        lines = cell["source"].split("\n")
        line = rng.randrange(1, len(lines))
        second = dict(copy.deepcopy(cell), source="\n".join(lines[line:]))
        if rng.random() < 0.5:
            second.pop("id", None)
            second["metadata"] = {}
        cell["source"] = "\n".join(lines[:line])
        cells.insert(index + 1, second)


def old_format(rng, document):
    for cell in filter(None, document["cells"]):
        cell["input"] = cell.pop("source", None)
    document["worksheets"] = [{"cells": document.pop("cells")}, {}, None]
    document["nbformat"] = 3


def outputs(rng, document):
    for cell in filter(None, document.get("cells", [])):
        cell["outputs"] = rng.choice(
            [None, 3, [{"text": ['{"cells": [', "]"], "x": [[{}]]}], [{"data": {"a": "]" * 9}}]]
        )


def lines(rng, document):
    for cell in document.get("cells", []):
        if isinstance(cell, dict) and isinstance(cell.get("source"), str):
            text = cell["source"].replace("\n", rng.choice(["\n", "\r\n"]))
            cell["source"] = text.splitlines(rng.random() < 0.8)


def garbage(rng, document):
    extra = rng.choice(
        [None, {}, {"source": None}, {"source": [1, None]}, {"cell_type": []}, {"id": []}]
    )
    document.get("cells", []).insert(0, extra)
    document["number"] = float("nan")
    for cell in filter(None, document.get("cells", [])):
        cell["execution_count"] = document["number"]


GROUPS = [
    [answer_elsewhere],
    [
        lose_metadata,
        lose_ids,
        change_kernel,
        copy_a_cell,
        copy_the_blank,
        retype,
        delete,
        edit_a_cell,
        add_cells,
    ],
    [shuffle, reverse, notebook_in_a_cell],
    [merge, cut],
    [old_format, outputs, lines, garbage],
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]


def encoded(rng, document, how):
    text = json.dumps(document, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1]))
    if rng.random() < 0.2:
        text = json.dumps(text)
    return text.encode(how)


@st.composite
def mangled(draw):
    rng = random.Random(draw(st.integers(0, 2**32)))
    document, done = submission(), []
    for group in GROUPS:
        for mangle in draw(st.lists(st.sampled_from(group), max_size=3)):
            mangle(rng, document)
            done.append(mangle.__name__)
            if mangle is old_format:
                break
    return encoded(rng, document, draw(st.sampled_from(ENCODINGS))), done


@settings(max_examples=400)
@given(mangled())
def test_right_answers_keep_their_points(case):
    content, done = case
    assert passed(content)[0] == TINY.checks.keys(), done


def test_the_release_passes_nothing():
    assert passed(build.as_text(RELEASE).encode())[0] == set()


# --- damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("indent", [None, 1])
def test_a_file_that_was_cut_off_keeps_what_is_whole(indent):
    text = json.dumps(submission(), indent=indent)
    until = text.index("doubles_fractions-1")
    good, repairs = passed(text[:until].encode())
    assert good == {"doubles_integers", "doubles_fractions"}
    assert "damaged or cut off" in repairs[0]


def test_damage_in_the_middle_costs_the_cells_that_it_hit():
    text = json.dumps(submission(), indent=1)
    where = text.index("y = helper")
    good, repairs = passed((text[:where] + '"}],\n' + text[where:]).encode())
    assert good == {"pythagoras"}
    assert "damaged or cut off" in repairs[0]


def test_conflict_markers_are_removed():
    text = json.dumps(submission(), indent=1)
    line = '   "cell_type": "code",\n'
    assert line in text
    conflict = f"<<<<<<< HEAD\n{line}=======\n{line}>>>>>>> other\n"
    good, repairs = passed(text.replace(line, conflict).encode())
    assert good == set(TINY.checks)
    assert repairs == ["git's conflict markers were removed"]


SCRIPTS = {
    "percent": "# %%\n{HELPER}\n\n# %% [markdown]\n# Prose.\n\n# %%\n{DOUBLE}\n\n# %%\n{LENGTH}\n",
    "nbconvert": "#!/usr/bin/env python\n# In[1]:\n\n\n{HELPER}\n\n\n# In[ ]:\n\n{DOUBLE}\n\n"
    "# In[3]:\n\n{LENGTH}\nassert length(0, 0) == 1\n",
    "Colab": '# -*- coding: utf-8 -*-\n"""00_tiny.ipynb\n\nAutomatically generated by Colab.\n"""\n'
    "import math\n\n{HELPER}\n\n{DOUBLE}\n\nassert double(1) == 3\n\n{LENGTH}\n",
    "with a mistake": "def broken(:\n\n{HELPER}\n\n{DOUBLE}\n\n{LENGTH}\n",
}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_script_is_split_into_cells(kind):
    text = SCRIPTS[kind].format(HELPER=HELPER, DOUBLE=DOUBLE, LENGTH=LENGTH)
    good, repairs = passed(text.encode())
    assert good == set(TINY.checks)
    assert "Python script" in repairs[0]


def test_a_whole_notebook_in_one_cell():
    inner = json.dumps(submission())
    good, repairs = passed(json.dumps({"cells": [own(inner)]}).encode())
    assert good == set(TINY.checks)
    assert "the answers stood in a notebook inside a cell" in repairs


def test_a_latin_1_file_is_read():
    document = submission()
    document["cells"][-1]["source"] += "  # für Zoë"
    assert passed(json.dumps(document, ensure_ascii=False).encode("latin-1"))[0] == set(TINY.checks)


# --- size -----------------------------------------------------------------------------------------


def test_ten_thousand_cells_of_the_students_own_make_few():
    document = submission()
    document["cells"][3:3] = [own(f"x{number} = {number}") for number in range(10_000)]
    rebuilt = rebuild(json.dumps(document).encode(), RELEASE)
    assert len(rebuilt.notebook.cells) < 2 * len(RELEASE.cells)


def test_rows_of_the_students_own_beside_every_cell_make_few():
    document = submission()
    mine = [own(f"x{number} = {number}") for number in range(99)]
    document["cells"] = [each for cell in document["cells"] for each in (cell, *mine)]
    assert len(document["cells"]) > 500
    rebuilt = rebuild(json.dumps(document).encode(), RELEASE)
    assert len(rebuilt.notebook.cells) <= 2 * len(RELEASE.cells)


def test_a_huge_cell_is_passed_on_unread():
    document = submission()
    document["cells"].insert(3, own("data = '" + "x" * 2**23 + "'"))
    document["cells"].insert(3, own("(" * 2**21))
    rebuilt = rebuild(json.dumps(document).encode(), RELEASE)
    sources = {cell.id: cell.source for cell in rebuilt.notebook.cells}
    assert sources.items() >= ANSWERS.items()


MEMORY = """
from tests.intake.test_rebuild_properties import *
from tests.processes import forget_peak, peak_memory

before, after = json.dumps(submission()).split('"outputs": []', 1)
line = json.dumps("0123456789" * 7 + "\\n")
lines = (line + ",") * (300 * 2**20 // len(line)) + line
stream = '[{"output_type": "stream", "name": "stdout", "text": [' + lines + "]}]"
content = (before + '"outputs": ' + stream + after).encode()
del lines, stream
assert len(content) > 300 * 2**20
forget_peak()
start = peak_memory()
assert passed(content)[0] == set(TINY.checks)
print("grown by", peak_memory() - start)
"""


def test_outputs_of_hundreds_of_megabytes_are_not_read():
    run = subprocess.run(
        [sys.executable, "-c", MEMORY],
        capture_output=True, text=True, timeout=300, cwd=ROOT,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[-1]) < 100  # MiB
