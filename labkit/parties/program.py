"""What a party is asked to do: a function of TensorFlow's, traced once and then called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from labkit.parties.remote import RemoteTensor, components, reader, text_of
from labkit.processes.errors import PartyError, WrongParty

# A function's constants are part of the program that a party is given. Data are not: they are sent.
PROGRAM_CONSTANT_BYTES = 1024


@dataclass(frozen=True)
class Program:
    """A function as a party learns it.

    Attributes:
        number: what the party knows it by.
        definition: its graph, a serialised tf.GraphDef.
        inputs, outputs: the names of plain tensors in it.
        targets: the names of operations that are run for what they do, such as assertions.
        structure: what the function returns, with the spec of each tensor in its place.
    """

    number: int
    definition: bytes
    inputs: list[str]
    outputs: list[str]
    targets: list[str]
    structure: Any


def program(number: int, party: str, function: Callable, args: Any) -> Program:
    """Write down function(*args), where args hold RemoteTensors and Python values.

    Raises:
        WrongParty: the function reads what nobody sent to the party.
        PartyError: it returns nothing, or is not made of TensorFlow operations.
    """
    traced, _, structure = write_down(party, function, args)
    graph = traced.graph
    return Program(
        number,
        graph.as_graph_def().SerializeToString(),
        [tensor.name for tensor in graph.inputs],
        [tensor.name for tensor in graph.outputs],
        [operation.name for operation in graph.control_outputs],
        structure,
    )


def write_down(party: str, function: Callable, args: Any) -> tuple[Any, list[tf.TensorSpec], Any]:
    """Turn function(*args) into a TensorFlow function of the plain tensors in args.

    Args:
        party: who will compute it.
        function: made of TensorFlow operations.
        args: a structure of RemoteTensors, or tensors, and Python values.

    Returns:
        The TensorFlow function, which returns a list of plain tensors; the specs of its inputs;
        and what `function` returns, with a tf.TypeSpec in place of each tensor.

    Raises: as `program` does.
    """
    name = getattr(function, "__name__", repr(function))
    leaves = tf.nest.flatten(args)
    specs = [_spec(leaf) for leaf in leaves if _is_input(leaf)]
    returned = []

    def body(*flat):
        values = iter(tf.nest.pack_sequence_as(specs, flat, expand_composites=True))
        filled = [next(values) if _is_input(leaf) else leaf for leaf in leaves]
        result = function(*tf.nest.pack_sequence_as(args, filled))
        if result is None:
            raise PartyError(f"`{name}` returned None. Did you forget `return`?")
        if any(leaf is None for leaf in tf.nest.flatten(result)):
            raise PartyError(
                f"`{name}` returned None among its results. One such is a tape's gradient by what "
                "the tape did not `watch`."
            )
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
