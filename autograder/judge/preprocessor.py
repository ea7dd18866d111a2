"""The judge as a step of nbgrader's: its own commands and buttons run submissions so, or not."""

import secrets

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Integer

from autograder.judge.execution import NOWHERE, Times, execute, not_run, runs
from autograder.sandbox.confine import require
from autograder.sandbox.memory import bounded
from autograder.sandbox.provisioner import KernelSettings, Limits, short_folder


class GuardedExecute(NbGraderPreprocessor):
    """Executes a notebook in the sandbox; a check that has not passed has an error afterwards."""

    seed = Integer(
        None, allow_none=True, help="what the checks' inputs are drawn from; none: fresh ones"
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Execute every cell."""
        require()
        if reason := _foreign(nb, resources):
            for cell in filter(runs, nb.cells):
                cell.outputs = [not_run(reason)]
        else:
            # Nobody who writes a submission knows it.
            seed = secrets.randbelow(1 << 48) if self.seed is None else self.seed
            with short_folder() as folder:
                limits, environment = bounded(Limits()), {"LABKIT_BUDGET": "quick"}
                settings = KernelSettings(folder, limits=limits, environment=environment)
                execute(nb, settings, seed, Times())
        nb.metadata.kernelspec = dict(NOWHERE)
        return nb, resources


def _foreign(nb: NotebookNode, resources: dict) -> str:
    """Name nbgrader's cells by their grade ids; return why the notebook cannot be judged, if so.

    A rebuilt notebook has no other set-up cells and checks than the release's. This one comes as it
    was handed in, and what it adds to them would run beside the judge.
    """
    about = resources["nbgrader"]
    with Gradebook(about["db_url"]) as gradebook:
        notebook = gradebook.find_notebook(about["notebook"], about["assignment"])
        known = {cell.name: cell.source for cell in notebook.source_cells}
        exercises = {cell.name for cell in notebook.solution_cells}
    for cell in nb.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.id = name = cell.metadata.nbgrader.grade_id
            # A check runs in the judge's kernel, also one that says it is an exercise as well.
            answer = is_solution(cell) and not is_grade(cell)
            if answer != (name in exercises) or not (answer or cell.source == known.get(name)):
                return "it has set-up cells, exercises or checks that the release does not have"
            cell.metadata.pop("tags", None)
    return ""
