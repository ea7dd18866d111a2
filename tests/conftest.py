"""Which examples properties get, and how tests share processes (`-n 2 --dist loadgroup`)."""

import os
import re
import signal
import subprocess
import sys

# Before NumPy is imported, here and in what is started from here: side by side, threads of a matrix
# product wait for each other's cores, and burn them meanwhile.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

import labkit  # noqa: F401  # before any test imports TensorFlow, whose log it sets

# The same examples in every run, and no limits of time: other programs share the machine.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")


EXCEEDS = """
import os, sys
for door in sys.argv[1:]:
    os.write(int(door), b"0")
kept = bytearray(b"x") * (1 << 28)
"""


@pytest.fixture
def exceed():
    """Have Linux end a process, a neighbour's, for the limit of a control group of its own."""
    from autograder.sandbox import cgroup
    from autograder.sandbox.inside.jail import Limits

    def exceed():
        group = cgroup.make(Limits(memory=64 << 20))
        doors = group.doors()
        line = [sys.executable, "-IS", "-c", EXCEEDS, *map(str, doors)]
        ended = subprocess.run(line, pass_fds=doors).returncode
        for door in doors:
            os.close(door)
        assert (ended, group.excess() != "", group.hit()) == (-signal.SIGKILL, True, False)
        group.remove()

    if (group := cgroup.make(Limits())) is None:
        pytest.skip("no control groups here")
    group.remove()
    return exceed


# First: xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep tests in one process that share what is costly to make; the others go anywhere.

    Shared are fixtures of a module, and, in modules that say so by `BY_LAB = True`, what is cached
    for a lab: its set-up cells, its executed solution.
    """
    # Two processes must collect the same names: none may hold an address.
    for item in items:
        assert " at 0x" not in item.nodeid, f"{item.nodeid}: ids=repr of an object without one"
    # What takes longest begins first, so that no process waits for one group at the end: by their
    # marks, and in these the modules that say so by `LONG = True`.
    marks = ["labs", "pythons", "grader"]
    items.sort(
        key=lambda item: (
            next(
                (marks.index(mark.name) for mark in item.iter_markers() if mark.name in marks),
                len(marks),
            ),
            not getattr(item.module, "LONG", False),
        )
    )
    for item in items:
        if (shared := _shared(item)) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(f"{item.module.__name__}:{shared}"))


def _shared(item):
    if getattr(item.module, "BY_LAB", False):
        found = re.search(r"lab_(\d\d)|\[(\d\d)_", item.name)
        return "lab " + "".join(filter(None, found.groups())) if found else ""
    callspec = getattr(item, "callspec", None)
    names = []
    for name, definitions in item._fixtureinfo.name2fixturedefs.items():
        if any(each.scope == "module" for each in definitions):
            parameter = callspec.indices.get(name, "") if callspec else ""
            names.append(f"{name}{parameter}")
    return " ".join(sorted(names))
