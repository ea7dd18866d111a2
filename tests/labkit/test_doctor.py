"""`labkit doctor`: a line for each need, with its remedy where it is not met."""

import os
import subprocess
import sys
from collections import namedtuple

import pytest

import labkit
from labkit import doctor


@pytest.fixture
def quick(monkeypatch):
    """Nothing is imported: that is for the test that asks this machine."""
    monkeypatch.setattr(doctor, "_run", lambda code: ("/usr/bin/bwrap", ""))


def told(capsys):
    status = doctor.main()
    return status, capsys.readouterr().out.splitlines()


def test_this_machine_can_run_the_labs(capsys):
    status, lines = told(capsys)
    assert status == 0 and lines[-1] == "All is well.", lines
    assert [line.split()[:2] for line in lines[:-1]] == [["ok", need] for need in doctor._NEEDS]
    assert "70 000 images" in lines[-3] and "bwrap" in lines[-2]


def test_what_is_missing_is_told_with_its_remedy(quick, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(doctor.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(doctor, "LEAST_MEMORY", 1 << 60)
    monkeypatch.setattr(doctor.socket, "create_server", lambda _: (tmp_path / "none").stat())
    usage = namedtuple("usage", "total used free")(1, 1, 5 << 20)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(
        doctor,
        "_run",
        lambda code: ("", {
            "import": "No module named 'tf_shell'",
            "from l": "the SHA-256 of x_test is not that of the published data",
            "from a": "AppArmor keeps programs from making user namespaces",
        }[code[:6]]),
    )  # fmt: skip
    status, lines = told(capsys)
    assert status == 1 and lines[-1] == "9 to mend"
    text = "\n".join(lines)
    for words in (
        "arm64", "Colab", "FAIL  Python           3.10.1", "use Python 3.11", "tf_shell",
        "uv sync --locked", "GB",
        "FAIL  cores            1", "FileNotFoundError", "5 MB free", "git checkout labkit/mnist",
        "AppArmor",
    ):  # fmt: skip
        assert words in text, text


def test_a_folder_that_cannot_be_written_is_named(quick, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    _, lines = told(capsys)
    assert f"let user {os.geteuid()} write into {tmp_path}/none" in "\n".join(lines)


@pytest.mark.parametrize(
    ("own", "folder", "file"),
    [
        ("0::/", ".", "memory.max"),
        ("0::/user.slice/one.scope", "user.slice", "memory.max"),
        ("1:cpu,memory:/docker/one\n0::/", "memory/docker/one", "memory.limit_in_bytes"),
        ("1:cpu,memory:/docker/one", "memory", "memory.limit_in_bytes"),  # as it is seen within
    ],
)
def test_a_control_groups_limit_is_the_machines_size(monkeypatch, tmp_path, own, folder, file):
    """The grader asks the same function."""
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr(doctor, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(doctor, "GROUPS", tmp_path)
    whole = doctor.total_memory()
    assert whole > 1 << 29
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for said, total in (("max\n", whole), (f"{1 << 62}\n", whole), (f"{3 << 29}\n", 3 << 29)):
        (tmp_path / folder / file).write_text(said)
        assert doctor.total_memory() == total
    assert doctor._memory() == ("1.5 GB", "give the machine or container 4 GB")


@pytest.mark.pythons
def test_it_runs_without_an_environment(tmp_path):
    """So it can tell what an environment lacks."""
    run = subprocess.run(
        [sys.executable, "-I", "-S", doctor.__file__],
        capture_output=True, text=True, cwd=tmp_path, timeout=300,
        env=os.environ | {"PYTHONNOUSERSITE": "1", "PYTHONHOME": sys.base_prefix},
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("ok    platform         Linux x86_64")


def test_it_is_a_command():
    command = [sys.executable, "-m", "labkit", "nonsense"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and "doctor" in run.stderr
    assert labkit.__file__
