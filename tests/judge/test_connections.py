"""What a student's kernel sends to the judge before a check, and then ends."""

import os
import socket

import pytest

from autograder.judge import execution


class Standing:
    """Stands for a kernel: keeps its end of the connection."""

    def __init__(self, settings, link):
        self.link = link

    def end(self):
        self.link.close()


@pytest.mark.parametrize("ended", [True, False])
def test_files_that_a_kernel_sent_before_a_check_go_with_it(monkeypatch, ended):
    monkeypatch.setattr(execution, "Kernel", Standing)
    judge, student = execution._Judge(None), execution._Student(None)
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    try:
        socket.send_fds(student.kernel.link, [b"."], [writer])
        os.close(writer)
        if ended:
            student.end()
            assert os.read(reader, 1) == b""  # nobody has the other end any more
        else:
            for _ in range(2):  # at each check
                student.meet(judge)
            judge.kernel.link.setblocking(False)
            _, [connection], _, _ = socket.recv_fds(judge.kernel.link, 1, 2)
            os.close(connection)
            with pytest.raises(BlockingIOError):
                judge.kernel.link.recv(1)
            student.end()
    finally:
        judge.end()
        os.close(reader)
