"""MNIST is the published data, needs no network, and says so when it is damaged."""

import hashlib
import io
import re
import socket
import struct
import zipfile

import numpy as np
import pytest

from labkit import data


@pytest.fixture(scope="module")
def arrays():
    (x_train, y_train), (x_test, y_test) = data.load_mnist()
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def test_is_the_published_data(arrays):
    """Each array, written in the IDX format it was published in, has the published MD5."""
    published = dict(
        re.findall(r"`(\w+)` *\|.*\| (\w{32})", (data.MNIST.parent / "README.md").read_text())
    )
    assert published.keys() == arrays.keys()
    for name, array in arrays.items():
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        assert hashlib.md5(header + array.tobytes()).hexdigest() == published[name], name


def test_looks_as_keras_has_it(arrays):
    assert {name: array.shape for name, array in arrays.items()} == {
        "x_train": (60000, 28, 28),
        "y_train": (60000,),
        "x_test": (10000, 28, 28),
        "y_test": (10000,),
    }
    assert all(array.dtype == np.uint8 for array in arrays.values())
    assert set(arrays["y_train"]) == set(range(10))


def test_needs_no_network_and_shares_nothing(arrays, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("load_mnist opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    (x_train, _), _ = data.load_mnist()
    x_train[:] = 0
    assert arrays["x_train"].any()


def truncated(content):
    return content[: len(content) // 2]


def emptied(content):
    return b""


def one_byte_changed(content):
    middle = len(content) // 3
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def rewritten(content, **changes):
    """A sound .npz file with other arrays in it; None leaves an array out."""
    with np.load(io.BytesIO(content)) as file:
        arrays = {**file, **changes}
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in arrays.items() if array is not None})
    return buffer.getvalue()


def one_label_changed(content):
    with np.load(io.BytesIO(content)) as file:
        labels = file["y_test"]
    labels[0] += 1
    return rewritten(content, y_test=labels)


def array_left_out(content):
    return rewritten(content, y_train=None)


def pickled(content):
    return rewritten(content, x_test=np.array([{}], dtype=object))


def another_zip(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in data.MNIST_SHA256:
            file.writestr(f"{name}.npy", b"no array")
    return buffer.getvalue()


DAMAGES = [
    truncated,
    emptied,
    one_byte_changed,
    one_label_changed,
    array_left_out,
    pickled,
    another_zip,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_clear_error(damage, tmp_path, monkeypatch):
    file = tmp_path / "mnist.npz"
    file.write_bytes(damage(data.MNIST.read_bytes()))
    monkeypatch.setattr(data, "MNIST", file)
    with pytest.raises(RuntimeError, match=r"cannot be used .* Install labkit again"):
        data.load_mnist()


def test_missing_file_is_the_same_error(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "MNIST", tmp_path / "mnist.npz")
    with pytest.raises(RuntimeError, match=r"cannot be used .* Install labkit again"):
        data.load_mnist()
