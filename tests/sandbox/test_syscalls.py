"""The filter of system calls: which a kernel is refused, and with which arguments."""

import ctypes
import json
import subprocess
import sys

import pytest

from autograder.sandbox.inside import syscalls
from tests.kernels import kernel_in, said

pytestmark = pytest.mark.grader

ROWS = {name: number for calls in syscalls.REFUSED.values() for name, number in calls.items()}


# Each prints what came of it; -1 is no valid argument of any.
TRY = r"""
import ctypes, errno, fcntl, json, mmap, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    arguments = [ctypes.c_long(each) for each in arguments or (-1,) * 6]
    ctypes.set_errno(0)
    return errno.errorcode[ctypes.get_errno()] if libc.syscall(ctypes.c_long(number), *arguments) < 0 else "done"
def attempt(function, *arguments):
    try:
        function(*arguments)
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
def ends_by(code):
    child = os.fork()
    if child == 0:
        code()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
def thread(*flags):
    pause = ctypes.cast(libc.pause, ctypes.c_void_p)
    stack = ctypes.addressof(mmap_of(1 << 16)) + (1 << 16)
    return "done" if libc.clone(pause, ctypes.c_void_p(stack), sum(flags), None) > 0 else errno.errorcode[ctypes.get_errno()]
stacks = []
def mmap_of(size):
    stacks.append(ctypes.create_string_buffer(size))
    return stacks[-1]
def old_call():
    page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7)
    page.write(b"\xb8\x14\0\0\0\xcd\x80\xc3")  # getpid, as 32-bit programs ask for it
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""  # noqa: E501


@pytest.fixture(scope="module")
def answers(place):
    """What each of the refused calls, and others, came to in a kernel."""
    with kernel_in(place) as kernel:
        rows = said(kernel, TRY + f"print(json.dumps({{n: call(k) for n, k in {ROWS!r}.items()}}))")
        others = said(
            kernel,
            """
tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
zero = os.open("/dev/zero", os.O_RDWR)
root = os.open("/", os.O_RDONLY)
own = open("/tmp/own", "w")
patient = socket.socket()
print(json.dumps({
    "clone into a user namespace": call(56, 0x10000000 | 17, 0, 0, 0, 0),
    "clone into a network namespace": call(56, 0x40000000 | 17, 0, 0, 0, 0),
    "clone3": call(435),
    "a later call": call(500),
    "the kernel's cryptography": attempt(socket.socket, 38, socket.SOCK_SEQPACKET),
    "virtual machines' sockets": attempt(socket.socket, 40, tcp),
    "packets": attempt(socket.socket, 17, tcp),
    "bluetooth": attempt(socket.socket, 31, tcp),
    "a pair of others": call(53, 38, 1, 0, 0),
    "netfilter": attempt(socket.socket, 16, socket.SOCK_RAW, 12),
    "routing": attempt(socket.socket, 16, socket.SOCK_RAW, 0),
    "sctp": attempt(socket.socket, 2, tcp, 132),
    "mptcp": attempt(socket.socket, 2, tcp, 262),
    "sequenced packets": attempt(socket.socket, 10, socket.SOCK_SEQPACKET),
    "raw": attempt(socket.socket, 2, socket.SOCK_RAW, 1),
    "tcp": attempt(socket.socket, 2, tcp), "udp": attempt(socket.socket, 10, udp),
    "local": attempt(socket.socketpair),
    "a filter of its own": call(157, 22, 2, 0), "the rest of prctl": call(157, 3, 0),
    "a table of futexes": call(157, 78, 1, 1 << 24, 0),
    "prctl by letters": call(157, 0x41555856, 0, 0, 0, 0),
    "a socket's filter": attempt(socket.socket().setsockopt, 1, 26, bytes(16)),
    "a port's filter": attempt(socket.socket().setsockopt, 1, 51, bytes(16)),
    "sending without a copy": attempt(socket.socket().setsockopt, 1, 60, 1),
    "what else a socket is told": attempt(socket.socket().setsockopt, 1, socket.SO_REUSEPORT, 1),
    "patience": attempt(patient.setsockopt, 1, socket.SO_LINGER, struct.pack("ii", 1, 1 << 30)),
    "what is kept of it": patient.getsockopt(1, socket.SO_LINGER, 8).hex(),
    "typing into a terminal": call(16, 0, 0x5412, 0),
    "typing, with more bits": call(16, 0, 0x5412 | 1 << 40, 0),
    "another personality": call(135, 0x0040000),
    "its personality": call(135, 0xFFFFFFFF),
    "a lease": call(72, zero, 1024, 1), "news of a folder": call(72, root, 1026, 1),
    "a lock of an open file": call(72, zero, 37, 0), "waiting for it": call(72, zero, 38, 0),
    "a later command": call(72, zero, 1040, 1), "a copy of a file": call(72, zero, 0, 0),
    "a lock": attempt(fcntl.flock, own, fcntl.LOCK_EX), "its lock": attempt(fcntl.lockf, own, 2),
    "a thread with files of its own": thread(0x100, 0x800, 0x10000),
    "a thread": thread(0x100, 0x800, 0x10000, 0x400),
    "files of its own": call(436, 1000, 1001, 2), "closing files": call(436, 1000, 1001, 0),
    "a list of who may read": attempt(os.setxattr, "/tmp/own", "system.posix_acl_access", b"x"),
    "an attribute": attempt(os.setxattr, own.fileno(), "user.x", b"x"),
    "memory that is shared": attempt(mmap.mmap, -1, 4096),
    "pages set aside": attempt(mmap.mmap, -1, 4096, 0x22 | 1 << 18),
    "the same, of a device": attempt(mmap.mmap, zero, 4096),
    "another numbering": ends_by(lambda: libc.syscall(ctypes.c_long(0x40000000 | 39))),
    "32 bits": ends_by(old_call),
    "a fork": ends_by(lambda: None),
}))
""",
        )
    return json.loads(rows), json.loads(others)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_refused(answers, name):
    assert answers[0][name] == "EPERM"


@pytest.mark.parametrize(
    ("what", "answer"),
    {
        "clone into a user namespace": "EPERM", "clone into a network namespace": "EPERM",
        "clone3": "ENOSYS", "a later call": "ENOSYS", "the kernel's cryptography": "EAFNOSUPPORT",
        "virtual machines' sockets": "EAFNOSUPPORT", "packets": "EAFNOSUPPORT",
        "bluetooth": "EAFNOSUPPORT", "a pair of others": "EAFNOSUPPORT",
        "netfilter": "EAFNOSUPPORT", "routing": "done", "sctp": "EPROTONOSUPPORT",
        "mptcp": "EPROTONOSUPPORT", "sequenced packets": "EAFNOSUPPORT", "raw": "EAFNOSUPPORT",
        "tcp": "done", "udp": "done", "local": "done", "typing into a terminal": "EPERM",
        "a filter of its own": "EPERM", "the rest of prctl": "done", "a socket's filter": "EPERM",
        "a table of futexes": "EINVAL", "prctl by letters": "EINVAL",
        "a port's filter": "EPERM", "sending without a copy": "EPERM",
        "what else a socket is told": "done",
        "patience": "done", "what is kept of it": bytes(8).hex(),
        "typing, with more bits": "EPERM", "another personality": "EPERM",
        "its personality": "done",
        "a lease": "EPERM", "news of a folder": "EPERM", "a lock of an open file": "EPERM",
        "waiting for it": "EPERM", "a later command": "EINVAL", "a copy of a file": "done",
        "a lock": "done", "its lock": "done", "a thread with files of its own": "EPERM",
        "a thread": "done", "files of its own": "EPERM", "closing files": "done",
        "a list of who may read": "ENOTSUP", "an attribute": "ENOTSUP",
        "memory that is shared": "ENOMEM", "pages set aside": "ENOMEM",
        "the same, of a device": "ENODEV", "another numbering": -31, "32 bits": -31, "a fork": 0,
    }.items(),
)  # fmt: skip
def test_arguments_decide(answers, what, answer):
    assert answers[1][what] == answer


def test_the_rows_numbers_are_those_of_linux():
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("there is no libseccomp to ask")
    found = {name: library.seccomp_syscall_resolve_name(name.encode()) for name in ROWS}
    known = {name: number for name, number in found.items() if number != -1}
    assert known == {name: ROWS[name] for name in known} and len(known) > 80


def test_where_the_filter_cannot_be_put_in_place_nothing_runs():
    """Without no_new_privs and capabilities Linux refuses it."""
    code = (
        "from autograder.sandbox.inside import jail, syscalls\n"
        "syscalls.program = lambda: b'\\x06\\0\\0\\0\\0\\0\\xff'\n"
        "jail._drop_privileges = lambda uid: None\n"
        "try:\n    jail.confine(jail.Limits(), 0)\nexcept OSError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "refused\n", done.stderr
