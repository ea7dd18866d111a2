"""What crossed between parties, and how many bytes that took."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from labkit.processes.wire import Wire

# What the process that conducts the others is called.
NOTEBOOK = "notebook"


@dataclass(frozen=True)
class Crossing:
    """One thing that went from one party to another.

    Attributes:
        kind: what it was, such as "smashed data, float32[64, 640]", or a message's name.
        nbytes: its size, without the wire's own bytes; None where only the party knows it, as of
            lab 04's ciphertexts.
        data: what crossed, where that is kept: an array, or all bytes of a message.
    """

    sender: str
    receiver: str
    kind: str
    nbytes: int | None
    data: Any = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        size = "?" if self.nbytes is None else self.nbytes
        return f"{self.sender} → {self.receiver}: {self.kind}, {size} bytes"


class Ledger:
    """One process's account of what it sends and receives.

    Attributes:
        crossings: every `Crossing` so far, in order.
        wires: every `Wire` so far, closed ones too.
    """

    def __init__(self) -> None:
        self.crossings: list[Crossing] = []
        self.wires: list[Wire] = []

    def sent(self) -> Counter[str]:
        """Bytes that went to each other process, frames and all."""
        return self._sum("sent")

    def received(self) -> Counter[str]:
        """Bytes that came from each other process, frames and all."""
        return self._sum("received")

    def _sum(self, way: str) -> Counter[str]:
        total: Counter[str] = Counter()
        for wire in self.wires:
            total[wire.other] += getattr(wire, way)
        return total
