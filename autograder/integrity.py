"""Find out whether a submission tampers with what it runs beside.

The checks run in another process, which nothing of the student's can reach. What its code changed
in the modules of its own is of no use to it, but is reported to a person; that costs no points.
"""

import json

# Run in the student's kernel before and after everything of the student's.
WATCH = "__import__('guard').watch()"
REPORT = "__import__('guard').report(get_ipython())"

# A list of flags longer than this tells a person no more.
MOST_FLAGS = 20


def read_report(text: str) -> list[str]:
    """Return the flags that the student's kernel printed, as far as they are flags."""
    flags = json.loads(text)
    if not isinstance(flags, list):
        raise ValueError
    return [str(flag)[:300] for flag in flags[:MOST_FLAGS]]
