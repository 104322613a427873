"""Names for files that were given where a model file was meant."""

from __future__ import annotations

from typing import Final

_HEAD_BYTES: Final = 1024
_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89HDF\r\n", "a Keras or HDF5 file, not ONNX: convert the training run with 'tlx export'"),
    (0, b"PK\x03\x04", "a Keras or zip file, not ONNX: convert the training run with 'tlx export'"),
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the model itself: run 'git lfs pull'"),
    (4, b"TFL3", "a TensorFlow Lite file, not ONNX: name a file that 'tlx export' made"),
    (4, b"ORTM", "a file in ONNX Runtime's own .ort format: name the .onnx file that it was made from"),
)


def foreign_kind(content: bytes) -> str | None:
    """What a file is, as a person would say it, if it's recognizably no ONNX file.

    Args:
        content: The file's bytes; the first kilobyte decides.

    Returns:
        What it is and what to do, or None if it may be an ONNX file.
    """
    if not content:
        return "is empty: copy or export it again"
    for offset, signature, description in _SIGNATURES:
        if content.startswith(signature, offset):
            return description
    if _is_text(content[:_HEAD_BYTES]):
        return "a text file, not ONNX: name a file that 'tlx export' made"
    return None


def _is_text(head: bytes) -> bool:
    # An ONNX file begins with its version number, which is a control character.
    return all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head) and _decodes(head)  # noqa: PLR2004 - ASCII's space


def _decodes(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a character cut in two by the limit
    return True
