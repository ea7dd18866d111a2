"""What every module keeps to: one class a name, no long module, nothing that ruff or mypy skip."""

import ast
import re
import tomllib
from collections import defaultdict

from autograder.labs import ROOT

MOST_LINES, MOST_COMPLEXITY = 500, 15
LONG = "labkit/checks/"  # a lab's checks are read one by one
# Lessons, answers to them, and the environments of other libraries, are no modules.
APART = re.compile(r"autograder/course/|tests/(fixtures|hostile/(masters|answers))/|.*/\.venv/")
MODULES = {
    name: path.read_text("utf-8")
    for folder in ("autograder", "labkit", "benchmarks", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if not APART.match(name := str(path.relative_to(ROOT)))
}
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]


def test_no_two_classes_share_a_name():
    where = defaultdict(list)
    for module, text in MODULES.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                where[node.name].append(f"{module}:{node.lineno}")
    assert not {name: found for name, found in where.items() if len(found) > 1}


def test_no_module_is_long():
    lines = {module: text.count("\n") for module, text in MODULES.items()}
    assert not {
        module: count
        for module, count in lines.items()
        if count > MOST_LINES and not module.startswith(LONG)
    }


def test_no_function_is_too_complex_for_ruff_to_say():
    """`make check` runs it, on all modules, and none has leave."""
    rules = TOOLS["ruff"]["lint"]
    assert "C901" in rules["select"] and rules["mccabe"]["max-complexity"] <= MOST_COMPLEXITY
    leave = [*rules["per-file-ignores"].values(), rules.get("ignore", [])]
    assert not any("C901" in codes for codes in leave)
    assert not [module for module, text in MODULES.items() if re.search(r"noqa: *C901", text)]


def test_types_are_checked_in_every_function():
    """`make check` runs mypy; what it passes over says which error it is."""
    mypy = TOOLS["mypy"]
    assert {"labkit", "autograder", "benchmarks"} <= {*mypy["files"]} and mypy["check_untyped_defs"]
    assert not any("ignore_errors" in each for each in [mypy, *mypy["overrides"]])
    blanket = re.compile(r"type: *ignore(?!\[)|# *mypy:")
    product = {name: text for name, text in MODULES.items() if not name.startswith("tests/")}
    assert not [name for name, text in product.items() if blanket.search(text)]


def test_what_the_readme_says_of_where_something_is_holds():
    table = (ROOT / "README.md").read_text("utf-8").partition("Where is…")[2].partition("## ")[0]
    places = re.findall(r"`((?:autograder|labkit)/[\w/.]+\.\w+)`(?:, `(\w+)`)?", table)
    assert len(places) >= 5
    for file, name in places:
        text = (ROOT / file).read_text("utf-8")
        assert not name or re.search(rf"^ *def {name}\(|^{name} = ", text, re.MULTILINE), (
            file,
            name,
        )
