"""Start kernels: the program that runs in a sandbox.

    … start kernel    one kernel, as the job on stdin says
    … start pool FD   a kernel for each job sent to a socket, each in its own sandbox

The pool runs, once, the lab's own set-up cells; each kernel is forked from it. Nothing of a
student's ever runs in the pool itself.
"""

import gc
import json
import linecache
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from types import ModuleType

from autograder.sandbox.inside import jail, watch


def main() -> None:
    """Do what the command line says."""
    if sys.argv[1] == "kernel":
        job = json.loads(sys.stdin.buffer.read())
        _enter(job["doors"])
        if job["jailed"]:
            jail.confine(jail.Limits(**job["limits"]), job["uid"])
        else:  # the process that grades, which started it, has let itself have less
            hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
            resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
        _close_stdin()
        _run_kernel(job)
    else:
        _serve(int(sys.argv[2]))


# --- one kernel -----------------------------------------------------------------------------------


def _run_kernel(job: dict, namespace: ModuleType | None = None) -> None:
    """Become a kernel.

    `job` has its connection, environment, and the fds of its link and of its listening sockets.

    `namespace` is the `__main__` that its cells go on in, if some have been run already.
    """
    os.environ.update(job["environment"])
    os.umask(0o077)
    os.nice(5)  # who watches comes first
    if job["jailed"]:
        os.chdir(os.environ["HOME"])
    # What the pool imported has drawn its seeds before the fork, the same for all.
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "random" in sys.modules:
        sys.modules["random"].seed()
    if "tensorflow_federated" in sys.modules:
        native = sys.modules["tensorflow_federated"].backends.native
        native.set_sync_local_cpp_execution_context()

    import zmq
    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.kernelapp import IPKernelApp
    from traitlets import Any

    from autograder.sandbox.inside import wire

    class Prepared(IPythonKernel):
        user_module = Any(namespace)

    class App(IPKernelApp):
        """Listens on the sockets of its job: no file is written or shared for connecting."""

        def init_connection_file(self):
            self.load_connection_info(job["connection"])

        def write_connection_file(self, **_):
            pass

        def init_heartbeat(self):
            pass  # its end is noticed by the end of its process

        def _bind_socket(self, s, port):
            s.setsockopt(zmq.USE_FD, job["sockets"][port - 1])
            return super()._bind_socket(s, port)

        def init_sockets(self):
            super().init_sockets()
            # Only the debugger would use it, and here the address leads nowhere.
            self.debug_shell_socket.disconnect(self.shell_socket.last_endpoint)

    wire.adopt(job["link"])
    app = App.instance(kernel_class=Prepared)
    app.initialize(["--HistoryManager.enabled=False"])
    app.start()


def _enter(doors: list[int]) -> None:
    """Enter the control groups whose files these are."""
    for door in doors:
        os.write(door, b"0")
        os.close(door)


def _close_stdin() -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


# --- a pool of them -------------------------------------------------------------------------------


def _serve(fd: int) -> None:
    """Import what the first line of stdin names, then fork a kernel for each connection."""
    listener = socket.socket(fileno=fd)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the lab's cells print
    lab = json.loads(sys.stdin.buffer.readline())
    _import(lab["imports"], lab["attributes"])
    namespace, prepared = _set_up(lab["setup"])
    if os.geteuid() == 0:
        # Under root bubblewrap covers parts of /proc; a new /proc cannot be mounted beneath.
        for part in ("sys", "sysrq-trigger", "irq", "bus"):
            with suppress(OSError):
                jail.unmount(f"/proc/{part}")
    gc.collect()
    gc.freeze()  # so that collecting garbage in a child does not copy every page
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    with answer:
        print(json.dumps(prepared), file=answer)
    while True:
        # The pool ends with whoever holds the other end of its stdin.
        readable, _, _ = select.select([listener, sys.stdin.buffer], [], [])
        if sys.stdin.buffer in readable:
            return
        try:
            connection, _ = listener.accept()
        except OSError:  # the machine has no file left for it: it waits
            time.sleep(0.1)
            continue
        with connection, suppress(OSError):  # nor a process: who asked is told, by its end
            if os.fork() == 0:
                listener.close()
                _exit_after(_monitor, connection, namespace)


def _import(imports: str, attributes: list[str]) -> None:
    """Run the lab's import statements, and look at what it uses of them: much is loaded lazily."""
    import ipykernel.debugger
    import ipykernel.kernelapp  # noqa: F401
    import matplotlib.figure  # noqa: F401
    import matplotlib_inline.backend_inline  # noqa: F401

    from autograder.sandbox.inside import judge, student  # noqa: F401

    names: dict = {}
    for line in imports.splitlines():
        # What fails here fails in the kernels too, where it is reported.
        with suppress(Exception):
            exec(line, names)
    for path in attributes:
        root, *rest = path.split(".")
        with suppress(Exception):
            value = names[root]
            for attribute in rest:
                value = getattr(value, attribute)


def _set_up(cells: list[list[str]]) -> tuple[ModuleType, list[str]]:
    """Run the set-up cells, each an id and its source, in a new `__main__`; return it and the ids.

    Threads and open files are nothing that a forked kernel could go on with. So a child tries the
    cells first, and the first one that leaves any, or fails, is left to the kernels, as are those
    after it.
    """
    from IPython.core.inputtransformer2 import TransformerManager

    namespace = ModuleType("__main__")

    def run(name: str, source: str) -> None:
        code, file = TransformerManager().transform_cell(source), f"<set-up cell {name}>"
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        exec(compile(code, file, "exec"), vars(namespace))

    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    def attempt(answer: int) -> None:
        before = held()
        for name, source in cells:
            run(name, source)
            if held() != before:
                return
            os.write(answer, b".")

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _exit_after(attempt, writing)
    os.close(writing)
    with open(reading, "rb") as answer:
        cells = cells[: len(answer.read())]
    os.waitpid(child, 0)
    for name, source in cells:
        run(name, source)
    return namespace, [name for name, _ in cells]


def _exit_after(function, *arguments) -> None:
    """Run in a forked process: it must never return to the loop that forked it."""
    code = 1
    try:
        function(*arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)


def _monitor(connection: socket.socket, namespace: ModuleType) -> None:
    """Fork one kernel, watch it, and end it when it uses too much or nobody waits for it."""
    message, fds, _, _ = socket.recv_fds(connection, 1 << 16, 16)
    while not message.endswith(b"\n"):
        if not (more := connection.recv(1 << 16)):
            return  # who asked has ended
        message += more
    job = json.loads(message)
    limits = jail.Limits(**job["limits"])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    jail.unshare(jail.NEWPID)
    first = os.fork()
    if first == 0:
        connection.close()
        _exit_after(_first, job, fds, limits, namespace)
    for fd in fds:
        os.close(fd)
    reason, status = "", 0
    while not reason:
        # Any message, and the end of the connection, mean: end it.
        if select.select([connection], [], [], watch.SECONDS)[0]:
            break
        ended, status = os.waitpid(first, os.WNOHANG)
        if ended:
            first = 0
            break
        reason = watch.problem(first, limits)
    if first:
        # The first process of a namespace takes all the others with it.
        os.kill(first, signal.SIGKILL)
        os.waitpid(first, 0)
    said = {"reason": reason, "status": os.waitstatus_to_exitcode(status)}
    with suppress(OSError):
        connection.sendall(json.dumps(said).encode())


def _first(job: dict, fds: list[int], limits: jail.Limits, namespace: ModuleType) -> None:
    """Be the first process of the namespace: build the jail, fork the kernel, collect zombies."""
    jail.die_with_parent()
    os.setsid()
    _close_stdin()  # whoever writes to the pool's ends it
    said, job["link"], *more = fds
    job["sockets"], doors = more[: len(job["sockets"])], more[len(job["sockets"]) :]
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.close(said)
    _enter(doors)
    jail.own_view(limits.disk)
    jail.loopback_up()
    jail.small_buffers()
    jail.confine(limits, job["uid"])
    jail.die_with_parent()  # becoming another user has cleared it
    kernel = os.fork()
    if kernel == 0:
        _exit_after(_run_kernel, job, namespace)
    for fd in (job["link"], *job["sockets"]):
        os.close(fd)
    ended = status = 0
    while ended != kernel:
        ended, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
