"""The end of a lab: how many points there are so far, what is open, and how to hand in."""

import base64
import contextlib
import html
import importlib
import io
import json
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit import notebook, verdicts
from labkit.progress import Progress
from labkit.verdicts import FAILED, PASSED, LabPoints

BLANK, NOT_RUN = "still blank", "not run"
STOPPED = "It was stopped: run it again."
FRESH = "The grader draws fresh inputs, so its points may differ."
MENU = "File → Download → Download .ipynb"


@dataclass(frozen=True)
class Line:
    """An exercise in a summary: its points so far, and what stands in their way."""

    exercise: str
    points: float
    of: float
    state: str
    details: tuple[str, ...] = ()


class Summary:
    """Points so far, exercise by exercise; the last expression of a cell shows it.

    Attributes:
        lines: one for each exercise, in order.
        points, of: what the checks that passed are worth, and what there is to be had.
    """

    def __init__(self, name: str, lines: list[Line], advice: list[str]):
        self.name, self.lines, self.advice = name, lines, advice
        self.points = sum(line.points for line in lines)
        self.of = sum(line.of for line in lines)

    def __repr__(self) -> str:
        width = max((len(line.exercise) for line in self.lines), default=0)
        rows = [f"{self.name}: {self.points:g} of {self.of:g} points. {FRESH}"]
        for line in self.lines:
            points = f"{line.points:g} of {line.of:g}"
            rows.append(f"  {line.exercise:{width}}  {points:>9}  {line.state}")
            rows += [f"  {'':{width}}  {'':9}  {detail}" for detail in line.details]
        return "\n".join([*rows, *self.advice])

    def _repr_html_(self) -> str:
        rows = []
        for line in self.lines:
            details = "".join(f"<br>{html.escape(detail)}" for detail in line.details)
            rows.append(
                f'<tr><td style="text-align: left"><code>{html.escape(line.exercise)}</code></td>'
                f'<td style="text-align: right">{line.points:g} of {line.of:g}</td>'
                f'<td style="text-align: left">{notebook.pill(line.state, _colour(line))}'
                f"{details}</td></tr>"
            )
        advice = "".join(f"<p>{html.escape(each)}</p>" for each in self.advice)
        return (
            f"<p><b>{self.points:g} of {self.of:g} points</b>. {FRESH}</p>{self._bar()}"
            '<table><thead><tr><th style="text-align: left">Exercise</th>'
            '<th style="text-align: right">Points</th><th style="text-align: left">State</th>'
            f"</tr></thead><tbody>{''.join(rows)}</tbody></table>{advice}"
        )

    def _bar(self) -> str:
        """One bar, as long as there are points: what passed, what failed, what is open."""
        at, parts = 0.0, []
        for line in self.lines:
            for length, colour in (
                (line.points, notebook.GREEN),
                (line.of - line.points, _colour(line)),
            ):
                if length:
                    width = max(length - 0.4, 0.1)  # a gap between the exercises
                    parts.append(f'<rect x="{at:g}" width="{width:g}" height="4" fill="{colour}"/>')
                at += length
        picture = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.of:g} 4" '
            f'preserveAspectRatio="none">{"".join(parts)}</svg>'
        )
        said = ", ".join(f"{line.exercise} {line.points:g} of {line.of:g}" for line in self.lines)
        alt = html.escape(f"A bar of {self.of:g} points, {self.points:g} of them green: {said}.")
        data = base64.b64encode(picture.encode()).decode()
        style = "width: 42em; max-width: 100%; height: 1.4em"
        return f'<img alt="{alt}" src="data:image/svg+xml;base64,{data}" style="{style}">'


def _colour(line: Line) -> str:
    if line.state == PASSED:
        return notebook.GREEN
    return notebook.ORANGE if line.state == FAILED else notebook.GREY


def summary(name: str) -> Summary | None:
    """Run every check that has not judged its function as it is now, and sum up all of them.

    A function that is not there is made from its cell, if the notebook's file can be found, and in
    a kernel that has just started, so are the set-up cells': so this is the one cell to run after
    a restart, or past an exercise that was left out.

    Args:
        name: the lab's, such as "01_dp_sgd".

    Returns:
        The summary; None under the grader, which has its own.

    Raises:
        ValueError: there is no such lab.
    """
    lab = verdicts.lab(name)
    if notebook.is_graded():
        return None
    names, problems = _functions(lab)
    module = importlib.import_module(f"labkit.checks.{lab.module}")
    due = [
        (getattr(module, check), names[exercise])
        for exercise, checks in lab.exercises.items()
        for check in checks
        if exercise in names and not _is_current(lab, check, names[exercise])
    ]
    _run(due)
    lines = [_line(lab, exercise, names, problems.get(exercise, "")) for exercise in lab.exercises]
    return Summary(name, lines, _advice(name))


def _run(due: list[tuple[Callable[..., Any], Any]]) -> None:
    """Run checks one by one; what they print and raise is remembered, and not shown."""
    if not due:
        return
    from labkit import checks

    with Progress(len(due), "checking") as progress:
        for done, (check, student) in enumerate(due, start=1):
            with contextlib.suppress(checks.CheckFailed), verdicts.silently():
                check(student, checks.fresh_rng())
            progress.update(done)


def _is_current(lab: LabPoints, check: str, student: Any) -> bool:
    verdict = verdicts.last(lab.module, check)
    judged = verdict is not None and verdict.state in (PASSED, FAILED)
    return judged and verdict is not None and verdict.student is student


def _line(lab: LabPoints, exercise: str, names: dict[str, Any], problem: str) -> Line:
    checks = lab.exercises[exercise]
    of = sum(checks.values())
    if exercise not in names:
        return Line(exercise, 0, of, NOT_RUN, (problem or "Run its cell, then this one.",))
    points = 0.0
    failed: dict[str, list[str]] = {}  # message → checks
    for check, worth in checks.items():
        verdict = verdicts.last(lab.module, check)
        if verdict is not None and verdict.state == PASSED:
            points += worth
            continue
        message = verdict.message if verdict is not None else ""
        if message.startswith(f"Exercise `{exercise}` is still blank."):
            return Line(exercise, 0, of, BLANK)
        failed.setdefault(message, []).append(f"{check} ({worth:g})")
    details = [
        f"{', '.join(those)}: {textwrap.shorten(message, 200) or STOPPED}"
        for message, those in failed.items()
    ]
    return Line(exercise, points, of, FAILED if details else PASSED, tuple(details))


# --- what the student wrote -----------------------------------------------------------------------


def _functions(lab: LabPoints) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the exercises' functions, and of others why they are not there."""
    running = notebook.shell()
    if running is None:
        import __main__

        return {e: vars(__main__)[e] for e in lab.exercises if e in vars(__main__)}, {}
    space = running.user_ns
    problems = {}
    if any(exercise not in space for exercise in lab.exercises):
        for exercise, source in _missing(lab, space):
            if problem := _execute(running, source):
                problems[exercise] = f"Its cell fails: {problem}"
    return {e: space[e] for e in lab.exercises if e in space}, problems


def _missing(lab: LabPoints, space: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield names and sources of the cells to run: set-up, if none was, and exercises."""
    fresh = "checks" not in space
    for cell in notebook.cells():
        metadata = cell.get("metadata", {})
        about, name = metadata.get("nbgrader", {}), metadata.get("id", cell.get("id", ""))
        source = cell.get("source", "")
        source = source if isinstance(source, str) else "".join(source)
        if cell.get("cell_type") != "code":
            continue
        is_set_up = about.get("locked") and not about.get("grade")
        is_missing = name in lab.exercises and name not in space
        if is_missing or (fresh and is_set_up and name != "install"):
            yield name, source


def _execute(running: Any, source: str) -> str:
    """Run a cell as if the student had; return what went wrong, if anything did."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            code = running.transform_cell(source)
            exec(compile(code, running.compile.cache(code), "exec"), running.user_ns)
    except Exception as error:
        return textwrap.shorten(f"{type(error).__name__}: {error}", 200)
    return ""


# --- handing in -----------------------------------------------------------------------------------


def _advice(name: str) -> list[str]:
    if notebook.in_colab():
        return [f'To hand in, run `labkit.hand_in("{name}")`: it downloads this notebook.']
    file = notebook.path()
    where = file or f"{name}.ipynb, in the folder that you opened"
    # The path on a line of its own: JupyterLab breaks longer lines in the middle of a word.
    return [f"To hand in, save this notebook (Ctrl+S), then hand in this file, as it is:\n{where}"]


def hand_in(name: str) -> None:
    """Hand in: in Colab download this notebook as it stands, otherwise say where its file is.

    Args:
        name: the lab's, such as "01_dp_sgd".

    Raises:
        ValueError: there is no such lab.
    """
    verdicts.lab(name)
    if notebook.is_graded():
        return
    if notebook.in_colab():
        _download(name)
        return
    print(*_advice(name))
    if (file := notebook.path()) is not None:
        seconds = time.time() - file.stat().st_mtime
        print(f"It was last saved {_ago(seconds)}.")


def _ago(seconds: float) -> str:
    minutes, seconds = divmod(round(max(seconds, 0)), 60)
    return f"{minutes} min {seconds} s ago" if minutes else f"{seconds} s ago"


def _download(name: str) -> None:
    live = notebook.live()
    if live is None:
        print(f"Colab does not give this notebook away: choose {MENU}, and hand in {name}.ipynb.")
        return
    from google.colab import files

    file = Path(tempfile.mkdtemp(), f"{name}.ipynb")
    file.write_text(json.dumps(live, ensure_ascii=False, indent=1), "utf-8")
    files.download(str(file))
    print(f"Your browser has downloaded {file.name}: hand in that file, as it is. No? {MENU}.")
