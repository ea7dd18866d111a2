"""Submissions whose answers are wrong, and which change or read what judges them.

Every one of them attacks in the cell of an exercise or before it, and answers wrongly.
"""

from tests.hostile import FULL, case

HALF = 5
WRONG = "\ndef double(x):\n    return 3 * x\n"
CENTRED = "\ndef centred(x):\n    return x\n"
# What a wrong `centred` keeps: `differences`, and the two other exercises.
REST = 12


def tiny(**expected):
    """A case in which `double` is wrong, so that its exercise gets nothing."""
    return case(**{"points": HALF} | expected)


def arrays(**expected):
    """A case in which `centred` does nothing: it fails one check of 3 points."""
    return case(**{"lab": "00_arrays", "points": REST} | expected)


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


@tiny()
def equals_everything(notebook, folder):
    """Returns an object that equals everything."""
    return notebook.answer(
        "double",
        """
        class Anything(float):
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __lt__(self, other): return True
            def __sub__(self, other): return 0.0
            def __abs__(self): return 0.0
            def __bool__(self): return True

        def double(x):
            return Anything(3 * x)
        """,
    )


@tiny(flags=None)
def equals_everything_and_is_nothing(notebook, folder):
    """Returns an object of no known type that equals everything."""
    return notebook.answer(
        "double",
        """
        class Anything:
            def __eq__(self, other): return True
            def __float__(self): return 1.0
            def __format__(self, how): return "8"

        def double(x):
            return Anything()
        """,
    )


@arrays()
def array_of_its_own_kind(notebook, folder):
    """Returns a subclass of ndarray whose mean is 0 and which is close to everything."""
    return notebook.answer(
        "centred",
        """
        class Zero(np.ndarray):
            def mean(self, *a, **k): return 0.0
            def __array_function__(self, *a, **k): return True
            def __array_ufunc__(self, *a, **k): return np.zeros(50)
            def __abs__(self): return 0.0

        def centred(x):
            return x.view(Zero)
        """,
    )


@arrays(points=13)
def array_with_its_own_conversion(notebook, folder):
    """Returns an object that turns into another array each time it is asked: first into zeros."""
    return notebook.answer(
        "centred",
        """
        class Changing:
            count = 0
            def __array__(self, *a, **k):
                self.count += 1
                return np.zeros(50) if self.count % 2 else self.x

        def centred(x):
            result = Changing()
            result.x = x
            return result
        """,
    )


@tiny()
def number_as_the_last_word(notebook, folder):
    """Shows a number where nbgrader takes one for partial credit."""
    return notebook.answer(
        "double", "import sys\n\ndef double(x):\n    sys.displayhook(2.0)\n    return 3 * x"
    )


@tiny(flags=["looked at its callers"])
def reads_the_stack(notebook, folder):
    """Looks in the caller's frames for the answer, and for the test's source."""
    return notebook.answer(
        "double",
        """
        import linecache, re, sys

        def double(x):
            frame = sys._getframe(1)
            while frame is not None:
                text = "".join(linecache.getlines(frame.f_code.co_filename))
                wanted = re.findall(r"double\\(%r\\)[^0-9]+([0-9.]+)" % x, text)
                if wanted:
                    return float(wanted[0])
                frame = frame.f_back
            return 3 * x
        """,
    )


@arrays(flags=["looked at its callers"])
def reads_the_callers_variables(notebook, folder):
    """Returns what a check has in a variable."""
    return notebook.answer(
        "centred",
        """
        import gc, sys

        def centred(x):
            frame = sys._getframe(1)
            while frame is not None:
                if "rng" in frame.f_locals and "x" in frame.f_locals:
                    mine = frame.f_locals["x"]
                    return mine - mine.mean()
                frame = frame.f_back
            return x
        """,
    )


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


@arrays(points=FULL["00_arrays"])
def sets_the_generators_state(notebook, folder):
    """Sets the state of the check's generator: of its own copy, as far as the check can tell."""
    return notebook.answer(
        "noisy",
        """
        def noisy(x, scale, rng):
            result = x + rng.normal(0, scale, x.shape)
            state = rng.bit_generator.state
            state["state"]["state"] += 1
            rng.bit_generator.state = state
            return result
        """,
    )


@arrays(points=13)
def changes_what_it_is_compared_with(notebook, folder):
    """Empties its argument, and returns it: only the mean is as it must be."""
    return notebook.answer("centred", "def centred(x):\n    x[:] = 0\n    return x")


@arrays(points=10, says={"mean": "NaN", "differences": "NaN"})
def spoils_what_it_is_compared_with(notebook, folder):
    """Makes NaN of all arrays, so that no comparison holds, nor its contrary."""
    return notebook.answer("centred", "def centred(x):\n    x[:] = np.nan\n    return x")


@arrays(points=10, says={"mean": "died"})
def claims_to_have_changed_arguments(notebook, folder):
    """Says that the judge's own arrays are NaN now."""
    return notebook.answer(
        "centred",
        """
        import json, os, struct
        from autograder.sandbox.inside import wire

        def centred(x):
            nan = ["array", "<f8", [1], 8]
            header = {"changed": True, "values": [nan, ["list", [["list", [nan]], ["dict", []]]]]}
            text = json.dumps(header).encode()
            raw = 2 * struct.pack("<d", float("nan"))
            wire.send(wire._link, struct.pack("<Q", len(text)), text, raw)
            os._exit(0)
        """,
    )


@tiny(points=0, flags=["student._call was replaced"])
def forges_its_link(notebook, folder):
    """Answers the judge's calls itself, with what it reads in them."""
    return notebook.answer(
        "double",
        """
        from autograder.sandbox.inside import student

        def call(function, args, kwargs, before):
            student._reply({"generators": [["0x1", "0x0", "0x0", "0x0"]]}, 7)

        student._call = call

        def double(x):
            return 3 * x
        """,
    )


@tiny(points=0, flags=["student._call was replaced"])
def breaks_its_link(notebook, folder):
    """Answers no call at all, for its forgery has a mistake; it is told of all the same."""
    return notebook.answer(
        "double",
        "from autograder.sandbox.inside import student\nstudent._call = lambda: None\n" + WRONG,
    )


@tiny(flags=["answered `doubles_integers`, `doubles_fractions` with what no function can return"])
def answers_nonsense(notebook, folder):
    """Writes into its link what is no answer, and ends: there is nobody left who could report."""
    return notebook.answer(
        "double",
        """
        import os
        from autograder.sandbox.inside import wire

        def double(x):
            wire.send(wire._link, b"nonsense")
            os._exit(0)
        """,
    )


@tiny(flags=["with what no function can return"])
def answers_with_an_impossible_array(notebook, folder):
    """Says of an answer that it is larger than what it sends."""
    return notebook.answer(
        "double",
        """
        import json, struct
        from autograder.sandbox.inside import wire

        def double(x):
            text = json.dumps({"values": [["array", "f8", [1 << 40], 8 << 40]]}).encode()
            wire.send(wire._link, struct.pack("<Q", len(text)), text)
            return 3 * x
        """,
    )


@tiny(says={"doubles_integers": "ValueError: \ufffd"})
def raises_half_a_character(notebook, folder):
    """The message is a lone surrogate: whoever passes it on must encode it."""
    return notebook.answer("double", "def double(x):\n    raise ValueError('\\ud800')")


@tiny(says={"doubles_integers": "twice 4 is 8, not \ufffd"})
def returns_half_a_character(notebook, folder):
    """The check's message quotes a lone surrogate."""
    return notebook.answer("double", "def double(x):\n    return '\\ud800'")


@tiny(says={"doubles_integers": "twice 4 is 8, not "})
def returns_what_prints_as_half_a_character(notebook, folder):
    """The check's message quotes lone surrogates in what is no text by itself."""
    return notebook.answer(
        "double", "import numpy as np\n\ndef double(x):\n    return np.array([['\\udfff' * 9]])"
    )


@tiny(says={"doubles_integers": "\ufffd"})
def raises_an_error_of_a_hostile_name(notebook, folder):
    """The exception's class has a name that turns the reading direction and clears the screen."""
    return notebook.answer(
        "double",
        "def double(x):\n    raise type('\\u202e\\x1b[2J', (Exception,), {})('\\x1b]0;A\\x07')",
    )


@tiny(says={"doubles_integers": "cannot be shown"})
def raises_what_cannot_be_shown(notebook, folder):
    """Showing the exception raises another."""
    return notebook.answer(
        "double",
        """
        class Unsayable(Exception):
            def __str__(self): raise self
            __repr__ = __str__

        def double(x):
            raise Unsayable
        """,
    )


@tiny(says={"doubles_integers": "RuntimeError"})
def returns_what_cannot_be_sent(notebook, folder):
    """Sending the answer runs its code, which raises."""
    return notebook.answer(
        "double",
        """
        class Unsendable:
            def __len__(self): return 3
            def __iter__(self): raise RuntimeError("\\ud800")

        def double(x):
            return Unsendable()
        """,
    )


@tiny(flags=["math.isclose was replaced"])
def silences_the_guard(notebook, folder):
    """Has whatever would report its changes say that there are none."""
    return notebook.answer(
        "double",
        """
        import builtins, math
        from autograder.sandbox.inside import guard
        math.isclose = lambda *a, **k: True
        for name in ("_changes", "_modules", "_functions", "_shell", "_matters", "_start", "sign"):
            setattr(guard, name, lambda *a, **k: [])
        guard._before.clear()
        builtins.vars = lambda *a: {}
        builtins.ascii = lambda *a: "()"
        """
        + WRONG.replace("\n", "\n        "),
    )


@tiny(flags=["could not be found out"])
def ends_the_audit(notebook, folder):
    """Nobody can ask the guard any more."""
    return notebook.answer("double", "import sys\nsys.audit = lambda *a: None\n" + WRONG)


@tiny(flags=["could not be found out"])
def forges_the_report(notebook, folder):
    """Says what it takes for a clean report, with a signature of its own."""
    return notebook.answer(
        "double",
        "import sys\nfrom autograder.sandbox.inside import guard\n\n"
        "def forged(event, nonce, shell):\n"
        "    print(guard.sign('secret', nonce, '()'), '()')\n\nsys.audit = forged\n" + WRONG,
    )


@tiny(flags=["could not be found out"])
def signs_with_what_sources_tell(notebook, folder):
    """Looks for the key of the reports in what IPython keeps of the code that has run."""
    return notebook.answer(
        "double",
        """
        import linecache, math, re, sys
        from autograder.sandbox.inside import guard
        math.isclose = lambda *a, **k: True
        kept = str([linecache.cache, get_ipython().user_ns, vars(get_ipython().compile)])
        keys = re.findall("[0-9a-f]{32}", kept)

        def forged(event, nonce, shell):
            for key in ["", *keys]:
                print(guard.sign(key, nonce, "()"), "()")

        sys.audit = forged
        """
        + WRONG.replace("\n", "\n        "),
    )


@tiny(flags=["math.isclose was replaced"])
def breaks_the_hook_to_see_its_frames(notebook, folder):
    """Asks for reports in wrong ways, of its own objects: errors and calls show who makes them."""
    return notebook.answer(
        "double",
        """
        import math, sys
        math.isclose = lambda *a, **k: True

        def wipe(frame):
            while frame is not None:
                for name in ("_heard", "_before", "_code"):
                    dict.clear(frame.f_globals.get(name, {}))
                frame = frame.f_back

        class Shell:
            @property
            def ast_transformers(self):
                wipe(sys._getframe(1))

        class Name(str):
            __hash__ = str.__hash__
            def __eq__(self, other):
                wipe(sys._getframe(1))

        report = "labkit.report"
        for event in ((report,), (report, 1, 2, 3), (report, "", None), (report, "", Shell()),
                      ("object.__getattr__", 0, Name("x"))):
            try:
                sys.audit(*event)
            except Exception as error:
                trace = error.__traceback__
                while trace.tb_next:
                    trace = trace.tb_next
                wipe(trace.tb_frame)
        """
        + WRONG.replace("\n", "\n        "),
    )


@tiny(flags=["with what no function can return"])
def answers_with_no_object(notebook, folder):
    """JSON of other kinds than an answer is, or with other kinds in it."""
    return notebook.answer(
        "double",
        """
        import itertools, os, struct
        from autograder.sandbox.inside import wire
        texts = itertools.cycle([b"[8]", b'{"values": 8}', b'{"values": {"0": ["plain", 8]}}'])

        def double(x):
            text = next(texts)
            wire.send(wire._link, struct.pack("<Q", len(text)), text)
            os._exit(0)
        """,
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


@case(lab="00_arrays")
def honest_answers(notebook, folder):
    """Attacks nothing, and answers in unusual types; no flag, no point lost."""
    notebook.answer(
        "centred",
        """
        from fractions import Fraction

        def centred(x):
            mean = sum(map(Fraction, x)) / len(x)
            return tuple(float(Fraction(value) - mean) for value in x)
        """,
    )
    return notebook.answer(
        "noisy",
        """
        def noisy(x, scale, rng):
            (own,) = rng.spawn(1)
            return np.ma.masked_array(x + scale * own.standard_normal(len(x)))
        """,
    )


@tiny(points=0, flags=None)
def answers_before_it_is_asked(notebook, folder):
    """Sends one answer too many: each question finds the one to the question before."""
    return notebook.answer(
        "double",
        """
        from autograder.sandbox.inside import student

        def double(x):
            student._reply({}, x + 0.5)
            return 3 * x
        """,
    )


@tiny(flags=None)
def answers_for_all_that_is_to_come(notebook, folder):
    """Fills its link with what it takes for a description, and for verdicts."""
    return notebook.answer(
        "double",
        """
        from autograder.sandbox.inside import student

        def double(x):
            for _ in range(100):
                student._reply({"double": "function", "passed": True, "broken": False}, True)
            return 3 * x
        """,
    )


@tiny(or_points=0, flags=None)
def answers_twice_by_a_child(notebook, folder):
    """Forks: parent and child both answer, one of them rightly by chance."""
    return notebook.answer(
        "double",
        """
        import os

        def double(x):
            return 3 * x if os.fork() else 4
        """,
    )


@tiny(flags=None)
def closes_its_link(notebook, folder):
    """Puts another socket where its link was, and speaks to itself."""
    return notebook.answer(
        "double",
        """
        import os, socket
        from autograder.sandbox.inside import wire
        ours, theirs = socket.socketpair()

        def double(x):
            os.dup2(ours.fileno(), wire._link.fileno())
            return 2 * x
        """,
    )


@tiny(flags=None)
def states_its_own_verdict(notebook, folder):
    """Replies, as a kernel does, that the check has passed."""
    return notebook.answer(
        "double",
        """
        import json
        kernel = get_ipython().kernel
        told = {"run": "", "passed": True, "broken": False, "nonsense": False}

        def double(x):
            parent = kernel.get_parent("shell")
            value = {"status": "ok", "data": {"text/plain": repr(json.dumps(told))}}
            kernel.session.send(
                kernel.shell_stream, "execute_reply", parent=parent,
                content={"status": "ok", "execution_count": 1, "user_expressions": {
                    "statement": value}},
            )
            for state in ("idle", "busy", "idle"):
                kernel.session.send(
                    kernel.iopub_socket, "status", {"execution_state": state}, parent=parent)
            print(json.dumps(told))
            return 3 * x
        """,
    )


@tiny(flags=["with what no function can return"])
def answers_with_text_of_no_width(notebook, folder):
    """An array of a thousand milliard texts of no letters needs no bytes, and then some."""
    return notebook.answer(
        "double",
        """
        import json, struct
        from autograder.sandbox.inside import wire

        def double(x):
            text = json.dumps({"values": [["array", "<U0", [1 << 40], 0]]}).encode()
            wire.send(wire._link, struct.pack("<Q", len(text)), text)
            return 3 * x
        """,
    )


@tiny(flags=["with what no function can return"])
def answers_with_a_bottomless_list(notebook, folder):
    """A list in a list in a list, a million deep: whoever reads it runs out of stack."""
    return notebook.answer(
        "double",
        """
        import struct
        from autograder.sandbox.inside import wire

        def double(x):
            text = b'{"values": ' + b"[" * 10**6 + b"]" * 10**6 + b"}"
            wire.send(wire._link, struct.pack("<Q", len(text)), text)
            return 3 * x
        """,
    )


@tiny(flags=None)
def raises_what_ends_loops(notebook, folder):
    """Exceptions that mean something to whoever calls: the end of a loop, all is well."""
    return notebook.answer(
        "double",
        """
        import itertools
        kinds = itertools.cycle([StopIteration, StopAsyncIteration, GeneratorExit, SystemExit])

        def double(x):
            raise next(kinds)(2 * x)
        """,
    )


@tiny(points=0, flags=None)
def names_its_own_exceptions(notebook, folder):
    """Says what its exception is: one that ends loops, one that the guard lets through."""
    return notebook.answer(
        "double",
        """
        import itertools
        from autograder.sandbox.inside import student
        kinds = itertools.cycle([["StopIteration", "Exception"], ["CheckFailed"],
            ["NotImplementedError"], ["KeyboardInterrupt", "Exception"], [], ["SystemExit"]])

        def double(x):
            student._reply({"kinds": next(kinds), "text": "", "place": ""})
            return 3 * x
        """,
    )


@tiny(flags=None)
def answers_with_numbers_that_are_none(notebook, folder):
    """A long double whose bits no processor takes for a number."""
    return notebook.answer(
        "double",
        """
        import json, os, struct
        from autograder.sandbox.inside import wire

        def double(x):
            raw = bytes(7) + b"\\x40\\xff\\x3f" + bytes(6)
            text = json.dumps({"values": [["scalar", "<f16", [], 16]]}).encode()
            wire.send(wire._link, struct.pack("<Q", len(text)), text, raw)
            os._exit(0)
        """,
    )


@tiny(flags=["with what no function can return"])
def calls_back_what_was_not_lent(notebook, folder):
    """Calls the judge's functions by number, from the end, when there are none."""
    return notebook.answer(
        "double",
        """
        from autograder.sandbox.inside import student

        def double(x):
            student._reply({"callback": -1, "data": True}, [[x], {}])
            return 3 * x
        """,
    )


@tiny(flags=["student._describe was replaced"])
def describes_itself_as_a_value(notebook, folder):
    """Says that its exercise is no function, so that checks would run on nothing."""
    return notebook.answer(
        "double",
        """
        from autograder.sandbox.inside import student
        student._describe = lambda space, name: "value" if name == "double" else "function"

        def double(x):
            return 3 * x
        """,
    )


@tiny(flags=None)
def answers_with_what_can_be_read_once(notebook, folder):
    """A sequence of its own class: who reads it twice reads nothing the second time."""
    return notebook.answer(
        "double",
        """
        class Once:
            def __len__(self): return 1
            def __iter__(self): yield 0

        def double(x):
            return Once()
        """,
    )


@tiny(flags=None)
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
