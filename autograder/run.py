"""Grade a class: plan what is to be graded, run it, record it.

What has been graded is on disk at once: stopped at any moment and started again, the grader goes on
where it was. A submission that breaks whatever looks at it is graded as broken, and changes no
other one's grade.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import nbformat

from autograder.intake import reading
from autograder.intake.cells import is_grade
from autograder.intake.collect import Aside, BadUsage, Collected
from autograder.intake.reading import Read
from autograder.intake.roster import Joined
from autograder.judge import version
from autograder.judge.execution import Times
from autograder.judge.judge import Graded, Order, Submission, Terms, judge, refuse, seed_of
from autograder.judge.outcome import Outcome, merged, scored
from autograder.labs.build import release
from autograder.labs.master import Lab
from autograder.progress import ProgressLine
from autograder.results import course, exports, gradebook, report
from autograder.results.begun import Begun
from autograder.results.folder import Held
from autograder.results.journal import Journal, Origin
from autograder.results.late import has_policy
from autograder.sandbox import confine
from autograder.sandbox.inside import clean
from autograder.sandbox.kernel import UNSTARTABLE, MachineFull
from autograder.workers import cluster, processes
from autograder.workers.lacking import DISK, OF_THE_WHOLE_DISK
from autograder.workers.ready import Unusable, ready

ENDED_TWICE = (
    "the grader was ended twice while it graded this, at last with no other beside it: a new file, "
    "or --regrade, tries it again"
)
NOT_FINAL = "this is not final, and left out of what LMSs import"


@dataclass(frozen=True)
class Settings:
    """What the person who grades has chosen; the command line's options.

    `only` are the keys of students, and `assignment` is a column of Canvas's gradebook.
    """

    jobs: int = 1
    executor: str = "processes"
    scheduler: str | None = None
    db_url: str | None = None
    only: tuple[str, ...] = ()
    since: datetime | None = None
    due: datetime | None = None
    regrade: bool = False
    sandbox: str = "bwrap"
    seed: int | None = None
    cell_seconds: int | None = None
    notebook_seconds: int | None = None
    assignment: str | None = None

    @property
    def terms(self) -> Terms:
        """How submissions are graded."""
        standard = Times()
        times = Times(
            self.cell_seconds or standard.cell,
            standard.start,
            self.notebook_seconds or standard.notebook,
        )
        threads = max(1, cores() // self.jobs)
        return Terms(self.sandbox, threads, times, seed=self.seed)


@dataclass
class Result:
    """The class after a run: who has which outcome and grade, and who has not been graded.

    `aside` are the files that are nobody's, and `joined` says who is who on the class list.
    `policy` is whether being late costs points. `not_final` are those of whom the next run makes
    another grade, unless their reason says otherwise; `unwritten` are those of whom something could
    not be written, as their repairs or reason say.
    """

    found: list[Read]
    outcomes: list[Outcome]
    grades: dict[str, gradebook.Grade]
    left_out: list[str]
    aside: list[Aside] = field(default_factory=list)
    joined: Joined = field(default_factory=Joined)
    policy: bool = False
    not_final: list[str] = field(default_factory=list)
    unwritten: list[str] = field(default_factory=list)

    @property
    def doubtful(self) -> list[str]:
        """Who has a grade, and may be somebody else."""
        found = [each for each in self.found if exports.is_doubtful(each, self.joined)]
        return [each.student for each in found if each.student in self.grades]

    @property
    def strangers(self) -> list[str]:
        """Who handed in and is not on the class list, if there is one."""
        known = self.joined.people
        return [
            each.student for each in self.found if self.joined.listed and each.student not in known
        ]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def grade_all(
    lab: Lab,
    found: list[Collected],
    output: Held,
    settings: Settings,
    aside: Sequence[Aside] = (),
    joined: Joined | None = None,
    begin: Callable[[], None] = lambda: None,
) -> Result:
    """Grade every submission that has not been graded yet, and fill the output folder.

    Args:
        lab: the lab.
        found: what was collected.
        output: the folder to fill.
        settings: how to grade, and whom.
        aside: the files that are nobody's, which are only reported.
        joined: who is who on the class list, and who handed in nothing.
        begin: called once, when all that grading needs is there and before a grade is kept.

    Raises:
        BadUsage: the gradebook, the sandbox or the cluster cannot be used, or the lab's own
            solution fails here.
        gradebook.Unfit: when all is graded, the gradebook cannot be used any more.
        OSError: the output folder or a disk cannot be written, or no process be started here.
    """
    confine.open_many_files()
    processes.begin(judge)  # by the time that there is what to grade, it is ready
    journal = Journal(output, lab.name, version.common(lab.name))
    try:
        db_url = course.prepare(lab, output, settings.db_url)
    except gradebook.Unfit as error:
        raise BadUsage(str(error)) from None
    joined = joined or Joined()
    with journal.room() as folder:
        read = [_as_listed(each, joined) for each in _read(lab, found, settings, folder)]
        plan = _plan(read, set(settings.only), lab, journal, settings)
        read = [journal.as_graded(each) if each.student in plan.earlier else each for each in read]
        if plan.known:
            print(f"{len(plan.known)} of {len(read)} were graded before.")
        graded, not_final, unkept = _run(plan, lab, journal, settings, begin)
    # What follows is about the notebooks as they were executed.
    read = [replace(each, notebook=None) for each in read]
    return _record(
        lab, read, plan.known | graded, not_final, unkept, journal, output, db_url, settings,
        aside, joined,
    )  # fmt: skip


# --- plan -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """Whom to grade, by the journal's key; and the outcomes that stand, by student.

    `before` are verdicts that stand, of those of whom other checks are judged. `checks` are the
    versions of the lab's checks. `origins` are the files of those to grade; `unread` are those of
    them whose files this machine could not read, and `earlier` those who keep an earlier outcome,
    whatever they have handed in since.
    """

    checks: dict[str, str]
    wanted: dict[str, Submission] = field(default_factory=dict)
    known: dict[str, Outcome] = field(default_factory=dict)
    before: dict[str, Outcome] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    earlier: set[str] = field(default_factory=set)


def _read(lab: Lab, found: list[Collected], settings: Settings, folder: Path) -> list[Read]:
    """Return each student's clean notebook, stored in a folder, or why there is none."""
    try:
        return reading.read(
            found, lab.name, release(lab), kind=settings.sandbox, jobs=settings.jobs, folder=folder
        )
    except reading.NoReader as error:
        _require(settings)
        raise BadUsage(str(error)) from None


def _as_listed(each: Read, joined: Joined) -> Read:
    """Return it with the time at which it was handed in, where the class list says so."""
    listed = joined.person(each.student).handed_in
    return replace(each, handed_in=listed) if listed else each


def _require(settings: Settings) -> None:
    try:
        confine.require(settings.sandbox)
    except confine.NoSandbox as error:
        raise BadUsage(str(error)) from None


def _plan(read: list[Read], only: set[str], lab: Lab, journal: Journal, settings: Settings) -> Plan:
    plan = Plan(version.checks(lab))
    for each in read:
        submission = Submission(each.student, each.notebook, each.repairs, each.reason)
        key = journal.key(submission, settings.terms)
        chosen = not only or each.student in only
        chosen &= not (settings.since and (each.handed_in or settings.since) < settings.since)
        kept = None if each.unread else journal.find(key)
        known = kept.standing(plan.checks, each.repairs) if kept else None
        lacking = kept.lacking(plan.checks) if kept and kept.outcome.status == "graded" else ()
        if kept and kept.outcome.status != "graded" and kept.lacking(plan.checks):
            known = None  # which stopped before the last check, or never began
        if known is None and not chosen:
            known = journal.last(each.student)
            plan.earlier.update([each.student] if known else [])
        plan.origins[each.student] = Origin.of(each)
        if each.unread:
            plan.unread.add(each.student)
        if chosen and (settings.regrade or known is None):
            plan.wanted[key] = submission
        elif chosen and known is not None and lacking:
            plan.wanted[key] = replace(submission, checks=lacking, seed=known.seed)
            plan.before[each.student] = known
        elif known is not None:
            plan.known[each.student] = scored(known, lab.checks)
    return plan


# --- run ------------------------------------------------------------------------------------------


def _run(
    plan: Plan, lab: Lab, journal: Journal, settings: Settings, begin: Callable[[], None]
) -> tuple[dict[str, Outcome], set[str], set[str]]:
    """Grade whom the plan says; keep each outcome as soon as it is there.

    Returns:
        the outcomes, whose are not final, and whose of these could not be kept.
    """
    keys = {submission.student: key for key, submission in plan.wanted.items()}
    # On a cluster others grade than this machine, and who ends its workers is given up in the end.
    begun = Begun(journal.folder, {} if settings.executor == "dask" else keys)
    wanted = [
        replace(each, notebook=None, refused=ENDED_TWICE)
        if begun.times(each.student) > 1 and not settings.regrade
        else each
        for each in plan.wanted.values()
    ]
    refused = [each for each in wanted if each.notebook is None]
    readable = [each for each in wanted if each.notebook is not None]
    progress = ProgressLine(len(plan.wanted), lab.points)
    outcomes: dict[str, Outcome] = {}
    not_final: set[str] = set()
    unkept: set[str] = set()

    def keep(submission: Submission, graded: Graded, final: bool = True) -> None:
        graded = _with_what_stands(submission, graded, plan, lab, journal)
        if final:
            key = keys[submission.student]
            graded, final = _kept(journal, key, submission, graded, lab, settings.terms, plan)
            unkept.update([] if final else [submission.student])
        if not final:
            journal.put(*graded)
            not_final.add(submission.student)
        outcomes[submission.student] = graded[0]
        progress.show(graded[0])

    with _ready(lab, settings) if readable else nullcontext() as kernels, closing(begun):
        begin()
        for submission in refused:
            final = submission.student not in plan.unread and submission.refused != ENDED_TWICE
            keep(submission, refuse(submission, lab, settings.terms), final)
        for submission, graded, final in _graded(readable, lab, settings, kernels, begun):
            keep(submission, graded, final)
    return outcomes, not_final, unkept


@contextmanager
def _ready(lab: Lab, settings: Settings) -> Iterator[Path | None]:
    """Open a pool of kernels, and see that the lab's own solution passes; yields the pool's socket.

    A cluster's machines have pools of their own.
    """
    _require(settings)
    if settings.sandbox == confine.NONE:
        print(confine.BANNER)
    with _usable(), ready(lab, settings.terms) as kernels:
        yield kernels if settings.executor == "processes" else None


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except Unusable as error:
        raise BadUsage(str(error)) from None


def _graded(
    submissions: list[Submission],
    lab: Lab,
    settings: Settings,
    kernels: Path | None,
    begun: Begun,
) -> Iterator[tuple[Submission, Graded, bool]]:
    """Grade where the settings say; where a process breaks, refuse the submission for that.

    What took too long is refused at once. What broke otherwise, or lost checks while memory ran
    out, is graded again when no other is graded beside it, and the checks draw the same. What that
    gives counts; what breaks again is refused: for good, unless the machine was at fault, for which
    a next run grades it anew. On a cluster none is known to be alone. Who was graded while a run
    before was ended, neither by a person nor by an error, is graded last, alone.

    Yields:
        (submission, what grading it gave, whether that is final).
    """
    # Whoever breaks its grading draws no better numbers by that.
    submissions = [replace(each, seed=seed_of(each.seed, settings.terms)) for each in submissions]
    last = [each for each in submissions if begun.times(each.student)]
    first = [each for each in submissions if not begun.times(each.student)]
    again = []
    for submission, graded, problem in _attempts(first, lab, settings, kernels, begun, beside=True):
        if graded is not None or problem.startswith(processes.TOO_LONG):
            yield submission, graded or _broken(submission, problem, lab, settings.terms), True
        else:  # it may be what another one did to this machine
            again.append(submission)
    if again:
        print(f"{len(again)} could not be graded beside others: each once more, alone.", flush=True)
    if last:
        print(f"{len(last)} were being graded as a run was ended: each now, alone.", flush=True)
    shared = settings.executor == "dask"
    machines = (UNSTARTABLE, MachineFull.__name__) if shared else (UNSTARTABLE,)
    for alone in again + last:
        for submission, graded, problem in _attempts(
            [alone], lab, settings, kernels, begun, beside=shared
        ):
            own = problem.startswith((processes.ENDED, processes.TOO_LONG))
            own &= not any(each in problem for each in machines)
            final = graded is not None or own
            yield submission, graded or _broken(submission, problem, lab, settings.terms), final


def _attempts(
    submissions: list[Submission],
    lab: Lab,
    settings: Settings,
    kernels: Path | None,
    begun: Begun,
    *,
    beside: bool = False,
) -> Iterator[tuple[Submission, Graded | None, str]]:
    """Grade once; yields with each submission what that gave, or None and the problem.

    Raises:
        OSError: the disk cannot be written where it was graded, or no process be started here.
    """
    terms = settings.terms
    dask = settings.executor == "dask"
    jobs = 1 if dask else min(settings.jobs, len(submissions))  # there it is not known

    def orders() -> Iterator[Order]:
        """Yield each as it is taken, which is when it begins."""
        for submission in submissions:
            begun.begin(submission.student)
            yield Order(submission, lab, terms, kernels, beside, jobs)

    if dask:
        assert settings.scheduler is not None
        ended = cluster.each(orders(), settings.scheduler)
    else:
        ended = processes.each(judge, orders(), settings.jobs, terms.patience)
    with closing(ended):
        for order, graded, problem in ended:
            if problem.startswith(DISK):
                raise OSError(problem)
            yield order.submission, graded, problem
            begun.end(order.submission.student)


def _broken(submission: Submission, problem: str, lab: Lab, terms: Terms) -> Graded:
    """Refuse what could not be graded."""
    refused = Submission(submission.student, None, submission.repairs, f"grading failed, {problem}")
    return refuse(refused, lab, terms)


def _with_what_stands(
    submission: Submission, graded: Graded, plan: Plan, lab: Lab, journal: Journal
) -> Graded:
    """Return an outcome and its notebook with the verdicts that stood, and their outputs."""
    before = plan.before.get(submission.student)
    if before is None or submission.checks is None:
        return graded
    outcome, notebook = graded
    with suppress(Exception):  # it is only shown
        old = nbformat.read(journal.notebook(submission.student), as_version=4)
        outputs = {cell.id: cell.outputs for cell in old.cells if cell.cell_type == "code"}
        for cell in filter(is_grade, notebook.cells):
            if cell.id not in submission.checks:
                cell.outputs = outputs.get(cell.id, [])
    return scored(merged(before, outcome, submission.checks), lab.checks), notebook


def _kept(
    journal: Journal,
    key: str,
    submission: Submission,
    graded: Graded,
    lab: Lab,
    terms: Terms,
    plan: Plan,
) -> tuple[Graded, bool]:
    """Keep an outcome; one that cannot be kept is refused for now, and graded again next time.

    Returns:
        the outcome and its notebook, and whether they are kept.

    Raises:
        OSError: the disk is full or read only, which is no fault of this submission's.
    """
    outcome, notebook = graded
    try:
        own, origin = len(submission.repairs), plan.origins[submission.student]
        journal.keep(key, outcome, notebook, plan.checks, own, origin)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in OF_THE_WHOLE_DISK:
            raise
        reason = f"could not be graded: {type(error).__name__}: {error}"
        refused = Submission(submission.student, None, submission.repairs, reason)
        return refuse(refused, lab, terms), False
    return graded, True


# --- record ---------------------------------------------------------------------------------------


def _record(
    lab: Lab,
    read: list[Read],
    outcomes: dict[str, Outcome],
    not_final: set[str],
    unkept: set[str],
    journal: Journal,
    output: Path,
    db_url: str,
    settings: Settings,
    aside: Sequence[Aside],
    joined: Joined,
) -> Result:
    """Fill the gradebook, nbgrader's folders, pages and tables."""
    in_order = []
    for each in read:
        if each.student in outcomes:
            outcome = outcomes[each.student]
            notes = [*filter(None, [joined.notes.get(each.student)]), *each.notes]
            notes = [note for note in notes if note not in outcome.repairs]
            notes = [NOT_FINAL, *notes] if each.student in not_final else notes
            in_order.append(replace(outcome, repairs=[*notes, *outcome.repairs]))
    grades, problems = gradebook.record(
        lab, db_url, in_order,
        {each.student: each.handed_in for each in read if each.handed_in is not None},
        settings.due, names={each.student: each.name for each in read},
    )  # fmt: skip
    times = {each.student: each.handed_in for each in read if each.student in grades}
    problems |= course.submit(lab, times, output)
    for outcome in in_order:
        if outcome.student in problems:
            problem = clean.line(f"could not be recorded: {problems[outcome.student]}")
            outcome.repairs.insert(0, problem)
    policy = has_policy(gradebook.course_config(Path.cwd()))
    unwritten = report.write(
        lab, read, in_order, grades, output, answers=journal.answers, aside=aside, joined=joined,
        assignment=settings.assignment, not_final=not_final,
    )  # fmt: skip
    left_out = [each.student for each in read if each.student not in outcomes]
    return Result(
        read, in_order, grades, left_out, list(aside), joined, policy, sorted(not_final),
        sorted(unwritten | unkept | problems.keys()),
    )  # fmt: skip
