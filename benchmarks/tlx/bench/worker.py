"""One engine of the bench in a process of its own: ``python -m tlx.bench.worker READ_FD WRITE_FD``.

The worker of :mod:`tlx.runtime.timing`, which knows Keras as well.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

# Nothing else at module level: libraries that start threads must load after the processors are chosen.
from tlx.runtime.timing.worker import main

if TYPE_CHECKING:
    from tlx.runtime.timing.backends import Backend
    from tlx.runtime.timing.protocol import Setup


def _build(setup: Setup) -> Backend:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from tlx.bench.backends import build

    return build(setup)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _build))
