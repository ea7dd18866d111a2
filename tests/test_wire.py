"""All answers, called from another process as by the judge, get what they get at home."""

import os
import socket
import subprocess
import sys
import zlib

import pytest

from autograder import build, sandbox
from tests.test_answers import LABS, cases, namespace, run

sys.path.insert(0, str(sandbox.INSIDE))
import remote

# What the student's kernel does, with the answers of a lab under the names of its cases.
STUDENT = f"""
import sys
sys.path[:0] = {[str(sandbox.INSIDE), str(build.ROOT)]!r}
import remote
from tests.test_answers import cases, namespace, run
functions = {{}}
for case in cases():
    if case.lab == sys.argv[2]:
        cells = namespace(case.lab) | {{"__name__": "__main__"}}
        run(case.source, case.exercise, cells)
        functions[str(case)] = cells[case.exercise]
remote.adopt(int(sys.argv[1]))
remote.serve(functions)
"""


@pytest.mark.parametrize("lab", sorted(LABS))
def test_every_answer_gets_from_outside_what_it_gets_at_home(lab, monkeypatch):
    monkeypatch.setenv("LABKIT_BUDGET", "quick")
    monkeypatch.setenv("MPLBACKEND", "agg")
    setup = dict(namespace(lab))
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-c", STUDENT, str(theirs.fileno()), lab],
        pass_fds=[theirs.fileno()], cwd=build.ROOT, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    theirs.close()
    monkeypatch.setattr(remote, "_calls", ours)
    monkeypatch.setattr(remote, "connect", lambda: None)
    of_lab = {str(case): case for case in cases() if case.lab == lab}
    functions, wrong = {}, []
    try:
        remote._begin(functions, list(of_lab))
        for name, case in of_lab.items():
            os.environ["LABKIT_SEED"] = str(zlib.crc32(name.encode()))
            function = functions[name]
            function.__name__ = case.exercise
            messages = failures(case, setup | {case.exercise: function})
            if messages.keys() != case.loses.keys() or any(
                phrase not in messages[check] for check, phrase in case.loses.items()
            ):
                wrong.append((name, messages, case.loses))
        remote._end()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        ours.close()
    assert not wrong


def failures(case, cells):
    messages = {}
    for cell in LABS[case.lab].source.cells:
        if cell.id in LABS[case.lab].exercises[case.exercise]:
            try:
                run(cell.source, cell.id, cells)
            except Exception as error:
                messages[cell.id] = str(error)
    return messages
