"""What of an answer counts when two are compared: its code, without what is easily changed."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pygments.lexers import PythonLexer
from pygments.token import Comment, Name, Number, String, Text

# Longer answers are compared by their beginning: the longest on file has 140 tokens. What is no
# token, and the inside of long ones, takes nothing of that: else a long comment hid a copy.
MOST_CHARACTERS, MOST_TOKENS = 5000, 600
MOST_READ = 1 << 17  # characters of an answer, of which a class has many
LONG_STRING, LONG_WORD = 40, 40
_LEXER = PythonLexer(ensurenl=False, stripnl=False)
_STRINGS = "|".join(
    rf"{quote * 3}(?:[^\\{quote}]|\\.|{quote}(?!{quote}{quote}))*+(?:{quote * 3}|\\?\Z)"
    rf"|{quote}(?:[^\\\n{quote}]|\\.)*+{quote}?"
    for quote in "\"'"
)
_PIECE = re.compile(
    rf"(?P<blank>(?:\s|\\\n|\#[^\n]*+)++)|(?P<string>{_STRINGS})|(?P<word>\w++)|.", re.DOTALL
)


@dataclass(frozen=True)
class Tokens:
    """An answer's normalised tokens, and where each one stands in its text."""

    words: tuple[str, ...]
    places: tuple[tuple[int, int], ...]


@lru_cache(maxsize=4096)
def tokens(source: str) -> Tokens:
    """Return the tokens of a text that should be Python; any text has some.

    Names that the student can choose are one token, and so are all numbers and all strings, of
    however many pieces. Comments, docstrings and white space are none. What stays are keywords,
    operators, built-in functions, and attributes (`np.sqrt` is `NAME . sqrt`).
    """
    words: list[str] = []
    places: list[tuple[int, int]] = []
    before = ""
    squeezed, origins = _squeezed(source[:MOST_READ])
    for start, kind, text in _LEXER.get_tokens_unprocessed(squeezed):
        if kind in Comment or kind in Text or kind in String.Doc or not text.strip():
            continue
        word = _word(kind, text, before)
        before = text
        stop = origins[start + len(text) - 1] + 1
        if word == "STRING" and words[-1:] == [word]:
            places[-1] = (places[-1][0], stop)
            continue
        words.append(word)
        places.append((origins[start], stop))
        if len(words) == MOST_TOKENS:
            break
    return Tokens(tuple(words), tuple(places))


def _squeezed(source: str) -> tuple[str, list[int]]:
    """Return the beginning of a text without what says nothing, and where each character stood.

    Comments, blank lines and the inside of long strings are gone, and long words are short.
    """
    kept: list[str] = []
    origins: list[int] = []
    for piece in _PIECE.finditer(source):
        start, stop = piece.span()
        size, head, tail = stop - start, stop - start, 0
        if piece.lastgroup == "blank":
            # At each line break the lexer looks for what comes after all blank lines.
            _, line, indent = piece[0].rpartition("\n")
            text = f"{line}{indent[:LONG_WORD]}" if line else " "
            kept.append(text)
            origins += [start] * len(text)
            continue
        if piece.lastgroup == "string" and size > LONG_STRING:
            quotes = 3 if piece[0].startswith(piece[0][0] * 3) else 1
            head, tail = quotes, quotes if piece[0].endswith(piece[0][0] * quotes) else 0
        elif piece.lastgroup == "word" and size > LONG_WORD:
            head, tail = LONG_WORD, 1
        kept += [source[start : start + head], source[stop - tail : stop]]
        origins += [*range(start, start + head), *range(stop - tail, stop)]
        if len(origins) >= MOST_CHARACTERS:
            break
    return "".join(kept), origins


def _word(kind: Any, text: str, before: str) -> str:
    if kind in String:
        return "STRING"
    if kind in Number:
        return "NUMBER"
    if kind in Name and kind not in Name.Builtin and before != ".":
        return "NAME"
    return text
