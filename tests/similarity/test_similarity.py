"""Who is called alike, and who is not: copies, independent answers, whole classes, hostile text."""

import ast
import json
import keyword
import random
import re
import time
from functools import cache
from itertools import combinations

import pytest

from autograder.labs import MASTERS
from autograder.labs.answers import read_answers
from autograder.labs.build import as_text, release, solution
from autograder.labs.master import read_lab
from autograder.similarity import __main__ as command
from autograder.similarity.compare import MOST_HOLDERS, alike
from autograder.similarity.tokens import tokens
from tests.tiny import FIXTURES, RELEASE, TINY, answered

LABS = sorted(path.stem for path in MASTERS.glob("*.py"))
# Two of the many ways to do it, in forty lines or so of which none must be as it is.
OWN = '''
def smallest_noise(epsilon, delta, steps):
    """Search for the smallest noise."""
    candidates = [0.25 * 2 ** power for power in range(12)]
    kept = {}
    for candidate in sorted(candidates, reverse=True):
        budget = 0.0
        while budget < epsilon and len(kept) < steps:
            budget += 1 / candidate ** 2  # one more step
            kept.setdefault(round(candidate, 3), []).append(budget)
        if budget > epsilon or not kept:
            break
    return max(kept, key=lambda each: (len(kept[each]), -each))
'''
OTHER = """
def smallest_noise(epsilon, delta, steps):
    low, high = 0.01, 100.0
    for _ in range(60):
        middle = (low * high) ** 0.5
        spent = math.sqrt(steps) / middle + math.log(1 / delta) * steps / middle ** 2
        low, high = (low, middle) if spent <= epsilon else (middle, high)
    return high
"""


class Renamed(ast.NodeTransformer):
    """Another name for all that a function binds."""

    def __init__(self, tree):
        bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not is_read(n)}
        bound |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        self.names = {name: f"{name[::-1]}_{index}" for index, name in enumerate(sorted(bound))}

    def visit_Name(self, node):
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node):
        return ast.arg(self.names.get(node.arg, node.arg))


def is_read(node):
    return isinstance(node.ctx, ast.Load)


def disguised(source):
    """The same code, laid out anew, with other names, numbers' spelling and comments."""
    tree = ast.parse(source)
    lines = ast.unparse(Renamed(tree).visit(tree)).replace("'", '"').split("\n")
    return "\n".join(
        f"{line}  # {number}: {len(line)} of them" for number, line in enumerate(lines)
    )


def pairs(known=(), **answers):
    return [pair.students for pair in alike(answers, known)]


def test_a_copy_with_other_names_comments_and_layout_is_found():
    copy = disguised(OWN)
    assert not set(re.findall(r"\w+", copy)) & {"candidates", "kept", "budget"}
    [pair] = alike({"ann": OWN, "bob": copy, "cid": OTHER}, [])
    assert pair.students == ("ann", "bob") and pair.share > 0.9
    for source, places in zip((OWN, copy), pair.places, strict=True):
        shared = "".join(source[start:stop] for start, stop in places)
        assert "while" in shared and "setdefault" in shared and "#" not in shared


PADDING = {
    "a comment": "# " + "x" * 9000,
    "comments": "    # hello there\n" * 800,
    "blank lines": " \n" * 9000,
    "a string": "'" + "y" * 9000 + "'",
    "a docstring": '"""' + "words\n" * 2000 + '"""',
    "a number": "1" * 9000,
    "a name": "n" * 9000,
    "line continuations": "\\\n" * 2500,
    "strings": ("'" + "y" * 190 + "'\n") * 30,
    "docstrings": ('"""' + "y" * 190 + '"""\n') * 30,
}


@pytest.mark.parametrize("kind", PADDING)
def test_what_is_no_code_hides_no_copy_behind_it(kind):
    copy = f"{PADDING[kind]}\n{disguised(OWN)}"
    [pair] = alike({"ann": OWN, "bob": copy, "cid": OTHER}, [])
    assert pair.students == ("ann", "bob")
    words = [copy[start:stop] for start, stop in pair.places[1]]
    assert "setdefault" in words and set("".join(words)) & set("xy1n") < set(disguised(OWN))
    assert max(map(len, words)) < 30


def test_reordered_statements_and_a_changed_line_do_not_hide_a_copy():
    lines = OWN.split("\n")
    lines[4], lines[5] = lines[5], lines[4]
    lines[10] = "            kept[candidate] = budget"
    assert pairs(ann=OWN, bob="\n".join(lines), cid=OTHER) == [("ann", "bob")]


def test_a_part_copied_into_more_code_is_found():
    assert pairs(ann=OWN, bob=OTHER + disguised(OWN) + OTHER.replace("for", "while")) == [
        ("ann", "bob")
    ]


def test_what_is_on_file_or_in_the_release_is_nobody_s():
    assert pairs([OWN], ann=OWN, bob=disguised(OWN)) == []
    assert pairs([OTHER], ann=OWN, bob=disguised(OWN)) == [("ann", "bob")]


@pytest.mark.parametrize("line", ["return math.sqrt(sum(mu * mu for mu in mus))", OWN, OTHER])
@pytest.mark.parametrize("count", [5, 30, 300])
def test_what_everybody_wrote_flags_nobody(line, count):
    head = "" if line.lstrip().startswith("def") else "def f(mus):\n    "
    assert pairs(**{f"s{n}": head + line for n in range(count)}) == []


def test_a_ring_is_found_until_it_is_too_large_to_be_one():
    others = {f"s{n}": OTHER for n in range(40)}
    ring = {f"r{n}": OWN for n in range(MOST_HOLDERS)}
    found = alike(others | ring, [])
    assert len(found) == 45 and [len(g.students) for g in command.groups(found)] == [10]
    assert alike(others | ring | {"one": OWN}, []) == []


def test_short_answers_are_no_evidence():
    assert pairs(ann="def f(x): return x * x + 1", bob="def f(x): return x * x + 1") == []


@cache
def on_file(name):
    """For each exercise: what is released, and the right answers, the solution with them."""
    lab = read_lab(MASTERS / f"{name}.py")
    released = {cell.id: cell.source for cell in release(lab).cells}
    solved = {cell.id: cell.source for cell in solution(lab).cells}
    answers = read_answers(MASTERS.parent / "answers" / name, lab)
    return {
        exercise: (
            released[exercise],
            [solved[exercise], *(each.source for each in answers[exercise] if not each.loses)],
        )
        for exercise in lab.exercises
    }


def test_how_many_independent_right_answers_are_called_alike_and_how_many_copies_are_found():
    """What SHARED and SHARE were chosen by: all pairs of right answers, the two not on file.

    Measured: 8 of 770 pairs are called alike, all of them written as variations of one another,
    and 258 of 321 copies are found; the others have too little of their own.
    """
    accused, tried, found, copied = [], 0, 0, 0
    for name in LABS:
        for exercise, (blank, right) in on_file(name).items():
            for one, two in combinations(right, 2):
                known = [blank, *(each for each in right if each not in (one, two))]
                tried += 1
                accused += [(exercise, one, two)] * bool(pairs(known, ann=one, bob=two))
            for one in right:
                known = [blank, *(each for each in right if each != one)]
                copied += 1
                found += bool(pairs(known, ann=one, bob=disguised(one)))
    measured = f"{len(accused)} of {tried} pairs, {found} of {copied} copies"
    assert tried > 700 and len(accused) <= 0.015 * tried, measured
    assert found >= 0.75 * copied, measured


@pytest.mark.parametrize("name", LABS)
def test_a_class_of_the_answers_on_file_flags_nobody(name):
    right = {exercise: answers for exercise, (_, answers) in on_file(name).items()}
    class_ = {
        f"s{n}": {exercise: answers[n % len(answers)] for exercise, answers in right.items()}
        for n in range(40)
    }
    found = command.compare(
        read_lab(MASTERS / f"{name}.py"), class_, MASTERS.parent / "answers" / name
    )
    assert not any(found.values())


HOSTILE = {
    "no Python": "def f(:\n  ((((",
    "nothing": "",
    "surrogates": "\ud800x = '\udfff'" * 3000,
    "a megabyte": "x = 1 + y\n" * 100_000,
    "one long line": "a" * 1_000_000,
    "brackets": "(" * 100_000,
    "quotes": '"""' * 30_000,
    "f-strings": "f'{" * 30_000,
    "blank lines": "x" + " \n" * 30_000,
    "comments": "#\n" * 300_000,
    "quotes that end nowhere": "'" * 9999 + '"""\\' * 9999 + "\\",
    "control characters": "\0\x1b[2J\u202e" * 1000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_no_text_stops_the_comparison_or_hides_others(case):
    source = HOSTILE[case]
    began = time.process_time()
    assert len(tokens(source).words) <= 600
    assert time.process_time() - began < 0.5
    assert ("ann", "bob") in pairs(ann=OWN, bob=disguised(OWN), eve=source, zoe=OTHER)


def test_random_text_has_tokens():
    draw = random.Random(5)
    pieces = [
        *keyword.kwlist,
        '"',
        "'''",
        "f'",
        "{",
        "}",
        "\\",
        "\n",
        "#",
        "é",
        "\ud800",
        "1e",
        "(",
    ]
    for _ in range(200):
        source = "".join(draw.choices(pieces, k=50))
        for start, stop in tokens(source).places:
            assert 0 <= start < stop <= len(source)


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture
def graded(tmp_path):
    """A class as grading leaves it: ann's and bob's `double` is the same odd one."""
    odd = OWN.replace("smallest_noise", "double").replace("one more step", "</pre><script>alert(1)")
    for student, source in (("ann", odd), ("bob", disguised(odd)), ("eve", "\ud800 = (")):
        folder = tmp_path / "submitted" / student / "00_tiny"
        folder.mkdir(parents=True)
        text = answered(double=source) if student != "eve" else json.dumps(eve(source))
        (folder / "00_tiny.ipynb").write_text(text, "utf-8")
    (tmp_path / "grades.csv").write_text('student,name\nann,"Ann <b>Ash</b>"\n', "utf-8-sig")
    return tmp_path


def eve(source):
    notebook = json.loads(as_text(RELEASE))
    for cell in notebook["cells"]:
        cell["source"] = source if cell["id"] in TINY.exercises else cell["source"]
    return notebook


def run(output):
    command.main(["--lab", "0", "--output", str(output)], FIXTURES / "masters")
    return (output / "similarity.html").read_text("utf-8")


def test_the_page_shows_the_pair_side_by_side_and_is_inert(graded, capsys):
    page = run(graded)
    assert "Pairs that are alike: 1 (double 1)" in capsys.readouterr().out
    assert "Ann &lt;b&gt;Ash&lt;/b&gt; (ann) · bob" in page
    assert "This proves nothing" in page
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page
    assert "default-src 'none'" in page and page.count("<pre>") == 2
    assert "<mark>setdefault</mark>" in page


def test_somebody_elses_table_is_left_unread(graded):
    (graded / "grades.csv").write_text("assignment,student_id\n00_tiny,ann\n", "utf-8")
    assert "ann · bob" in run(graded)


def test_a_class_that_was_not_graded_is_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"no graded class of 00_tiny; grade it first$"):
        run(tmp_path)
    with pytest.raises(SystemExit, match=r"no lab '07': there is 00_tiny$"):
        command.main(["--lab", "07"], FIXTURES / "masters")
