"""Whether two files are exports of the same model: the digest of what doesn't change from one export to the next."""

from __future__ import annotations

import hashlib
from typing import Final

from tlx.runtime import onnx_wire
from tlx.runtime.model_file import MODEL_METADATA, ModelFile

_OF_THE_MOMENT: Final = {"export": {"created_utc", "latency", "speed"}}


def fingerprint(model: ModelFile) -> str:
    """SHA-256, in hex, of the graph and the contract without what was timed and when.

    The seal (:attr:`~tlx.runtime.model_file.ModelFile.sha256`) is a file's identity; two exports of one model have
    different seals, as each measures anew how fast it is.
    """
    content = memoryview(model.content)
    digest = hashlib.sha256(model.contract.model_dump_json(by_alias=True, exclude=_OF_THE_MOMENT).encode())
    for part in onnx_wire.read_fields(model.content, 0, len(content)):
        if part.number != MODEL_METADATA:
            digest.update(f"{part.number} {part.end - part.start} ".encode())
            digest.update(content[part.start : part.end])
    return digest.hexdigest()
