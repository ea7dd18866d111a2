"""Submissions whose answers are objects with code of their own, or that look into the check's."""

from tests.hostile import FULL, case
from tests.hostile.wrong import arrays, tiny


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


# --- what the check has ---------------------------------------------------------------------------


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


@arrays(points=10, says={"mean": "changes its argument"})
def changes_what_it_is_compared_with(notebook, folder):
    """Empties its argument, and returns it."""
    return notebook.answer("centred", "def centred(x):\n    x[:] = 0\n    return x")


@arrays(points=10, says={"mean": "changes its argument", "differences": "changes its argument"})
def spoils_what_it_is_compared_with(notebook, folder):
    """Makes NaN of all arrays, so that no comparison holds, nor its contrary."""
    return notebook.answer("centred", "def centred(x):\n    x[:] = np.nan\n    return x")


@arrays(points=10, says={"mean": "NaN", "differences": "NaN"})
def returns_nothing_that_compares(notebook, folder):
    """Of NaN no comparison holds, nor its contrary."""
    return notebook.answer("centred", "def centred(x):\n    return x * np.nan")


# --- what cannot be told --------------------------------------------------------------------------


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
