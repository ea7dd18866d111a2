"""All answers on other inputs, until each check has drawn enough of them: does any verdict change?

    python -m tests.labs.soak [words that the answers' names must hold]

A draw is a trial of a check, with its hidden tests; of a check that fails, the one that it fails
in. What was found is in build/soak.jsonl, and is not tried again while nothing changes that could
change it. The exit code is 1 if a verdict was another than the one on file.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import sys
import time
import zlib
from multiprocessing import get_context

from autograder.judge import version
from autograder.labs import ROOT
from tests.labs.test_answers import LABS, AnswerCase, cases, judged, namespace, run

FOUND = ROOT / "build" / "soak.jsonl"
# Draws of each check, and of one of which so many take longer than that.
DRAWS, SECONDS, DRAWS_IF_SLOW = 200, 8, 20
# TensorFlow keeps what it has traced: a process tries so many answers.
EACH = 40
MOST_WRONG = 3  # more says nothing new of an answer


def soaked(of: tuple[str, AnswerCase]) -> dict:
    """Return an answer's draws by check, and each verdict that is not the one on file."""
    key, case = of
    checks = LABS[case.lab].exercises[case.exercise]
    trials = {cell.id: _trials(cell.source) for cell in LABS[case.lab].source.cells}
    draws, wanted = dict.fromkeys(checks, 0), dict.fromkeys(checks, DRAWS)
    seconds, wrong, series = dict.fromkeys(checks, 0.0), [], 0
    while left := [check for check in checks if draws[check] < wanted[check]]:
        series += 1
        seed = zlib.crc32(f"{case} soak {series}".encode())
        _as_under_the_grader(seed)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            cells = dict(namespace(case.lab))
            run(case.source, case.exercise, cells)
            for check in left:
                began = time.process_time()
                message = judged(case, cells, [check], hidden=True).get(check)
                seconds[check] += time.process_time() - began
                draws[check] += trials[check] if message is None else 1
                if seconds[check] / draws[check] * DRAWS > SECONDS:
                    wanted[check] = DRAWS_IF_SLOW
                phrase = case.loses.get(check)
                if (message is None) != (phrase is None) or (phrase or "") not in (message or ""):
                    wrong.append([check, seed, left.index(check), message])
        if len(wrong) >= MOST_WRONG:
            break
    return {"key": key, "answer": str(case), "draws": draws, "wrong": wrong}


def _as_under_the_grader(seed: int) -> None:
    os.environ |= {"LABKIT_SEED": str(seed), "LABKIT_BUDGET": "quick", "MPLBACKEND": "agg"}
    if "tensorflow" in sys.modules:  # in a kernel of its own no other lab has set its seed
        from tensorflow.python.eager import context

        context.set_global_seed(None)


def _trials(source: str) -> int:
    return max(map(int, re.findall(r"\btrials=(\d+)", source)), default=1)


def keys() -> dict[str, AnswerCase]:
    """Return the answers, by a hash of all that could change a verdict of theirs."""
    common = {name: (version.common(name), version.checks(lab)) for name, lab in LABS.items()}
    found = {}
    for case in cases():
        if case.name != "blank":
            about = json.dumps([str(case), case.source, case.loses, common[case.lab]])
            found[hashlib.sha256(about.encode()).hexdigest()] = case
    # Right ones first: a right answer that fails costs a student points.
    return dict(sorted(found.items(), key=lambda item: bool(item[1].loses)))


def main(like: str) -> int:
    """Soak the answers whose names hold `like`; return the exit code."""
    FOUND.parent.mkdir(exist_ok=True)
    with FOUND.open("a+b") as file:
        file.seek(0)
        whole = file.read().rpartition(b"\n")
        file.truncate(len(whole[0] + whole[1]))  # a line that was cut off
    found = {each["key"]: each for each in map(json.loads, FOUND.read_text("utf-8").splitlines())}
    wanted = {key: case for key, case in keys().items() if like in str(case)}
    if not wanted:
        print(f"No answer's name holds {like!r}: names begin as {next(iter(cases()))}.")
        return 1
    todo = [(key, case) for key, case in wanted.items() if key not in found]
    cores, begun = len(os.sched_getaffinity(0)), time.monotonic()
    with get_context("spawn").Pool(cores, maxtasksperchild=EACH) as pool:
        for count, result in enumerate(pool.imap_unordered(soaked, todo), 1):
            found[result["key"]] = result
            with FOUND.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
            if result["wrong"]:
                print(f"{result['answer']}: {result['wrong']}", flush=True)
            if count % 50 == 0:
                minutes = (time.monotonic() - begun) / 60
                print(f"{count} of {len(todo)} answers, {minutes:.0f} min", flush=True)
    wrong = [found[key]["answer"] for key in wanted if found[key]["wrong"]]
    draws = sum(sum(found[key]["draws"].values()) for key in wanted)
    print(f"{len(wanted)} answers, {draws} draws, {len(wrong)} with another verdict.")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
