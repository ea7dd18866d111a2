"""The nbgrader course: how releases are made and submissions executed.

`python -m autograder.grade` loads this file and works in folders of its own. nbgrader's commands
find it too: run them in this folder, and they work on the course in build/course.

Of a configuration that raises an error nbgrader uses nothing, and goes on with its defaults, which
run submissions without a sandbox. So nothing here may fail: what this project adds is named, and
imported when it is used; without it, nothing runs.
"""

from pathlib import Path

from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearMarkScheme,
    ClearOutput,
    IgnorePattern,
    IncludeHeaderFooter,
    LimitOutput,
    LockCells,
    SaveAutoGrades,
)

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - the loader defines it

# What executes notebooks without a sandbox asks for a kernel that nobody has, and fails.
c.Execute.kernel_name = "none outside the grader's sandbox"

# What was handed in is read in the sandbox, before anything of nbgrader's reads it.
c.Autograde.exporter_class = "autograder.intake.exporter.GuardedRead"
c.Autograde.autograde_preprocessors = [
    "autograder.judge.preprocessor.GuardedExecute",
    IgnorePattern,
    ClearMetadataPreprocessor,
    LimitOutput,
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]
c.GenerateSolution.preprocessors = [
    IncludeHeaderFooter,
    LockCells,
    ClearOutput,
    ClearMarkScheme,
    "autograder.judge.preprocessor.GuardedExecute",
]

# Anything on stderr would cost a graded cell its points, and TensorFlow writes there at will.
# A check fails by raising, never by writing.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"^"

# It looks for magics in cells, to colour them in another language, by the line.
c.HighlightMagicsPreprocessor.enabled = False

# nbgrader's own export quotes nothing: whoever is called "Ann,,10" writes into other columns.
c.ExportApp.plugin_class = "autograder.results.nbgrader_export.InertExport"

# What being late costs, by --due: nothing, as long as each of these lines is a comment. A policy is
# one of them, without its "# "; it runs no submission again.
# c.LateSubmissionPlugin.penalty_method = "zero"
# c.AssignLatePenalties.plugin_class = "autograder.results.late.PercentADay"  # 10 % for each day
# With the latter, other figures:
# c.PercentADay.percent = 25
# c.PercentADay.free_hours = 1

c.CourseDirectory.course_id = "privacy-labs"
c.CourseDirectory.root = str(Path(__file__).resolve().parent.parent / "build" / "course")

try:
    from autograder.labs.build import RELEASE
except Exception:
    RELEASE = ["autograder.labs.build.RELEASE"]  # which fails again, when a release is made
c.GenerateAssignment.preprocessors = RELEASE
