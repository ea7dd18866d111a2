"""What control groups count, and whose memory it was that ran out."""

import os
import subprocess
from dataclasses import replace

import pytest

from autograder.sandbox import cgroup
from autograder.sandbox.kernel import Died, MachineFull
from autograder.sandbox.provisioner import Limits
from tests.kernels import kernel_in

pytestmark = pytest.mark.grader


@pytest.fixture
def group():
    made = cgroup.make(Limits())
    if made is None:
        pytest.skip("no control groups here")
    yield made
    made.remove()


def mine():
    return set(cgroup.ROOT.glob(f"**/lab-{os.getpid()}-*"))


def test_a_control_group_counts_files_in_memory_too(place, group):
    before = mine()
    limits = Limits(memory=300 << 20, disk=400 << 20)
    place = replace(place, limits=limits)
    with kernel_in(place) as kernel, pytest.raises(Died, match=r"more than 0\.293 GB"):
        for name in ("/tmp", "/dev/shm"):
            kernel.run(
                f"with open('{name}/x', 'wb') as file:\n"
                "    for _ in range(200): file.write(bytes(1 << 20))",
                60,
            )
        kernel.run("import time; time.sleep(60)", 60)
    assert mine() == before


def test_what_a_dead_grader_left_is_removed(group):
    process = subprocess.Popen(["true"])
    process.wait()
    folders = [folder.with_name(f"lab-{process.pid}-x") for folder in group._folders.values()]
    for folder in dict.fromkeys(folders):
        folder.mkdir()
    cgroup._parents.cache_clear()
    cgroup._parents()
    assert not any(folder.exists() for folder in folders)
    assert all(folder.exists() for folder in group._folders.values())


@pytest.mark.parametrize("version", ["1", "1, whose swap is full", "2"])
@pytest.mark.parametrize(
    ("full", "killed", "excess", "hit"),
    [(0, 0, "", False), (3, 0, "", False), (0, 12, "", True),
     (3, 12, "it used more than 1 GB of memory", False)],
)  # fmt: skip
def test_a_killing_is_told_in_both_versions(tmp_path, version, full, killed, excess, hit):
    """Where it was not full, that was the machine, or the group around it."""
    folder = tmp_path / "lab"
    group = cgroup.Cgroup(int(version[0]), {"memory": folder}, Limits(memory=1 << 30))
    if version == "2":
        (folder / "memory.events").write_text(f"low 0\nmax 9\noom {full}\noom_kill {killed}\n")
    else:
        control = f"oom_kill_disable 0\nunder_oom 0\noom_kill {killed}\n"
        (folder / "memory.oom_control").write_text(control)
        (folder / "memory.failcnt").write_text(f"{0 if 'swap' in version else full}\n")
        (folder / "memory.memsw.failcnt").write_text(f"{full}\n")
    assert (group.excess(), group.hit()) == (excess, hit)


@pytest.mark.parametrize(("beside", "ends"), [(True, MachineFull), (False, Died)])
def test_whom_a_group_around_it_was_too_small_for_has_not_used_too_much(
    place, group, beside, ends, monkeypatch
):
    """As where what is graded side by side takes all that a container has."""
    version, parents = cgroup._parents()[0]
    around = {c: parent / f"lab-{os.getpid()}-around" for c, parent in parents.items()}
    small = Limits(memory=500 << 20)
    outer = cgroup.Cgroup(version, around, small)
    if version == 2:
        (around["memory"] / "cgroup.subtree_control").write_text("+memory")
    monkeypatch.setattr(cgroup, "_parents", lambda: [(version, around)])
    try:
        with kernel_in(replace(place, beside=beside)) as kernel, pytest.raises(ends) as ended:
            kernel.run("kept = bytearray(b'x') * (700 << 20)", 60)
        assert "it used more" not in str(ended.value)
    finally:
        outer.remove()


def test_where_no_control_group_can_be_made_there_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr(cgroup, "_parents", lambda: [(2, {"memory": tmp_path / "no" / "such"})])
    assert cgroup.make(Limits()) is None
