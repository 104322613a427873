"""The one place that imports ONNX Runtime.

From 1.29 its wheels report every session (the model file's name and graph name, the hashes of its weights) to
their maker, and leave a device identity and a queue under ``~/.cache``. An edge device that phones home
behind its owner's back is not ours, so the switch is set before the library loads; whoever wants the reports
sets ``ORT_DISABLE_TELEMETRY=0``. Child processes inherit the switch.
"""

from __future__ import annotations

import os

from tlx.errors import MissingDependencyError

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    import onnxruntime  # noqa: TID251 - this is that place
except ImportError as error:
    raise MissingDependencyError(
        f"ONNX Runtime can't be imported ({error}): run 'pip uninstall onnxruntime onnxruntime-gpu' "
        "and 'pip install --force-reinstall tlx-edge' (two of its packages in one place overwrite each other)"
    ) from error

__all__ = ["onnxruntime"]
