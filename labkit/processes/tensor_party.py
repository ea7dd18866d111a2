"""A party of lab 04: a process that holds tensors, and computes with them on request.

A tensor is known by a number that the notebook gives out, and so is a computation.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from labkit.processes.capi import Computation, Tensor, load
from labkit.processes.peer import Peer
from labkit.processes.serving import Answer, Role, serve
from labkit.processes.wire import Part

MODULE = "labkit.processes.tensor_party"

Reply = tuple[dict[str, Any], list[Part]]


class TensorParty:
    """Answers requests; each names one of the methods that begin with "do_".

    Any request may name tensors to free, under "free".
    """

    def __init__(self, role: Role):
        self._role = role
        self._held: dict[int, Tensor] = {}
        self._computations: dict[int, Computation] = {}
        self._others: dict[tuple[str, str, int], Peer] = {}

    def answer(self, head: dict[str, Any], parts: list[memoryview]) -> Reply:
        """The request's answer."""
        for number in head.get("free", ()):
            self._held.pop(number, None)
        return getattr(self, f"do_{head['do']}")(head, parts)

    def do_keep(self, head: dict[str, Any], parts: list[memoryview]) -> Reply:
        """Keep the tensors that come with the request."""
        for number, (dtype, shape), data in zip(
            head["numbers"], head["tensors"], parts, strict=True
        ):
            self._held[number] = Tensor.from_bytes(dtype, shape, data)
        return {}, []

    def do_show(self, head: dict[str, Any], parts: list[memoryview]) -> Reply:
        """Give tensors to whoever asks, and keep them."""
        tensors = [self._held[number] for number in head["numbers"]]
        described = [[tensor.dtype, tensor.shape] for tensor in tensors]
        return {"tensors": described}, [tensor.to_bytes() for tensor in tensors]

    def do_pass_on(self, head: dict[str, Any], parts: list[memoryview]) -> Reply:
        """Give copies of tensors to another party, which keeps them under other numbers."""
        name, host, port = other = tuple(head["to"])
        if other not in self._others:
            role = self._role
            self._others[other] = Peer(name, (host, port), role.key, role.ledger, role.name)
        shown, data = self.do_show(head, parts)
        self._others[other].ask(
            {"do": "keep", "numbers": head["as"], **shown},
            *data,
            seconds=head["seconds"],
            doing=head["doing"],
        )
        return {}, []

    def do_learn(self, head: dict[str, Any], parts: list[memoryview]) -> Reply:
        """Keep a computation, to be run later."""
        self._computations[head["computation"]] = Computation.from_definition(
            bytes(parts[0]), head["inputs"], head["outputs"], head["targets"]
        )
        return {}, []

    def do_run(self, head: dict[str, Any], parts: list[memoryview]) -> Reply:
        """Run a computation on tensors that are held, keep what comes out, and say its shapes."""
        inputs = [self._held[number] for number in head["numbers"]]
        computation = self._computations[head["computation"]]
        outputs = computation.run(inputs, bytes.fromhex(head["options"]))
        self._held.update(zip(head["as"], outputs, strict=True))
        return {"shapes": [tensor.shape for tensor in outputs]}, []

    def do_forget(self, head: dict[str, Any], parts: list[memoryview]) -> Reply:
        """Forget computations, and stop those that run."""
        for number in head["computations"]:
            self._computations.pop(number).stop()
        return {}, []

    def do_count(self, head: dict[str, Any], parts: list[memoryview]) -> Reply:
        """Say how many tensors are held, and how many bytes came from each other process."""
        return {"held": len(self._held), "received": self._role.ledger.received()}, []


def settings(libraries: Sequence[str] = ()) -> dict[str, Any]:
    """What such a party is started with: TensorFlow, and files with more operations."""
    found = find_spec("tensorflow")
    assert found is not None and found.origin is not None
    return {"folder": str(Path(found.origin).parent), "libraries": list(libraries)}


def prepare(role: Role) -> Answer:
    """Load TensorFlow."""
    load(role.settings["folder"], role.settings["libraries"])
    return TensorParty(role).answer


def main() -> None:
    serve(prepare)
