"""Options that can't both be meant: told at once, in place of a bench that leaves one of them out."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from tlx.bench.engines import KERAS_KINDS
from tlx.errors import InputError

if TYPE_CHECKING:
    from tlx.bench.prepare import BenchOptions


def refuse_contradictions(options: BenchOptions) -> None:
    """Look at what was asked for.

    Raises:
        InputError: If two options contradict each other; it names both.
    """
    named = [pattern for pattern in options.engines if pattern.startswith("keras")]
    if options.is_without_keras and options.keras_python is not None:
        raise InputError("--keras none measures no Keras, --keras-python says what runs it: leave one of them out")
    if options.is_without_keras and named:
        raise InputError(f"--keras none measures no Keras, --engine {named[0]} asks for it: leave one of them out")
    if options.keras_python is not None and options.engines and not any(map(_takes_keras, options.engines)):
        raise InputError(
            f"--keras-python says what runs Keras, --engine {' '.join(options.engines)} takes none of it: "
            "leave one of them out"
        )


def _takes_keras(pattern: str) -> bool:
    return bool(fnmatch.filter(KERAS_KINDS, pattern))
