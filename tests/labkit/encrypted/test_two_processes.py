"""The labels in a process of their own: what crosses, what never does, and how it ends."""

import math
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from labkit.encrypted import (
    FeaturesParty,
    Parameters,
    WrongParameters,
    batches,
    messages,
    process,
    small_ring,
    train,
)
from labkit.encrypted.process import LabelsProcess, unpack
from labkit.encrypted.ring import KeyedRing
from labkit.processes.errors import PartyError, PartyLost
from tests.labkit.encrypted.small import SIZES, T, data, network, pair, rings

pytestmark = pytest.mark.labs


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """A short run with the labels in another process; what crossed, and what that process knows."""
    images, y = data()
    # Labels as bytes that occur nowhere by chance: eight in a row are 1 in 2^64.
    file = tmp_path_factory.mktemp("labels") / "labels.npy"
    np.save(file, y)
    parameters = Parameters(**SIZES)
    features = FeaturesParty(parameters, images, network())
    order = batches(200, 64, np.random.default_rng(5))
    with LabelsProcess(parameters, file) as labels:
        history = train(
            features,
            labels,
            order,
            (images, y),
            plaintext=lambda rows: features.network.gradient(images[rows], y[rows]),
        )
        pid = labels.peer.pid
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(PartyLost) as lost:
            labels.public_key()
    return labels, features, history, order, lost


def test_two_processes_train_as_one_does(two_processes):
    _, features, history, order, _ = two_processes
    assert min(history.cosine) > 0.999
    twin, labels = pair()
    images, y = data()
    train(twin, labels, order, (images, y))
    for a, b in zip(features.network.weights, twin.network.weights, strict=True):
        # Masks come off without a trace: the same integers, the same steps.
        np.testing.assert_array_equal(a, b)


def test_only_the_protocol_s_messages_cross_the_wire(two_processes):
    labels, _, _, order, _ = two_processes
    kinds = [(crossing.sender, crossing.kind) for crossing in labels.crossings]
    start = [
        ("features", "public_key"),
        ("labels", "PublicKey"),
        ("features", "Probe"),
        ("labels", "done"),
    ]
    batch = [
        ("features", "encrypt_labels"),
        ("labels", "EncryptedLabels"),
        ("features", "MaskedSignals"),
        ("labels", "EncryptedShare"),
        ("features", "MaskedProducts"),
        ("labels", "MaskedGradient"),
    ]
    assert kinds == start + batch * len(order)
    # From L come ciphertexts, and integers that are masked.
    bare = set()
    for crossing in labels.crossings:
        if crossing.sender == "labels":
            _, tensors = unpack(crossing.data)
            bare |= {name for name, tensor in tensors.items() if tensor.dtype != tf.variant}
    assert bare == {"agreed", "top", "bottom"}


def test_neither_labels_nor_what_they_follow_from_cross_in_the_clear(two_processes):
    """The labels, their one-hot form, residuals and true sums are looked for in all their bytes."""
    labels, _, _, order, _ = two_processes
    wire = b"".join(crossing.data for crossing in labels.crossings if crossing.sender == "labels")
    _, y = data()
    for batch in order:
        for secret in (y[batch], np.eye(3)[y[batch]], np.eye(3)[y[batch]].T):
            for dtype in (np.int8, np.int32, np.int64, np.float32, np.float64):
                needle = np.ascontiguousarray(secret.astype(dtype)).tobytes()[:48]
                assert needle not in wire
    # The integers that L opens are uniform, and say nothing of the sums behind them: the same
    # batch, twice, gives other ones; see test_what_each_party_decrypts_or_receives_is_uniform.
    opened = [
        unpack(c.data)[1]["bottom"].numpy() for c in labels.crossings if c.kind == "MaskedGradient"
    ]
    values = np.concatenate([o.ravel() for o in opened])
    assert abs(values.mean() - T / 2) < 8 * T / math.sqrt(12 * values.size)
    assert len(np.unique(values)) > 0.99 * values.size


def test_no_message_can_hold_a_key(two_processes):
    labels, *_ = two_processes
    declared = {
        name: {field for field in cls.__dataclass_fields__}
        for name, cls in vars(messages).items()
        if isinstance(cls, type) and issubclass(cls, messages.Message)
    }
    assert not any("key" in field for fields in declared.values() for field in fields)
    # A key is a tensor of variants of another kind: its type's name stands in its bytes.
    [kind] = {_variant_kind(KeyedRing(small_ring(T))._key._raw_keys_at_level)}
    wire = b"".join(crossing.data for crossing in labels.crossings)
    assert kind in tf.io.serialize_tensor(rings()[0]._key._raw_keys_at_level).numpy()
    assert kind not in wire


def _variant_kind(tensor):
    data = tf.io.serialize_tensor(tensor).numpy()
    start = data.index(b"ShellKey") if b"ShellKey" in data else data.index(b"Key")
    return data[start : start + 8]


def test_a_labels_process_that_is_killed_is_one_clear_error(two_processes):
    *_, lost = two_processes
    assert "L's process has ended (killed by SIGKILL) while answering `public_key`" in str(
        lost.value
    )


def test_the_labels_process_says_why_it_failed(in_thread, monkeypatch, tmp_path):
    started = []

    def start(name, module, settings, ledger):
        assert module == process.__name__
        started.append(in_thread(process.prepare, name, settings, ledger))
        return started[-1]

    # What a process says of its start arrives in the same way, and sooner: TensorFlow is here.
    monkeypatch.setattr(process.Peer, "start", start)
    np.save(tmp_path / "labels.npy", np.array([0, 7]))
    with pytest.raises(WrongParameters, match="go from 0 to 7"):
        LabelsProcess(Parameters(**SIZES), tmp_path / "labels.npy")
    with pytest.raises(PartyError, match=r"No such file .*none\.npy"):
        LabelsProcess(Parameters(**SIZES), tmp_path / "none.npy")
    assert [peer.closed for peer in started] == [True, True]
