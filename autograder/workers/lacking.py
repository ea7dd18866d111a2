"""What a machine lacks, as errors say: no item is to blame, and another time there may be enough.

Only errors of the grader's own processes are asked. What a submission prints or raises is none.
"""

import errno
import os

# How a problem begins: nothing can be graded until a person has made room; or it may pass.
DISK, SHORT = "the disk cannot be written on", "too little was left on"
# What no submission can cause in the folders of the grader's own.
# A place on the disk that fails may be one file's alone; of the rest all files have the same.
OF_THE_WHOLE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
OF_THE_DISK = (*OF_THE_WHOLE_DISK, errno.EIO)
_OTHERS = (errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def lacking(error: BaseException) -> str:
    """Return what this machine lacked, as a problem; nothing, if that is not what was wrong.

    The disk it is only if the error names a file: to epoll, ENOSPC means too many watches, of which
    a user has so many, kernels included.
    """
    number = getattr(error, "errno", None)  # libzmq's errors are no OSErrors, and have one
    if str(error) == "can't start new thread":
        number = errno.EAGAIN
    if number not in OF_THE_DISK + _OTHERS:
        return ""
    named = number in OF_THE_DISK and getattr(error, "filename", None) is not None
    return f"{DISK if named else SHORT} {os.uname().nodename}: {error}"


def aborted(last: str) -> str:
    """Return the same of the last line of a process that libzmq has aborted, as it then does."""
    numbers = {os.strerror(number): number for number in OF_THE_DISK + _OTHERS}
    return lacking(OSError(numbers.get(last.partition(" (src/")[0]), last))
