"""What tests of several modules use."""

import pytest

from tests.kernels import KINDS, places


@pytest.fixture(scope="module", params=KINDS)
def place(request):
    """Where sandboxed kernels run, in both ways."""
    with places(request.param) as place:
        yield place
