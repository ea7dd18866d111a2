"""The judge as a step of nbgrader's: its own commands and buttons run submissions so, or not."""

import os
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution
from traitlets import Integer

from autograder.judge.execution import NOWHERE, execute, not_run, runs
from autograder.judge.judge import Terms, environment, plain_slow_cells, seed_of
from autograder.sandbox.confine import open_many_files, require
from autograder.sandbox.memory import bounded
from autograder.sandbox.provisioner import KernelSettings, short_folder
from autograder.workers import processes


class GuardedExecute(NbGraderPreprocessor):
    """Executes a notebook in the sandbox; a check that has not passed has an error afterwards."""

    seed = Integer(
        None, allow_none=True, help="what the checks' inputs are drawn from; none: fresh ones"
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Execute every cell, in a process of its own, as `make grade` does.

        Raises:
            NoSandbox: there is none here.
            RuntimeError: that process took too long, or ended for what the submission did to it.
                nbgrader logs it, and goes on with the next submission.
        """
        require()
        if reason := _foreign(nb, resources):
            for cell in filter(runs, nb.cells):
                cell.outputs = [not_run(reason)]
        else:
            plain_slow_cells(nb)
            terms = Terms(threads=len(os.sched_getaffinity(0)), seed=self.seed)
            with short_folder() as folder:  # here, so that it goes however the process ends
                ends = processes.each(_executed, [(nb, folder, terms)], 1, terms.patience)
                ((_, executed, problem),) = ends
            if executed is None:
                raise RuntimeError(f"grading failed, {problem}")
            nb = executed
        nb.metadata.kernelspec = dict(NOWHERE)
        return nb, resources


def _executed(item: tuple[NotebookNode, Path, Terms]) -> NotebookNode:
    """Return a notebook with what executing it gave; the folder is for its kernels' sockets."""
    notebook, folder, terms = item
    open_many_files()
    limits, variables = bounded(terms.limits), environment(terms.threads)
    settings = KernelSettings(folder, limits=limits, environment=variables)
    execute(notebook, settings, seed_of(None, terms), terms.times)
    return notebook


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
