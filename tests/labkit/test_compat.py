"""One TensorFlow for all three libraries, one clear error otherwise, and no worker left behind.

What is tested is the state of a whole process, so each test is one, started afresh.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from labkit import compat
from tests.processes import has_ended

pytestmark = pytest.mark.pythons

REPOSITORY = Path(__file__).parents[2]


def environment(**changes):
    """This process's environment, less what importing labkit has put into it."""
    ours = {
        "TF_USE_LEGACY_KERAS",
        "TF_CPP_MIN_LOG_LEVEL",
        "TF_ENABLE_ONEDNN_OPTS",
        "TF_FORCE_GPU_ALLOW_GROWTH",
        "GRPC_VERBOSITY",
    }
    return {name: value for name, value in os.environ.items() if name not in ours} | changes


def python(script, *options, **changes):
    """Run a script and return what became of it."""
    return subprocess.run(
        [sys.executable, *options, "-c", script],
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=300,
    )


def without_packages(script, *folders):
    """Run a script where nothing is installed: it finds labkit and what `folders` hold."""
    path = os.pathsep.join(map(str, [REPOSITORY, *folders]))
    return python(script, "-S", PYTHONPATH=path)


def printed(result):
    """The stdout of a script that ended well and said nothing on stderr."""
    assert (result.returncode, result.stderr) == (0, ""), result.stdout + result.stderr
    return result.stdout.strip()


def last_line(result):
    """The last line of the traceback that a script ended with."""
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stderr.strip().splitlines()[-1]


def test_all_libraries_work_in_one_process_and_in_silence():
    script = Path(__file__).with_name("one_process.py").read_text()
    assert printed(python(script)).endswith("all done")


# Which Keras


def test_labkit_leaves_tensorflow_alone():
    assert printed(python("import labkit, sys; print('tensorflow' in sys.modules)")) == "False"


def test_labkit_imports_without_tensorflow():
    script = "import importlib.util, labkit; print(importlib.util.find_spec('tensorflow'))"
    assert printed(without_packages(script)) == "None"


IS_KERAS_2 = """
import tensorflow.keras.layers
from tensorflow.keras import Model
names = [tf.keras.layers.Dense, tf.optimizers.Adam, tensorflow.keras.layers.Dense, Model]
print({name.__module__.split(".")[0] for name in names})
"""


@pytest.mark.parametrize(
    "imports",
    [
        "import tensorflow as tf; import labkit",
        "import os; os.environ.update(TF_USE_LEGACY_KERAS='0'); import labkit, tensorflow as tf; "
        "import importlib; importlib.reload(labkit)",
        "import tensorflow as tf; import keras; keras.layers.Dense; import labkit",
    ],
)
def test_tf_keras_is_keras_2(imports):
    assert printed(python(imports + IS_KERAS_2, TF_CPP_MIN_LOG_LEVEL="3")) == "{'tf_keras'}"


@pytest.mark.parametrize(
    ("use", "name"),
    [
        ("tf.keras.layers.Dense", "tf.keras"),
        ("tf.optimizers.Adam", "tf.optimizers"),
        ("from tensorflow.keras import layers", "tf.keras"),
    ],
)
def test_too_late_is_one_clear_error(use, name):
    message = last_line(python(f"import tensorflow as tf\n{use}\nimport labkit"))
    assert message.startswith(f"ImportError: {name} is already Keras 3 here")
    assert "Restart the kernel (in Colab: Runtime > Restart session)" in message


def installed(folder, name, version):
    """Make it look to Python as if a package were installed in this folder."""
    metadata = folder / f"{name}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.mark.parametrize("version", ["2.19.1", "2.2.0", "2.9.3", "1.15.5"])
@pytest.mark.parametrize("name", ["tensorflow", "tensorflow-cpu"])
def test_wrong_tensorflow_is_one_clear_error(name, version, tmp_path):
    installed(tmp_path, name.replace("-", "_"), version)
    message = last_line(without_packages("import labkit", tmp_path))
    assert message.startswith(
        f"ImportError: The labs need TensorFlow 2.20 or later, this is {version}."
    )
    assert "tensorflow==2.20.0" in message and "Restart the kernel" in message


def test_wrong_tensorflow_that_is_already_imported(tmp_path):
    (tmp_path / "tensorflow.py").write_text("__version__ = '2.19.1'")
    message = last_line(without_packages("import tensorflow, labkit", tmp_path))
    assert message.startswith("ImportError: The labs need TensorFlow 2.20 or later, this is 2.19")


@pytest.mark.parametrize("version", ["2.21.0", "2.22.0rc1", "3.0.0"])
def test_a_later_tensorflow_stops_only_what_needs_the_exact_one(version, tmp_path):
    installed(tmp_path, "tensorflow_cpu", version)
    for package in ("tf_keras", "tf_shell"):
        (tmp_path / f"{package}.py").write_text("")
    assert printed(without_packages("import labkit; print('there')", tmp_path)) == "there"
    message = last_line(without_packages("import labkit, tf_shell", tmp_path))
    assert message.startswith("ImportError: tf-shell's compiled operations need TensorFlow 2.20")
    assert f"this is {version}: run `%pip install tensorflow-cpu==2.20.0" in message


@pytest.mark.parametrize(
    "name, value, other",
    [("TF_FORCE_GPU_ALLOW_GROWTH", "true", "false"), ("TF_ENABLE_ONEDNN_OPTS", "1", "0")],
)
def test_what_labkit_chooses_for_tensorflow_is_inherited_and_may_be_chosen_otherwise(
    name, value, other
):
    """No process takes a GPU's whole memory in advance, and each convolves by oneDNN."""
    script = f"import labkit, os; print(os.environ[{name!r}])"
    assert printed(python(script)) == value
    assert printed(python(script, **{name: other})) == other


def test_missing_keras_2_is_one_clear_error(tmp_path):
    installed(tmp_path, "tensorflow", "2.20.0")
    message = last_line(without_packages("import labkit", tmp_path))
    assert message.startswith("ImportError") and "pip install --no-deps tf-keras~=2.20.0" in message


# Stand-ins

STAND_INS = compat.BROKEN | compat.MISSING


def test_each_stand_in_is_needed():
    """Without its entry, what TFF or TF Privacy imports from it does not import."""
    script = f"""
from labkit import compat
import importlib, sys, tensorflow_federated, tensorflow_privacy
for name in {list(STAND_INS)}:
    compat.BROKEN.pop(name, None) or compat.MISSING.pop(name)
    for module in [module for module in sys.modules if module.startswith(name)]:
        del sys.modules[module]
    try:
        # The package of the estimators is an empty one.
        importlib.import_module(name + ".dnn" * name.endswith("estimators"))
    except (ImportError, AttributeError):
        print(name)
"""
    assert printed(python(script)).split() == list(STAND_INS)


@pytest.fixture
def stand_in(request):
    module = compat.StandInFinder(STAND_INS)
    return module.create_module(module.find_spec(request.param))


@pytest.mark.parametrize("stand_in", STAND_INS, indirect=True)
def test_stand_in_can_be_read_and_not_used(stand_in):
    def annotated(x: stand_in.some.Thing | None, y: list[stand_in.Other]) -> stand_in.Result:
        return x, y

    assert annotated(1, 2) == (1, 2)
    assert not hasattr(stand_in, "_private") and not hasattr(stand_in.some, "__wrapped__")
    name = f"{stand_in.__name__}.some.Thing"
    with pytest.raises(NotImplementedError, match=f"^{name} does not work here: "):
        stand_in.some.Thing(1, key=2)
    with pytest.raises(NotImplementedError, match=f"^{name} does not work here: "):

        class Derived(stand_in.some.Thing):
            pass

    with pytest.raises(NotImplementedError, match=f"^{name} does not work here: "):
        isinstance(1, stand_in.some.Thing)
    with pytest.raises(NotImplementedError, match=f"^{stand_in.__name__} does not work here: "):
        stand_in()


def test_stand_in_is_what_the_libraries_get():
    script = """
import labkit, numpy, tensorflow_privacy, tensorflow_federated as tff
VECTOR = tff.TensorType(numpy.float32, [10])
for use in (
    lambda: tensorflow_privacy.DNNClassifier(hidden_units=[4], feature_columns=[]),
    lambda: tff.jax.computation(lambda: 1),
    lambda: tff.aggregators.EncodedSumFactory.quantize_above_threshold(8, 1).create(VECTOR),
):
    try:
        use()
    except Exception as error:
        print(error)
"""
    lines = printed(python(script)).splitlines()
    assert len(lines) == 3, lines
    assert lines[0].startswith("tensorflow_privacy.privacy.estimators.")
    assert lines[1].startswith("tensorflow_federated.python.core.environments.jax.")
    assert lines[2].startswith("tensorflow_model_optimization.")


@pytest.mark.parametrize("name", ["tensorflow_estimator", "vizier_", "jax_", "tensorflow_privac"])
def test_what_is_not_listed_is_still_missing(name):
    message = last_line(python(f"import labkit, {name}"))
    assert message == f"ModuleNotFoundError: No module named '{name}'"


@pytest.mark.parametrize("name", compat.MISSING)
def test_what_is_installed_is_not_replaced(name, tmp_path):
    """The real package comes first, with its own failures if it has any."""
    (tmp_path / f"{name}.py").write_text("real = True")
    assert printed(without_packages(f"import labkit, {name}; print({name}.real)", tmp_path))
    (tmp_path / f"{name}.py").write_text("raise OSError('of its own')")
    message = last_line(without_packages(f"import labkit, {name}", tmp_path))
    assert message == "OSError: of its own"


# Workers


# Newer Pythons warn of a fork beside other threads, which is what is tested.
FORK_QUIETLY = "import warnings; warnings.simplefilter('ignore', DeprecationWarning)"
WORKER = f"""
import os, signal, sys, threading, time
{FORK_QUIETLY}
from labkit.tff_worker import Worker
def start():
    worker = Worker(["sleep", "300"])
    while not open("/proc/%d/cmdline" % worker.pid).read().startswith("sleep"):
        time.sleep(0.01)
    return worker
"""
ENDINGS = {
    "end of the script": "",
    "exception": "raise ValueError",
    "exception in a thread": "threading.Thread(target=lambda: 1 / 0).start()",
    "sys.exit": "sys.exit(3)",
    "os._exit": "os._exit(3)",
    "abort": "os.abort()",
    "exec": "os.execv('/bin/true', ['true'])",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGHUP": "os.kill(os.getpid(), signal.SIGHUP)",
    "SIGINT": "os.kill(os.getpid(), signal.SIGINT)",
    "a forked child that lives on": "os.fork() or (os.setsid(), time.sleep(60))",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_worker_ends_with_its_process(ending, tmp_path):
    # A file and not a pipe: the forked child would keep a pipe open.
    script = f"{WORKER}\nworker = start()\nprint(worker.pid, flush=True)\n{ENDINGS[ending]}"
    output = tmp_path / "output"
    with output.open("w") as file:
        subprocess.run(
            [sys.executable, "-c", script],
            env=environment(),
            stdout=file,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
    assert has_ended(int(output.read_text()))


def test_worker_does_not_end_before():
    """Not with the thread that asked for it, a forked child, or an interrupt of the group."""
    script = f"""{WORKER}
asked = []
thread = threading.Thread(target=lambda: asked.append(start()))
thread.start()
thread.join()
[worker] = asked
os.waitpid(os.fork() or sys.exit(), 0)
signal.signal(signal.SIGINT, lambda *_: None)
os.killpg(0, signal.SIGINT)
time.sleep(0.5)
print(worker.poll())
worker.send_signal(signal.SIGINT)
print(worker.wait())
"""
    process = subprocess.run(
        # As in the background of a shell, where SIGINT is ignored: the worker must not be deaf.
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
    assert printed(process).split() == ["None", str(-signal.SIGINT)]


def test_worker_that_cannot_start_is_an_error():
    script = "from labkit.tff_worker import Worker; import sys; sys.executable = '/nowhere'; "
    message = last_line(python(script + "Worker(['sleep', '300'])"))
    assert message.startswith("FileNotFoundError")


TFF = """
import labkit
import os, sys
import tensorflow as tf
import tensorflow_federated as tff

@tff.tensorflow.computation(tf.int32)
def add_one(x):
    return x + 1

print(add_one(1), flush=True)
"""


def workers(pid):
    """The ids of TFF's workers under a process."""
    children = psutil.Process(pid).children(recursive=True)
    return [child.pid for child in children if "worker_binary" in child.name()]


def test_forked_child_that_drops_its_context_leaves_the_parent_its_worker():
    script = f"""{TFF}
{FORK_QUIETLY}
import psutil
child = os.fork()
if child == 0:
    # Ends the worker of the context that it replaces, if TFF believes that there is one.
    tff.backends.native.set_sync_local_cpp_execution_context()
    os._exit(0)
os.waitpid(child, 0)
print([process.status() for process in psutil.Process().children()], add_one(2))
"""
    assert printed(python(script)).splitlines() == ["2", "['sleeping'] 3"]


def test_tff_worker_ends_with_a_kernel():
    """The workers of a kernel that is interrupted, restarted, and killed."""
    jupyter_client = pytest.importorskip("jupyter_client")
    pytest.importorskip("ipykernel")
    manager = jupyter_client.KernelManager(kernel_name="python3")
    manager.start_kernel(env=environment())
    try:
        ended = []
        for end in ("restart", "shutdown"):
            client = manager.blocking_client()
            client.start_channels()
            client.wait_for_ready(timeout=60)
            reply = client.execute_interactive(TFF, timeout=120)
            assert reply["content"]["status"] == "ok", reply["content"]
            [worker] = workers(manager.provisioner.process.pid)
            manager.interrupt_kernel()
            assert not has_ended(worker, within=0.5)
            client.stop_channels()
            manager.restart_kernel() if end == "restart" else manager.shutdown_kernel(now=True)
            ended.append(has_ended(worker))
        assert ended == [True, True]
    finally:
        manager.shutdown_kernel(now=True)


def test_ciphertexts_take_numpy_s_factors_whole_and_keys_are_made_in_silence():
    script = """
import labkit, numpy as np, tensorflow as tf, tf_shell
context = tf_shell.create_context64(
    log_n=10, main_moduli=[8556589057], plaintext_modulus=12289, scaling_factor=1)
key = tf_shell.create_key64(context)
slots = int(context.num_slots.numpy())
numbers = np.arange(2 * slots, dtype=np.int64).reshape(slots, 2) % 50
encrypted = tf_shell.to_encrypted(numbers, key, context)
for wanted, found in {
    "product": (3 * numbers, np.full_like(numbers, 3) * encrypted),
    "difference": (7 - numbers, np.full_like(numbers, 7) - encrypted),
    "sum": (7 + numbers, np.full_like(numbers, 7) + encrypted),
}.values():
    assert type(found) is type(encrypted), type(found)
    assert np.array_equal(tf_shell.to_tensorflow(found, key), wanted)
print("whole")
"""
    assert printed(python(script)) == "whole"
