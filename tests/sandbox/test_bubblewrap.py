"""The sandbox's program: the newest that works, from the system or the environment, or none."""

import os
import re
from pathlib import Path

import pytest

from autograder.sandbox import bubblewrap, confine
from autograder.sandbox.confine import NONE


@pytest.fixture
def choose(tmp_path, monkeypatch):
    """Returns the name of what is chosen of the system's and the wheel's program."""

    def program(name, version, works):
        path = tmp_path / name / "bwrap"
        path.parent.mkdir()
        path.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo "bubblewrap {version}" && exit\n'
            f"exit {0 if works else 1}\n"
        )
        path.chmod(0o755)
        return str(path)

    def choose(system=None, wheel=None):
        monkeypatch.setenv("PATH", str(tmp_path / "system") + ":/usr/bin:/bin")
        if system:
            program("system", *system)
        else:
            monkeypatch.setattr(bubblewrap.shutil, "which", lambda _: None)
        path = program("wheel", *wheel) if wheel else None
        monkeypatch.setattr(bubblewrap, "_from_wheel", lambda: path)
        return Path(bubblewrap.find()).parent.name

    return choose


@pytest.mark.parametrize(
    ("system", "wheel", "chosen"),
    [
        (("0.8.0", True), ("0.11.0", True), "wheel"),
        (("0.12.0", True), ("0.11.0", True), "system"),
        (("0.11.1", True), ("0.11.0", True), "system"),
        (("0.11.0", True), ("0.11.0", True), "wheel"),
        (("0.8.0", True), ("0.11.0", False), "system"),  # AppArmor knows the system's by its path
        (("0.12.0", False), ("0.11.0", True), "wheel"),
        (("0.8.0", False), ("0.11.0", False), "wheel"),  # it will say why
        (("unknown", True), ("0.11.0", True), "wheel"),
        (("unknown", True), None, "system"),
        (None, ("0.11.0", True), "wheel"),
    ],
)
def test_the_newest_that_works_is_taken(choose, system, wheel, chosen):
    assert choose(system, wheel) == chosen


def test_where_there_is_none_it_says_how_to_get_one(choose):
    with pytest.raises(bubblewrap.Missing, match="apt-get install bubblewrap"):
        choose()


def test_the_environment_has_one_that_works():
    path = bubblewrap._from_wheel()
    assert bubblewrap._version(path) >= (0, 11) and bubblewrap._works(path)


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "apparmor_restrict.*=0"),
        ("kernel/unprivileged_userns_clone", "0", "unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "max_user_namespaces=15000"),
        (None, None, "namespaces"),
    ],
)
def test_the_remedy_is_this_platforms(monkeypatch, setting, value, says):
    monkeypatch.setattr(bubblewrap, "_says", lambda name: value if name == setting else "")
    assert re.search(says, bubblewrap.remedy())


def test_a_program_that_cannot_be_started_does_not_work(tmp_path):
    (tmp_path / "bwrap").write_text("no program")
    os.chmod(tmp_path / "bwrap", 0o755)
    for path in (tmp_path / "bwrap", tmp_path / "none"):
        assert bubblewrap._version(str(path)) == () and not bubblewrap._works(str(path))


def test_without_bubblewrap_it_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bubblewrap, "_from_wheel", lambda: None)
    with pytest.raises(confine.NoSandbox, match=r"apt-get install bubblewrap.*none-INSECURE"):
        confine.require()
    confine.require(NONE)


def test_where_bubblewrap_fails_it_says_why(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(bubblewrap, "_from_wheel", lambda: None)
    monkeypatch.setattr(bubblewrap, "remedy", lambda: "allow them")
    with pytest.raises(confine.NoSandbox, match=r"No permissions.*: allow them.*none-INSECURE"):
        confine.require()
