"""A slider in JupyterLab: moved, its picture is another one, in either theme; the last is saved."""

import time

import nbformat
import pytest

from tests.browser.jupyter import CHROMIUM, ROOT, SECONDS, OpenNotebook, browser, jupyter_lab

pytestmark = [
    pytest.mark.labs,
    pytest.mark.skipif(CHROMIUM is None, reason="no browser here: `apt-get install chromium`"),
]
PICTURES = ROOT / "build" / "screenshots"
CODE = "from labkit.pictures import dp_sgd as pictures\npictures.sigma_slider()"
ALT = "() => document.querySelector('.jp-Notebook svg[role=img]').getAttribute('aria-label')"
COLOUR = "() => getComputedStyle(document.querySelector('.jp-Notebook svg[role=img] text')).fill"


def test_a_slider_is_moved_in_either_theme_and_its_last_picture_saved(tmp_path):
    course, home = tmp_path / "course", tmp_path / "home"
    course.mkdir()
    home.mkdir()
    PICTURES.mkdir(parents=True, exist_ok=True)
    cell = nbformat.v4.new_code_cell(CODE, metadata={"id": "moved"})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata=kernel)
    nbformat.write(notebook, course / "slider.ipynb")
    (course / "README.md").write_text("# Course\n", "utf-8")
    with jupyter_lab(course, home) as address, browser() as page:
        page.goto(address)
        page.wait_for_selector(".jp-MarkdownViewer h1")
        OpenNotebook(page, "slider.ipynb").run("moved")
        handle = page.locator(".jp-Notebook .noUi-handle")
        handle.wait_for()
        assert "standard deviation 1.3 C" in page.evaluate(ALT)
        handle.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"() => ({ALT})().includes('standard deviation 1.6 C')")
        ink = []
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            change = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
            page.evaluate(change, theme)
            page.wait_for_function("t => document.body.dataset.jpThemeName === t", arg=theme)
            ink.append(page.evaluate(COLOUR))
            page.screenshot(path=PICTURES / f"slider_{theme.split()[-1].lower()}.png")
        assert ink[0] != ink[1]  # text is the page's own colour
        page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
        saved, deadline = "", time.monotonic() + SECONDS
        while "standard deviation 1.6 C" not in saved and time.monotonic() < deadline:
            time.sleep(0.2)
            saved = (course / "slider.ipynb").read_text("utf-8")
    assert "standard deviation 1.6 C" in saved and "<svg" in saved
