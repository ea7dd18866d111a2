"""What `nbgrader export` writes here: its table, in which what students are called is inert."""

from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin

from autograder.results.exports import write_rows

COLUMNS = ["assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"]
COLUMNS += ["raw_score", "late_submission_penalty", "score", "max_score"]
# "grades.csv", nbgrader's own choice, is the grader's table.
DEFAULT = "nbgrader.csv"


class InertExport(ExportPlugin):
    """Write the columns of nbgrader's CSV exporter: each text is one cell, and no formula."""

    def export(self, gradebook: Gradebook) -> None:
        """Write a row for each student and assignment: 0 points, where nothing was handed in."""
        rows: list[list] = [COLUMNS]
        for assignment in gradebook.assignments:
            if self.assignment and assignment.name not in map(str, self.assignment):
                continue
            handed_in = {each.student_id: each for each in assignment.submissions}
            for student in gradebook.students:
                if self.student and student.id not in map(str, self.student):
                    continue
                each = handed_in.get(student.id)
                score, penalty = (each.score, each.late_submission_penalty) if each else (0.0, 0.0)
                texts = (
                    assignment.name, assignment.duedate, each and each.timestamp,
                    student.id, student.last_name, student.first_name, student.email,
                )  # fmt: skip
                points = score, penalty, max(0.0, score - penalty), assignment.max_score
                rows.append([*("" if text is None else str(text) for text in texts), *points])
        write_rows(Path(self.to or DEFAULT), rows)
