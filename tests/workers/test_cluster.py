"""A class graded by a cluster, whose workers may die."""

import errno
import os
import signal
import threading
from contextlib import ExitStack

import psutil
import pytest
from distributed import LocalCluster, Security

from autograder.judge.judge import Order, Terms
from autograder.workers import cluster, cluster_worker
from autograder.workers.lacking import DISK
from autograder.workers.ready import Unusable, own_solution
from tests.processes import has_ended, wait_for
from tests.tiny import RIGHT, SLOW, TINY, entries, graded_now, rows, start, write_class

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


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tls://127.0.0.1:1", "nonsense://x"])
def test_a_scheduler_that_is_not_there_is_one_clear_line(address):
    with pytest.raises(Unusable, match=f"no Dask scheduler at {address}: ."):
        next(cluster.each([], address, patience=1))


def test_what_a_clusters_machine_lacks_is_its_answer(monkeypatch):
    def serving(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/lab-x")

    monkeypatch.setattr(cluster_worker.pool, "serving", serving)
    order = Order(own_solution(TINY), TINY, Terms())
    with ExitStack() as pools:
        graded, problem = cluster_worker._graded(order, cluster_worker._OnePool(pools))
    assert graded is None and problem.startswith(f"{DISK} {os.uname().nodename}: ")


class Scheduler:
    """A client that sees these numbers of workers, and then that the scheduler has gone."""

    def __init__(self, *workers):
        self.workers = iter(workers)

    def scheduler_info(self, n_workers):
        assert n_workers == -1
        return {"workers": dict.fromkeys(range(next(self.workers)))}


class Soon(threading.Event):
    def wait(self, timeout=None):
        return False


def test_a_scheduler_without_workers_is_said_each_time(capsys):
    cluster._say_when_none(Scheduler(0, 0, 2, 1, 0, 0, 1), "tcp://here", Soon())
    assert capsys.readouterr().out == 2 * "Waiting for workers to join tcp://here …\n"
