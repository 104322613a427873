"""A peer in a process of its own environment: ``python -m peers.worker READ_FD WRITE_FD``.

The worker of the bench with the peers' engines: the same turns, the same clock, the same parking.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, cast

# Nothing else at module level: libraries that start threads must load after the processors are chosen.
from tlx.runtime.timing.worker import main

if TYPE_CHECKING:
    from tlx.runtime.timing.backends import Backend
    from tlx.runtime.timing.protocol import Setup


def _build(setup: Setup) -> Backend:
    engine = importlib.import_module(f"peers.engines.{setup.kind.partition('.')[0]}")
    return cast("Backend", engine.build(setup))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _build))
