"""The libraries work together under every Python and in Colab; each way in gives what is locked."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import venv
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from autograder.labs import MASTERS, colab
from autograder.labs.build import release
from autograder.labs.master import read_lab

REPOSITORY = Path(__file__).parents[2]
# Kept, so that a second run installs nothing.
ENVIRONMENTS = REPOSITORY / "build" / "environments"
UV = os.environ.get("UV") or shutil.which("uv")

pytestmark = [
    pytest.mark.pythons,
    pytest.mark.skipif(UV is None, reason="uv is not on PATH: run `make test`"),
]


def run(*command, cwd=REPOSITORY, **variables):
    """Run a command, show its output if it fails, and return its stdout."""
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        | variables,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def interpreter(version):
    """A Python of this version: on PATH, pyenv's, or uv's. Skips the test if there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [
        shutil.which(f"python{version}"),
        *sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}")),
    ]
    for candidate in filter(None, candidates):
        # pyenv's shim is on PATH for every version, and fails for those that are not active.
        if subprocess.run([candidate, "--version"], capture_output=True).returncode == 0:
            return str(candidate)
    find = [UV, "python", "find", "--no-project", "--managed-python", "--no-python-downloads"]
    managed = subprocess.run([*find, version], capture_output=True, text=True)
    if managed.returncode != 0:
        pytest.skip(f"there is no Python {version} here")
    return managed.stdout.strip()


def installed(python):
    """The version of each package in an environment, as canonical names."""
    listed = run(UV, "pip", "list", "--quiet", "--format=json", "--python", python)
    return {canonicalize_name(row["name"]): row["version"] for row in json.loads(listed)}


def locked():
    """The version of each package in uv.lock for this platform and Python."""
    options = ["--quiet", "--locked", "--no-emit-project", "--no-hashes", "--no-annotate"]
    lines = run(UV, "export", *options, "--no-header").splitlines()
    requirements = [Requirement(line) for line in lines]
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in requirements
        if each.marker is None or each.marker.evaluate()
    }


def locked_under(version, folder):
    """What test_compat.py says of the Python that runs this holds for another one."""
    environment = ENVIRONMENTS / version
    # What is imported is compiled then: a tenth of what there is.
    run(
        *(UV, "sync", "--locked", "--python", interpreter(version)),
        UV_PROJECT_ENVIRONMENT=str(environment),
        UV_COMPILE_BYTECODE="false",
    )
    run_tests(environment, folder, "labkit/test_compat.py")


def as_in_colab(folder):
    """Colab's own versions, with what its set-up cell adds to them, in the way that it does.

    All of Colab's versions but one: `tensorflow-cpu` has the place of `tensorflow`, the same
    TensorFlow without two gigabytes for GPUs.
    """
    environment = ENVIRONMENTS / "colab"
    python = environment / "bin" / "python"
    run(UV, "venv", "--quiet", "--seed", "--allow-existing", "-p", interpreter("3.13"), environment)
    there = colab.colab_pins()
    pins = {
        name: there[colab.OTHER_NAMES.get(name, name)]
        for name in colab.run_time_pins()
        if colab.OTHER_NAMES.get(name, name) in there
    }
    install = (UV, "pip", "install", "--quiet", "--python", python)
    uncompiled = {"UV_COMPILE_BYTECODE": "false"}
    run(*install, "--no-deps", *(f"{n}=={v}" for n, v in pins.items()), **uncompiled)
    run(*install, "-c", colab.PINS, "pytest", "hypothesis", "psutil", "ipykernel", **uncompiled)

    run(*(UV, "pip", "uninstall", "--quiet", "--python", python, "privacy-labs"))
    with as_published(folder) as address:
        assert in_colab(python, address, folder) == "not everything, then everything"

    versions = installed(python)
    assert {name: versions[name] for name in pins} == pins
    run_tests(environment, folder, "labkit/test_compat.py", "labkit/test_data.py")


@contextmanager
def as_published(folder):
    """Serve the repository as it is, as GitHub would; the first request for anything fails."""
    commit = run("git", "stash", "create").strip() or "HEAD"
    published = folder / "published"
    (published / "archive").mkdir(parents=True)
    archive = published / "archive" / "main.tar.gz"
    run("git", "archive", "--prefix=privacy-labs-main/", "-o", archive, commit)
    (published / "main").mkdir()
    shutil.copy(REPOSITORY / colab.REQUIREMENTS.name, published / "main")
    failures = iter([404])

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            code = next(failures, None)
            self.send_error(code) if code else super().do_GET()

        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=published)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def in_colab(python, address, folder):
    """Run a lab's very set-up cell three times, with a stand-in for Colab; return what it did."""
    lab = read_lab(MASTERS / "01_dp_sgd.py")
    [cell] = [cell.source for cell in release(lab).cells if cell.id == "install"]
    for host in ("https://raw.githubusercontent.com", "https://github.com"):
        cell = re.sub(rf"{re.escape(host)}/[^/]+/[^/]+", address, cell)
    assert cell.count(address) == 2
    script = folder / "cell.py"
    script.write_text(
        f"""
import contextlib, io, sys, types
sys.modules["google.colab"] = types.ModuleType("google.colab")
cell = {cell!r}
try:
    exec(cell, {{}})
    raise SystemExit("a failure was not noticed")
except RuntimeError as error:
    assert "Run this cell again" in str(error), error
for _ in range(2):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(cell, {{}})
    first, last = said.getvalue().splitlines()
    assert "Save a copy in Drive" in first and last.startswith("Ready, with TensorFlow"), said
    cell = cell.replace({address!r}, "http://nowhere.invalid")  # nothing is fetched twice
print("not everything, then everything")
""",
        "utf-8",
    )
    variables = {"PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return run(python, script, cwd=folder, **variables).strip()


def run_tests(environment, folder, *files):
    """Run tests with an environment's pytest, from a folder where labkit's source is not."""
    (folder / "tests").symlink_to(REPOSITORY / "tests")
    run(
        *(environment / "bin" / "python", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
        *("-o", "pythonpath="),
        *("--rootdir", REPOSITORY, "-c", REPOSITORY / "pyproject.toml"),
        *(REPOSITORY / "tests" / file for file in files),
        cwd=folder,
        PYTHONDONTWRITEBYTECODE="",
    )


OTHER_VERSIONS = {"3.11", "3.12", "3.13"} - {f"3.{sys.version_info.minor}"}


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """What becomes of each environment that is asked for: side by side, a core each."""
    names = [
        i.callspec.params["name"] for i in request.session.items if "outcomes" in i.fixturenames
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {
            name: pool.submit(as_in_colab, tmp_path_factory.mktemp(name))
            if name == "colab"
            else pool.submit(locked_under, name, tmp_path_factory.mktemp(name))
            for name in names
        }


@pytest.mark.parametrize("name", [*sorted(OTHER_VERSIONS), "colab"])
def test_libraries_work_together(name, outcomes):
    outcomes[name].result()


def test_requirements_for_colab_are_fresh():
    assert colab.REQUIREMENTS.read_text() == colab.requirements(), "run `make build`"


def test_the_benchmarks_peers_are_locked():
    peers = sorted((REPOSITORY / "benchmarks" / "peers").glob("*/pyproject.toml"))
    assert peers
    for peer in peers:
        run(UV, "lock", "--check", "--quiet", cwd=peer.parent)


def test_conda_and_binder_get_what_is_locked(tmp_path):
    """environment.yml's pip section, then postBuild, in a plain environment in place of conda's."""
    yaml = pytest.importorskip("yaml")
    *_, section = yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"]
    venv.create(tmp_path / "conda", with_pip=True)
    binaries = tmp_path / "conda" / "bin"
    run(binaries / "python", "-m", "pip", "install", "--quiet", *section["pip"])
    # Not compiled: nothing is imported from it here.
    path = f"{binaries}{os.pathsep}/usr/bin{os.pathsep}/bin"
    run(REPOSITORY / ".binder" / "postBuild", cwd=tmp_path, PATH=path, UV_COMPILE_BYTECODE="false")
    there = installed(binaries / "python")
    wanted = locked()
    assert {name: there.get(name) for name in wanted} == wanted
    assert "privacy-labs" in there
