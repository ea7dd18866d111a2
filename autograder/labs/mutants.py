"""First-order mutants of an answer: one operator, comparison, constant, name or statement changed.

A check that passes a mutant of a right answer does not look at what was changed, or the mutant
computes the same. The kinds are those of DeMillo, Lipton and Sayward (1978) and, for what these
labs teach, fixed seeds and narrower numbers. Of the kept libraries cosmic-ray and mutmut mutate
files of a package, by way of its test command; here a notebook's cell is mutated, and its checks
are functions.
"""

import ast
import copy
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

OPERATORS: dict[type[ast.operator], list[type[ast.operator]]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult, ast.FloorDiv],
    ast.FloorDiv: [ast.Div],
    ast.Mod: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.MatMult: [ast.Mult],
    ast.LShift: [ast.RShift],
    ast.RShift: [ast.LShift],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.BitXor: [ast.BitOr],
}
COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}
# Names of functions and types, and what takes their place.
NAMES = {
    "min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum",
    "floor": "ceil", "ceil": "floor", "round": "int", "any": "all", "all": "any",
    "sum": "mean", "mean": "sum", "reduce_sum": "reduce_mean", "reduce_mean": "reduce_sum",
    "cdf": "sf", "sf": "cdf", "ppf": "isf", "isf": "ppf", "argmin": "argmax", "argmax": "argmin",
    "float64": "float32", "float32": "float16", "uint64": "uint32", "uint32": "uint16",
    "int64": "int32", "norm": "sum", "sqrt": "square", "square": "sqrt", "exp": "expm1",
    "log": "log1p", "log1p": "log", "expm1": "exp", "sin": "cos", "abs": "float",
    "zeros": "ones", "ones": "zeros", "zeros_like": "ones_like", "extend": "append",
    "standard_normal": "random", "normal": "uniform",
}  # fmt: skip
# Their arguments' order says nothing.
COMMUTATIVE = {"min", "max", "minimum", "maximum", "add", "multiply", "hypot", "isclose", "gcd"}


@dataclass(frozen=True)
class Mutant:
    """A changed answer; `change` shows the changed statement, with `[before → after]` in it."""

    change: str
    source: str


def mutants(source: str, function: str) -> list[Mutant]:
    """Return all mutants of a cell that differ in one place of the named function's body.

    Args:
        source: a cell that defines the function at its top level.
        function: its name.
    """
    tree = ast.parse(source)
    body = next(
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function
    )
    found: dict[str, Mutant] = {}
    for statement in _statements(body.body):
        before = _text(statement)
        for _ in _changes(statement, body):
            changed = ast.unparse(ast.fix_missing_locations(tree))
            found.setdefault(changed, Mutant(_difference(before, _text(statement)), changed))
    found.pop(ast.unparse(ast.parse(source)), None)
    return list(found.values())


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if _is_docstring(statement):
            continue
        yield statement
        for name in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, name, []))
        for handler in getattr(statement, "handlers", []):
            yield from _statements(handler.body)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _text(statement: ast.stmt) -> str:
    """Return a statement's first line: what stands under it has changes of its own."""
    return ast.unparse(statement).split("\n")[0]


def _difference(before: str, after: str) -> str:
    """Return `before` with `[its part → that of after]` where the two differ, by whole words."""
    old, new = (re.findall(r"\w+|[<>=!]=|\*\*|//|<<|>>|\W", text) for text in (before, after))
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    stop_old, stop_new = len(old) - end, len(new) - end
    change = f"[{''.join(old[start:stop_old])} → {''.join(new[start:stop_new])}]"
    return "".join([*old[:start], change, *old[stop_old:]])


def _alike(one: list[str], two: list[str]) -> int:
    """Return how many items both begin with."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=False))
    return sum(1 for _ in pairs)


def _changes(statement: ast.stmt, function: ast.FunctionDef) -> Iterator[None]:
    """Change the statement in one place after another; each is undone before the next."""
    yield from _dropped(statement)
    if isinstance(statement, ast.Raise):
        return  # what an error says is the student's choice
    for node in _own(statement):
        yield from _changed(node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            for name in _variables(function):
                if node.id in _variables(function) and name != node.id:
                    yield from _set(node, "id", name)


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement, but not those of statements in it."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        yield node
        stack += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.stmt | ast.excepthandler)
        ]


def _variables(function: ast.FunctionDef) -> list[str]:
    """Return the names of the function's arguments and variables, not of functions in it."""
    arguments = function.args
    names = [each.arg for each in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
    return list(dict.fromkeys(names))


def _set(node: ast.AST, field: str, value: object) -> Iterator[None]:
    kept = getattr(node, field)
    setattr(node, field, value)
    yield
    setattr(node, field, kept)


def _dropped(statement: ast.stmt) -> Iterator[None]:
    """Let the statement do nothing: a call, a change of a variable, a branch."""
    if isinstance(statement, ast.Expr):
        yield from _set(statement, "value", ast.Constant(None))
    elif isinstance(statement, ast.AugAssign):
        yield from _set(statement, "value", ast.Constant(0))
    elif isinstance(statement, ast.If):
        yield from _set(statement, "test", ast.Constant(False))
        yield from _set(statement, "test", ast.Constant(True))
    elif isinstance(statement, ast.Raise):
        kept = copy.copy(statement.__dict__)
        statement.__class__ = ast.Pass  # type: ignore[assignment]
        yield
        statement.__class__ = ast.Raise
        statement.__dict__.update(kept)


def _changed(node: ast.AST) -> Iterator[None]:
    match node:
        case ast.BinOp() | ast.AugAssign():
            for operator in OPERATORS.get(type(node.op), []):
                yield from _set(node, "op", operator())
            if isinstance(node, ast.BinOp):
                yield from _side(node)
        case ast.UnaryOp(op=ast.USub()):
            yield from _set(node, "op", ast.UAdd())
        case ast.UnaryOp(op=ast.Not()):
            yield from _replaced(node, ast.Call(ast.Name("bool"), [node.operand], []))
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield from _set(node, "op", other)
        case ast.Compare():
            for at, comparison in enumerate(node.ops):
                for new in COMPARISONS.get(type(comparison), []):
                    yield from _set(node, "ops", [*node.ops[:at], new(), *node.ops[at + 1 :]])
        case ast.Constant():
            for value in _constants(node.value):
                yield from _set(node, "value", value)
        case ast.Call():
            yield from _called(node)
        case ast.Attribute() | ast.Name(ctx=ast.Load()):
            yield from _renamed(node)
        case ast.comprehension() if node.ifs:
            yield from _set(node, "ifs", node.ifs[1:])


def _renamed(node: ast.Attribute | ast.Name) -> Iterator[None]:
    field = "id" if isinstance(node, ast.Name) else "attr"
    if getattr(node, field) in NAMES:
        yield from _set(node, field, NAMES[getattr(node, field)])
    elif isinstance(node, ast.Name) and node.id == "rng":
        seeded = ast.parse("np.random.default_rng(0)", mode="eval").body
        yield from _replaced(node, seeded)


def _side(node: ast.BinOp) -> Iterator[None]:
    """Leave one side out: a factor or a summand is forgotten."""
    neutral = {ast.Add: 0, ast.Sub: 0, ast.Mult: 1, ast.Div: 1, ast.Pow: 1, ast.BitXor: 0}
    if type(node.op) in neutral:
        one = ast.Constant(neutral[type(node.op)])
        yield from _set(node, "right", one)
        if isinstance(node.op, ast.Add | ast.Mult):
            yield from _set(node, "left", one)


def _constants(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1, *([2 * value] if value > 1 else [])]
    if isinstance(value, float):
        return [2 * value, value / 2] if value else [1.0]
    return []


def _called(node: ast.Call) -> Iterator[None]:
    """Swap two neighbouring arguments; leave one with a name, or the last one of several, out."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    for at in [] if name in COMMUTATIVE else range(len(node.args) - 1):
        first, second = node.args[at : at + 2]
        yield from _set(node, "args", [*node.args[:at], second, first, *node.args[at + 2 :]])
    for keyword in node.keywords:
        yield from _set(node, "keywords", [each for each in node.keywords if each is not keyword])
    if len(node.args) > 1:
        yield from _set(node, "args", node.args[:-1])
    elif node.args and isinstance(node.func, ast.Name) and name not in ("float", "int"):
        yield from _replaced(node, node.args[0])  # the function itself is forgotten


def _replaced(node: ast.AST, other: ast.AST) -> Iterator[None]:
    """Let a node be another, in place, so that whoever holds it sees the change."""
    kind, kept = type(node), dict(node.__dict__)
    other = copy.deepcopy(other)
    node.__class__ = type(other)
    node.__dict__.clear()
    node.__dict__.update(other.__dict__)
    yield
    node.__class__ = kind
    node.__dict__.clear()
    node.__dict__.update(kept)
