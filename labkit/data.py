"""The data the labs train on: inside this package, so that a lab starts without a download."""

import hashlib
import zipfile
import zlib
from pathlib import Path

import numpy as np

MNIST = Path(__file__).parent / "mnist" / "mnist.npz"

# SHA-256 of each array's bytes. The bytes are those of the published files: see mnist/README.md.
MNIST_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}

Split = tuple[np.ndarray, np.ndarray]


def load_mnist() -> tuple[Split, Split]:
    """Return the MNIST database of handwritten digits, `((x_train, y_train), (x_test, y_test))`.

    As `tf.keras.datasets.mnist.load_data()` has it: images uint8 of shape (60000, 28, 28) and
    (10000, 28, 28), 0 for paper to 255 for ink; labels uint8 of shape (60000,) and (10000,), 0 to
    9. Nothing is downloaded. Every array is checked to be the published one, byte for byte, and is
    the caller's own: it may be changed.

    Raises:
        RuntimeError: the file in labkit is missing or damaged.

    Source: LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document
    recognition, Proc. IEEE 86(11), 1998.
    """
    try:
        with np.load(MNIST) as file:
            arrays = {name: np.asarray(file[name]) for name in MNIST_SHA256}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(f"{type(error).__name__}: {error}") from error
    for name, sha256 in MNIST_SHA256.items():
        if hashlib.sha256(arrays[name].tobytes()).hexdigest() != sha256:
            raise _damaged(f"the SHA-256 of {name} is not that of the published data")
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def _damaged(why: str) -> RuntimeError:
    return RuntimeError(f"{MNIST} cannot be used ({why}). Install labkit again to restore it.")
