"""What every module keeps to: a class's name is that of one class, and no module is long."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_LINES = 500
LONG = {"labkit/checks"}  # a lab's checks are read one by one
MODULES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for folder in ("autograder", "labkit")
    for path in (ROOT / folder).rglob("*.py")
    if not path.is_relative_to(ROOT / "autograder" / "course")
}


def is_in(module, folders):
    return module.startswith(tuple(f"{folder}/" for folder in folders))


def test_no_two_classes_share_a_name():
    places = defaultdict(list)
    for module, text in MODULES.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{module}:{node.lineno}")
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_no_module_is_long():
    lines = {module: text.count("\n") for module, text in MODULES.items()}
    assert not {
        module: count
        for module, count in lines.items()
        if count > MOST_LINES and not is_in(module, LONG)
    }
