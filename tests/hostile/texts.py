"""Texts that students choose, and that a table, a terminal or a page may take for more."""

from hypothesis import settings
from hypothesis import strategies as st

from autograder.sandbox.inside import clean

# Bounded, and the same each time.
seeded = settings(max_examples=80)

ATTACKS = [
    "=cmd|'/C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "\n=1+1", "\0=1", "\x0b=1",
    "\uff1dcmd",
    "\uff0b1", "\uff0d1", "\uff20A1", "\ufe621", "\ufe66cmd", "\u207c1", "\u22121", "\ufb291",
    "ann;=1+1", "ann\t=1+1", "ann,=1+1", "ann|=1+1", "ann\r\n=1+1", 'ann";"=1+1', 'ann","=1+1',
    "ann; =1+1", "ann;\u200b=1+1", "ann;\u00a0\uff1d1", "ann;\u3164=1", 'ann;"=1+1";x', "ann =1+1",
    "  =1", '"=1"', "\ufeff=1", "\u2066=1", '=HYPERLINK("http://evil.example","x")', "-", "=",
    "ann\u2028=1", "a; - 1", "x;-", "\ud800=1", "\u200c=1", "sep=;", "ann;=\n", "ann:=1",
    "\x1b[2J\x1b[31mbob  10", "ann\nbob  10  5", "a\rbob", "\x9b2J", "a\x08\x08\x08b", "\u202eevil",
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
    "</pre></style></title></textarea><svg onload=alert(1)>", "<!--", "]]>", "{{ 7*7 }}", "{% raw",
    "javascript:alert(1)", "&lt;script&gt;", "[x](javascript:1)", "$\\href{javascript:1}{x}$",
    "```\n<script>alert(1)</script>\n```", "~~~\n<b>", "$$<script>$$", "`" * 50, "a" * 50_000,
    "字" * 500, "e" + "\u0301" * 500, "\ud800", "a\udfffb", "\u202e\u2066\u200f", "", " ", "\0",
]  # fmt: skip


def texts(most=40):
    """Attacks, all of Unicode, and what the marks in question and any text give together."""
    marks = st.sampled_from([*clean.BEGINS, *"\t\r\n ;,|:\"'`<>&/\\", *"\0\u200b\u3164\ufeffa1)"])
    pieces = st.lists(st.one_of(marks, st.characters(codec=None)), max_size=most).map("".join)
    return st.one_of(st.sampled_from(ATTACKS), pieces)


HARMFUL = set("\0\x1b\x9b\r\u202e\u2066\ufeff\u2028")
