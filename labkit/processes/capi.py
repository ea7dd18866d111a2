"""TensorFlow by its C interface: tensors, and computations that another process has traced."""

import contextlib
import ctypes
import math
import os
from collections.abc import Iterator, Sequence
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from functools import cache
from typing import Any, Self

from labkit.processes.errors import Refusal

STRING = 7  # TF_STRING


class _Output(ctypes.Structure):
    """TF_Output: one of the outputs of an operation."""

    _fields_ = [("operation", c_void_p), ("index", c_int)]


_OUTPUTS = POINTER(_Output)
_POINTERS = POINTER(c_void_p)
# name → result, arguments; all of tensorflow/c/c_api.h, tf_tensor.h and tf_tstring.h.
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "TF_NewStatus": (c_void_p, []),
    "TF_DeleteStatus": (None, [c_void_p]),
    "TF_GetCode": (c_int, [c_void_p]),
    "TF_Message": (c_char_p, [c_void_p]),
    "TF_LoadLibrary": (c_void_p, [c_char_p, c_void_p]),
    "TF_NewBufferFromString": (c_void_p, [c_char_p, c_size_t]),
    "TF_DeleteBuffer": (None, [c_void_p]),
    "TF_AllocateTensor": (c_void_p, [c_int, POINTER(c_int64), c_int, c_size_t]),
    "TF_DeleteTensor": (None, [c_void_p]),
    "TF_TensorType": (c_int, [c_void_p]),
    "TF_NumDims": (c_int, [c_void_p]),
    "TF_Dim": (c_int64, [c_void_p, c_int]),
    "TF_TensorByteSize": (c_size_t, [c_void_p]),
    "TF_TensorData": (c_void_p, [c_void_p]),
    "TF_DataTypeSize": (c_size_t, [c_int]),
    "TF_StringInit": (None, [c_void_p]),
    "TF_StringCopy": (None, [c_void_p, c_char_p, c_size_t]),
    "TF_StringGetDataPointer": (c_void_p, [c_void_p]),
    "TF_StringGetSize": (c_size_t, [c_void_p]),
    "TF_NewGraph": (c_void_p, []),
    "TF_NewImportGraphDefOptions": (c_void_p, []),
    "TF_GraphImportGraphDef": (None, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "TF_GraphOperationByName": (c_void_p, [c_void_p, c_char_p]),
    "TF_NewOperation": (c_void_p, [c_void_p, c_char_p, c_char_p]),
    "TF_SetAttrType": (None, [c_void_p, c_char_p, c_int]),
    "TF_AddInput": (None, [c_void_p, _Output]),
    "TF_FinishOperation": (c_void_p, [c_void_p, c_void_p]),
    "TF_NewSessionOptions": (c_void_p, []),
    "TF_NewSession": (c_void_p, [c_void_p, c_void_p, c_void_p]),
    "TF_CloseSession": (None, [c_void_p, c_void_p]),
    "TF_DeleteSession": (None, [c_void_p, c_void_p]),
    "TF_DeleteGraph": (None, [c_void_p]),
    "TF_SessionRun": (
        None,
        [
            *(c_void_p, c_void_p),
            *(_OUTPUTS, _POINTERS, c_int),
            *(_OUTPUTS, _POINTERS, c_int),
            *(_POINTERS, c_int),
            *(c_void_p, c_void_p),
        ],
    ),
}
_TSTRING_BYTES = 24  # sizeof(TF_TString)

_tf: Any = None


def load(folder: str, libraries: Sequence[str] = ()) -> None:
    """Load TensorFlow, once in a process, before anything else here is used.

    Args:
        folder: where it is installed.
        libraries: files with more operations.

    Raises:
        Refusal: one of them does not load.
    """
    global _tf
    # Global, for libraries of more operations.
    _tf = ctypes.CDLL(os.path.join(folder, "libtensorflow_cc.so.2"), ctypes.RTLD_GLOBAL)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(_tf, name)
        function.restype, function.argtypes = result, arguments
    for library in libraries:
        with _status() as status:
            _tf.TF_LoadLibrary(library.encode(), status)


@contextlib.contextmanager
def _status() -> Iterator[int]:
    """A TF_Status for one call.

    Raises:
        Refusal: "TensorFlow", with its code (as tf.errors numbers them) and message.
    """
    status = _tf.TF_NewStatus()
    try:
        yield status
        if code := _tf.TF_GetCode(status):
            raise Refusal("TensorFlow", code, _tf.TF_Message(status).decode(errors="replace"))
    finally:
        _tf.TF_DeleteStatus(status)


@contextlib.contextmanager
def _buffer(data: bytes) -> Iterator[int]:
    buffer = _tf.TF_NewBufferFromString(data, len(data))
    try:
        yield buffer
    finally:
        _tf.TF_DeleteBuffer(buffer)


class Tensor:
    """A tensor of TensorFlow's, freed with this object."""

    def __init__(self, pointer: int):
        self._pointer = pointer

    def __del__(self) -> None:
        _tf.TF_DeleteTensor(self._pointer)

    @classmethod
    def from_bytes(cls, dtype: int, shape: Sequence[int], data: bytes | memoryview) -> "Tensor":
        """Return the tensor that `to_bytes` was called of; `dtype` is a number of tf.DType's."""
        if _tf.TF_DataTypeSize(dtype) == 0:  # no plain numbers
            [parsed] = _parser(dtype).run([cls._text(bytes(data))])
            return parsed
        if len(data) != _tf.TF_DataTypeSize(dtype) * math.prod(shape):
            raise ValueError(f"{len(data)} bytes are no {list(shape)} of dtype {dtype}")
        tensor = cls._allocated(dtype, shape, len(data))
        if data:
            ctypes.memmove(_tf.TF_TensorData(tensor._pointer), bytes(data), len(data))
        return tensor

    @classmethod
    def _allocated(cls, dtype: int, shape: Sequence[int], size: int) -> Self:
        dimensions = (c_int64 * len(shape))(*shape)
        return cls(_tf.TF_AllocateTensor(dtype, dimensions, len(shape), size))

    @classmethod
    def _text(cls, text: bytes) -> Self:
        tensor = cls._allocated(STRING, [], _TSTRING_BYTES)
        _tf.TF_StringInit(at := _tf.TF_TensorData(tensor._pointer))
        _tf.TF_StringCopy(at, text, len(text))
        return tensor

    @property
    def dtype(self) -> int:
        return _tf.TF_TensorType(self._pointer)

    @property
    def shape(self) -> list[int]:
        rank = _tf.TF_NumDims(self._pointer)
        return [_tf.TF_Dim(self._pointer, axis) for axis in range(rank)]

    def to_bytes(self) -> bytes:
        """Return plain numbers as they are in memory; all else as TensorFlow serialises tensors.

        Raises:
            Refusal: TensorFlow does not serialise this, a resource, say.
        """
        if _tf.TF_DataTypeSize(self.dtype) == 0:
            [serialized] = _serializer(self.dtype).run([self])
            at = _tf.TF_TensorData(serialized._pointer)
            return ctypes.string_at(_tf.TF_StringGetDataPointer(at), _tf.TF_StringGetSize(at))
        size = _tf.TF_TensorByteSize(self._pointer)
        return ctypes.string_at(_tf.TF_TensorData(self._pointer), size) if size else b""


class Computation:
    """Operations that are run together, with a TensorFlow session of their own.

    The graph is its own from then on.
    """

    def __init__(
        self,
        graph: int,
        inputs: Sequence[_Output],
        outputs: Sequence[_Output],
        targets: Sequence[int] = (),
    ):
        self._inputs = (_Output * len(inputs))(*inputs)
        self._outputs = (_Output * len(outputs))(*outputs)
        self._targets = (c_void_p * len(targets))(*targets)
        self._graph, self._session = graph, None
        with _status() as status:
            self._session = _tf.TF_NewSession(graph, _tf.TF_NewSessionOptions(), status)

    def __del__(self) -> None:
        if self._session is not None:
            with _status() as status:
                _tf.TF_DeleteSession(self._session, status)
        _tf.TF_DeleteGraph(self._graph)

    @classmethod
    def from_definition(
        cls,
        definition: bytes,
        inputs: Sequence[str],
        outputs: Sequence[str],
        targets: Sequence[str],
    ) -> Self:
        """Read a computation that was written down.

        Args:
            definition: a serialised GraphDef.
            inputs, outputs: names of tensors in it.
            targets: names of operations that are run for what they do.
        """
        graph = _tf.TF_NewGraph()
        with _buffer(definition) as buffer, _status() as status:
            _tf.TF_GraphImportGraphDef(graph, buffer, _tf.TF_NewImportGraphDefOptions(), status)

        def operation(name: str) -> int:
            return _tf.TF_GraphOperationByName(graph, name.encode())

        def output(name: str) -> _Output:
            of, _, index = name.partition(":")
            return _Output(operation(of), int(index))

        return cls(
            graph, [*map(output, inputs)], [*map(output, outputs)], [*map(operation, targets)]
        )

    def run(self, inputs: Sequence[Tensor], options: bytes = b"") -> list[Tensor]:
        """Return the outputs; `options` is a serialised RunOptions.

        Raises:
            Refusal: "TensorFlow", with code and message.
        """
        values = (c_void_p * len(inputs))(*(tensor._pointer for tensor in inputs))
        results = (c_void_p * len(self._outputs))()
        with _buffer(options) as buffer, _status() as status:
            _tf.TF_SessionRun(
                *(self._session, buffer),
                *(self._inputs, values, len(values)),
                *(self._outputs, results, len(results)),
                *(self._targets, len(self._targets)),
                *(None, status),
            )
        return [Tensor(pointer) for pointer in results if pointer is not None]

    def stop(self) -> None:
        """End what runs, by an error; it cannot be run again."""
        with _status() as status:
            _tf.TF_CloseSession(self._session, status)


def _single(kind: str, source: int, **types: int) -> Computation:
    """A computation of one operation, whose input is of the dtype `source`."""
    graph = _tf.TF_NewGraph()

    def added(kind: str, inputs: Sequence[_Output], types: dict[str, int]) -> _Output:
        description = _tf.TF_NewOperation(graph, kind.encode(), kind.encode())
        for value in inputs:
            _tf.TF_AddInput(description, value)
        for name, dtype in types.items():
            _tf.TF_SetAttrType(description, name.encode(), dtype)
        with _status() as status:
            return _Output(_tf.TF_FinishOperation(description, status), 0)

    given = added("Placeholder", [], {"dtype": source})
    return Computation(graph, [given], [added(kind, [given], types)])


@cache
def _serializer(dtype: int) -> Computation:
    return _single("SerializeTensor", dtype)


@cache
def _parser(dtype: int) -> Computation:
    return _single("ParseTensor", STRING, out_type=dtype)
