"""One engine under LoadGen in a process of its own: ``python -m tlx.bench.loadgen.worker READ_FD WRITE_FD``.

A worker of ``tlx bench`` that runs LoadGen's tests as well; it waits for them as the others wait for their turns.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

# Nothing else at module level: libraries that start threads must load after the processors are chosen.
from tlx.bench.loadgen.messages import LoadgenTest, Tested
from tlx.runtime.timing.worker import main

if TYPE_CHECKING:
    from tlx.runtime.timing.backends import Backend, Images
    from tlx.runtime.timing.protocol import Message, Setup


def _build(setup: Setup) -> Backend:
    from tlx.bench.backends import build

    return build(setup)


def _handle(backend: Backend, batches: list[Images], request: Message) -> Message:
    from tlx.bench.loadgen.running import run_test

    assert isinstance(request, LoadgenTest)
    run_test(backend, [picture for batch in batches for picture in batch], request)
    return Tested()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _build, _handle))
