"""A class with every trouble under `nbgrader autograde`: what one hands in costs no other anything.

Submissions are also raw, as nobody should put them there, and some harm the process that judges
them, as no submission is known to.
"""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.judge.judge import LONGEST_LINE
from tests.tiny import ROOT, answered, double, grade, own, write_class
from tests.workers.test_neighbours import ENDLESS

pytestmark = pytest.mark.grader

SECONDS = 40
# The command, with shorter times; what judges does what the answers say.
UNRULY = f"""
import os, signal, sys, time
from autograder.judge import preprocessor
from autograder.judge.execution import Times
from autograder.judge.judge import Terms
from autograder.workers import processes
from tests.processes import peak_memory

judged, each = preprocessor._executed, processes.each

def unruly(item):
    answers = str(item[0])
    if "# kills" in answers:
        os.kill(os.getpid(), signal.SIGKILL)
    if "# hangs" in answers:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        time.sleep(3600)
    held = []
    while "# exhausts" in answers:
        held.append(bytes(1 << 24))
    return judged(item)

def main():
    preprocessor._executed = unruly
    preprocessor.Terms = lambda **more: Terms(times=Times(cell=10), **more)
    processes.each = lambda *asked: each(*asked[:3], {SECONDS})
    from nbgrader.apps.nbgraderapp import main
    try:
        main()
    finally:
        print("MB:", peak_memory())
"""
RIGHT = "return 2 * x"
RAW = {
    "exhausts": {"double": double("# exhausts", RIGHT)},
    "hangs": {"double": double("# hangs", RIGHT)},
    "kills": {"double": double("# kills", RIGHT)},
    # What the process that judges keeps of it is more than it may have; see test_neighbours.py.
    "endless": {"double": ENDLESS.format(kind="empty", channel=4, times=100) + double(RIGHT)},
    "slow": {"double": double(RIGHT, f"# {'a.' * LONGEST_LINE}")},
}
# Cells that say they are the release's would be believed where the checks are run.
ADDED = "math.isclose = lambda *given: True\n"


def document(**answers):
    return json.loads(answered(**answers))


def mixed():
    """Return a notebook with cells of the student's own, edited prose, and what needs a demo."""
    made = document(
        double=double("return helper(x)"), length="def length(x, y):\n    return answer"
    )
    for cell in made["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = "<script>alert(1)</script>\n```\n" + "".join(cell["source"])
    made["cells"].insert(2, own("def helper(x):\n    return 2 * x"))
    made["cells"].append(own("print('the end')"))
    return made


def with_added_cells():
    """Return a wrong answer, and cells that would have any pass, marked as the release's."""
    made = document(double=double("return 3 * x"), length="def length(x, y):\n    return 0")
    for cell in list(made["cells"]):
        about = cell["metadata"].get("nbgrader")
        if about and cell["cell_type"] == "code":
            copy = {**cell, "id": f"more-{cell['id']}", "source": ADDED}
            copy["metadata"] = {"nbgrader": {**about, "grade_id": f"more-{cell['id']}"}}
            made["cells"].insert(made["cells"].index(cell) + 1, copy)
    return made


def submitted(output, student):
    file = output / "submitted" / student / "00_tiny" / "00_tiny.ipynb"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def hand_in(output):
    """Put in what a person may unpack there, beside what the grader wrote."""
    for student, answers in RAW.items():
        submitted(output, student).write_text(answered(**answers), "utf-8")
    submitted(output, "adds").write_text(json.dumps(with_added_cells()), "utf-8")
    wide = {**document(), "metadata": {"many": "?"}}  # 64 bytes and more for two in the file
    text = json.dumps(wide).replace('"?"', f"[{'{},' * (10 << 20)}{{}}]")
    submitted(output, "wide").write_text(text, "utf-8")
    nested = f"{'[' * 500_000}{']' * 500_000}"
    text = json.dumps(wide).replace('"?"', nested)
    submitted(output, "nested").write_text(text, "utf-8")
    os.mkfifo(submitted(output, "waits"))
    submitted(output, "links").symlink_to(submitted(output, "ann"))


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """What `make grade` found; the folder; what nbgrader said, by submission; its memory in MB."""
    folder = tmp_path_factory.mktemp("class")
    write_class(folder / "in", ann={}, bob={"double": double("return 3 * x")}, zoe={})
    (folder / "in" / "mixed.ipynb").write_text(json.dumps(mixed()), "utf-8")
    found, _ = grade(folder / "in", folder / "out")
    before = {student: executed(folder / "out", student) for student in found}
    hand_in(folder / "out")
    (folder / "unruly.py").write_text(UNRULY, "utf-8")
    path = os.pathsep.join([str(folder), str(ROOT)])
    run = subprocess.run(
        [sys.executable, "-c", "import unruly; unruly.main()", "autograde", "00_tiny", "--force"],
        cwd=folder / "out", capture_output=True, text=True, timeout=600,
        env=os.environ | {"HOME": str(folder), "JUPYTER_NO_CONFIG": "1", "PYTHONPATH": path},
    )  # fmt: skip
    said = run.stdout + run.stderr
    parts = re.split(r"Creating/updating student with ID '(\w+)'", said)
    by_student = dict(zip(parts[1::2], parts[2::2], strict=True))
    memory = int(re.search(r"^MB: (\d+)$", said, re.MULTILINE)[1])
    return found, before, folder / "out", by_student, memory


def executed(output, student):
    file = output / "autograded" / student / "00_tiny" / "00_tiny.ipynb"
    return nbformat.read(file, as_version=4) if file.exists() else None


def score(output, student):
    with Gradebook(f"sqlite:///{output / 'gradebook.db'}", "privacy-labs") as book:
        return book.find_submission("00_tiny", student).score


def told(graded, student):
    return graded[3].get(student, "")


def outputs(cell):
    """Return what a cell gave, but for how the kernel numbers cells."""
    return [(each.get("text"), each.get("evalue")) for each in cell.get("outputs", ())]


@pytest.mark.parametrize("student", ["ann", "bob", "mixed", "zoe"])
def test_whoever_is_beside_them_is_graded_as_before(graded, student):
    found, before, output, _, _ = graded
    assert score(output, student) == float(found[student]["score"]), told(graded, student)
    after = executed(output, student)
    cells = [cell for cell in before[student].cells if cell.id != "note"]
    assert [(cell.id, cell.source) for cell in cells] == [
        (cell.id, cell.source) for cell in after.cells
    ]
    assert list(map(outputs, cells)) == list(map(outputs, after.cells))


@pytest.mark.parametrize(
    ("student", "reason"),
    [
        ("exhausts", "grading failed, its process ended with exit status 1: MemoryError"),
        ("hangs", f"grading failed, its process took more than {SECONDS} s"),
        ("kills", "grading failed, its process ended with SIGKILL"),
        ("wide", "MiB of text beside its outputs: no notebook has"),
        ("waits", "it is no regular file"),
        ("links", "it cannot be read: Too many levels of symbolic links"),
    ],
)
def test_what_harms_what_reads_or_judges_it_fails_alone(graded, student, reason):
    *_, output, _, _ = graded
    assert reason in told(graded, student)
    assert f"error processing assignment '00_tiny' for student '{student}'" in told(graded, "zoe")
    assert executed(output, student) is None and score(output, student) == 0


def test_a_message_without_end_fills_not_nbgraders_process(graded):
    """It took 3.3 GB of that process, when that process judged."""
    *_, output, _, memory = graded
    said = told(graded, "endless")
    assert "MEMORY (src/" in said or executed(output, "endless") is not None, said
    assert memory < 500


def test_what_is_raw_becomes_inert(graded):
    *_, output, _, _ = graded
    assert score(output, "slow") == score(output, "nested") == 10, told(graded, "slow")
    assert len(executed(output, "nested").metadata) == len(executed(output, "slow").metadata)
    (cell,) = (cell for cell in executed(output, "slow").cells if cell.id == "double")
    assert cell.metadata.magics_language == "text"
    prose = [cell.source for cell in executed(output, "mixed").cells if "script" in cell.source]
    assert prose and all(text.startswith("````\n") and text.endswith("\n````") for text in prose)


def test_cells_that_say_they_are_the_releases_are_not_judged(graded):
    *_, output, _, _ = graded
    assert score(output, "adds") == 0, told(graded, "adds")
    assert executed(output, "adds") is not None
