"""What a cell of the release is. As nbgrader.utils has it, which takes two seconds to import."""

from nbformat import NotebookNode


def is_solution(cell: NotebookNode) -> bool:
    """Whether the student fills it in."""
    return _says(cell, "solution")


def is_grade(cell: NotebookNode) -> bool:
    """Whether it earns points."""
    return _says(cell, "grade")


def is_locked(cell: NotebookNode) -> bool:
    """Whether it is the release's whatever a student made of it."""
    return not is_solution(cell) and (is_grade(cell) or _says(cell, "locked"))


def is_setup(cell: NotebookNode) -> bool:
    """Whether it is the lab's own code, which runs before anything of a student's."""
    return cell.cell_type == "code" and is_locked(cell) and not is_grade(cell)


def _says(cell: NotebookNode, key: str) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get(key, False))
