"""Submissions that end their kernel, or what they take for the grader."""

from tests.hostile import HALF, case

DIED = {"doubles_integers": "the kernel died"}


@case(points=HALF, says=DIED)
def exits_at_once(notebook, folder):
    """Ends the kernel without a word, from inside an answer."""
    return notebook.answer("double", "import os\n\ndef double(x):\n    os._exit(0)")


@case(points=HALF, says={"doubles_integers": "SystemExit"})
def sys_exit(notebook, folder):
    """Leaves by sys.exit, as if all were well."""
    return notebook.answer("double", "import sys\n\ndef double(x):\n    sys.exit(0)")


@case(points=HALF, says=DIED)
def segfault(notebook, folder):
    """Reads address 0."""
    return notebook.answer(
        "double", "import ctypes\n\ndef double(x):\n    return ctypes.string_at(0)"
    )


@case(points=HALF, flags=None)
def kills_everyone(notebook, folder):
    """Kills every process that it can."""
    return notebook.answer(
        "double",
        """
        import os, signal

        def double(x):
            os.kill(-1, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        """,
    )


@case(points=HALF, flags=None)
def kills_its_parents(notebook, folder):
    """Kills its parent, and every process with a low number."""
    return notebook.answer(
        "double",
        """
        import os, signal

        def double(x):
            for pid in [os.getppid(), *range(1, 2000)]:
                if pid != os.getpid():
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except OSError:
                        pass
            return 3 * x
        """,
    )


@case()
def exits_in_a_cell_of_its_own(notebook, folder):
    """Ends the kernel between two right answers."""
    return notebook.before("length", "import os\nos._exit(0)")


@case(points=0)
def dies_again_and_again(notebook, folder):
    """Ends the kernel in the answers' own cells, after a second."""
    timer = "import os, threading\nthreading.Timer(0.3, os._exit, [0]).start()\n"
    notebook["double"].source = timer + notebook["double"].source + "\nimport time; time.sleep(9)"
    notebook["length"].source = timer + notebook["length"].source + "\nimport time; time.sleep(9)"
    return notebook


@case()
def daemon(notebook, folder):
    """Leaves a process behind, in a session of its own."""
    return notebook.answer(
        "double",
        """
        import subprocess, sys

        def double(x):
            command = [sys.executable, "-c", "import time; time.sleep(600)", "left-over-daemon"]
            subprocess.Popen(command, start_new_session=True)
            return 2 * x
        """,
    )


@case()
def sleeping_threads(notebook, folder):
    """Leaves threads behind, that are no daemons."""
    return notebook.answer(
        "double",
        """
        import threading, time

        def double(x):
            threading.Thread(target=time.sleep, args=(600,)).start()
            return 2 * x
        """,
    )


@case()
def atexit_blocks(notebook, folder):
    """Refuses to end: its exit handler never returns."""
    return notebook.answer(
        "double",
        """
        import atexit, time

        atexit.register(time.sleep, 600)

        def double(x):
            return 2 * x
        """,
    )


@case(points=HALF, patient=True)
def stops_itself(notebook, folder):
    """Sends itself SIGSTOP."""
    return notebook.answer(
        "double",
        """
        import os, signal

        def double(x):
            os.kill(os.getpid(), signal.SIGSTOP)
            return 3 * x
        """,
    )


@case(points=HALF, flags=None)
def closes_every_file(notebook, folder):
    """Closes the kernel's sockets."""
    return notebook.answer(
        "double", "import os\n\ndef double(x):\n    os.closerange(0, 4096)\n    return 3 * x"
    )


@case(points=HALF, flags=None)
def talks_over_its_link(notebook, folder):
    """Writes nonsense to the socket that its answers go over."""
    return notebook.answer(
        "double",
        """
        import sys

        def double(x):
            sys.modules["autograder.sandbox.inside.wire"]._link.sendall(b"\\xff" * 4096)
            return 3 * x
        """,
    )
