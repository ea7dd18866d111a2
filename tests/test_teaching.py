"""The instructor's page: each command in it is one that there is, with options that there are."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from autograder.labs import MASTERS, ROOT, named
from autograder.labs.master import read_lab

PAGE = (ROOT / "autograder" / "README.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
LINES = [
    line.split("  #")[0].strip()
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
    for line in block.splitlines()
]
LINES += re.findall(r"`(make [^`]+)`", PAGE)


def module(name):
    """The text of the program that a module's name starts."""
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__main__.py"


def test_there_are_commands():
    assert {line.split()[1] for line in LINES} >= {
        "build", "doctor", "grade", "gradescope", "new-lab", "release", "similar", "test",
    }  # fmt: skip


@pytest.mark.parametrize("line", sorted(set(LINES)))
def test_a_command_is_a_target_and_its_options_are_the_program_s(line):
    planned = subprocess.run(
        [*shlex.split(line), "--dry-run"], cwd=ROOT, capture_output=True, text=True
    )
    assert planned.returncode == 0, planned.stderr
    run = planned.stdout.replace("\\\n", " ")
    found = re.search(r"-m (autograder\.[\w.]+)", run)
    if found is not None:
        program = module(found[1]).read_text("utf-8")
        for option in re.findall(r" (--[a-z-]+)", run[found.end() :]):
            assert re.search(rf'add(_argument)?\("{option}"', program), (option, found[1])
    for lab in re.findall(r"LAB=(\d\d)", line):
        assert f"--lab '{lab}'" in run and named(lab).startswith(f"{lab}_")


def test_what_it_names_is_there():
    for path in re.findall(r"\]\((?!http)([^)#]+)", PAGE):
        assert (ROOT / "autograder" / path).exists(), path
    for path in re.findall(r"`((?:autograder|labkit)/[\w/.]+)`", PAGE):
        assert (ROOT / path).exists(), path
    [exercise] = re.findall(r"tests/labs -k (\w+)", PAGE)
    assert any(exercise in read_lab(path).exercises for path in MASTERS.glob("*.py"))


def test_readme_leads_to_it():
    assert "(autograder/README.md)" in README.split("## Instructors")[1].split("\n## ")[0]
