"""Write requirements-colab.txt: what the labs need at run time and Colab does not have.

    python -m autograder.labs.colab

Derived from uv.lock and colab-pins.txt. Colab has its own TensorFlow, and works with it (see
tests/labs/test_environments.py): so the few packages are installed as they are, with
`pip install --no-deps --ignore-requires-python`, and nothing there is replaced or restarted.
"""

import os
import subprocess
from pathlib import Path

from autograder.whole import write_whole

REPOSITORY = Path(__file__).parents[2]
PINS = Path(__file__).parent / "colab-pins.txt"
REQUIREMENTS = REPOSITORY / "requirements-colab.txt"
HEADER = """\
# What Colab lacks of what the labs need. Derived from uv.lock by autograder/labs/colab.py.
# pip install --no-deps --ignore-requires-python -r requirements-colab.txt
"""
# The lock's name for a package that Colab has under another one.
OTHER_NAMES = {"tensorflow-cpu": "tensorflow"}


def run_time_pins() -> dict[str, str]:
    """Return the locked version of each package that the labs need at run time."""
    uv = os.environ.get("UV", "uv")
    groups = ["--no-default-groups", "--group=labs"]
    plain = ["--quiet", "--no-emit-project", "--no-hashes", "--no-annotate", "--no-header"]
    exported = subprocess.run(
        [uv, "export", "--locked", *groups, *plain],
        cwd=REPOSITORY,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return dict(line.split(";")[0].strip().split("==") for line in exported.splitlines())


def colab_pins() -> dict[str, str]:
    """Return the version of each of our packages that Colab has."""
    lines = PINS.read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def requirements() -> str:
    """Return the contents of requirements-colab.txt."""
    there = colab_pins()
    lacking = [
        f"{name}=={version}\n"
        for name, version in run_time_pins().items()
        if OTHER_NAMES.get(name, name) not in there
    ]
    return HEADER + "".join(lacking)


if __name__ == "__main__":
    write_whole(REQUIREMENTS, requirements().encode())
