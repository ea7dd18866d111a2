"""Draw the README's pictures from the project as it stands: `make pictures`.

`lab.png` is a part of lab 01 with a student's mistake in it and what its checks say; `overview.png`
a graded class. Both are pages, photographed by Chromium, which has to be on PATH.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from nbclient import NotebookClient
from nbconvert import HTMLExporter

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from autograder.intake.cells import is_setup  # noqa: E402
from autograder.labs import MASTERS  # noqa: E402
from autograder.labs.answers import read_answers  # noqa: E402
from autograder.labs.build import release  # noqa: E402
from autograder.labs.master import Lab, read_lab  # noqa: E402

LAB, EXERCISE, MISTAKE = "01_dp_sgd", "clip_per_example", "clips the batch as one vector"
STUDENTS = 16


def lab_page(lab: Lab, page: Path) -> None:
    """Write one exercise of a lab as a page, with a wrong answer and the outputs of its checks."""
    answers = read_answers(MASTERS.parent / "answers" / lab.name, lab)
    wrong = next(each for each in answers[EXERCISE] if each.name == MISTAKE)
    notebook = release(lab)
    ids = [cell.id for cell in notebook.cells]
    at, end = ids.index(EXERCISE), ids.index([*lab.exercises[EXERCISE]][-1])
    notebook.cells[at].source = wrong.source
    shown = notebook.cells[at - 1 : end + 1]
    notebook.cells = [*filter(is_setup, notebook.cells), *shown]
    NotebookClient(notebook, allow_errors=True, timeout=300).execute(cwd=str(ROOT))
    notebook.cells = shown
    for number, cell in enumerate((c for c in shown if c.cell_type == "code"), start=1):
        cell.execution_count = number
    text, _ = HTMLExporter().from_notebook_node(notebook)
    page.write_text(text, "utf-8")


def overview_page(lab: Lab, folder: Path) -> Path:
    """Grade a made-up class; return its overview."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from class_grading import make_class

    make_class(lab, folder / "class", STUDENTS, random.Random(1))
    command = [sys.executable, "-m", "autograder.grade", "--lab", lab.name]
    command += ["--submissions", str(folder / "class"), "--output", str(folder / "grades")]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return folder / "grades" / "overview.html"


def photograph(page: Path, picture: Path, width: int, height: int) -> None:
    """Have Chromium draw a page's top."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium draws the pages: `apt-get install chromium`")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--hide-scrollbars", f"--user-data-dir={profile}",
                f"--window-size={width},{height}", f"--screenshot={picture}",
                page.resolve().as_uri(),
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip


def main() -> None:
    """Draw both."""
    os.environ["LABKIT_SEED"] = "1"
    lab = read_lab(MASTERS / f"{LAB}.py")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lab_page(lab, folder / "lab.html")
        photograph(folder / "lab.html", HERE / "lab.png", 960, 500)
        photograph(overview_page(lab, folder), HERE / "overview.png", 960, 1060)


if __name__ == "__main__":
    main()
