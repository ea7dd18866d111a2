"""Late policies beyond nbgrader's own "zero"; nbgrader_config.py has a line for each."""

import math

from nbgrader.plugins import BasePlugin, LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties
from traitlets import Float
from traitlets.config import Config


class PercentADay(BasePlugin):
    """Takes a percentage of the score for each day that has begun, when some hours are over."""

    percent = Float(10, min=0, max=100, help="of the score, for each day").tag(config=True)
    free_hours = Float(0, min=0, help="so many hours late cost nothing").tag(config=True)

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """Return the points to take off, which are never more than the score."""
        if not total_seconds_late > 3600 * self.free_hours:
            return None
        return score * min(1.0, math.ceil(total_seconds_late / 86400) * self.percent / 100)


def has_policy(config: Config) -> bool:
    """Whether being late costs points, as nbgrader is configured."""
    plugin = AssignLatePenalties(config=config).plugin_class
    if plugin is not LateSubmissionPlugin:
        return True
    return LateSubmissionPlugin(config=config).penalty_method != "none"
