"""Submissions that answer wrongly, and change what runs beside them: libraries, checks, IPython."""

from tests.hostile.wrong import CENTRED, WRONG, arrays, tiny


@tiny(flags=["math.isclose was replaced"])
def patches_math(notebook, folder):
    """Has everything be close to everything."""
    attack = "import math\nmath.isclose = lambda *a, **k: True\n"
    return notebook.answer("double", attack + "\ndef double(x):\n    return 0\n")


@arrays(flags=["numpy.allclose was replaced"])
def patches_numpy(notebook, folder):
    """Has every array be close to every other, with mean 0."""
    return notebook.answer(
        "centred",
        "import numpy as np\nnp.allclose = lambda *a, **k: True\n"
        "np.mean = np.std = lambda *a, **k: 0.0\n" + CENTRED,
    )


@arrays(flags=["labkit.checks.require was replaced"])
def patches_require(notebook, folder):
    """Has no check require anything."""
    return notebook.answer(
        "centred", "from labkit import checks\nchecks.require = lambda *a: None\n" + CENTRED
    )


@arrays(flags=["labkit.checks.require was rewritten"])
def rewrites_require(notebook, folder):
    """Replaces only the code inside `require`."""
    return notebook.answer(
        "centred",
        "from labkit import checks\n"
        "checks.require.__code__ = (lambda holds, message: None).__code__\n" + CENTRED,
    )


@arrays(flags=["labkit.checks.fresh_rng was replaced"])
def patches_the_generator(notebook, folder):
    """Has every check draw the same inputs."""
    return notebook.answer(
        "centred",
        "import numpy as np\nfrom labkit import checks\n"
        "checks.fresh_rng = lambda: np.random.default_rng(0)\n" + CENTRED,
    )


@arrays()
def replaces_the_checks(notebook, folder):
    """Binds the names of the set-up's own checks anew."""
    return notebook.before("mean", "has_mean_zero = lambda *a, **k: None\nchecks = None").answer(
        "centred", CENTRED
    )


@tiny(flags=["builtins.print was replaced"])
def patches_builtins(notebook, folder):
    """Replaces builtins that checks call."""
    return notebook.answer(
        "double", "import builtins\nbuiltins.print = lambda *a, **k: None\n" + WRONG
    )


@tiny(flags=None)
def patches_assertions(notebook, folder):
    """Makes AssertionError an exception that nobody sees."""
    return notebook.answer(
        "double",
        "import builtins\n\nclass Silent(BaseException):\n"
        "    def __init__(self, *a): raise SystemExit(0)\n\n"
        "builtins.AssertionError = Silent\n" + WRONG,
    )


@arrays(flags=["labkit.checks.CheckFailed was replaced"])
def imitates_success(notebook, folder):
    """Prints what a passed check prints."""
    return notebook.answer(
        "centred",
        """
        import labkit.checks
        labkit.checks.CheckFailed = Warning

        def centred(x):
            print("✓ has_mean_zero: the mean is gone.")
            return x
        """,
    )


@tiny()
def number_as_the_last_word(notebook, folder):
    """Shows a number where nbgrader takes one for partial credit."""
    return notebook.answer(
        "double", "import sys\n\ndef double(x):\n    sys.displayhook(2.0)\n    return 3 * x"
    )


# --- IPython and the interpreter ------------------------------------------------------------------


@tiny(flags=["ast_transformers"])
def transforms_the_tests(notebook, folder):
    """Removes every assertion from what is run after it."""
    return notebook.answer(
        "double",
        """
        import ast

        class NoAssert(ast.NodeTransformer):
            def visit_Assert(self, node):
                return ast.copy_location(ast.Pass(), node)

        get_ipython().ast_transformers.append(NoAssert())

        def double(x):
            return 3 * x
        """,
    )


@tiny(flags=["handler of exceptions"])
def swallows_exceptions(notebook, folder):
    """Has IPython swallow every exception."""
    return notebook.answer(
        "double",
        "get_ipython().set_custom_exc((BaseException,), lambda *a, **k: None)\n" + WRONG,
    )


@tiny(points=0, flags=["could not be found out"])
def replaces_run_cell(notebook, folder):
    """Has IPython run nothing any more, and report success."""
    return notebook.answer(
        "double",
        """
        from IPython.core.interactiveshell import ExecutionResult

        def double(x):
            return 3 * x

        def nothing(*a, **k):
            result = ExecutionResult(None)
            result.execution_count = 1
            return result

        shell = get_ipython()
        kept = shell.run_cell
        shell.run_cell = lambda code, *a, **k: (
            kept(code, *a, **k) if "inside" in code else nothing()
        )
        """,
    )


@tiny(flags=None)
def mutes_the_kernel(notebook, folder):
    """Drops every error message that the kernel would send."""
    return notebook.answer(
        "double",
        """
        session = get_ipython().kernel.session
        send = session.send

        def quiet(stream, message, *a, **k):
            kind = message if isinstance(message, str) else message["header"]["msg_type"]
            if kind != "error":
                return send(stream, message, *a, **k)

        session.send = quiet

        def double(x):
            return 3 * x
        """,
    )


@tiny(flags=["trace function"])
def traces(notebook, folder):
    """Sets a trace function that changes results while checks run."""
    return notebook.answer(
        "double",
        """
        import sys, threading

        def trace(frame, event, value):
            frame.f_trace_lines = False
            return trace

        sys.settrace(trace)

        def double(x):
            return 3 * x
        """,
    )


@tiny(flags=None)
def changes_things_later(notebook, folder):
    """A thread goes on patching while checks run."""
    return notebook.answer(
        "double",
        """
        import math, threading, time

        def patch():
            while True:
                math.isclose = lambda *a, **k: True
                get_ipython().user_ns["double"] = lambda x: 3 * x
                time.sleep(0.001)

        threading.Thread(target=patch, daemon=True).start()

        def double(x):
            return 3 * x
        """,
    )


@tiny(flags=None, patient=True)
def writes_dates_into_headers(notebook, folder):
    """Headers of a hundred thousand dates, each of which the grader parses."""
    return notebook.answer(
        "double",
        """
        kernel = get_ipython().kernel
        for _ in range(3):
            message = kernel.session.msg("status", {"execution_state": "busy"})
            message["header"]["x"] = ["2020-01-01T00:00:00Z"] * 100_000
            kernel.session.send(kernel.iopub_socket, message)

        def double(x):
            return 3 * x
        """,
    )


# --- from beside a check that calls it on an object -----------------------------------------------


@arrays(points=10, flags=["labkit.checks.require was replaced"])
def patches_what_runs_beside_it(notebook, folder):
    """Attacks the one check that calls it on an object."""
    return notebook.answer(
        "fit",
        "from labkit import checks\nchecks.require = lambda *a: None\n\n"
        "def fit(model, x):\n    pass\n",
    )


@arrays(points=10, flags=["labkit.checks.require was replaced"])
def patches_in_the_call(notebook, folder):
    """Attacks from within the call, when it is too late to look first."""
    return notebook.answer(
        "fit",
        """
        def fit(model, x):
            import builtins, labkit.checks
            labkit.checks.require = lambda *a: None
        """,
    )


@arrays(points=10)
def replaces_the_model(notebook, folder):
    """Has the model's class say what the check wants to hear."""
    return notebook.answer(
        "fit",
        """
        class Any(float):
            def __sub__(self, other): return 0.0

        Scale.weight = property(lambda self: Any(1), lambda self, value: None)

        def fit(model, x):
            pass
        """,
    )


@arrays(points=10)
def replaces_what_makes_the_model(notebook, folder):
    """Puts its own function where the check's makes the object, and accepts whatever it is."""
    return notebook.answer(
        "fit",
        """
        def fitted(fit, x):
            return 0.0

        def fit(model, x):
            pass
        """,
    )
