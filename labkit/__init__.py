"""The students' side of Privacy Labs: import it first, before TensorFlow.

Importing `labkit` makes TensorFlow Privacy, TensorFlow Federated and tf-shell importable
together under TensorFlow 2.20 (see `labkit.compat`). It does not import TensorFlow itself.
"""

from labkit import compat

compat.prepare()
