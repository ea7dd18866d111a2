"""What kernels may not ask of Linux: a filter of system calls (seccomp), the same for all of them.

It is a list of what is refused, not of what is allowed: labs run TensorFlow, gRPC and a compiler.
What is newer than the list is refused as well. The numbers are those of x86-64.
"""

import ctypes
import errno
import struct

# Why, and what. None of it is of any use to a notebook; much of it is where Linux has had holes.
REFUSED = {
    "a new namespace gives its maker every capability over it": {
        "unshare": 272, "setns": 308,
    },
    "mounting changes what is seen where": {
        "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "open_tree": 428,
        "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
        "mount_setattr": 442, "statmount": 457, "listmount": 458,
    },
    "other processes are nobody's to read, steer or compare": {
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
        "pidfd_getfd": 438, "process_madvise": 440, "process_mrelease": 448,
    },
    "programs and probes in the kernel": {
        "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "lookup_dcookie": 212,
        "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    },
    "the kernel's keys are not all in a namespace": {
        "add_key": 248, "request_key": 249, "keyctl": 250,
    },
    "memory that belongs to no process, and so to no limit": {
        "shmget": 29, "shmat": 30, "shmctl": 31, "shmdt": 67,
        "semget": 64, "semop": 65, "semctl": 66, "semtimedop": 220,
        "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71,
        "mq_open": 240, "mq_unlink": 241, "mq_timedsend": 242, "mq_timedreceive": 243,
        "mq_notify": 244, "mq_getsetattr": 245, "memfd_create": 319, "memfd_secret": 447,
    },
    "pages lent to pipes and sockets: a byte holds a whole one, of 2 MB even, that nobody maps": {
        "splice": 275, "tee": 276, "vmsplice": 278, "sendfile": 40,
    },
    "counted for the user, or the machine, whom kernels share with others": {
        "inotify_init": 253, "inotify_init1": 294, "io_setup": 206,
    },
    "rules of a program's own, of any number, which no control group need count": {
        "landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446,
        "seccomp": 317,
    },
    "files by number, past the folders that lead to them": {
        "name_to_handle_at": 303, "open_by_handle_at": 304,
    },
    "the machine is not a notebook's": {
        "kexec_load": 246, "kexec_file_load": 320, "init_module": 175, "finit_module": 313,
        "delete_module": 176, "create_module": 174, "query_module": 178, "get_kernel_syms": 177,
        "quotactl": 179, "quotactl_fd": 443, "acct": 163, "swapon": 167, "swapoff": 168,
        "reboot": 169, "settimeofday": 164, "clock_settime": 227, "clock_adjtime": 305,
        "adjtimex": 159, "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173,
        "syslog": 103, "vhangup": 153, "nfsservctl": 180, "_sysctl": 156, "uselib": 134,
        "ustat": 136, "sysfs": 139, "vserver": 236, "modify_ldt": 154, "mbind": 237,
        "set_mempolicy": 238, "migrate_pages": 256, "move_pages": 279, "fanotify_init": 300,
    },
}  # fmt: skip
# What is beside a file's content, such as lists of who may read it: 256 KB for each, which Linux
# counts for nobody. It is refused as where a file system has none of it.
ATTRIBUTES = {"setxattr": 188, "lsetxattr": 189, "fsetxattr": 190}
LATER = 463  # is the first number that is unknown here

_CLONE, _CLONE3, _SOCKET, _SOCKETPAIR, _IOCTL, _PERSONALITY = 56, 435, 41, 53, 16, 135
_MMAP, _SHARED_ANONYMOUS = 9, 0x21
_HUGE = 0x40000  # pages that the machine has set aside, for others
_CLOSE_RANGE, _UNSHARE = 436, 2
_THREAD, _FILES = 0x10000, 0x400  # in flags of clone
# Leases, which others that open the file wait for, and news of it; then locks that last as long as
# an open file. From the last on they are refused as unknown.
_FCNTL, _SETLEASE, _NOTIFY, _OFD_SETLK, _OFD_SETLKW, _FCNTL_LATER = 72, 1024, 1026, 37, 38, 1039
_SETPIPE_SZ = 1031  # a megabyte, in place of 64 KB, which Linux may refuse to anybody
# Locks of a process are granted, and not kept: Linux counts them for nobody, and one may have
# millions. Neither are larger buffers than a socket begins with, nor is patience as it is closed:
# whoever was sent the last handle to it, the grader included, would wait so long.
_SETLK, _SETLKW = 6, 7
_SETSOCKOPT, _SOL_SOCKET, _SNDBUF, _RCVBUF, _LINGER = 54, 1, 7, 8, 13
# Programs of one's own on a socket, or, by the older call, of this kind: 100 KB each, and a MB.
_SOCKETS_FILTERS = (26, 50, 51, 52)
_ZEROCOPY = 60  # sends what it is lent, as splice does
_PRCTL, _SET_SECCOMP = 157, 22
# From here on Linux 6.16 and later: the first takes memory that nobody counts. And those that are
# numbered by letters, which Linux refuses so, too, if it was built without them.
_PRCTL_LATER = 78
# The limit of core dumps stays what it is: see jail.NO_CORE.
_SETRLIMIT, _PRLIMIT, _CORE = 160, 302, 4
_NEW = 0x7E020080  # namespaces, in flags: user, pid, net, ipc, uts, cgroup, mount, time
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_TYPED = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX put characters into a terminal

# <linux/filter.h>, <linux/seccomp.h>, <linux/audit.h>
_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_X86_64 = 0xC000003E

Step = tuple[int, int, int, int]


def program() -> bytes:
    """Return the filter, in the kernel's format."""
    steps = [
        _load(4),  # the architecture
        *_unless(_EQUAL, _X86_64, [_answer(_KILL)]),
        _load(0),  # the call's number
        *_if(_AT_LEAST, 0x40000000, [_answer(_KILL)]),  # x86-64's other numbering, x32
        *_if(_AT_LEAST, LATER, [_refuse(errno.ENOSYS)]),
        # Memory that stays when nothing maps it any more, and that so nobody could count.
        *_if(_EQUAL, _MMAP, [
            _argument(3), *_if(_ANY_BIT, _HUGE, [_refuse(errno.ENOMEM)]),
            (_AND, 0, 0, _SHARED_ANONYMOUS),
            *_if(_EQUAL, _SHARED_ANONYMOUS, [_refuse(errno.ENOMEM)]), _answer(_ALLOW),
        ]),
        *_if(_EQUAL, _CLONE3, [_refuse(errno.ENOSYS)]),  # its flags are out of sight; use clone
        *_if(_EQUAL, _CLONE, [
            _argument(0), *_if(_ANY_BIT, _NEW, [_refuse()]),
            # A thread with open files of its own, which nobody would see in its process's.
            (_AND, 0, 0, _THREAD | _FILES), *_if(_EQUAL, _THREAD, [_refuse()]), _answer(_ALLOW),
        ]),
        *_if(_EQUAL, _CLOSE_RANGE, [  # with this flag it makes such a thread
            _argument(2), *_if(_ANY_BIT, _UNSHARE, [_refuse()]), _answer(_ALLOW),
        ]),
        *_if(_EQUAL, _FCNTL, [
            _argument(1),
            *(step for command in (_SETLEASE, _NOTIFY, _OFD_SETLK, _OFD_SETLKW, _SETPIPE_SZ)
              for step in _if(_EQUAL, command, [_refuse()])),
            *(step for command in (_SETLK, _SETLKW)
              for step in _if(_EQUAL, command, [_pretend()])),
            *_if(_AT_LEAST, _FCNTL_LATER, [_refuse(errno.EINVAL)]),
            _answer(_ALLOW),
        ]),
        *_if(_EQUAL, _SETSOCKOPT, [
            _argument(1), *_unless(_EQUAL, _SOL_SOCKET, [_answer(_ALLOW)]),
            _argument(2),
            *(s for kind in (_SNDBUF, _RCVBUF, _LINGER) for s in _if(_EQUAL, kind, [_pretend()])),
            *(s for kind in (*_SOCKETS_FILTERS, _ZEROCOPY) for s in _if(_EQUAL, kind, [_refuse()])),
            _answer(_ALLOW),
        ]),
        *_if(_EQUAL, _PRCTL, [
            _argument(0), *_if(_EQUAL, _SET_SECCOMP, [_refuse()]),
            *_if(_AT_LEAST, _PRCTL_LATER, [_refuse(errno.EINVAL)]),
            _answer(_ALLOW),
        ]),
        *_if(_EQUAL, _SETRLIMIT, [
            _argument(0), *_if(_EQUAL, _CORE, [_pretend()]), _answer(_ALLOW),
        ]),
        *_if(_EQUAL, _PRLIMIT, [
            _argument(1), *_unless(_EQUAL, _CORE, [_answer(_ALLOW)]),
            # Who has no new limit asks for the old one.
            *(s for half in (0, 4) for s in (
                _argument(2, half), *_unless(_EQUAL, 0, [_pretend()]))),
            _answer(_ALLOW),
        ]),
        *_if(_EQUAL, _IOCTL, [
            _argument(1),
            *(step for typed in _TYPED for step in _if(_EQUAL, typed, [_refuse()])),
            _answer(_ALLOW),
        ]),
        *_if(_EQUAL, _PERSONALITY, [
            _argument(0), *_unless(_EQUAL, 0xFFFFFFFF, [_refuse()]), _answer(_ALLOW),
        ]),
        *_if(_EQUAL, _SOCKET, _sockets()),
        *_if(_EQUAL, _SOCKETPAIR, _sockets()),
    ]  # fmt: skip
    for calls in REFUSED.values():
        for number in calls.values():
            steps += _if(_EQUAL, number, [_refuse()])
    for number in ATTRIBUTES.values():
        steps += _if(_EQUAL, number, [_refuse(errno.EOPNOTSUPP)])
    steps.append(_answer(_ALLOW))
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def refuse() -> None:
    """Put the filter on this process and all that it starts, for good; needs no_new_privs."""
    code = program()
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    # seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, …): the latter is for speed.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(317), 1, 4, ctypes.c_char_p(head)) != 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls cannot be put in place")


def _sockets() -> list[Step]:
    """Allow the local ones and the internet's, TCP and UDP, and asking for one's interfaces."""
    route = [_argument(2), *_unless(_EQUAL, 0, [_refuse(errno.EAFNOSUPPORT)]), _answer(_ALLOW)]
    internet = [
        _argument(1),
        (_AND, 0, 0, 0xF),
        *_if(_AT_LEAST, 3, [_refuse(errno.EAFNOSUPPORT)]),  # neither a stream nor datagrams
        _argument(2),
        *(s for protocol in (0, 6, 17) for s in _if(_EQUAL, protocol, [_answer(_ALLOW)])),
        _refuse(errno.EPROTONOSUPPORT),
    ]
    return [
        _argument(0),
        *_if(_EQUAL, _UNIX, [_answer(_ALLOW)]),
        *_if(_EQUAL, _NETLINK, route),
        *_if(_EQUAL, _INET, internet),
        *_if(_EQUAL, _INET6, internet),
        _refuse(errno.EAFNOSUPPORT),
    ]


def _load(offset: int) -> Step:
    return _LOAD, 0, 0, offset


def _argument(number: int, half: int = 0) -> Step:
    return _load(16 + 8 * number + half)  # the lower half of it, or the upper one: 4


def _answer(value: int) -> Step:
    return _RETURN, 0, 0, value


def _refuse(number: int = errno.EPERM) -> Step:
    return _answer(_ERROR | number)


def _pretend() -> Step:
    """Answer as if it had been done."""
    return _answer(_ERROR | 0)


def _if(test: int, value: int, then: list[Step]) -> list[Step]:
    return [(test, 0, len(then), value), *then]


def _unless(test: int, value: int, then: list[Step]) -> list[Step]:
    return [(test, len(then), 0, value), *then]
