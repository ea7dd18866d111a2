"""Make text that a student chose harmless: once, where it enters.

Lone surrogates, which no file and no stream can hold, control and formatting characters, with
which a terminal is steered and a reading direction turned, piles of marks, which cover other text,
and length.
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
# What is written over or under a letter (beyond these, fonts have none that pile up). No script
# needs more than four on one; fifty cross a page.
MARKS = "".join(c for c in map(chr, range(0x300, 0x10000)) if category(c) in ("Mn", "Me"))
# Of looking for links in a line, as nbconvert does; a line that takes more is cut into such pieces.
MOST_STEPS, BROKEN = 50_000, 100
# What may be in a student's key beside letters and digits. It names files and folders, and nbgrader
# writes it into its pages, their scripts and addresses as it is, and looks for files by it: what is
# a pattern there would be all students, or another one.
IN_KEYS = " ._-+=@(),':"

# What begins a formula (OWASP, "CSV injection"), in every form that becomes it: full width, small,
# raised. Tabs and ends of lines, which begin one too, are no longer in a line that is clean.
BEGINS = "=+-@\u207a\u207b\u207c\u208a\u208b\u208c\u2212\u2a75\u2a76\ufb29"
BEGINS += "\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
# Letters that show nothing.
FILLERS = "\u115f\u1160\u3164\uffa0"
# One stands inside a cell, wherever the file is split, if it is glued to a word or a bracket that
# ends ("Jean-Luc", "f(x)=3"), or between spaces after one ("x = 3").
INSIDE = rf"(?:[^\W{FILLERS}]|[)\]}}])"
BEGINNING = re.compile(
    rf"(?<![{re.escape(BEGINS)}])(?<!{INSIDE})(?!(?<={INSIDE} )[{re.escape(BEGINS)}]+ )"
    rf"[{re.escape(BEGINS)}]"
)


class _Table(dict[int, str]):
    """Says for `str.translate` what becomes of a character; `kept` are left as they are."""

    def __init__(self, kept: str, space: bool = False) -> None:
        self._kept, self._space = kept + JOINERS, space

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if self._space and character.isspace():
            character = " "
        elif character not in self._kept and category(character) in HOSTILE:
            character = MARK
        self[code] = character
        return character


_IN_LINE, _IN_LINES, _IN_OUTPUT = _Table("", space=True), _Table("\n\t"), _Table("\n\t\r")
_PILE = re.compile(f"([{MARKS}]{{4}})[{MARKS}]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def line(text: str, most: int = 300) -> str:
    """Return a text as one line that prints as what it is; white space becomes a space."""
    return _cut(_plain(text[: most + 1].translate(_IN_LINE)), most)


def lines(text: str, most: int = 10_000) -> str:
    """Return a text of several lines; the ends of lines become newlines."""
    text = text[: most + 1].replace("\r\n", "\n").replace("\r", "\n")
    return _cut(_plain(text.translate(_IN_LINES)), most)


def output(text: str, colours: int = 0) -> str:
    """Return a stream or a traceback: lines that overwrite themselves, and may be coloured.

    Only the first `colours` changes of colour are kept: nbconvert takes 20 s for 300 000 of them.
    """
    pieces = re.split(f"({COLOUR})", text)
    pieces[::2] = [piece.translate(_IN_OUTPUT) for piece in pieces[::2]]
    pieces[1 + 2 * colours :: 2] = [""] * len(pieces[1 + 2 * colours :: 2])
    return _plain("".join(pieces))


def key(text: str, most: int = 120) -> str:
    """Return a name that is inert wherever it is written: in files' names, pages and scripts.

    It has at most `most` bytes, and is never empty. What it replaces can make two names one.
    """
    text = normalize("NFC", text[: 4 * most])
    kept = "".join(c if category(c)[0] in "LMN" or c in IN_KEYS else "_" for c in text)
    kept = kept.encode()[:most].decode(errors="ignore").lstrip(" .").rstrip()
    return kept or "unnamed"


def literal(text: str, most: int = 10_000) -> str:
    """Return a text as markdown that shows it as it is: one fenced block, whatever is in it.

    Lines of very many brackets are broken. What this has returned is such a block already, and
    stays as it is.
    """
    inside = text.partition("\n")[2].rpartition("\n")[0]
    return text if text == _fenced(inside, most) else _fenced(text, most)


def _fenced(text: str, most: int) -> str:
    text = "\n".join(part for line in lines(text, most).split("\n") for part in _broken(line))
    text = lines(text, most)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _broken(line: str) -> list[str]:
    """Return a line in pieces, if nbconvert would take too long to look for links in it.

    From each bracket that opens it reads on to the end of the line, and from each link that may
    begin there as far again: one of 100 000 took it a minute, or hours.
    """
    links = line.count("](files/") + line.count("](/files/")
    steps = len(line) * line.count("[") * (1 + links)
    if steps <= MOST_STEPS:
        return [line]
    return [line[at : at + BROKEN] for at in range(0, len(line), BROKEN)]


def cell(text: str) -> str:
    """Return a line as a table's cell that is no formula, however the file is split into cells."""
    return BEGINNING.sub(r"'\g<0>", text)


def of_cell(text: str) -> str:
    """Return the line of which `cell` made this."""
    return re.sub(f"'(?=[{re.escape(BEGINS)}])", "", text)


def source(text: str) -> str:
    """Return code that can be stored: a program may hold any character but half of one."""
    return _SURROGATE.sub(MARK, text).replace("\r\n", "\n").replace("\r", "\n")


def _plain(text: str) -> str:
    """Return a text without piles of marks."""
    return text if text.isascii() else _PILE.sub(r"\1", text)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + " …"
