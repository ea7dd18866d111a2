"""Kernels that take all processes, files or watches that they can get, and their neighbours."""

import errno
import os
import resource
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.labs import ROOT
from autograder.sandbox import confine
from autograder.sandbox.kernel import Died, TimedOut
from autograder.sandbox.provisioner import Limits
from tests.kernels import KINDS, kernel_in, said

pytestmark = pytest.mark.grader

BOMB = """
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
"""
HONEST = """
import os, time
for _ in range(50):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    time.sleep(0.005)
print("all of them")
"""


def side_by_side(place):
    """Run two bombs and an honest kernel at once."""
    place = replace(place, limits=Limits(memory=1 << 30, processes=200))
    with ExitStack() as stack:
        one, two, honest = (stack.enter_context(kernel_in(place)) for _ in range(3))
        one.begin(BOMB)
        two.begin(BOMB)
        time.sleep(0.5)
        assert said(honest, HONEST) == "all of them\n"
        for bomb in (one, two):
            with pytest.raises((Died, TimedOut), match="more than 200 processes"):
                bomb.run("", 30)


# Sends files to itself, and takes none: Linux counts them for the user.
ON_THEIR_WAY = """
import array, socket
kept, files = [], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 250))]
refused = False
while not refused:
    kept.append(socket.socketpair())
    kept[-1][0].setblocking(False)
    try:
        while True:
            kept[-1][0].sendmsg([b"."], files)
    except BlockingIOError:
        pass
    except OSError as error:
        refused = True
        print(error.errno)
"""


def files_on_their_way(place):
    """Start a kernel, which is handed files, while another has sent all that it may."""
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    confine.open_many_files()
    with kernel_in(place) as hostile:
        with suppress(Died):  # unless it was seen before
            assert said(hostile, ON_THEIR_WAY) == f"{errno.ETOOMANYREFS}\n"
        with kernel_in(place) as honest:
            assert said(honest, HONEST) == "all of them\n"


# Watches files by more ways than a kernel may, and can hide what does.
WATCHES = """
import ctypes, os, select, socket, time
reading, _ = os.pipe()
ways = [os.dup(reading) for _ in range(400)]
ours, theirs = socket.socketpair()
kept = []
if {hidden}:
    ctypes.CDLL(None).prctl(4, 0)  # PR_SET_DUMPABLE
while len(kept) < 400:
    kept.append(select.epoll())
    for way in ways:
        kept[-1].register(way, select.EPOLLIN)
    if {sent}:
        socket.send_fds(ours, [b"."], [kept[-1].fileno()])
        kept[-1].close()
    time.sleep(0.003)
time.sleep(60)
"""


def watches_of_epoll(place):
    """Have kernels that watch too much, where it can be seen and where not."""
    for ways in ({"sent": 0, "hidden": 0}, {"sent": 1, "hidden": 0}, {"sent": 0, "hidden": 1}):
        with kernel_in(place) as hostile, kernel_in(place) as honest:
            with pytest.raises(Died, match=r"watches of epoll|it hid a process"):
                hostile.run(WATCHES.format(**ways), 30)
            assert said(honest, HONEST) == "all of them\n"


def test_watches_are_counted_for_each_kernel(place):
    watches_of_epoll(place)


def test_a_bomb_leaves_its_neighbour_alone(place):
    side_by_side(place)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", [side_by_side, files_on_their_way, watches_of_epoll])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_nor_does_it_harm_it_where_the_grader_is_not_root(kind, attack):
    if shutil.which("setpriv") is None or shutil.which("unshare") is None:
        pytest.skip("no setpriv, no unshare")
    program = (
        "from tests.kernels import places\n"
        f"from {__name__} import {attack.__name__} as attack\n"
        f"with places({kind!r}) as place: attack(place)\nprint('unharmed')"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", AS_ANOTHER, "sh", hidden() or "", sys.base_prefix,
         sys.executable, "-c", program],
        cwd=ROOT, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert "unharmed" in done.stdout, done.stdout + done.stderr


# A home in which the interpreter is may be closed to others: then they see nothing else of it.
AS_ANOTHER = """
hidden=$1; interpreter=$2; shift 2
if [ -n "$hidden" ]; then
    mkdir -p /run/interpreter
    mount --bind "$interpreter" /run/interpreter
    mount -t tmpfs -o mode=755 none "$hidden"
    mkdir -p "$interpreter"
    mount --bind /run/interpreter "$interpreter"
fi
exec setpriv --reuid=61234 --regid=61234 --clear-groups \
    env HOME=/ PYTHONDONTWRITEBYTECODE=1 "$@"
"""


def hidden():
    """Return the outermost folder above the interpreter that others cannot enter."""
    parents = reversed(Path(sys.base_prefix).parents)
    return next((str(each) for each in parents if not each.stat().st_mode & 1), None)
