"""The nbgrader course: how releases are made and submissions executed.

`python -m autograder.grade` loads this file and works in folders of its own. nbgrader's commands
find it too: run them in this folder, and they work on the course in build/course.
"""

from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    IgnorePattern,
    LimitOutput,
    SaveAutoGrades,
)

from autograder.build import COURSE, RELEASE
from autograder.execute import GuardedExecute

c = get_config()  # noqa: F821 - the loader defines it

c.CourseDirectory.course_id = "privacy-labs"
c.CourseDirectory.root = str(COURSE)

c.GenerateAssignment.preprocessors = RELEASE

c.Autograde.autograde_preprocessors = [
    GuardedExecute,
    IgnorePattern,
    ClearMetadataPreprocessor,
    LimitOutput,
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]
# Anything on stderr would cost a graded cell its points, and TensorFlow writes there at will.
# A check fails by raising, never by writing.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"^"

# A loaded machine is slow to start a kernel, and its first cell imports TensorFlow.
c.GuardedExecute.startup_timeout = 180
c.GuardedExecute.timeout = 120
c.GuardedExecute.notebook_seconds = 900
