"""Lab 04's split step in PyTorch: in one process, and with Bob in another, by RPC or gloo.

Alice computes in the process that is measured, so a step needs one message each way.
"""

import os
import socket
import subprocess
import sys

import numpy as np
import torch
import torch.distributed as dist

PACKAGES = ["torch"]
SIZES = [(784, 128), (128, 640), (640, 10)]


class Bob:
    """The party that has the labels and the last layer."""

    def __init__(self, batch, rate):
        rng = np.random.default_rng(1)
        self.top = torch.nn.Linear(*SIZES[2])
        self.labels = torch.from_numpy(rng.integers(0, 10, batch))
        self.optimizer = torch.optim.SGD(self.top.parameters(), rate)

    def serve(self, smashed):
        smashed = smashed.detach().requires_grad_()
        self.optimizer.zero_grad()
        torch.nn.functional.cross_entropy(self.top(smashed), self.labels).backward()
        self.optimizer.step()
        return smashed.grad


_bob = None


def serve(smashed):
    """Bob's part, called by RPC."""
    return _bob.serve(smashed)


def _join(mode, rank, port):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ["GLOO_SOCKET_IFNAME"] = os.environ["TP_SOCKET_IFNAME"] = "lo"
    if mode == "rpc":
        import torch.distributed.rpc as rpc

        rpc.init_rpc(("alice", "bob")[rank], rank=rank, world_size=2)
    else:
        dist.init_process_group("gloo", rank=rank, world_size=2)


def _as_bob(mode, port, batch, rate):
    global _bob
    torch.set_num_threads(1)
    torch.manual_seed(1)
    _bob = Bob(batch, rate)
    _join(mode, 1, port)
    if mode == "rpc":
        import torch.distributed.rpc as rpc

        rpc.shutdown()  # when Alice does
    else:
        smashed = torch.empty(batch, SIZES[1][1])
        while True:
            dist.recv(smashed, 0)
            dist.send(_bob.serve(smashed), 0)


def contender(mode, batch, rate):
    """Return a step; `mode` is "one process", "rpc" or "gloo"."""
    rng = np.random.default_rng(0)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    relu = torch.nn.ReLU()
    bottom = torch.nn.Sequential(torch.nn.Linear(*SIZES[0]), relu, torch.nn.Linear(*SIZES[1]), relu)
    images = torch.from_numpy(rng.random((batch, 784), np.float32))
    optimizer = torch.optim.SGD(bottom.parameters(), rate)
    if mode == "one process":
        ask = Bob(batch, rate).serve
    else:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        call = f"import split_step; split_step._as_bob({mode!r}, {port}, {batch}, {rate})"
        folder = os.path.dirname(__file__)
        # In this process's group, which is ended as one.
        subprocess.Popen([sys.executable, "-c", call], cwd=folder, stdin=subprocess.DEVNULL)
        _join(mode, 0, port)
        if mode == "rpc":
            import torch.distributed.rpc as rpc

            sys.path.insert(0, folder)
            import split_step

            def ask(smashed):
                return rpc.rpc_sync("bob", split_step.serve, (smashed.detach(),))

        else:
            gradient = torch.empty(batch, SIZES[1][1])

            def ask(smashed):
                dist.send(smashed.detach(), 1)
                dist.recv(gradient, 1)
                return gradient

    def step():
        optimizer.zero_grad()
        smashed = bottom(images)
        smashed.backward(ask(smashed))
        optimizer.step()

    return step
