"""What people's own programs import: a classifier, and sources of pictures; see ``docs/python.md``.

Names are loaded when they are used, so that importing a light part of this package stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tlx.errors import DeviceError, ImageError, InputError, ModelFileError, SourceError, TlxError
    from tlx.runtime.classifier import Classifier, Prediction
    from tlx.runtime.frames import Frame, State, StateChange
    from tlx.runtime.sources.opening import OpenSource, open_source
    from tlx.runtime.swapping.watched import WatchedClassifier

__all__ = [
    "Classifier",
    "DeviceError",
    "Frame",
    "ImageError",
    "InputError",
    "ModelFileError",
    "OpenSource",
    "Prediction",
    "SourceError",
    "State",
    "StateChange",
    "TlxError",
    "WatchedClassifier",
    "open_source",
]

_ERRORS: Final = ("DeviceError", "ImageError", "InputError", "ModelFileError", "SourceError", "TlxError")
_HOMES: Final[dict[str, str]] = {
    "Classifier": "tlx.runtime.classifier",
    "Frame": "tlx.runtime.frames",
    "OpenSource": "tlx.runtime.sources.opening",
    "Prediction": "tlx.runtime.classifier",
    "State": "tlx.runtime.frames",
    "StateChange": "tlx.runtime.frames",
    "WatchedClassifier": "tlx.runtime.swapping.watched",
    "open_source": "tlx.runtime.sources.opening",
    **dict.fromkeys(_ERRORS, "tlx.errors"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
