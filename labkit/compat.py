"""TensorFlow Privacy, TensorFlow Federated and tf-shell in one process, under TensorFlow 2.20.

All three work with it, but not as they are: their last releases expect Keras 2 as `tf.keras`, and
import modules that no longer exist for features that the labs never use. `prepare` sets the former
and supplies stand-ins for the latter before TensorFlow is imported; `import labkit` calls it. Under
a later TensorFlow (2.21 was tried) the first two work as well; tf-shell does not, and says so.
"""

import contextlib
import ctypes
import functools
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import logging
import os
import re
import sys
import types
from pathlib import Path

from labkit import tff_worker

# The oldest that will do, and the one that tf-shell's compiled operations are made for.
TENSORFLOW = "2.20"

# Modules that are there and cannot be imported: always replaced.
BROKEN = {
    "tensorflow_privacy.privacy.estimators": "TensorFlow has had no estimators since 2.16",
    "tensorflow_federated.python.core.environments.jax": "jax has had no XlaComputation since 0.5",
}
# Packages that are not there, and that the labs do without: replaced unless installed.
MISSING = {
    "tensorflow_model_optimization": "it is not installed; TFF compresses updates with it",
    "vizier": "it is not installed; TFF tunes hyperparameters with it",
}

_FRESH_START = (
    "Restart the kernel (in Colab: Runtime > Restart session), then run the notebook from its "
    "first cell, so that labkit is imported before tensorflow."
)


class StandIn(types.ModuleType):
    """A module that is not there: its names can be read, as type annotations do, but not used."""

    def __init__(self, name: str, reason: str):
        super().__init__(name, f"Stands in for a module that cannot be imported: {reason}.")
        self._reason = reason

    def __getattr__(self, name: str) -> "StandIn":
        # Python and its tools ask every object for special names, to learn what it is.
        if name.startswith("_"):
            raise AttributeError(f"{self.__name__} has no {name}")
        return StandIn(f"{self.__name__}.{name}", self._reason)

    def __or__(self, other) -> "StandIn":
        return self

    __ror__ = __or__

    def __call__(self, *args, **kwargs):
        raise NotImplementedError(f"{self.__name__} does not work here: {self._reason}.")

    # A base class, and the class of an isinstance() test, are uses too.
    __mro_entries__ = __instancecheck__ = __call__


class StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the listed modules, and whatever is asked for inside them; nothing else."""

    def __init__(self, reasons: dict[str, str]):
        self.reasons = reasons

    def find_spec(self, fullname, path=None, target=None):
        for name, reason in self.reasons.items():
            if fullname == name or fullname.startswith(f"{name}."):
                return importlib.machinery.ModuleSpec(
                    fullname, self, loader_state=reason, is_package=True
                )
        return None

    def create_module(self, spec):
        return StandIn(spec.name, spec.loader_state)

    def exec_module(self, module):
        pass


def _is_news(record: logging.LogRecord) -> bool:
    """False for what TensorFlow says of libraries' doings that the caller can do nothing about."""
    message = record.getMessage()
    unused_by_secure_aggregator = "Object was never used" in message and "assert_less" in message
    # A lab trains many small models; each traces anew, and so do TF Privacy's jacobians.
    return not (unused_by_secure_aggregator or "triggered tf.function retracing" in message)


def _hush(graph_optimizations: types.ModuleType) -> None:
    """Silence what TFF's graph optimizer has TensorFlow log: TF_CPP_MIN_LOG_LEVEL does not."""
    tensorflow = sys.modules["tensorflow"].__file__
    assert tensorflow is not None
    library = ctypes.CDLL(str(Path(tensorflow).parent / "libtensorflow_framework.so.2"))
    # void absl::SetMinLogLevel(absl::LogSeverityAtLeast), in the Abseil of each TensorFlow.
    for release in ABSEIL:
        name = f"_ZN4absl12lts_{release}14SetMinLogLevelENS0_18LogSeverityAtLeastE"
        if (set_min_log_level := getattr(library, name, None)) is not None:
            set_min_log_level(ctypes.c_int(3))  # kFatal


def _defer_to_ciphertexts(shell_tensor: types.ModuleType) -> None:
    """Let `array * ciphertext` be the ciphertext's business, as a whole, and not entry by entry."""
    shell_tensor.ShellTensor64.__array_ufunc__ = None


def _make_keys_in_silence(shell_key: types.ModuleType) -> None:
    """Drop "INFO: Generating key", which tf-shell's C++ prints for each key."""
    theirs = shell_key.create_key64

    @functools.wraps(theirs)
    def create_key64(*args, **kwargs):
        sys.stdout.flush()
        with open(os.devnull, "w") as nowhere:
            kept = os.dup(1)
            try:
                os.dup2(nowhere.fileno(), 1)
                return theirs(*args, **kwargs)
            finally:
                os.dup2(kept, 1)
                os.close(kept)

    vars(shell_key)["create_key64"] = create_key64


# Of TensorFlow 2.20 and 2.21.
ABSEIL = ("20250127", "20250814")

AFTER_IMPORT = {
    "tensorflow_federated.python.core.impl.executor_stacks.executor_factory": tff_worker.adopt,
    "tensorflow_federated.python.core.environments.tensorflow_backend.graph_optimizations": _hush,
    "tf_shell.python.shell_tensor": _defer_to_ciphertexts,
    "tf_shell.python.shell_key": _make_keys_in_silence,
}


class ExactFinder(importlib.abc.MetaPathFinder):
    """Refuses tf-shell where its compiled operations would not load, and says what to do."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "tf_shell":
            return None
        version = tensorflow_version()
        if version is not None and _release(version) != _release(TENSORFLOW):
            raise ImportError(
                f"tf-shell's compiled operations need TensorFlow {TENSORFLOW}, and this is "
                f"{version}: run `%pip install {_distribution()}=={TENSORFLOW}.0 "
                f"tf-keras=={TENSORFLOW}.1`. {_FRESH_START}"
            )
        return None


class AfterImportFinder(importlib.abc.MetaPathFinder):
    """Calls the functions of `AFTER_IMPORT` with the modules that they change, once loaded."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in AFTER_IMPORT:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None:
            assert isinstance(spec.loader, importlib.machinery.SourceFileLoader)
            spec.loader = _AfterImportLoader(spec.loader.name, spec.loader.path)
        return spec


class _AfterImportLoader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        AFTER_IMPORT[module.__name__](module)


def prepare() -> None:
    """Make the three libraries importable; quick, silent, and free to be called again.

    TensorFlow is not imported, and need not be installed. It may have been imported already, as
    long as nothing has touched `tf.keras`: TensorFlow binds that name on first use.

    Guarantees, from here on: `tf.keras` is Keras 2 (the package tf_keras); TensorFlow's runtime
    logs nothing, computes with oneDNN, and takes of a GPU's memory what it needs; an import of a
    module in `BROKEN` or `MISSING` yields a `StandIn`, one of tf-shell under another TensorFlow
    than 2.20 an ImportError that says what to do; TFF's worker process ends when this process does
    (`labkit.tff_worker`).

    Raises:
        ImportError: TensorFlow is older than 2.20, has no tf_keras of its version beside it, or has
            already bound `tf.keras` to Keras 3. The message says what to do.
    """
    _require_version()
    _choose_keras_2()
    # Logs go to stderr, where nbgrader takes any line for a failed cell. Errors raise besides.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    # By itself TensorFlow takes oneDNN's convolutions only where there is VNNI. With AVX2 alone, on
    # many of Colab's processors, a training step of lab 01 takes 2.5 times as long without.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # On a GPU the first process of several would take all of its memory: none takes it in advance.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    logging.getLogger("tensorflow").addFilter(_is_news)
    if not any(isinstance(finder, StandInFinder) for finder in sys.meta_path):
        # First in line answers instead of the real module; last in line, only for want of one.
        sys.meta_path.insert(0, StandInFinder(BROKEN))
        sys.meta_path.append(StandInFinder(MISSING))
        sys.meta_path.insert(0, AfterImportFinder())
        sys.meta_path.insert(0, ExactFinder())


def _require_version() -> None:
    version = tensorflow_version()
    if version is None:
        return
    major, minor = _release(version)
    if (major, minor) < _release(TENSORFLOW):
        raise ImportError(
            f"The labs need TensorFlow {TENSORFLOW} or later, this is {version}. Use the labs' own "
            f"environment (make lab), or in Colab: %pip install tensorflow=={TENSORFLOW}.0 "
            f"tf-keras=={TENSORFLOW}.1. {_FRESH_START}"
        )
    if importlib.util.find_spec("tf_keras") is None:
        raise ImportError(
            f"TensorFlow {version} is here, but not tf_keras, its Keras 2. Use the labs' own "
            f"environment (make lab), or: pip install --no-deps tf-keras~={major}.{minor}.0"
        )


def _release(version: str) -> tuple[int, int]:
    """Return major and minor version, as numbers."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def tensorflow_version() -> str | None:
    """Return the version of the TensorFlow that is here, imported or not; None if none is."""
    if (tf := sys.modules.get("tensorflow")) is not None:
        return tf.__version__
    name = _distribution()
    return None if name is None else importlib.metadata.version(name)


def _distribution() -> str | None:
    """Return under which of its names TensorFlow is installed."""
    for name in ("tensorflow", "tensorflow-cpu"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            importlib.metadata.version(name)
            return name
    return None


def _choose_keras_2() -> None:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    tf = sys.modules.get("tensorflow")
    if tf is None:
        return
    # Each of these is a lazy loader without a file until it is first used; vars() does not use it.
    for name in ("keras", "losses", "metrics", "optimizers", "initializers"):
        file = vars(vars(tf)[name]).get("__file__")
        if file is not None and "tf_keras" not in Path(file).parts:
            raise ImportError(
                f"tf.{name} is already Keras 3 here, and the labs need Keras 2. {_FRESH_START}"
            )
    # `import tensorflow.keras` goes by the path that TensorFlow chose when it was imported.
    spec = importlib.util.find_spec("tf_keras")
    assert spec is not None and spec.origin is not None
    keras_2 = str(Path(spec.origin).parent / "api" / "_v2")
    if keras_2 not in tf.__path__:
        tf.__path__.insert(0, keras_2)
