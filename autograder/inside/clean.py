"""Make text that a student chose harmless: once, where it enters.

Lone surrogates, which no file and no stream can hold, control and formatting characters, with
which a terminal is steered and a reading direction turned, and length.
"""

import re
from unicodedata import category, normalize

MARK = "\N{REPLACEMENT CHARACTER}"
# Control, formatting and surrogate characters, line and paragraph separators.
HOSTILE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
# Persian and Hindi are not written without them, nor are many emoji.
JOINERS = "\u200c\u200d"
# What colours a traceback: "Select Graphic Rendition" of ECMA-48, and nothing else of it.
COLOUR = r"\x1b\[[0-9;]{0,20}m"
# What may be in a student's key beside letters and digits. It names files and folders, and nbgrader
# writes it into its pages, their scripts and addresses as it is.
IN_KEYS = " ._-+=@(),':*"

_DOUBTFUL = re.compile(r"[^\x20-\x7e]")
_DOUBTFUL_IN_LINES = re.compile(r"[^\x20-\x7e\n\t]")
_DOUBTFUL_IN_OUTPUT = re.compile(rf"{COLOUR}|[^\x20-\x7e\n\t\r]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def line(text: str, most: int = 300) -> str:
    """Return a text as one line that prints as what it is; white space becomes a space."""
    return _cut(_DOUBTFUL.sub(_in_line, text[: most + 1]), most)


def lines(text: str, most: int = 10_000) -> str:
    """Return a text of several lines; the ends of lines become newlines."""
    text = text[: most + 1].replace("\r\n", "\n").replace("\r", "\n")
    return _cut(_DOUBTFUL_IN_LINES.sub(_printable, text), most)


def output(text: str, colours: int = 0) -> str:
    """Return a stream or a traceback: lines that overwrite themselves, and may be coloured.

    Only the first `colours` changes of colour are kept: nbconvert takes 20 s for 300 000 of them.
    """
    left = colours

    def printable(match: re.Match[str]) -> str:
        nonlocal left
        if len(match[0]) == 1:
            return _printable(match)
        left -= 1
        return match[0] if left >= 0 else ""

    return _DOUBTFUL_IN_OUTPUT.sub(printable, text)


def key(text: str, most: int = 120) -> str:
    """Return a name that is inert wherever it is written: in files' names, pages and scripts.

    It has at most `most` bytes, and is never empty. What it replaces can make two names one.
    """
    text = normalize("NFC", text[: 4 * most])
    kept = "".join(c if category(c)[0] in "LMN" or c in IN_KEYS else "_" for c in text)
    kept = kept.encode()[:most].decode(errors="ignore").strip().lstrip(".").strip()
    return kept or "unnamed"


def literal(text: str, most: int = 10_000) -> str:
    """Return a text as markdown that shows it as it is: one fenced block, whatever is in it."""
    text = lines(text, most)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def source(text: str) -> str:
    """Return code that can be stored: a program may hold any character but half of one."""
    return _SURROGATE.sub(MARK, text).replace("\r\n", "\n").replace("\r", "\n")


def _in_line(match: re.Match[str]) -> str:
    return " " if match[0].isspace() else _printable(match)


def _printable(match: re.Match[str]) -> str:
    character = match[0]
    kept = character in JOINERS or category(character) not in HOSTILE
    return character if kept else MARK


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + " …"
