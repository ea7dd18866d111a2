"""Wrong usage is one line, at once, and loses nothing."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from autograder.grade import main
from tests.tiny import FIXTURES, ROOT, write_class

pytestmark = pytest.mark.grader


def run(*arguments, **more):
    command = [sys.executable, "-X", "importtime", "-m", "autograder.grade", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, **more)


@pytest.mark.parametrize(
    "arguments, code",
    [(["--help"], 0), ([], 2), (["--lab", "1", "--jops", "2"], 2), (["--lab", "99"], 1),
     (["--lab", "3", "--submissions", "/none"], 1), (["--lab", "3", "--due", "x"], 1),
     (["--lab", "3", "--output", "/proc/none", "--submissions", "tests/fixtures"], 1),
     (["--lab", "3", "--roster", "/none"], 1), (["--lab", "3", "--jobs", "x"], 2),
     (["--lab", "3", "--submissions", ""], 2)],
)  # fmt: skip
def test_nothing_that_takes_seconds_is_imported_to_say_no(arguments, code):
    done = run(*arguments)
    imported = set(re.findall(r"\| +(\S+)$", done.stderr, re.MULTILINE))
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == code, done.stderr[-500:]
    heavy = {"nbgrader", "nbformat", "sqlalchemy", "traitlets", "jinja2", "numpy", "hypothesis"}
    assert not imported & heavy and len(imported) > 50
    if code:
        assert len(said) == 1 and said[0].startswith("Nothing graded: ") and done.stdout == ""


def refused(*arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in arguments], masters=FIXTURES / "masters")
    text = str(caught.value.code)
    assert "\n" not in text and text.startswith("Nothing graded: ")
    return text


@pytest.fixture
def folder(tmp_path):
    return write_class(tmp_path / "it's a ~ class", ann={})


@pytest.mark.parametrize("lab", ["0", "00", "00_", "00_t", "00_tiny"])
def test_a_labs_number_or_beginning_is_enough(lab, folder, tmp_path):
    said = refused("--lab", lab, "--submissions", folder, "--only", "zoë",
                   "--output", tmp_path / "out")  # fmt: skip
    assert said == "Nothing graded: no submission of zoë: there is ann"


@pytest.mark.parametrize("lab", ["", "1", "000_tiny", "tiny", "\ud800", "²"])
def test_a_lab_that_is_none(lab):
    assert "there is 00_tiny" in refused("--lab", lab)


def test_home_is_found_though_the_shell_left_it(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    said = refused("--lab", "0", "--submissions", f"~/{folder.name}", "--file", "bob=x")
    assert "no submission of bob" in said
    assert "~nobody-of-that-name" in refused("--lab", "0", "--submissions", "~nobody-of-that-name")


def test_a_folder_that_cannot_be_written_is_said_to_be_one(folder, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("x")
    for output in (file, file / "out"):
        said = refused("--lab", "0", "--submissions", folder, "--output", output)
        assert "cannot be written: " in said and str(output) in said


def test_a_full_disk_is_seen_before_anything_is_graded(folder, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("autograder.results.folder.tempfile.TemporaryFile", full)
    said = refused("--lab", "0", "--submissions", folder, "--output", tmp_path / "out")
    assert said.endswith("cannot be written: No space left on device")


def test_what_was_wrong_leaves_no_folder(folder, tmp_path):
    refused("--lab", "0", "--submissions", folder, "--output", tmp_path / "out", "--file", "ann=x")
    assert not (tmp_path / "out").exists()


# --- make -----------------------------------------------------------------------------------------


def make(*arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", "-n", "-o", ".venv/synced", *arguments], cwd=ROOT,
        capture_output=True, text=True, timeout=60, env=environment | {"MAKEFLAGS": ""},
    )  # fmt: skip


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
@pytest.mark.parametrize("wrong", ["SUBMISSION=x", "SUBMISSIONZ=x", "lab=3", "Lab=3", "OPTION=x"])
def test_make_says_what_nothing_reads(wrong):
    done = make("grade", wrong)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert f"{wrong.partition('=')[0]}= is read by nothing here" in done.stderr


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
@pytest.mark.parametrize(
    "path", ["a b", "it's", "~/x", "''", '"x"', "a;echo b", "$(x)", "é", "--x", "a\\b", "*"]
)
def test_make_hands_any_path_on(path):
    done = make("grade", "LAB=3", f"SUBMISSIONS={path}")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.replace("\\\n", " ").strip().splitlines()
    words = "set -f; python() { for word; do printf '<%s>\\n' \"$word\"; done; }; python "
    said = subprocess.run(["sh", "-c", words + line], capture_output=True, text=True).stdout
    assert "<3>" in said.splitlines() and f"<{path}>" in said.splitlines()
