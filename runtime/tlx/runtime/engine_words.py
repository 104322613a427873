"""What ONNX Runtime says, cut down to what a person needs."""

from __future__ import annotations

import re
from typing import Final

MAX_CHARACTERS: Final = 240

_TERMINAL_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_STATUS: Final = re.compile(r"\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")
_CODE_PLACE: Final = re.compile(r"/\S+\.(?:cc|h|cpp|hpp):\d+ .*?\) (?=[A-Z\[])")
_TAGS: Final = re.compile(r"^(?:\[\w+\] )+")
_LOADER: Final = re.compile(r"with error: (.+)")
_LOG_LINE: Final = re.compile(r"\[([WEF]):onnxruntime:[^\]]*\] (.+)")


def short_reason(text: str) -> str:
    """The reason in the text of an exception, on one line, without status codes and places in ONNX Runtime's code."""
    line = " ".join(_TERMINAL_COLOURS.sub("", text).split())
    line = _CODE_PLACE.sub("", _STATUS.sub("", line))
    return _shorten(_TAGS.sub("", line))


def loader_words(log: str) -> str:
    """Why a provider didn't load, from the log that ONNX Runtime wrote while trying.

    Args:
        log: What it wrote to stderr.

    Returns:
        The dynamic loader's sentence if there is one, else ONNX Runtime's last error, else its last warning; empty if
        it said nothing.
    """
    plain = _TERMINAL_COLOURS.sub("", log)
    if sentences := _LOADER.findall(plain):
        return _shorten(" ".join(sentences[0].split()))
    complaints = _LOG_LINE.findall(plain)
    errors = [text for level, text in complaints if level != "W"]
    said = errors or [text for _, text in complaints]
    return short_reason(said[-1]) if said else ""


def _shorten(line: str) -> str:
    return line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS - 3].rstrip() + "..."
