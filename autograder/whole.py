"""Files that are written whole or not at all, whatever ends the writing."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

# Of file systems, such as folders shared with a virtual machine, that do so to files only.
_NOT_OF_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


def write_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file so that whoever looks finds the old one or the new one, also after a crash.

    Raises:
        OSError: it cannot be written; the old one stands. The error names the file.
    """
    with writing_whole(path, mode) as file:
        file.write(content)


@contextmanager
def writing_whole(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield what is in the file's place when the context ends, and not if it raises.

    Raises:
        OSError: as `write_whole`.
    """
    half = path.with_name(f".{path.name[:100]}.half")
    try:
        with _in_place(half, path, mode) as file:
            yield file
    except OSError as error:
        # Of a full disk it names none, of others what is half written.
        if error.filename is None or str(error.filename) in (str(half), str(path.parent)):
            error.filename, error.filename2 = str(path), None
        raise


@contextmanager
def _in_place(half: Path, path: Path, mode: int) -> Iterator[BinaryIO]:
    try:
        with open(half, "wb", opener=partial(os.open, mode=mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except BaseException:  # a signal's, too
        with suppress(OSError):
            half.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:  # the file is in its place
        if error.errno not in _NOT_OF_FOLDERS:
            raise
    finally:
        os.close(folder)


def is_cut(text: str) -> bool:
    """Whether a table ends within a line, or is empty: earlier versions wrote in place."""
    return not text.endswith("\n")
