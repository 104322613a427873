"""A program that loads an engine, classifies one photo, says its label, and nothing else.

``python -m tlx.bench.measures.first_label SETUP``: the first message to a worker, as JSON. What is timed is the way
from the start of this process to its first line: ``{"label": 1}``, the number of the label.
"""

from __future__ import annotations

import os
import sys

from tlx.errors import TlxError
from tlx.runtime.timing.protocol import Setup, decode


def main(line: str) -> int:
    """Classify the first photo; gives the exit code."""
    setup = decode(line.encode())
    assert isinstance(setup, Setup)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        from tlx.bench.backends import build
        from tlx.runtime.timing.pictures import load_batches

        backend = build(setup)
        probabilities = backend.infer(load_batches(setup)[0])
    except TlxError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f'{{"label": {int(probabilities[0].argmax())}}}', flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
