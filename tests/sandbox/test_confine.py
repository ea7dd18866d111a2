"""What is in a sandbox: of the folder that Python is in, Python."""

import subprocess
import sys

import pytest

from autograder.sandbox import confine

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home, into which Python may be installed."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(confine.site, "getuserbase", lambda: str(home / ".local"))
    return home


def install(prefix, monkeypatch):
    """Have Python in a folder in which there is something else, too; return that."""
    for folder in ("bin", f"lib/{VERSION}", "lib64"):
        (prefix / folder).mkdir(parents=True)
    for file in (f"bin/{VERSION}", "bin/mine", f"lib/{VERSION}/os.py", "lib/libpython.so.1"):
        (prefix / file).write_text("of Python")
    (prefix / "lib" / "libgone.so").symlink_to("nowhere")
    (prefix / "secret").write_text("not of Python")
    for name in ("base_prefix", "base_exec_prefix"):
        monkeypatch.setattr(sys, name, str(prefix))
    return prefix / "secret"


@pytest.mark.parametrize("prefix", ["home", "home/.local", "."])
def test_who_installed_python_into_a_home_does_not_show_that(home, prefix, tmp_path, monkeypatch):
    secret = install(tmp_path / prefix, monkeypatch)
    shown = confine._program()
    assert not any(secret.is_relative_to(path) for path in shown)
    assert not any((tmp_path / prefix / "bin/mine").is_relative_to(path) for path in shown)
    for part in (f"bin/{VERSION}", f"lib/{VERSION}", "lib/libpython.so.1"):
        assert tmp_path / prefix / part in shown


def test_who_has_the_project_in_pythons_folder_does_not_show_that(home, tmp_path, monkeypatch):
    secret = install(tmp_path / "opt", monkeypatch)
    monkeypatch.setattr(confine, "ROOT", tmp_path / "opt" / "labs")
    assert not any(secret.is_relative_to(path) for path in confine._program())


def test_a_folder_of_pythons_own_is_there_as_a_whole(home, tmp_path, monkeypatch):
    install(home / "python", monkeypatch)
    assert home / "python" in confine._program()


@pytest.mark.grader
def test_a_sandbox_shows_no_home_that_python_is_in(home, monkeypatch):
    secret = install(home, monkeypatch)
    for file, there in ((secret, False), (home / "lib" / VERSION / "os.py", True)):
        line = [*confine.command(), "/bin/cat", str(file)]
        run = subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert (run.returncode == 0) is there, run.stderr
