"""How much memory a kernel may use, on machines and in containers of any size."""

from pathlib import Path

import pytest

from autograder.sandbox import cgroup, memory
from autograder.sandbox.provisioner import Limits
from labkit import doctor

GB = 1 << 30


@pytest.mark.parametrize(
    ("total", "jobs", "most"),
    [(64 * GB, 8, 6 * GB), (16 * GB, 2, 6 * GB), (16 * GB, 4, 3 * GB), (4 * GB, 1, 3 * GB),
     (4 * GB, 2, memory.LEAST), (2 * GB, 1, memory.LEAST)],
)  # fmt: skip
def test_a_kernels_limit_is_what_the_machine_has_for_each(monkeypatch, total, jobs, most):
    monkeypatch.setattr(memory, "total_memory", lambda: total)
    limits = memory.bounded(Limits(), jobs)
    assert limits.memory == most and limits.most_mapped == 6 * GB
    assert memory.bounded(Limits(memory=GB), jobs).memory == GB


def test_a_small_control_group_makes_a_small_limit(monkeypatch, tmp_path):
    (tmp_path / "own").write_text("0::/one.scope")
    monkeypatch.setattr(doctor, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(doctor, "GROUPS", tmp_path)
    (tmp_path / "memory.max").write_text("5000")
    assert memory.bounded(Limits()).memory == memory.LEAST


OWN = {
    # By what /proc/self/cgroup says, and which file has the count.
    "version 1": ("7:cpu,cpuacct:/a\n4:memory:/a/b\n0::/\n", "memory/a/b/memory.oom_control"),
    "version 1, in a container": ("4:memory:/docker/x\n", "memory/memory.oom_control"),
    "version 2": ("0::/user.slice/a.scope\n", "user.slice/a.scope/memory.events.local"),
    "version 2, before Linux 5.2": ("0::/user.slice/a.scope\n", "user.slice/a.scope/memory.events"),
    "version 2, counted above": ("0::/user.slice/a.scope\n", "user.slice/memory.events.local"),
    "version 2, in a container": ("0::/\n", "memory.events.local"),
}


@pytest.mark.parametrize("where", OWN)
def test_whom_the_group_of_the_grader_lost_is_counted(monkeypatch, tmp_path, where):
    """Not those that a kernel's own group, below it or beside it, was too small for."""
    said, file = OWN[where]
    root = tmp_path / "cgroup"
    (tmp_path / "own").write_text(said)
    monkeypatch.setattr(cgroup, "_OWN", tmp_path / "own")
    monkeypatch.setattr(cgroup, "ROOT", root)
    counted = root / file
    for folder in (counted.parent / "lab-1-x", counted.parent.parent / "lab-1-x"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / counted.name).write_text("oom 3\noom_kill 3\n")
    counted.write_text("oom_kill_disable 0\noom_kill 0\n")
    if counted.name == "memory.events.local":  # that counts all below, too
        counted.with_name("memory.events").write_text("oom 3\noom_kill 3\n")
    assert memory.ended_for_memory() == 0
    counted.write_text("oom_kill_disable 0\noom_kill 2\n")
    assert memory.ended_for_memory() == 2


def test_the_graders_own_count_is_no_neighbours(exceed):
    before = memory.ended_for_memory()
    exceed()
    assert memory.ended_for_memory() == before or not list(cgroup.around())


def test_in_a_container_nobody_elses_end_is_counted(monkeypatch, tmp_path):
    root = tmp_path
    monkeypatch.setattr(cgroup, "ROOT", root)
    lines = Path("/proc/vmstat").read_text().splitlines()
    (machine,) = [int(line.split()[1]) for line in lines if line.startswith("oom_kill ")]
    assert memory.ended_for_memory() >= machine
    (root / "memory.events").write_text("max 9\noom 8\noom_kill 0\noom_group_kill 7\n")
    assert memory.ended_for_memory() == 0
    (root / "memory.events").write_text("max 9\noom 8\noom_kill 3\noom_group_kill 7\n")
    assert memory.ended_for_memory() == 3
