"""Contenders that need another environment: each a process there, stopped while others work.

Their environments are locked under `peers/`; `make bench` installs them.
"""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PEERS = Path(__file__).parent / "peers"


class PeerError(Exception):
    """A peer's environment is missing, or its process failed; says which and what it printed."""


class PeerProgram:
    """A process of a peer's environment, ready to do its work once whenever it is asked.

    It is stopped in between, with what it has started: PyTorch's RPC, for one, spins while it
    waits, and would take a core from whoever's turn it is.

    `said` is what the work returned the last time, if that was a dictionary.
    """

    def __init__(self, process: subprocess.Popen, name: str) -> None:
        self._process, self._name = process, name
        self.versions: dict[str, str] = self._line()["versions"]
        self.said: dict[str, Any] = {}
        self._signal(signal.SIGSTOP)

    def __call__(self, limit: float | None = None) -> float:
        """Do the work once; return the seconds that it took in there.

        Raises:
            PeerError: it ended, or was not done within `limit` seconds, and has been killed.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._signal(signal.SIGCONT)
        with suppress(BrokenPipeError):
            self._process.stdin.write("once\n")
            self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], limit)[0]:
            self._signal(signal.SIGKILL)
            raise PeerError(f"not done within {limit:g} s")
        answer = self._line()
        self._signal(signal.SIGSTOP)
        self.said = answer["said"]
        return float(answer["seconds"])

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PeerError(f"{self._name} ended with exit code {self._process.wait()}")
        return json.loads(line)


@contextmanager
def peer(environment: str, script: str, **arguments: Any) -> Iterator[PeerProgram]:
    """Start `peers/<environment>/<script>.py`, whose `contender(**arguments)` returns the work.

    Raises:
        PeerError: the environment is not installed, or the process ended.
    """
    folder = PEERS / environment
    python = folder / ".venv" / "bin" / "python"
    if not python.exists():
        raise PeerError("not installed: run `make bench`")
    command = [str(python), str(PEERS / "serve.py"), str(folder / f"{script}.py")]
    # Threads that wait do not spin while another contender works.
    variables: Mapping[str, str] = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
    process = subprocess.Popen(
        [*command, json.dumps(arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(variables),
        start_new_session=True,
    )  # fmt: skip
    try:
        yield PeerProgram(process, f"{environment}/{script}")
    finally:
        # With what it has started; stopped processes end, too.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
