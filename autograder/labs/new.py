"""Begin a lab from the template: `python -m autograder.labs.new 06_private_means`.

The template (`autograder/course/template/`) is a tiny lab that keeps every rule: its notebooks
build, its solution earns 100 points, its answers get what they say. Change it into yours.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from autograder.labs import ROOT
from autograder.labs.master import colab_url, module
from autograder.whole import write_whole

TEMPLATE = Path("autograder", "course", "template")
ROW = re.compile(r"^\| \d\d \| .*\n", re.M)


class NotNew(ValueError):
    """No lab can have that name; the message says why."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; exit with 1 and one line where there is no new lab."""
    parser = argparse.ArgumentParser(prog="python -m autograder.labs.new", description=__doc__)
    parser.add_argument("name", help="a number that is free, and words, such as 06_private_means")
    arguments = parser.parse_args(argv)
    try:
        files = begin(arguments.name)
    except (NotNew, OSError) as error:
        sys.exit(f"No new lab: {error}")
    for path in files:
        print(f"wrote {path}")
    print(f"Next: `make build`, then `make test TESTS='tests/labs -k {arguments.name}'`.")


def begin(name: str, root: Path = ROOT) -> list[Path]:
    """Write a new lab's master, checks and answers, and its line in README.md.

    Returns:
        what was written, as paths in the repository.

    Raises:
        NotNew: the name is none for a lab, or something has it; then nothing is written.
    """
    if re.fullmatch(r"\d\d_[a-z][a-z0-9_]*", name) is None:
        raise NotNew(f"{name!r} is no name such as 06_private_means")
    course = Path("autograder", "course")
    taken = [*(root / course / "masters").glob(f"{name[:3]}*.py")]
    if taken:
        raise NotNew(f"{taken[0].name} has the number {name[:2]}")
    words = module(name).replace("_", " ")
    title = f"Lab {name[:2]}: {words}"
    template = root / TEMPLATE
    checks = Path("labkit", "checks", f"{module(name)}.py")
    texts = {
        course / "masters" / f"{name}.py": template / "master.py",
        checks: template / "checks.py",
    } | {
        course / "answers" / name / path.name: path
        for path in sorted((template / "answers").glob("*.py"))
    }
    for path in texts:
        if (root / path).exists():
            raise NotNew(f"{path} is there already")
    readme = (root / "README.md").read_text("utf-8")
    rows = [*ROW.finditer(readme)]
    if not rows:
        raise NotNew("README.md has no table of labs, in which its line would stand")
    for path, source in texts.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(source.read_text("utf-8").replace("TITLE", title), "utf-8")
    line = f"| {name[:2]} | [{words.capitalize()}](labs/{name}.ipynb): what it teaches | "
    line += f"[open]({colab_url(name)}) | 100 | 30 min | 0.1 min |\n"
    end = rows[-1].end()
    write_whole(root / "README.md", (readme[:end] + line + readme[end:]).encode())
    return [*texts, Path("README.md")]


if __name__ == "__main__":
    main()
