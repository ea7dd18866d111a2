"""Reading as a step of nbgrader's: its own commands and buttons take answers from the sandbox."""

from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter

from autograder.intake.collect import Collected
from autograder.intake.files import Entry
from autograder.intake.reading import read
from autograder.intake.salvage import Unreadable
from autograder.labs.build import released


class GuardedRead(NotebookExporter):
    """Takes of a submitted file what `make grade` takes: its answers, on the release.

    nbgrader itself parses nothing of it, so no size or nesting of it is one of its process's.
    """

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Convert a submission; and what nbgrader has written of it, as any notebook.

        Raises:
            Unreadable: there are no answers to be had from it; the message says why.
            NoReader: what reads does not start here.
        """
        autograde: Any = self.parent
        if not autograde._sanitizing:
            return super().from_filename(filename, resources, **kw)
        assert resources is not None
        lab, student = (resources["nbgrader"][key] for key in ("assignment", "student"))
        course = autograde.coursedir
        file, source = Path(filename), course.format_path(course.source_directory, ".", lab)
        release = released(nbformat.read(Path(source, file.name), as_version=4))
        found = Collected(student, entries=(Entry((file.name,), source=file),))
        (submission,) = read([found], lab, release)
        if submission.notebook is None:
            raise Unreadable(submission.reason)
        self.log.info("Read %s: %s", filename, "; ".join(submission.repairs) or "as handed in")
        return self.from_notebook_node(submission.notebook, resources, **kw)
