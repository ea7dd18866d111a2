"""What of an answer counts when two are compared: its code, without what is easily changed."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pygments.lexers import PythonLexer
from pygments.token import Comment, Name, Number, String, Text

# Longer answers are compared by their beginning: the longest on file has 140 tokens.
MOST_CHARACTERS, MOST_TOKENS = 5000, 600
_LEXER = PythonLexer(ensurenl=False, stripnl=False)
_BLANK = re.compile(r"(?<=\n)\s+(?=\n)")


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
    # At each line break the lexer looks for what comes after all blank lines: 2 s for 2500.
    source = _BLANK.sub(lambda lines: " " * len(lines[0]), source[:MOST_CHARACTERS])
    for start, kind, text in _LEXER.get_tokens_unprocessed(source):
        if kind in Comment or kind in Text or kind in String.Doc or not text.strip():
            continue
        word = _word(kind, text, before)
        before = text
        if word == "STRING" and words[-1:] == [word]:
            places[-1] = (places[-1][0], start + len(text))
            continue
        words.append(word)
        places.append((start, start + len(text)))
        if len(words) == MOST_TOKENS:
            break
    return Tokens(tuple(words), tuple(places))


def _word(kind: Any, text: str, before: str) -> str:
    if kind in String:
        return "STRING"
    if kind in Number:
        return "NUMBER"
    if kind in Name and kind not in Name.Builtin and before != ".":
        return "NAME"
    return text
