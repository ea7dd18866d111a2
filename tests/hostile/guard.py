"""Submissions that silence or forge the report of what they changed."""

from tests.hostile.wrong import WRONG, tiny


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
