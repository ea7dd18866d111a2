"""Submissions that use what they can: time, memory, processes, disk, the grader's patience."""

from tests.hostile import HALF, case


@case(points=HALF, says={"doubles_integers": "interrupted after"}, patient=True)
def endless_loop(notebook, folder):
    """Never returns."""
    return notebook.answer("double", "def double(x):\n    while True:\n        pass")


@case(points=HALF, says={"doubles_integers": "interrupted after"}, patient=True)
def ignores_interrupts(notebook, folder):
    """Catches what an interrupt raises, and goes on."""
    return notebook.answer(
        "double",
        """
        import time

        def double(x):
            while True:
                try:
                    time.sleep(1)
                except BaseException:
                    pass
        """,
    )


@case(says={}, patient=True)
def endless_cell_of_its_own(notebook, folder):
    """Never gets to its answers, but for the time limit; they are right."""
    return notebook.before("length", "while True:\n    pass")


@case(points=HALF, says={"doubles_integers": "MemoryError"})
def one_huge_array(notebook, folder):
    """Asks for more memory than it may have, at once."""
    return notebook.answer("double", "def double(x):\n    return bytearray(1 << 40)")


@case(points=HALF, says={"doubles_integers": "Error"})
def memory_bomb(notebook, folder):
    """Fills memory, piece by piece, and holds on to it."""
    return notebook.answer(
        "double",
        """
        hoard = []

        def double(x):
            while True:
                hoard.append(bytearray(b"x") * (64 << 20))
        """,
    )


@case(points=HALF, says={"doubles_integers": ""})
def memory_bomb_of_many(notebook, folder):
    """Fills memory, or time, from several processes, none of which is large."""
    return notebook.answer(
        "double",
        """
        import os, time

        def double(x):
            for _ in range(20):
                if os.fork() == 0:
                    hoard = bytearray(b"x") * (100 << 20)
                    time.sleep(600)
            time.sleep(600)
        """,
    )


@case(points=HALF, says={"doubles_integers": ""})
def fork_bomb(notebook, folder):
    """Forks, and its children fork: too many processes, or too much time, whichever is first."""
    return notebook.answer(
        "double",
        """
        import os, time

        def double(x):
            while True:
                try:
                    os.fork()
                except OSError:
                    time.sleep(0.01)
        """,
    )


@case(points=HALF, says={"doubles_integers": ""})
def thread_bomb(notebook, folder):
    """Starts threads that sleep."""
    return notebook.answer(
        "double",
        """
        import threading, time

        def double(x):
            for _ in range(5000):
                threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
            time.sleep(600)
        """,
    )


@case(points=HALF, says={"doubles_integers": "No space left"})
def disk_bomb(notebook, folder):
    """Fills every folder that it can write to."""
    return notebook.answer(
        "double",
        """
        def double(x):
            for number in range(100):
                with open(f"/tmp/{number}", "wb") as file:
                    for _ in range(64):
                        file.write(bytes(1 << 20))
        """,
    )


@case(points=HALF, says={"doubles_integers": "Error"}, flags=None)
def files_without_names(notebook, folder):
    """Fills unnamed files, wherever one can be made."""
    return notebook.answer(
        "double",
        """
        import os

        kept = []

        def double(x):
            for top, folders, _ in os.walk("/"):
                folders[:] = [each for each in folders if each not in ("proc", "usr", ".venv")]
                try:
                    kept.append(os.open(top, os.O_TMPFILE | os.O_RDWR))
                    for _ in range(1000):
                        os.write(kept[-1], bytes(1 << 20))
                except OSError:
                    pass
            raise MemoryError(len(kept))
        """,
    )


@case(points=HALF, says={"doubles_integers": "Error"}, flags=None)
def memory_in_files_of_memory(notebook, folder):
    """Fills memory files that nothing maps."""
    return notebook.answer(
        "double",
        """
        import os

        def double(x):
            file = os.memfd_create("hoard")
            for _ in range(3 << 10):
                os.write(file, bytes(1 << 20))
            return 3 * x
        """,
    )


@case(points=HALF, says={"doubles_integers": "Error"}, flags=None)
def memory_that_is_left_behind(notebook, folder):
    """Fills shared memory, and keeps a page of it mapped."""
    return notebook.answer(
        "double",
        """
        import mmap, os

        def double(x):
            hoard = mmap.mmap(-1, 3 << 30)
            for start in range(0, 3 << 30, 1 << 20):
                hoard[start : start + (1 << 20)] = bytes(1 << 20)
                hoard.madvise(mmap.MADV_DONTNEED)
            return 3 * x
        """,
    )


@case(points=HALF, says={"doubles_integers": "Error"}, flags=None)
def memory_of_system_v(notebook, folder):
    """Fills segments of shared memory, and detaches them."""
    return notebook.answer(
        "double",
        """
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p

        def double(x):
            for _ in range(32):
                segment = libc.shmget(0, 64 << 20, 0o1600)
                if segment < 0:
                    raise OSError(ctypes.get_errno(), "shmget")
                address = libc.shmat(segment, None, 0)
                ctypes.memset(address, 1, 64 << 20)
                libc.shmdt(ctypes.c_void_p(address))
            return 3 * x
        """,
    )


@case(points=HALF, says={"doubles_integers": ""}, flags=None)
def memory_in_sockets(notebook, folder):
    """Fills the buffers of sockets, from many processes."""
    return notebook.answer(
        "double",
        """
        import os, socket, time

        def fill():
            pairs = []
            while True:
                try:
                    pairs.append(socket.socketpair())
                    pairs[-1][0].setblocking(False)
                    while True:
                        pairs[-1][0].send(bytes(1 << 16))
                except BlockingIOError:
                    pass
                except OSError:
                    time.sleep(600)

        def double(x):
            for _ in range(20):
                if os.fork() == 0:
                    fill()
            time.sleep(600)
        """,
    )


@case()
def stderr_flood(notebook, folder):
    """Writes megabytes to stderr on the way to a right answer."""
    return notebook.answer(
        "double",
        """
        import sys

        def double(x):
            for _ in range(100):
                sys.stderr.write("x" * 100000 + "\\n")
            return 2 * x
        """,
    )


@case(points=HALF, says={"doubles_integers": "Error"}, patient=True)
def endless_output(notebook, folder):
    """Prints, and never stops."""
    return notebook.answer(
        "double",
        """
        def double(x):
            while True:
                print("x" * 100000)
        """,
    )


@case(points=HALF, says={"doubles_integers": "Error"})
def one_huge_message(notebook, folder):
    """Prints hundreds of megabytes at once, for the grader to hold."""
    return notebook.answer(
        "double",
        """
        def double(x):
            print("x" * (400 << 20), flush=True)
            return 3 * x
        """,
    )


@case(points=HALF, says={"doubles_integers": ""})
def one_huge_answer(notebook, folder):
    """Returns hundreds of megabytes, for the judge to hold."""
    return notebook.answer("double", "def double(x):\n    return b'x' * (400 << 20)")


@case(points=HALF, says={"doubles_integers": "it returned more than 256 MB"})
def one_huge_array_as_answer(notebook, folder):
    """Returns more than a message may hold."""
    return notebook.answer(
        "double", "import numpy as np\n\ndef double(x):\n    return np.zeros(40 << 20)"
    )


@case(points=HALF, says={"doubles_integers": ""})
def one_large_array_as_answer(notebook, folder):
    """Returns as much as a message may hold, and as the judge can barely take in."""
    return notebook.answer(
        "double", "import numpy as np\n\ndef double(x):\n    return np.zeros((32 << 20) - 1024)"
    )


@case(points=HALF, says={"doubles_integers": "it stopped answering"})
def interrupts_itself(notebook, folder):
    """Raises what an interrupt raises; that ends what answers, and is no attack."""
    return notebook.answer("double", "def double(x):\n    raise KeyboardInterrupt")


@case(points=HALF, says={"doubles_integers": ""})
def endless_answer(notebook, folder):
    """Returns an iterator that never ends."""
    return notebook.answer(
        "double", "import itertools\n\ndef double(x):\n    return itertools.repeat(8)"
    )


@case(points=HALF, says={"doubles_integers": ""})
def nested_answer(notebook, folder):
    """Returns a list that contains itself."""
    return notebook.answer(
        "double", "def double(x):\n    result = []\n    result.append(result)\n    return result"
    )


@case(points=HALF, says={"doubles_integers": "the kernel died"}, flags=None)
def watches_of_epoll(notebook, folder):
    """Watches a pipe by as many ways as there are, from many processes, some in sockets."""
    return notebook.answer(
        "double",
        """
        import os, select, socket, time

        def hoard():
            reading, _ = os.pipe()
            ways = [os.dup(reading) for _ in range(400)]
            ours, theirs = socket.socketpair()
            kept = []
            while True:
                kept.append(select.epoll())
                for way in ways:
                    kept[-1].register(way, select.EPOLLIN)
                try:
                    socket.send_fds(ours, [b"."], [kept[-1].fileno()])
                    kept.pop().close()
                except OSError:
                    pass

        def double(x):
            for _ in range(10):
                if os.fork() == 0:
                    try:
                        hoard()
                    finally:
                        time.sleep(600)
            time.sleep(600)
        """,
    )


@case(points=HALF, says={"doubles_integers": ""}, flags=None)
def memory_of_processes_without_their_first_thread(notebook, folder):
    """Fills memory in second threads, when the first, of which Linux tells most, has ended."""
    return notebook.answer(
        "double",
        """
        import ctypes, os, threading, time

        def hoard():
            kept = bytearray(b"x") * (300 << 20)
            time.sleep(600)

        def double(x):
            for _ in range(8):
                if os.fork() == 0:
                    threading.Thread(target=hoard).start()
                    ctypes.CDLL(None).syscall(60, 0)
            time.sleep(600)
        """,
    )


@case()
def output_from_every_cell(notebook, folder):
    """Prints a megabyte of what takes three when it is clean, and fails, in each of many cells."""
    for _ in range(12):
        notebook.before("double", "print('\\x7f' * 1_000_000)\nraise ValueError('y' * 20_000)")
    return notebook


@case()
def errors_without_end(notebook, folder):
    """Sends a hundred thousand errors."""
    return notebook.before(
        "double",
        """
        kernel = get_ipython().kernel
        for _ in range(100_000):
            content = {"ename": "E", "evalue": "", "traceback": []}
            parent = kernel.get_parent()
            kernel.session.send(kernel.iopub_socket, "error", content, parent=parent)
        """,
    )
