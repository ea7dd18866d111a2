"""JupyterLab as `make lab` starts it, and a browser that is a student."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# On a busy machine JupyterLab and TensorFlow take long to start.
SECONDS = 240


@contextmanager
def jupyter_lab(folder: Path, home: Path):
    """Serve a folder; yields the address of its first page."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {
        **os.environ,
        "HOME": str(home),
        "JUPYTER_CONFIG_PATH": str(ROOT / ".jupyter"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "LABKIT_BUDGET": "full",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={token}", "--LabApp.default_url=/lab/tree/README.md"]
    command += ["--LabApp.expose_app_in_browser=True", str(folder)]
    with open(home / "jupyter.log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=5)
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline, (
                    home / "jupyter.log"
                ).read_text()
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/?token={token}"
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@contextmanager
def browser():
    """Yield a page of a browser of this machine."""
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1100, "height": 900})
        page.set_default_timeout(SECONDS * 1000)
        yield page
        chromium.close()


class OpenNotebook:
    """A notebook in JupyterLab, whose cells are named by their ids."""

    def __init__(self, page: Page, name: str):
        self.page = page
        page.evaluate(
            # In braces: what a command returns cannot be handed out of the browser.
            "async name => { await jupyterapp.commands.execute('docmanager:open', {path: name}); }",
            name,
        )
        page.wait_for_function(
            "name => { const it = jupyterapp.shell.currentWidget; return it && it.context &&"
            " it.context.path === name && it.context.isReady &&"
            " it.sessionContext.session?.kernel?.status === 'idle'; }",
            arg=name,
        )

    def _cell(self, name: str, script: str, **more):
        return self.page.evaluate(
            "({name, ...more}) => { const panel = jupyterapp.shell.currentWidget;"
            " const cells = panel.content.widgets;"
            " const at = cells.findIndex("
            "cell => cell.model.sharedModel.getMetadata('id') === name);"
            f" const cell = cells[at]; {script} }}",
            {"name": name, **more},
        )

    def write(self, name: str, source: str) -> None:
        """Replace a cell's source, as typing into it does."""
        self._cell(name, "cell.model.sharedModel.setSource(more.source);", source=source)

    def go_to(self, name: str) -> None:
        """Select a cell and bring it into view."""
        self._cell(
            name,
            "panel.content.activeCellIndex = at; return panel.content.scrollToItem(at, 'start');",
        )

    def run(self, name: str, wait: bool = True) -> None:
        """Run a cell by its keys."""
        self.go_to(name)
        self.page.evaluate("() => { jupyterapp.shell.currentWidget.content.mode = 'command'; }")
        self.page.evaluate("() => jupyterapp.shell.currentWidget.content.node.focus()")
        before = self._cell(name, "return cell.model.executionCount;")
        self.page.keyboard.press("Control+Enter")
        if wait:
            self.wait(name, before)

    def wait(self, name: str, before) -> None:
        """Wait until a cell has run."""
        deadline = time.monotonic() + SECONDS
        while (now := self._cell(name, "return cell.model.executionCount;")) in (None, before):
            assert time.monotonic() < deadline, f"{name} does not end ({now})"
            time.sleep(0.1)

    def output(self, name: str) -> str:
        """What a person reads below a cell."""
        self.go_to(name)
        return self._cell(name, "return cell.outputArea.node.innerText;")
