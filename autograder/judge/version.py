"""Which version of the project a grade was given by, in parts that change for themselves.

A verdict stands as long as nothing has changed that could change it: what runs a submission, and
the check itself. Points, prose and late policies are no part of that.
"""

import ast
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from autograder.labs import MASTERS, ROOT
from autograder.labs.master import CHECKS, Lab, check_functions, module

# What decides about points. What the intake makes of a file is in the clean notebook, and each
# grade is one of that.
DECIDES = ("autograder/judge", "autograder/sandbox", "labkit")
# What makes the notebooks and checks, whose text is part of each verdict's key.
MAKES = ("autograder/labs",)
# What a machine of a cluster runs besides.
SERVES = ("autograder/intake", "autograder/workers")
VERSIONS = "uv.lock"


def fingerprint() -> str:
    """Return a hash of all code that a machine grades with, of whichever lab, as it is now."""
    return _hash(_texts(_code(DECIDES + MAKES + SERVES)))


def common(lab: str) -> str:
    """Return a hash of the code that decides about a lab's points, its check functions apart."""
    own = CHECKS / f"{module(lab)}.py"
    # A lab's checks run nothing of another lab's, unless they import it.
    others = {CHECKS / f"{module(path.stem)}.py" for path in MASTERS.glob("*.py")} - {own}
    code = {path: path.read_text("utf-8") for path in _code(DECIDES)}
    for other in others & code.keys():
        imported = re.compile(rf"^\s*(?:from|import)\b.*\b{other.stem}\b", re.MULTILINE)
        if not any(imported.search(text) for path, text in code.items() if path != other):
            del code[other]
    texts = _texts(path for path in code if path != own)
    return _hash([*texts, *(_rest_of(own) if own in code else ())])


def checks(lab: Lab) -> dict[str, str]:
    """Return a hash of each check of a lab: its cell, hidden tests too, and its function."""
    own = CHECKS / f"{module(lab.name)}.py"
    functions = _functions(own) if own.is_file() else {}
    cells = {cell.id: cell.source for cell in lab.source.cells}
    return {
        check: _hash(f"{part}\0".encode() for part in (cells[check], functions.get(check, "")))
        for check in lab.checks
    }


def _functions(path: Path) -> dict[str, str]:
    """Return the code of each check function that nothing else in its module uses."""
    tree = ast.parse(path.read_text("utf-8"))
    named = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    alone = check_functions(path).keys() - set(named)
    return {
        node.name: ast.dump(node)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name in alone
    }


def _rest_of(path: Path) -> list[bytes]:
    """Return the code of a module of checks without the functions that stand for themselves."""
    apart = _functions(path)
    body = ast.parse(path.read_text("utf-8")).body
    rest = (node for node in body if getattr(node, "name", None) not in apart)
    return [ast.dump(node).encode() for node in rest]


def _code(folders: Iterable[str]) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def _texts(paths: Iterable[Path]) -> list[bytes]:
    texts = [(ROOT / VERSIONS).read_bytes()]
    for path in paths:
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
        texts += [f"{name}\0".encode(), path.read_bytes(), b"\0"]
    return texts


def _hash(texts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text)
    return digest.hexdigest()
