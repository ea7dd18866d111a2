"""A student's way through a lab in a browser: see, run, fail, pass, stop, sum up, hand in."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from tests.browser.jupyter import CHROMIUM, ROOT, OpenNotebook, browser, jupyter_lab

pytestmark = [
    pytest.mark.labs,
    pytest.mark.skipif(CHROMIUM is None, reason="no browser here: `apt-get install chromium`"),
]
LABS = sorted((ROOT / "labs").glob("*.ipynb"))
# What there is to be looked at; kept.
PICTURES = ROOT / "build" / "screenshots"


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """A page on JupyterLab's first page, in a copy of labs/; and that copy."""
    folder, home = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "labs", folder / "labs", ignore=shutil.ignore_patterns(".*"))
    PICTURES.mkdir(parents=True, exist_ok=True)
    with jupyter_lab(folder / "labs", home) as address, browser() as page:
        page.goto(address)
        page.wait_for_selector(".jp-MarkdownViewer h1")
        yield page, folder / "labs"


def test_the_first_page_says_what_there_is_and_nbgrader_s_buttons_are_not_there(student):
    page, _ = student
    text = page.inner_text(".jp-MarkdownViewer")
    assert "Privacy Labs" in text and "To hand in" in text and "checks" in text
    links = page.locator(".jp-MarkdownViewer td a")
    assert links.count() == len(LABS)
    commands = page.evaluate("() => jupyterapp.commands.listCommands()")
    assert not [name for name in commands if "nbgrader" in name or "formgrader" in name]
    page.screenshot(path=PICTURES / "start.png")
    links.first.click()
    page.wait_for_function(
        "name => jupyterapp.shell.currentWidget?.context?.path === name", arg=LABS[0].name
    )


def test_from_a_failed_check_to_the_hand_in(student):
    page, folder = student
    lab = "01_dp_sgd"
    solution = nbformat.read(ROOT / "solutions" / f"{lab}.ipynb", 4)
    answers = {cell.metadata.id: cell.source for cell in solution.cells}
    notebook = OpenNotebook(page, f"{lab}.ipynb")
    assert "Validate" not in page.inner_text(".jp-NotebookPanel-toolbar")
    released = nbformat.read(folder / f"{lab}.ipynb", 4)
    set_up = [
        cell.metadata.id
        for cell in released.cells
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("grade", True)
        and not cell.metadata.nbgrader.solution
    ]  # fmt: skip
    for name in set_up:
        notebook.run(name)
    assert "Ready, with TensorFlow" in notebook.output("install")

    notebook.run("attack_advantage")
    notebook.run("advantage_at_the_extremes")
    assert "Exercise `attack_advantage` is still blank" in notebook.output(
        "advantage_at_the_extremes"
    )
    wrong = re.sub(r"^( *)raise NotImpl.*$", r"\1return 0.5", _blank(released), flags=re.M)
    notebook.write("attack_advantage", wrong)
    notebook.run("attack_advantage")
    notebook.run("advantage_at_the_extremes")
    failed = notebook.output("advantage_at_the_extremes")
    assert failed.startswith("CheckFailed: ") and "0.5" in failed
    page.screenshot(path=PICTURES / "failed.png")

    notebook.write("attack_advantage", answers["attack_advantage"])
    notebook.run("attack_advantage")
    for check in ("advantage_is_the_best_threshold", "advantage_at_the_extremes"):
        notebook.run(check)
    assert notebook.output("advantage_at_the_extremes").startswith("✓ 2 points")
    page.screenshot(path=PICTURES / "passed.png")

    notebook.run("summary")
    said = notebook.output("summary")
    assert "6 of 100 points" in said and "still blank" in said and "To hand in" in said
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        _wear(page, theme)
        notebook.go_to("finish")
        page.wait_for_timeout(500)
        page.screenshot(path=PICTURES / f"summary_{theme.split()[-1].lower()}.png")
    assert _faint(page) == []
    _wear(page, "JupyterLab Light")
    assert _faint(page) == []

    page.evaluate("async () => { await jupyterapp.commands.execute('docmanager:save'); }")
    notebook.run("hand-in")
    [path] = re.findall(r"as it is:\s+(\S+)", notebook.output("hand-in"))
    handed_in = json.loads(Path(path).read_text("utf-8"))
    [cell] = [c for c in handed_in["cells"] if c["metadata"]["id"] == "attack_advantage"]
    assert "".join(cell["source"]) == answers["attack_advantage"]


def _blank(released):
    return next(c.source for c in released.cells if c.metadata.id == "attack_advantage")


def test_a_stopped_training_says_where_and_what_to_run_again(student):
    """Goes on where the test before ended."""
    page, _ = student
    notebook = OpenNotebook(page, "01_dp_sgd.ipynb")
    notebook.write(
        "summary",
        "import time\nmodel = small_network()\nmodel.compile('sgd', 'mse')\n"
        "print('begun', flush=True)\n"
        "model.fit(x_train, y_train, batch_size=1, epochs=100, verbose=0)",
    )
    notebook.run("summary", wait=False)
    page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.content.activeCell.outputArea.node.innerText"
        ".includes('begun')"
    )
    page.wait_for_timeout(1000)
    page.evaluate("() => { jupyterapp.commands.execute('notebook:interrupt-kernel'); }")
    page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.content.activeCell.outputArea.node.innerText"
        ".includes('run this cell again')"
    )
    lines = notebook.output("summary").strip().splitlines()
    assert lines[-2].startswith("KeyboardInterrupt: you stopped this cell in its line 5: model.fit")
    assert len(lines) <= 4


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_every_lab_opens(student, path):
    page, _ = student
    notebook = OpenNotebook(page, path.name)
    notebook.go_to("title")
    # The other labs' tabs are hidden.
    page.locator(".jp-Notebook h1:visible").first.wait_for()
    page.screenshot(path=PICTURES / f"{path.stem}.png")


def _wear(page, theme):
    page.evaluate(
        "async theme => { await jupyterapp.commands.execute('apputils:change-theme', {theme}); }",
        theme,
    )
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)


def _faint(page):
    """The texts of what labkit shows whose contrast with what is behind them is below 4.5 to 1."""
    return page.evaluate(
        """() => {
        const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
        const light = colour => {
            const [r, g, b] = numbers(colour).slice(0, 3).map(v => v / 255)
                .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const behind = node => {
            for (; node; node = node.parentElement) {
                const colour = getComputedStyle(node).backgroundColor, parts = numbers(colour);
                if (parts.length < 4 || parts[3] > 0.99) return colour;
            }
            return 'rgb(255, 255, 255)';
        };
        const shown = document.querySelectorAll('.jp-OutputArea .jp-RenderedHTML *');
        const texts = [...shown].filter(node => [...node.childNodes].some(
            child => child.nodeType === 3 && child.textContent.trim()
        ));
        if (texts.length < 10) return ['too few texts to be the summary'];
        return texts.filter(node => {
            const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
            return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
        }).map(node => node.textContent);
        }"""
    )
