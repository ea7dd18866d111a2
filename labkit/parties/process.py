"""The program that is a party: TensorFlow's gRPC server, in a process of its own.

It uses TensorFlow's C interface and nothing else, so that it starts in a second and not in the five
that importing TensorFlow takes. When its stdin ends, it ends.
"""

import ctypes
import errno
import json
import os
import socket
import struct
import sys
from collections.abc import Iterator, Sequence

# Fields of Linux's struct tcp_info (linux/tcp.h), by their offset in bytes.
TCP_INFO_SIZE = 136
BYTES_RECEIVED = 128


class CannotStart(Exception):
    """The message says why."""


def serve(
    folder: str,
    server_def: str,
    host: str,
    port: int,
    loopback_only: bool,
    libraries: Sequence[str] = (),
) -> None:
    """Start TensorFlow's server; it runs in threads of its own until the process ends.

    Args:
        folder: where TensorFlow is installed.
        server_def: a serialised tf.train.ServerDef, in hexadecimal.
        host, port: what that says of this party.
        loopback_only: TensorFlow's server listens on every interface and asks nobody for a
            password; this makes it accept connections from this machine only.
        libraries: files with more operations, such as tf-shell's.

    Raises:
        CannotStart: the port is taken, or is not one that may be used; a library does not load.
    """
    _require_free(port)
    definition = bytes.fromhex(server_def)
    # Global, for libraries of more operations.
    tf = ctypes.CDLL(os.path.join(folder, "libtensorflow_cc.so.2"), ctypes.RTLD_GLOBAL)
    pointer = ctypes.c_void_p
    tf.TF_NewStatus.restype = tf.TF_NewServer.restype = pointer
    tf.TF_Message.restype = ctypes.c_char_p
    tf.TF_NewServer.argtypes = [ctypes.c_char_p, ctypes.c_size_t, pointer]
    tf.TF_ServerStart.argtypes = [pointer, pointer]
    tf.TF_LoadLibrary.argtypes = [ctypes.c_char_p, pointer]
    tf.TF_GetCode.argtypes = tf.TF_Message.argtypes = [pointer]
    status = tf.TF_NewStatus()

    def require_success() -> None:
        if tf.TF_GetCode(status) != 0:
            raise CannotStart(f"it cannot start at {host}:{port}: {tf.TF_Message(status).decode()}")

    for library in libraries:
        tf.TF_LoadLibrary(library.encode(), status)
        require_success()
    server = tf.TF_NewServer(definition, len(definition), status)
    require_success()
    if loopback_only:
        for own in sockets():
            if own.getsockname()[1] == port:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    tf.TF_ServerStart(server, status)
    require_success()


def _require_free(port: int) -> None:
    # gRPC may share a port with another server of this kind; nobody wants that.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "another program listens there" if taken else str(error.strerror).lower()
            raise CannotStart(f"port {port} of this machine is taken: {why}") from None


def sockets() -> Iterator[socket.socket]:
    """Yield this process's TCP sockets, as duplicates that are closed after use."""
    for fd in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{fd}").startswith("socket:"):
                continue
            copy = socket.socket(fileno=os.dup(int(fd)))
        except OSError:  # closed meanwhile
            continue
        with copy:
            if copy.family in (socket.AF_INET, socket.AF_INET6) and copy.type == socket.SOCK_STREAM:
                yield copy


def connections() -> list[tuple[int, int, int]]:
    """Return (own port, the other's port, bytes received) of each connection, from the kernel."""
    found = []
    for own in sockets():
        try:
            ports = own.getsockname()[1], own.getpeername()[1]
            info = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
        except OSError:  # it listens, or has just been closed
            continue
        found.append((*ports, struct.unpack_from("=Q", info, BYTES_RECEIVED)[0]))
    return found


def main() -> None:
    """Serve as argv says, then answer each line of stdin with this process's connections."""
    # A library that prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        serve(**json.loads(sys.argv[1]))
    except CannotStart as error:
        print(json.dumps({"error": str(error)}), file=answers)
        return
    print(json.dumps({}), file=answers)
    for _ in sys.stdin:
        print(json.dumps(connections()), file=answers)


if __name__ == "__main__":
    main()
    # TensorFlow's server has no orderly end.
    os._exit(0)
