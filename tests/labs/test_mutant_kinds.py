"""Each kind of change is made, once, in the function's body alone; the answer stays as it is."""

import ast

import pytest

from autograder.labs.mutants import mutants

KINDS = {
    "operator": ("return a + b", "return a [+ → -] b"),
    "a forgotten factor": ("return a * b", "return a * [b → 1]"),
    "comparison": ("return a < b", "return a [< → <=] b"),
    "constant": ("return a[0]", "return a[[0 → 1]]"),
    "a float": ("return a * 0.5", "return a * [0.5 → 1.0]"),
    "truth": ("return f(a, keepdims=True)", "return f(a, keepdims=[True → False])"),
    "variable": ("return a.shape", "return [a → b].shape"),
    "function": ("return np.minimum(a, b)", "return np.[minimum → maximum](a, b)"),
    "dtype": ("return a.astype(np.float64)", "return a.astype(np.[float64 → float32])"),
    "seed": ("return rng.normal()", "return [rng → np.random.default_rng(0)].normal()"),
    "swapped arguments": ("return f(a, b)", "return f([a, b → b, a])"),
    "forgotten argument": ("return f(a, axis=1)", "return f(a[, axis=1 → ])"),
    "forgotten function": ("return abs(a)", "return [abs(a) → a]"),
    "sign": ("return -a", "return [- → +]a"),
    "and": ("return a and b", "return a [and → or] b"),
    "not": ("return not a", "return [not a → bool(a)]"),
    "dropped call": ("a.sort()\n    return a", "[a.sort() → None]"),
    "dropped error": ("if a:\n        raise ValueError(b)\n    return a",
                      "[raise ValueError(b) → pass]"),
    "branch": ("if a:\n        b = 1\n    return b", "if [a → False]:"),
    "in place": ("a += b\n    return a", "a [+ → -]= b"),
    "filter": ("return [i for i in a if i]", "return [i for i in a[ if i → ]]"),
}  # fmt: skip


OTHER = "def other(a):\n    return a + 1"


def _cell(body):
    return f'def answer(a, b, rng):\n    """Say a + b."""\n    {body}\n\n\n{OTHER}\n'


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_change_is_made(kind):
    body, change = KINDS[kind]
    assert change in [mutant.change for mutant in mutants(_cell(body), "answer")]


def test_each_mutant_is_another_cell_that_differs_in_the_function():
    cell = _cell(
        "a = np.sqrt(a * 2, axis=-1)\n    if a > b and b:\n        return a\n    return -b"
    )
    made = mutants(cell, "answer")
    sources = [mutant.source for mutant in made]
    assert len(set(sources)) == len(sources) > 20
    assert ast.unparse(ast.parse(cell)) not in sources
    assert all(source.endswith(OTHER) and "Say a + b" in source for source in sources)
    assert made == mutants(cell, "answer")
