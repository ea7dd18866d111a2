"""The students' tree: nothing of an answer is in it, it works alone, and it leads to itself."""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from autograder.labs import MASTERS, ROOT
from autograder.labs.answers import read_answers
from autograder.labs.build import solution
from autograder.labs.master import MARKER, read_lab
from autograder.publish.release import MANIFEST, NoRelease, main, tree, write

ADDRESS = "https://github.com/uni/dp-labs"
BRANCH = f"{ADDRESS}/tree/2026"
LABS = sorted(path.stem for path in MASTERS.glob("*.py"))
UV = os.environ.get("UV") or shutil.which("uv")


@cache
def files():
    return tree(BRANCH)


@cache
def texts():
    """Every text of the tree."""
    found = {}
    for path, content in files().items():
        if path.suffix not in (".npz", ".lock"):
            text = content.decode()
            if path.suffix == ".ipynb":
                text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
            found[path] = text
    return found


def squeezed(text):
    """A text's lines without white space; empty ones and comments are left out."""
    lines = ("".join(line.split()) for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def runs(lines):
    """All that stands in up to three lines in a row."""
    return {tuple(lines[at : at + n]) for n in (1, 2, 3) for at in range(len(lines) - n + 1)}


@cache
def everything():
    return {path: runs(squeezed(text)) for path, text in texts().items()}


def by_marker(lab):
    """What stands between markers of each kind, and outside them, cell by cell."""
    found = {"SOLUTION": {}, "HIDDEN TESTS": {}, None: {}}
    for cell in lab.source.cells:
        inside, lines = None, {"SOLUTION": [], "HIDDEN TESTS": [], None: []}
        for line in cell.source.split("\n"):
            if marker := MARKER.match(line):
                inside = marker[2] if marker[1] == "BEGIN" else None
            else:
                lines[inside].append(line)
        for kind, own in lines.items():
            if own:
                found[kind][cell.id] = squeezed("\n".join(own))
    return found


@pytest.mark.parametrize("name", LABS)
def test_nothing_of_an_answer_or_a_hidden_test_is_in_it(name):
    """Of a solution no three lines in a row, or all if it has fewer; very short ones say nothing.

    Checks compute with the same libraries, so single lines of longer solutions may be theirs too.
    """
    lab = read_lab(MASTERS / f"{name}.py")
    found = by_marker(lab)
    assert found["SOLUTION"].keys() == lab.exercises.keys() and found["HIDDEN TESTS"]
    shown = set().union(*map(runs, found[None].values()))
    bodies = list(found["SOLUTION"].values())
    for exercise, answers in read_answers(MASTERS.parent / "answers" / name, lab).items():
        given = set(found[None][exercise])
        for answer in answers:
            own = [line for line in squeezed(answer.source) if line not in given]
            bodies += [own] if not answer.loses else []
    secret = {run for body in bodies for run in runs(body) if len(run) == min(3, len(body))}
    secret |= {(line,) for lines in found["HIDDEN TESTS"].values() for line in lines}
    secret = {run for run in secret - shown if len("".join(run)) > 24}
    solved = "\n".join(cell.source for cell in solution(lab).cells)
    assert len(secret & runs(squeezed(solved))) > 10  # so it would be seen
    leaked = [(str(path), run) for path, there in everything().items() for run in secret & there]
    assert leaked == []
    # And in a notebook no line at all.
    lines = {(line,) for own in found["SOLUTION"].values() for line in own} - shown
    assert not lines & everything()[Path("labs", f"{name}.ipynb")]


def test_what_is_in_it():
    folders = {path.parts[0] for path in files()}
    assert folders == {
        "labs", "labkit", "README.md", "LICENSE", "Makefile", "pyproject.toml", "uv.lock",
        "requirements-colab.txt", "environment.yml", ".binder", ".devcontainer", ".gitignore",
        ".jupyter",
    }  # fmt: skip
    assert {path.stem for path in files() if path.parts[0] == "labs"} == {*LABS, "README"}
    for path, text in texts().items():
        if path.suffix in (".md", ".ipynb"):
            assert "autograder/" not in text and "solutions/" not in text, path
    readme = texts()[Path("README.md")]
    assert "make grade" not in readme and ".github/" not in readme and "## Students" in readme


def test_badges_set_up_cells_and_project_lead_to_the_address_given():
    everything = "".join(
        text for path, text in texts().items() if path.suffix in (".md", ".ipynb", ".toml")
    )
    assert "privacy-labs/privacy-labs" not in everything
    for name in LABS:
        assert f"github/uni/dp-labs/blob/2026/labs/{name}.ipynb" in everything
    assert f'Repository = "{BRANCH}"' in everything
    assert "uni/dp-labs/2026/requirements-colab.txt" in everything
    assert f"{ADDRESS}/archive/2026.tar.gz" in everything


def test_without_an_address_the_notebooks_are_those_of_this_repository():
    for path, content in tree().items():
        if path.parts[0] == "labs":
            assert content == (ROOT / path).read_bytes()


@pytest.mark.parametrize(
    "address", ["uni/dp-labs", "https://gitlab.com/a/b", "https://github.com/a", ""]
)
def test_an_address_that_colab_cannot_open_is_refused(address):
    with pytest.raises(NoRelease, match="is no address such as"):
        tree(address)


def test_a_new_release_takes_the_place_of_the_old_one_and_of_nothing_else(tmp_path):
    one, two = Path("labs", "one.ipynb"), Path("labs", "two.ipynb")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("")
    write({one: b"1"}, tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    write({two: b"2"}, tmp_path)
    left = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {".git/config", MANIFEST, "labs/two.ipynb", "mine.txt"}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(SystemExit, match="neither empty nor an earlier release"):
        main(["--to", str(tmp_path / "other")])
    assert [p.name for p in (tmp_path / "other").iterdir()] == ["thesis.tex"]


def test_a_manifest_reaches_nothing_outside(tmp_path):
    (tmp_path / "precious").write_text("")
    write({Path("a"): b""}, tmp_path / "release")
    (tmp_path / "release" / MANIFEST).write_text("../precious\na\n")
    write({Path("b"): b""}, tmp_path / "release")
    assert (tmp_path / "precious").exists() and not (tmp_path / "release" / "a").exists()


@pytest.fixture
def published(tmp_path):
    write(files(), tmp_path / "release")
    return tmp_path / "release"


def test_make_knows_the_students_targets_only(published):
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=published, capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["help", "lab", "doctor", "clean"]


@pytest.mark.labs
def test_labkit_and_every_check_work_without_the_autograder(published):
    script = (
        "import importlib, pathlib, pkgutil, sys\n"
        "sys.modules['autograder'] = sys.modules['nbgrader'] = None\n"
        "import labkit\n"
        f"assert labkit.__file__.startswith({str(published)!r})\n"
        "for each in pkgutil.walk_packages(labkit.__path__, 'labkit.'):\n"
        "    if not each.name.endswith('__main__'): importlib.import_module(each.name)\n"
        "from labkit.data import load_mnist\n"
    )
    environment = os.environ | {"PYTHONPATH": str(published)}
    run = [sys.executable, "-c", script]
    done = subprocess.run(
        run, cwd=published.parent, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.pythons
@pytest.mark.skipif(UV is None, reason="uv is not on PATH: run `make test`")
def test_it_installs_as_colab_installs_it(published):
    target = published.parent / "site"
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--no-deps", "--target", target, published], check=True
    )
    assert (target / "labkit" / "checks").is_dir() and not (target / "autograder").exists()
