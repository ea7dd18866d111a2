"""What a party is told to do: a piece of a TensorFlow graph, written down once and then called.

A party keeps its tensors in TensorFlow's staging maps, one for each dtype, under numbers that the
notebook gives out. So a program's inputs and outputs are numbers, and the same program serves every
tensor of that kind.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from labkit.parties.errors import PartyError, WrongParty
from labkit.parties.remote import RemoteTensor, components, reader, text_of

v1 = tf.compat.v1
ops = tf.raw_ops

# A function's constants are part of the program that a party is given. Data are not: they are sent.
PROGRAM_CONSTANT_BYTES = 1024


@dataclass
class Program:
    """Placeholders, what to fetch, and what comes out.

    Attributes:
        keys: a placeholder for the number of each tensor that is read, then of each that is kept.
        values: placeholders for values from the notebook.
        fetches: what is computed: operations, and values for the notebook.
        kept: the specs of the tensors that are kept.
        structure: what the function returned, with the spec of each tensor in its place.
    """

    keys: list[tf.Tensor] = field(default_factory=list)
    values: list[tf.Tensor] = field(default_factory=list)
    fetches: list[Any] = field(default_factory=list)
    kept: list[tf.TensorSpec] = field(default_factory=list)
    structure: Any = None

    def key(self) -> tf.Tensor:
        self.keys.append(v1.placeholder(tf.int64, []))
        return self.keys[-1]


def _store(dtype: tf.DType) -> dict[str, Any]:
    return {"dtypes": [dtype], "shared_name": f"tensors of {dtype.name}"}


def _keep(program: Program, value: tf.Tensor) -> None:
    stage = ops.MapStage(
        key=program.key(), indices=tf.constant([0]), values=[value], **_store(value.dtype)
    )
    program.fetches.append(stage)
    program.kept.append(tf.TensorSpec(value.shape, value.dtype))


def _read(program: Program, dtype: tf.DType, read: Callable = ops.MapPeek) -> tf.Tensor:
    return read(key=program.key(), indices=tf.constant([0]), **_store(dtype))[0]


def put(graph: tf.Graph, device: str, dtype: tf.DType) -> Program:
    """Keep a value of the notebook's."""
    program = Program()
    with graph.as_default(), tf.device(device):
        program.values.append(v1.placeholder(dtype))
        _keep(program, program.values[0])
    return program


def take(graph: tf.Graph, device: str, dtype: tf.DType) -> Program:
    """Free a tensor and give its value to the notebook."""
    program = Program()
    with graph.as_default(), tf.device(device):
        program.fetches.append(_read(program, dtype, ops.MapUnstage))
    return program


def tap(graph: tf.Graph, device: str, dtype: tf.DType) -> Program:
    """Give a tensor's value to the notebook, and keep it."""
    program = Program()
    with graph.as_default(), tf.device(device):
        program.fetches.append(_read(program, dtype))
    return program


def pass_on(graph: tf.Graph, device: str, to: str, dtypes: Sequence[tf.DType]) -> Program:
    """Copy tensors to another party."""
    program = Program()
    with graph.as_default(), tf.device(device):
        values = [_read(program, dtype) for dtype in dtypes]
    with graph.as_default(), tf.device(to):
        for value in values:
            _keep(program, value)
    return program


def count(graph: tf.Graph, device: str, dtype: tf.DType) -> Program:
    """Count the tensors that are kept."""
    program = Program()
    with graph.as_default(), tf.device(device):
        program.fetches.append(ops.MapSize(**_store(dtype)))
    return program


def free(graph: tf.Graph, device: str, dtype: tf.DType) -> Program:
    """Free the tensors whose numbers are given as one vector."""
    program = Program()
    with graph.as_default(), tf.device(device):
        numbers = v1.placeholder(tf.int64, [None])
        program.values.append(numbers)

        def next_one(i):
            gone = ops.MapUnstage(key=numbers[i], indices=tf.constant([0]), **_store(dtype))
            with tf.control_dependencies(gone):
                return i + 1

        done = tf.while_loop(lambda i: i < tf.size(numbers), next_one, [0], parallel_iterations=1)
        program.fetches.append(tf.group(done))
    return program


def call(graph: tf.Graph, device: str, party: str, function: Callable, args: Any) -> Program:
    """Compute function(*args), whose RemoteTensors are read, and keep what it returns.

    Raises:
        WrongParty: the function reads what nobody sent to the party.
        PartyError: it returns nothing, or is not made of TensorFlow operations.
    """
    concrete, specs, structure = write_down(party, function, args)
    program = Program(structure=structure)
    with graph.as_default(), tf.device(device):
        inputs = []
        for spec in specs:
            value = _read(program, spec.dtype)
            value.set_shape(spec.shape)
            inputs.append(value)
        outputs = concrete(*inputs)
        for value in outputs:
            _keep(program, value)
        for value in outputs:
            if not value.shape.is_fully_defined():
                program.fetches.append(tf.shape(value))
    return program


def write_down(
    party: str, function: Callable, args: Any
) -> tuple[Callable, list[tf.TensorSpec], Any]:
    """Turn function(*args) into a TensorFlow function of the plain tensors in args.

    Args:
        party: who will compute it.
        function: made of TensorFlow operations.
        args: a structure of RemoteTensors, or tensors, and Python values.

    Returns:
        The TensorFlow function, which returns a list of plain tensors; the specs of its inputs;
        and what `function` returns, with a tf.TypeSpec in place of each tensor.

    Raises: as `call` does.
    """
    name = getattr(function, "__name__", repr(function))
    leaves = tf.nest.flatten(args)
    specs = [_spec(leaf) for leaf in leaves if _is_input(leaf)]
    returned = []

    def body(*flat):
        values = iter(tf.nest.pack_sequence_as(specs, flat, expand_composites=True))
        filled = [next(values) if _is_input(leaf) else leaf for leaf in leaves]
        result = function(*tf.nest.pack_sequence_as(args, filled))
        if any(leaf is None for leaf in tf.nest.flatten(result)):
            raise PartyError(f"`{name}` returned None. Did you forget `return`?")
        result = tf.nest.map_structure(_as_tensor, result)
        returned.append(tf.nest.map_structure(tf.type_spec_from_value, result))
        return tf.nest.flatten(result, expand_composites=True)

    parts = components(specs)
    return _traced(party, name, body, parts), parts, returned[-1]


def _is_input(value: Any) -> bool:
    return isinstance(value, RemoteTensor) or tf.is_tensor(value)


def _spec(value: Any) -> tf.TypeSpec:
    return value.spec if isinstance(value, RemoteTensor) else tf.type_spec_from_value(value)


def _as_tensor(value: Any) -> Any:
    composite = isinstance(value, tf.__internal__.CompositeTensor)
    return value if composite else tf.convert_to_tensor(value)


def _traced(party: str, name: str, body: Callable, specs: Sequence[tf.TensorSpec]) -> Any:
    token = reader.set(party)
    try:
        traced = tf.function(body, autograph=False).get_concrete_function(*specs)
    except (AttributeError, NotImplementedError, TypeError) as error:
        numpy = "symbolic" in str(error).lower()
        if not numpy:
            raise
        raise PartyError(
            f"`{name}` is not made of TensorFlow operations alone ({error}): what {party} is to "
            "compute is written down first, when no value is known yet. Use tf.… in place of "
            "NumPy and `.numpy()`."
        ) from None
    except Exception as error:
        # TensorFlow's way to say that a variable's first value is an argument's.
        if type(error).__name__ != "UnliftableError" and "singleton tf.Variable" not in str(error):
            raise
        raise PartyError(
            f"`{name}` makes a tf.Variable, which {party} could not write down: leave the "
            "arguments as they are, and compute new tensors from them."
        ) from None
    finally:
        reader.reset(token)
    for captured in traced.captured_inputs:
        raise WrongParty(
            f"`{name}` uses a tensor of the notebook's, "
            f"{text_of(tf.TensorSpec(captured.shape, captured.dtype))}, that was not sent to "
            f"{party}: `send` it and pass it as an argument."
        )
    graph = traced.graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    for node in nodes:
        constant = node.attr["value"].tensor if node.op == "Const" else None
        if constant is not None and constant.ByteSize() > PROGRAM_CONSTANT_BYTES:
            spec = tf.TensorSpec(constant.tensor_shape, tf.as_dtype(constant.dtype))
            raise WrongParty(
                f"`{name}` uses an array of the notebook's, {text_of(spec)}, that was not sent "
                f"to {party}: `send` it and pass it as an argument."
            )
    return traced
