"""The process that loads hostile files; whatever they do to it, they do to nothing else.

Takes the first seed and the good files' names; writes before each file its seed and after it ``ok`` or ``refused``,
until it is killed or something happens that must not.
"""

from __future__ import annotations

import ctypes
import resource
import sys
import tempfile
from pathlib import Path

from tests.fuzz.mutations import hostile_file

from tlx.errors import TlxError
from tlx.runtime.classifier import Classifier
from tlx.runtime.engine_memory import limit_memory
from tlx.runtime.onnx_runtime import onnxruntime

ARENA_BYTES = 2**28
PEAK_BYTES = 2**29
"""What one file may cost beyond what the process has anyway, the arena included."""
ADDRESS_SPACE_BYTES = 2**32


def main(seed: int, paths: list[str]) -> None:
    """Load one hostile file after the other, from the seed on."""
    good = [Path(path).read_bytes() for path in paths]
    folder = Path(tempfile.mkdtemp())
    limit_memory(onnxruntime.SessionOptions(), ARENA_BYTES)
    for path in paths:
        Classifier.load(path, device="cpu", threads=1)
    start_bytes = _own_bytes("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (start_bytes + ADDRESS_SPACE_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    trim = ctypes.CDLL(None).malloc_trim
    while True:
        _tell(f"{seed} ")
        content = hostile_file(seed, good)
        (folder / "model.onnx").write_bytes(content)
        trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        before_bytes = _own_bytes("VmHWM")
        try:
            Classifier.load(folder / "model.onnx", device="cpu", threads=1)
            outcome = "ok"
        except TlxError as error:
            outcome = "refused"
            if "\n" in str(error) or len(str(error)) > 2000:  # one line for a person
                raise AssertionError(f"no line for a person: {str(error)[:300]!r}") from error
        cost_bytes = _own_bytes("VmHWM") - before_bytes
        assert cost_bytes < PEAK_BYTES, f"took {cost_bytes:,} bytes"
        _tell(f"{outcome}\n")
        seed += 1


def _tell(words: str) -> None:
    sys.stdout.write(words)
    sys.stdout.flush()


def _own_bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
