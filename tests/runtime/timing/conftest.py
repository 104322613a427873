"""Workers for the tests of timing."""

from __future__ import annotations

import pytest

from tlx.runtime.timing.protocol import NOOP_KIND, Setup


@pytest.fixture
def noop_setup() -> Setup:
    """A worker that computes nothing, on four pictures made by formula."""
    return Setup(
        kind=NOOP_KIND,
        model="none",
        device="cpu",
        classes=3,
        threads=1,
        cpus=[],
        photos=[],
        synthetic=4,
        size_hw=[8, 8],
        resize="area",
        batch=1,
    )
