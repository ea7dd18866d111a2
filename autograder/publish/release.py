"""Write the students' own tree: the labs and what they need, and nothing of an answer.

    python -m autograder.publish.release [--to build/release] [--repository URL] [--classroom]

A course whose repository is private publishes this tree, as a repository or branch of its own:
badges and Colab's set-up cells point to the address given. The checks are in it, since students
run them; hidden tests call the same checks on other inputs.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from autograder.labs import MASTERS, ROOT
from autograder.labs.build import build
from autograder.labs.master import colab_url
from autograder.labs.percent import Malformed
from autograder.publish import Unlisted, listed
from autograder.whole import write_whole

# Beside the notebooks and README.md. What git does not know of, a student does not need.
TAKEN = (
    "labkit", "labs/README.md", ".jupyter", "LICENSE", "Makefile", "pyproject.toml", "uv.lock",
    "requirements-colab.txt", "environment.yml", ".binder", ".devcontainer", ".gitignore",
)  # fmt: skip
# Which files are the release's, so that the next one can take them away.
MANIFEST = ".release"
CLASSROOM = Path(".github", "workflows", "classroom.yml")
ADDRESS = re.compile(r'^(Repository = )".*"$', re.M)


class NoRelease(ValueError):
    """The tree cannot be written; the message says why."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; exit with 1 and one line where there is no release."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.publish.release",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--to", type=Path, default=ROOT / "build" / "release", help="default: build/release")
    add("--repository", metavar="URL", help="where students get it; default: pyproject.toml's")
    add("--classroom", action="store_true", help="with GitHub Classroom's example workflow")
    arguments = parser.parse_args(argv)
    try:
        files = tree(arguments.repository, classroom=arguments.classroom)
        write(files, arguments.to)
    except (NoRelease, Unlisted, Malformed, OSError) as error:
        sys.exit(f"Nothing released: {error}")
    print(f"Wrote {len(files)} files to {arguments.to}")


def tree(repository: str | None = None, *, classroom: bool = False) -> dict[Path, bytes]:
    """Return the contents of every file of the students' tree, by its path there.

    Args:
        repository: the address that badges and set-up cells name, such as
            "https://github.com/course/labs" or ".../tree/<branch>"; default: pyproject.toml's.
        classroom: whether GitHub Classroom's example workflow is in it.

    Raises:
        NoRelease: the address is none of GitHub's, which Colab needs.
        Unlisted: this is no clone.
        Malformed: a master breaks a rule.
    """
    github = r"https://github\.com/[\w.-]+/[\w.-]+(/tree/[\w./-]+)?/?"
    if repository is not None and not re.fullmatch(github, repository):
        raise NoRelease(f"{repository!r} is no address such as https://github.com/course/labs")
    files = {path: (ROOT / path).read_bytes() for path in listed(TAKEN)}
    notebooks = build(repository=repository)
    files |= {
        path: text.encode() for path, text in notebooks.items() if path.parts[0] != "solutions"
    }
    files[Path("README.md")] = _readme(repository).encode()
    if repository is not None:
        project = files[Path("pyproject.toml")].decode()
        files[Path("pyproject.toml")] = ADDRESS.sub(rf'\1"{repository}"', project).encode()
    if classroom:
        files[CLASSROOM] = Path(__file__).with_name("classroom.yml").read_bytes()
    return files


def write(files: dict[Path, bytes], folder: Path) -> None:
    """Write the files into a folder, in place of the release that is there; .git is left alone.

    Raises:
        NoRelease: something else is there.
        OSError: a file cannot be written.
    """
    manifest = folder / MANIFEST
    there = {path for path in folder.iterdir() if path.name != ".git"} if folder.is_dir() else ()
    if there and not manifest.is_file():
        raise NoRelease(f"{folder} is neither empty nor an earlier release: take another --to")
    if manifest.is_file():
        for line in manifest.read_text("utf-8").splitlines():
            old = (folder / line).resolve()
            if old.is_relative_to(folder.resolve()):
                old.unlink(missing_ok=True)
    listed = "".join(f"{path}\n" for path in sorted(files))
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(manifest, listed.encode())
    for path, content in files.items():
        written = folder / path
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_bytes(content)
        written.chmod((ROOT / path).stat().st_mode & 0o755 if (ROOT / path).is_file() else 0o644)


def _readme(repository: str | None) -> str:
    """Return of README.md what is for students, with the addresses of their labs.

    Raises:
        NoRelease: README.md has not the parts that this one is made of.
    """
    head, *sections = re.split(r"^(?=## )", (ROOT / "README.md").read_text("utf-8"), flags=re.M)
    students = [each for each in sections if each.startswith("## Students\n")]
    source = [each[each.index("MNIST is by") :] for each in sections if "MNIST is by" in each]
    if len(students) != 1 or len(source) != 1:
        raise NoRelease("README.md has no section `Students`, or does not say whose MNIST is")
    # Pictures show the grader.
    kept = [each for each in head.split("\n\n") if ".github/" not in each]
    readme = "\n\n".join(kept) + students[0] + source[0]
    for master in MASTERS.glob("*.py"):
        readme = readme.replace(colab_url(master.stem), colab_url(master.stem, repository))
    return readme


if __name__ == "__main__":
    main()
