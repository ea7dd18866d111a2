"""How much memory a kernel may use, on machines and in containers of any size."""

from pathlib import Path

import pytest

from autograder.sandbox import cgroup, memory
from autograder.sandbox.provisioner import Limits

GB = 1 << 30


@pytest.mark.parametrize(
    ("total", "jobs", "most"),
    [(64 * GB, 8, 6 * GB), (16 * GB, 2, 6 * GB), (16 * GB, 4, 3 * GB), (4 * GB, 1, 3 * GB),
     (4 * GB, 2, memory.LEAST), (2 * GB, 1, memory.LEAST)],
)  # fmt: skip
def test_a_kernels_limit_is_what_the_machine_has_for_each(monkeypatch, total, jobs, most):
    monkeypatch.setattr(memory, "total", lambda: total)
    limits = memory.bounded(Limits(), jobs)
    assert limits.memory == most and limits.most_mapped == 6 * GB
    assert memory.bounded(Limits(memory=GB), jobs).memory == GB


@pytest.fixture
def groups(monkeypatch, tmp_path):
    """Have the files of control groups in a folder, and be in those of a text."""

    def groups(text):
        (tmp_path / "own").write_text(text)
        monkeypatch.setattr(memory, "_GROUPS", tmp_path / "own")
        monkeypatch.setattr(cgroup, "ROOT", tmp_path)
        return tmp_path

    return groups


@pytest.mark.parametrize(
    ("own", "folder", "file"),
    [
        ("0::/", ".", "memory.max"),
        ("0::/user.slice/one.scope", "user.slice", "memory.max"),
        ("1:cpu,memory:/docker/one\n0::/", "memory/docker/one", "memory.limit_in_bytes"),
        ("1:cpu,memory:/docker/one", "memory", "memory.limit_in_bytes"),  # as it is seen within
    ],
)
def test_a_control_groups_limit_is_the_machines_size(groups, own, folder, file):
    root = groups(own)
    whole = memory.total()
    assert whole > GB // 2
    (root / folder).mkdir(parents=True, exist_ok=True)
    for said, total in (("max\n", whole), (f"{1 << 62}\n", whole), ("5000\n", 5000)):
        (root / folder / file).write_text(said)
        assert memory.total() == total


def test_in_a_container_nobody_elses_end_is_counted(groups):
    root = groups("0::/")
    lines = Path("/proc/vmstat").read_text().splitlines()
    (machine,) = [int(line.split()[1]) for line in lines if line.startswith("oom_kill ")]
    assert memory.ended_for_memory() >= machine
    (root / "memory.events").write_text("max 9\noom 8\noom_kill 0\noom_group_kill 7\n")
    assert memory.ended_for_memory() == 0
    (root / "memory.events").write_text("max 9\noom 8\noom_kill 3\noom_group_kill 7\n")
    assert memory.ended_for_memory() == 3
