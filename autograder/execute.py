"""Execute a submission so that nothing it does to its kernel can win, or stop the grading."""

from time import monotonic

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade
from traitlets import Integer, Unicode

NOT_RUN = "NotRun"


class GuardedExecute(Execute):
    """nbgrader's Execute, for submissions that kill or block their kernel.

    A cell over its time limit is interrupted and the rest still runs. When the kernel dies, ignores
    the interrupt, or the notebook's time is up, every cell from there on gets an error output that
    says why: nbgrader would give full marks to a check without output.
    """

    notebook_seconds = Integer(900, help="time limit for all cells of a notebook").tag(config=True)
    refused = Unicode("", help="run nothing, and fail every check for this reason").tag(config=True)

    _stopped = ""

    def preprocess(self, nb, resources, km=None):
        """Execute every cell, or none if the submission is refused."""
        self._stopped = self.refused
        self._deadline = monotonic() + self.notebook_seconds
        if self.refused:
            for index, cell in enumerate(nb.cells):
                self.preprocess_cell(cell, resources, index)
            return nb, resources
        self.error_on_timeout = {
            "ename": "CellTimeoutError",
            "evalue": f"interrupted after {self.timeout} s",
            "traceback": [f"Interrupted: this cell took more than {self.timeout} s."],
        }
        self.timeout_func = self._seconds_left
        return super().preprocess(nb, resources, km)

    def preprocess_cell(self, cell, resources, index):
        """Execute one cell, or fail it if the notebook has been stopped."""
        if cell.cell_type != "code":
            return cell, resources
        if not self._stopped and monotonic() > self._deadline:
            self._stopped = f"the notebook took more than {self.notebook_seconds} s"
        if not self._stopped:
            name = cell.metadata.get("id", "?")
            try:
                cell, resources = super().preprocess_cell(cell, resources, index)
            except DeadKernelError:
                self._stopped = f"the kernel died in cell `{name}`"
            except CellTimeoutError:
                self._stopped = f"cell `{name}` ran on after its time limit and an interrupt"
        if self._stopped:
            text = f"Not run: {self._stopped}."
            cell.outputs = [
                new_output("error", ename=NOT_RUN, evalue=self._stopped, traceback=[text])
            ]
        elif is_grade(cell):
            # nbgrader would take a number shown here, by whomever, as partial credit.
            cell.outputs = [out for out in cell.outputs if out.output_type != "execute_result"]
        return cell, resources

    def _seconds_left(self, cell) -> int:
        return max(1, min(self.timeout, round(self._deadline - monotonic())))
