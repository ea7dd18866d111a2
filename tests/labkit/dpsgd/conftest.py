"""What tests of several modules use."""

import importlib

import numpy as np
import pytest


@pytest.fixture(params=["tf_keras", "keras"])
def keras(request):
    """Keras 2 or Keras 3: they live in one process as long as no model mixes them."""
    module = importlib.import_module(request.param)
    module.utils.set_random_seed(7)
    yield module
    module.backend.set_floatx("float32")
    module.backend.clear_session()


@pytest.fixture
def rng():
    return np.random.default_rng(11)
