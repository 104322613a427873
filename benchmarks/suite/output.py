"""Where a benchmark's result goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tlx import atomic


def deliver(result: Any, output: Path | None) -> None:
    """Print a result as JSON, and write it whole to the file of ``--output`` if one was given.

    Raises:
        OutputError: If the file can't be written.
    """
    print(json.dumps(result, indent=2))
    if output:
        atomic.write_json(output, result)
