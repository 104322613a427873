"""ONNX to MNN: ``python mnn.py MODEL.onnx MODEL.mnn``, in MNN's environment.

MNN's own command ``mnnconvert`` isn't used: when it's done, it installs a package into whatever environment the first
``pip`` of the path belongs to, and reports to its maker. What it calls to convert does neither.
"""

from __future__ import annotations

import sys

import _tools


def main(source: str, target: str) -> None:
    """Convert one file."""
    _tools.mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", source, "--MNNModel", target, "--bizCode", "tlx"])


if __name__ == "__main__":
    main(*sys.argv[1:])
