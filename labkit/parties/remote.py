"""Tensors that live with a party: what the notebook holds are their names."""

import operator
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NoReturn, Protocol

import tensorflow as tf

from labkit.processes.errors import PartyError, WrongParty
from labkit.processes.ledger import NOTEBOOK

# Dtypes of which NumPy has no values.
NO_NUMBERS = (tf.variant, tf.resource)
# Whose computation is being written down just now; the notebook's own by default.
reader: ContextVar[str] = ContextVar("reader", default=NOTEBOOK)


class Owner(Protocol):
    """What a remote tensor asks of the party that holds it."""

    name: str

    def run(self, function: Callable, *args: Any, name: str | None = None) -> Any: ...
    def pass_on(self, remote: "RemoteTensor", receiver: Any, name: str) -> "RemoteTensor": ...
    def take(self, remote: "RemoteTensor") -> Any: ...
    def discard(self, numbers: list[int]) -> None: ...


class RemoteTensor:
    """A tensor that `owner` holds. Made by `Party.send` and `Party.run`, never directly.

    Arithmetic (`+ - * / // % ** @`, unary minus, `abs`, comparisons but `==`, indexing) runs in the
    owner's process and stays there; the other operand must be the owner's too, or a Python number.
    When the last Python name for it goes, the owner frees it.

    `numbers` are those of its plain tensors in the owner's store.

    Attributes:
        name: what it is called in errors, in stores and in the record of crossings.
        owner: the `Party` that holds it.
        spec: its tf.TypeSpec: shape and dtype, or what an extension type holds.
    """

    __hash__ = object.__hash__
    # NumPy must not try to take it apart: `array + remote` becomes our __radd__.
    __array_ufunc__ = None

    def __init__(self, owner: Owner, name: str, spec: tf.TypeSpec, numbers: list[int]):
        self.owner, self.name, self.spec, self.numbers = owner, name, spec, numbers
        self._free = weakref.finalize(self, owner.discard, numbers)
        self._free.atexit = False

    @property
    def gone(self) -> bool:
        """Whether it has been moved home."""
        return not self._free.alive

    @property
    def shape(self) -> tf.TensorShape:
        return self.spec.shape

    @property
    def dtype(self) -> tf.DType:
        return self.spec.dtype

    @property
    def nbytes(self) -> int | None:
        """The size of its values in bytes; None where only its owner can say, as of ciphertexts."""
        return size_of(self.spec)

    def send(self, receiver: Any, name: str | None = None) -> "RemoteTensor":
        """Copy it to another party, straight from its owner, and return the copy."""
        return self.owner.pass_on(self, receiver, name or self.name)

    def get(self) -> Any:
        """Move it home: its owner frees it, and the notebook has its value.

        Returns:
            np.ndarray.

        Raises:
            PartyError: it has been moved home before, or holds what cannot leave (a ciphertext's
                internals, say): `send` such a thing to another party.
        """
        value = self.owner.take(self)
        self._free.detach()
        return value

    def copy(self) -> "RemoteTensor":
        """Return another one of the same value, with the same owner."""
        return self.owner.run(tf.identity, self, name=self.name)

    def __repr__(self) -> str:
        gone = ", moved home" if self.gone else ""
        return f"<{self.name}: {text_of(self.spec)}, held by {self.owner.name}{gone}>"

    def refuse(self) -> NoReturn:
        """Raise WrongParty: another party than the owner reads this."""
        who = reader.get()
        if who == self.owner.name:
            raise WrongParty(
                f"{self.name} is not an argument of the function that {who} runs: pass it to `run`."
            )
        if who == NOTEBOOK:
            raise WrongParty(
                f"{self.name} belongs to {self.owner.name}, and the notebook reads it: move it "
                f"home first, with `get`, or let {self.owner.name} compute."
            )
        raise WrongParty(
            f"{self.name} belongs to {self.owner.name}, and {who} reads it: first let "
            f"{self.owner.name} `send` it to {who}."
        )

    # What NumPy and TensorFlow call to read an object's value.
    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        self.refuse()

    def __tf_tensor__(self, *_: Any, **__: Any) -> NoReturn:
        self.refuse()

    def __bool__(self) -> NoReturn:
        self.refuse()

    def __float__(self) -> NoReturn:
        self.refuse()

    __int__ = __index__ = __float__

    def __iter__(self) -> NoReturn:
        raise PartyError(f"{self.name} cannot be looped over from here: `get` it, or index it.")

    def __getitem__(self, index: Any) -> "RemoteTensor":
        return self.owner.run(operator.getitem, self, index, name=f"{self.name}[…]")

    def _operation(self, function: Callable, *operands: Any) -> "RemoteTensor":
        if reader.get() != NOTEBOOK:
            self.refuse()
        return self.owner.run(function, *operands)


def _binary(function: Callable) -> tuple[Callable, Callable]:
    def left(self, other):
        return self._operation(function, self, other)

    def right(self, other):
        return self._operation(function, other, self)

    return left, right


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    _left, _right = _binary(getattr(operator, _name))
    setattr(RemoteTensor, f"__{_name}__", _left)
    setattr(RemoteTensor, f"__r{_name}__", _right)
for _name in ("lt", "le", "gt", "ge"):
    setattr(RemoteTensor, f"__{_name}__", _binary(getattr(operator, _name))[0])
for _name in ("neg", "abs"):
    _function = getattr(operator, _name)
    setattr(RemoteTensor, f"__{_name}__", lambda self, f=_function: self._operation(f, self))


def components(spec: tf.TypeSpec) -> list[tf.TensorSpec]:
    """The specs of the plain tensors that a value of this spec consists of."""
    return tf.nest.flatten(spec, expand_composites=True)


def size_of(spec: tf.TypeSpec) -> int | None:
    """Bytes of a value of this spec; None for what is no plain number, or of unknown shape."""
    total = 0
    for part in components(spec):
        if part.dtype in (tf.string, *NO_NUMBERS) or not part.shape.is_fully_defined():
            return None
        total += part.dtype.size * part.shape.num_elements()
    return total


def text_of(spec: tf.TypeSpec) -> str:
    """Such as "float32[64, 640]"."""
    if isinstance(spec, tf.TensorSpec):
        shape = "[…]" if spec.shape.rank is None else str(spec.shape.as_list())
        return f"{spec.dtype.name}{shape}"
    return type(spec).__qualname__
