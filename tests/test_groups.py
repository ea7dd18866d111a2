"""Tests that share what is costly stay in one process, also in the parallel run."""

import re
import subprocess
import sys

from tests.tiny import ROOT


def test_a_modules_fixture_makes_a_group():
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "-n", "1", "--dist", "loadgroup"),
            "tests/labkit/test_data.py::test_looks_as_keras_has_it",
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    groups = set(re.findall(r"test_data[.]py::.*@(\S+)", run.stdout))
    assert groups == {"tests.labkit.test_data:arrays"}, run.stdout
