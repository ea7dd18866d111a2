"""What tests of several modules use."""

import pytest

from labkit.parties import parties


@pytest.fixture(scope="module")
def running():
    together = parties("alice", "bob")
    with together as pair:
        yield together, pair


@pytest.fixture
def alice(running):
    return running[1][0]


@pytest.fixture
def bob(running):
    return running[1][1]
