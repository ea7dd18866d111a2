"""The students' side of Privacy Labs: import it first, before TensorFlow.

Importing `labkit` makes TensorFlow Privacy, TensorFlow Federated and tf-shell importable
together (see `labkit.compat`). It does not import TensorFlow itself.
"""

from labkit import compat, notebook
from labkit.finish import hand_in, summary
from labkit.start import ready

__all__ = ["hand_in", "ready", "summary"]

compat.prepare()
notebook.mind_interrupts()
