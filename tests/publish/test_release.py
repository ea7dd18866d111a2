"""The students' tree: nothing of an answer is in it, it works alone, and it leads to itself."""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from autograder.labs.answers import read_answers
from autograder.labs.build import release
from autograder.labs.master import MARKER, MASTERS, ROOT, read_lab
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
    """Every text of the tree without white space, line by line."""
    found = {}
    for path, content in files().items():
        if path.suffix not in (".npz", ".lock"):
            text = content.decode()
            if path.suffix == ".ipynb":
                text = "\n".join(cell["source"] for cell in sources(content))
            found[path] = "\n".join("".join(line.split()) for line in text.split("\n"))
    return found


def sources(content):
    cells = json.loads(content)["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in cells]


def hidden(lab, kind):
    """What stands between markers, without white space, by the name of its cell."""
    found = {}
    for cell in lab.source.cells:
        inside, lines = None, []
        for line in cell.source.split("\n"):
            if marker := MARKER.match(line):
                inside = marker[2] if marker[1] == "BEGIN" else None
            elif inside == kind and line.strip() and not line.strip().startswith("#"):
                lines.append("".join(line.split()))
        if lines:
            found[cell.id] = lines
    return found


@pytest.mark.parametrize("name", LABS)
def test_nothing_of_an_answer_or_a_hidden_test_is_in_it(name):
    lab = read_lab(MASTERS / f"{name}.py")
    solutions = hidden(lab, "SOLUTION")
    assert solutions.keys() == lab.exercises.keys()
    # One line of many is not an answer, and checks compute with the same libraries.
    passages = {"\n".join(two) for lines in solutions.values() for two in pairwise(lines)}
    passages |= {"\n".join(lines) for lines in solutions.values()}
    passages |= {
        line for lines in hidden(lab, "HIDDEN TESTS").values() for line in lines if "trials" in line
    }
    blanks = {cell.id: cell.source for cell in release(lab).cells}
    for exercise, answers in read_answers(MASTERS.parent / "answers" / name, lab).items():
        for answer in answers:
            given = {"".join(line.split()) for line in blanks[exercise].split("\n")}
            lines = ["".join(line.split()) for line in answer.source.split("\n")]
            own = [line for line in lines if line and line not in given]
            passages.add("\n".join(own))
    found = [
        (str(path), passage)
        for path, text in texts().items()
        for passage in passages
        if len(passage) > 24 and passage in re.sub("\n+", "\n", text)
    ]
    assert found == []


def test_what_is_in_it():
    folders = {path.parts[0] for path in files()}
    assert folders == {
        "labs", "labkit", "README.md", "LICENSE", "Makefile", "pyproject.toml", "uv.lock",
        "requirements-colab.txt", "environment.yml", ".binder", ".devcontainer", ".gitignore",
    }  # fmt: skip
    assert {path.stem for path in files() if path.parts[0] == "labs"} == {*LABS}
    for path, text in texts().items():
        if path.suffix in (".md", ".ipynb"):
            assert "autograder/" not in text and "solutions/" not in text, path
    readme = texts()[Path("README.md")]
    assert "makegrade" not in readme and ".github/" not in readme and "##Students" in readme


def test_badges_set_up_cells_and_project_lead_to_the_address_given():
    everything = "".join(
        text for path, text in texts().items() if path.suffix in (".md", ".ipynb", ".toml")
    )
    assert "privacy-labs/privacy-labs" not in everything
    for name in LABS:
        assert f"github/uni/dp-labs/blob/2026/labs/{name}.ipynb" in everything
    assert f'Repository="{BRANCH}"' in everything
    assert "uni/dp-labs/2026/requirements-colab.txt" in everything
    assert f"{ADDRESS}/archive/refs/heads/2026.tar.gz" in everything


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
        ["make"], cwd=published, capture_output=True, text=True, check=True
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
