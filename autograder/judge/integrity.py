"""Find out whether a submission tampers with what it runs beside.

The checks run in another process, which nothing of the student's can reach. What its code changed
in the modules of its own is of no use to it, but is reported to a person; that costs no points.
The report is the word of the student's process, signed (see inside/guard.py); one that is missing
or forged is a flag by itself. Asked is the kernel that is there at the end: what one that has ended
changed is not known.
"""

import ast
import secrets
from contextlib import suppress

from autograder.sandbox.inside import clean
from autograder.sandbox.inside.guard import REPORT, sign

GUARD = "__import__('autograder.sandbox.inside.guard', fromlist=['watch'])"

# A list of flags longer than this tells a person no more.
MOST_FLAGS = 20


class Report:
    """What one kernel's guard has to say, from before anything of the student's runs in it."""

    def __init__(self) -> None:
        self._secret = self._nonce = ""

    # What to run in the student's kernel before everything of the student's: it prints the secret,
    # which is in no source, as IPython keeps those.
    watch = f"print({GUARD}.watch())"

    def begin(self, text: str) -> None:
        """Take what `watch` printed."""
        self._secret = next((line for line in text.splitlines() if len(line) == 32), "")

    def ask(self) -> str:
        """Return what to run there at the end: it prints the report."""
        self._nonce = secrets.token_hex(16)
        return f"__import__('sys').audit({REPORT!r}, {self._nonce!r}, get_ipython())"

    def read(self, text: str) -> list[str]:
        """Return the flags that the student's kernel printed.

        Raises:
            ValueError: there is no report that its guard has signed.
        """
        for line in text.splitlines() if self._secret else ():
            signature, _, found = line.partition(" ")
            if secrets.compare_digest(signature.encode(), self._signature(found).encode()):
                with suppress(Exception):  # whoever has found the key signs anything
                    return [clean.line(flag) for flag in ast.literal_eval(found)[:MOST_FLAGS]]
        raise ValueError("no signed report")

    def _signature(self, found: str) -> str:
        return sign(self._secret, self._nonce, found)
