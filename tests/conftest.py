"""How tests share processes when they run side by side (`-n 2 --dist loadgroup`)."""

import pytest


def pytest_collection_modifyitems(items):
    """Keep a file's tests in one process: they share what is costly to make.

    Tests of a module with `SPREAD = True` share nothing, and go to whoever is free.
    """
    for item in items:
        if not getattr(item.module, "SPREAD", False) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
