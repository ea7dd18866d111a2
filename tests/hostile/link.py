"""Submissions that write forgeries and nonsense to the link over which the judge calls them."""

from tests.hostile.wrong import WRONG, arrays, tiny


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


@tiny(points=0, flags=["student._call was replaced"], patient=True)
def breaks_its_link(notebook, folder):
    """Answers no call at all, for its forgery has a mistake; it is told of all the same."""
    return notebook.answer(
        "double",
        "from autograder.sandbox.inside import student\nstudent._call = lambda: None\n" + WRONG,
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


@tiny(flags=None, patient=True)
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


@tiny(or_points=0, flags=None, patient=True)
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


# --- values that there are not --------------------------------------------------------------------


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
