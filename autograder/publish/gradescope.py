"""Make an autograder for Gradescope: a zip with which it grades as this repository does.

    python -m autograder.publish.gradescope --lab 02_gdp_accounting [--sandbox none-INSECURE]

In Gradescope's container the same judge grades, in the same sandbox, if the container allows user
namespaces. Where it does not, nothing of a student's runs: there is no results.json, so Gradescope
says that the autograder failed, and gives neither points nor a zero. The alternative has to be
asked for when the zip is made, and its name says so: with `none-INSECURE` a submission can read
and write whatever is in its container, hidden tests, solution and results.json among it. What the
container itself keeps apart, other students' submissions, stays apart.
"""

import argparse
import io
import json
import shutil
import stat
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from autograder.intake.collect import BadUsage, collect
from autograder.intake.lms import METADATA
from autograder.labs import MASTERS, ROOT, UnknownLab, named
from autograder.labs.master import Lab, read_lab
from autograder.publish import Unlisted, listed
from autograder.results import gradebook
from autograder.results.folder import held
from autograder.run import Settings, grade_all
from autograder.sandbox import confine
from autograder.whole import write_whole

FOLDER = Path(__file__).parent
TAKEN = ("autograder", "labkit", "pyproject.toml", "uv.lock", "README.md", "LICENSE")
COURSE = Path("autograder", "course")
# Which lab is graded, and how; in the zip.
SETTINGS = "gradescope.json"
SCRIPTS = ("setup.sh", "run_autograder")
STUDENT = "student"  # whose key nobody sees
# What each entry says of the time: two zips of one tree are the same.
EPOCH = (1980, 1, 1, 0, 0, 0)


class NoAutograder(ValueError):
    """No zip can be made, or nothing can be graded here; the message says why."""


def main(argv: Sequence[str] | None = None, masters: Path = MASTERS) -> None:
    """Run the command line: make a zip, or, in Gradescope's container, grade."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.publish.gradescope",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--lab", help="the lab's name or number, such as 02_gdp_accounting or 2")
    add("--sandbox", choices=confine.KINDS, default="bwrap", help="default: bwrap")
    add("--to", type=Path, help="default: build/gradescope/<lab>.zip, or <lab>_INSECURE.zip")
    add("--run", type=Path, metavar="FOLDER", help="grade the submission in Gradescope's folder")
    arguments = parser.parse_args(argv)
    try:
        if arguments.run:
            run(arguments.run, masters)
        else:
            lab = named(arguments.lab or "", masters)
            insecure = "_INSECURE" if arguments.sandbox == confine.NONE else ""
            default = ROOT / "build" / "gradescope" / f"{lab}{insecure}.zip"
            path = arguments.to or default
            make(masters / f"{lab}.py", arguments.sandbox, path)
            print(f"Written to {path}")
            print(confine.BANNER if insecure else "It grades in the sandbox, or not at all.")
    except (NoAutograder, UnknownLab, BadUsage, Unlisted, gradebook.Unfit, OSError) as error:
        sys.exit(f"Nothing graded: {error}" if arguments.run else f"No autograder: {error}")


# --- here -----------------------------------------------------------------------------------------


def make(master: Path, sandbox: str, path: Path) -> None:
    """Write the zip for one lab; its master is in it, no other lab's, and no answers on file.

    Raises:
        Unlisted: this is no clone.
        OSError: the zip cannot be written.
    """
    lab = read_lab(master)
    settings = json.dumps({"lab": lab.name, "sandbox": sandbox})
    path.parent.mkdir(parents=True, exist_ok=True)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in listed(TAKEN):
            if file.is_relative_to(COURSE):
                continue
            _put(archive, str(file), (ROOT / file).read_bytes(), ROOT / file)
        _put(archive, str(COURSE / "masters" / master.name), master.read_bytes(), master)
        for name in SCRIPTS:
            _put(archive, name, (FOLDER / name).read_bytes(), FOLDER / name)
        _put(archive, SETTINGS, settings.encode(), ROOT / "LICENSE")
    write_whole(path, written.getvalue())


def _put(archive: zipfile.ZipFile, name: str, content: bytes, like: Path) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = (0o755 if like.stat().st_mode & stat.S_IXUSR else 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


# --- in Gradescope's container --------------------------------------------------------------------


def run(root: Path, masters: Path) -> None:
    """Grade what is in `submission/`, and write `results/results.json`, as Gradescope wants it.

    Raises:
        NoAutograder: it cannot be graded here, for no reason of the student's; then there is no
            results.json.
    """
    results = root / "results" / "results.json"
    results.unlink(missing_ok=True)
    chosen = json.loads((root / "source" / SETTINGS).read_text("utf-8"))
    lab = read_lab(masters / f"{chosen['lab']}.py")
    kind = chosen["sandbox"]
    try:
        confine.require(kind)
    except confine.NoSandbox as error:
        raise NoAutograder(
            f"{error}. In Gradescope's container that is: OPTIONS='--sandbox {confine.NONE}' where "
            "the zip is made. Or grade Gradescope's export of the submissions on a machine of yours"
        ) from None
    with tempfile.TemporaryDirectory(prefix="gradescope-") as temporary:
        text = _graded(lab, root / "submission", kind, Path(temporary))
    results.parent.mkdir(exist_ok=True)
    write_whole(results, text.encode())
    print(f"Graded in the sandbox {kind!r}.")


def _graded(lab: Lab, submission: Path, kind: str, folder: Path) -> str:
    """Return the results.json of what one student handed in.

    Raises:
        NoAutograder: nothing of the student's was at fault.
    """
    # Whose it is, Gradescope knows; a file that says so in its exports is none here.
    ignored = shutil.ignore_patterns(METADATA)
    shutil.copytree(submission, folder / "class" / STUDENT, symlinks=True, ignore=ignored)
    found, _ = collect(folder / "class", lab.name, [lab.name], wrapped=False)
    if [each.student for each in found] != [STUDENT]:
        raise NoAutograder("the submission's files are taken for several students'")
    with held(folder / "graded") as output:
        result = grade_all(lab, found, output, Settings(sandbox=kind))
    if result.not_final or result.unwritten:
        (outcome,) = result.outcomes
        raise NoAutograder(outcome.reason or "; ".join(outcome.repairs))
    return (folder / "graded" / "gradescope" / STUDENT / "results.json").read_text("utf-8")


if __name__ == "__main__":
    main()
