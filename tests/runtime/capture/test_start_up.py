from __future__ import annotations

import subprocess
import sys


def test_the_capture_process_starts_light() -> None:
    """It's started again whenever a driver hangs."""
    heavy = {"onnxruntime", "pydantic", "typer", "rich", "ssl", "asyncio"}
    code = f"import sys, tlx.runtime.capture.child; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
