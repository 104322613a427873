"""A model file as bytes: told apart from other files, proven whole, and found harmless, before anything runs it.

Nothing here needs the onnx package or an ONNX Runtime session. The file is read once, so that what was
checked is what will run. Three promises hold for every :class:`ModelFile`:

- its seal is right: the metadata's ``tlx.digest`` is the SHA-256 over all bytes with the digest's own
  64 characters taken as ``0``, so that a change of any byte is noticed;
- its metadata is small, names everything once, and holds a contract that this version understands;
- its graph is harmless as far as its bytes can tell: see :mod:`tlx.runtime.graph_check`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tlx.contract import CONTRACT_KEY, DIGEST_KEY, Contract, parse_contract
from tlx.errors import ModelFileError
from tlx.runtime import onnx_wire
from tlx.runtime.file_kinds import foreign_kind
from tlx.runtime.graph_check import check_graph
from tlx.runtime.model_registry import require_named, resolve_model
from tlx.runtime.onnx_wire import Budget, WireError

MAX_MODEL_BYTES: Final = 2**31 - 2**20
"""Protobuf messages end at 2 GiB; what is above this limit isn't read."""
MAX_METADATA_BYTES: Final = 2**22
"""Of all metadata together. A thousand classes take some 100 kB; known answers of 20,000 take 2 MB."""
LABELS_KEY: Final = "labels"
DIGEST_PLACEHOLDER: Final = "0" * 64
"""The value that an exporter writes under ``tlx.digest`` before it calls :func:`seal`."""

_MODEL_IR_VERSION, _MODEL_GRAPH, _MODEL_OPSETS, MODEL_METADATA = 1, 7, 8, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

_COPY_AGAIN: Final = "copy or export it again"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A checked model file; make one with :meth:`read` or :meth:`parse`.

    Attributes:
        source: The file's name, for messages.
        content: All its bytes.
        sha256: Its seal in hex, 64 characters: the file's identity.
        contract: What it promises.
        metadata: All its metadata, the contract's JSON text included.
    """

    source: str
    content: bytes = field(repr=False)
    sha256: str
    contract: Contract
    metadata: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, path: str | Path) -> ModelFile:
        """Read and check a file, or the current model of a models folder.

        Raises:
            ModelFileError: If it can't be read or isn't a whole, harmless model of tlx; one line says why.
        """
        file = resolve_model(Path(path))
        model = cls.parse(_read_bytes(file), str(file))
        if file != Path(path):
            require_named(file, model.sha256)
        return model

    @classmethod
    def parse(cls, content: bytes, source: str) -> ModelFile:
        """Check the bytes of a file; ``source`` names it in errors.

        Raises:
            ModelFileError: As :meth:`read` does.
        """
        entries = _read_metadata(content, source)
        if DIGEST_KEY in entries:
            sha256 = _verify_seal(content, entries[DIGEST_KEY], source)
        elif CONTRACT_KEY in entries:
            raise ModelFileError(
                f"{source}: carries no {DIGEST_KEY}, so it was changed after its export: {_COPY_AGAIN}"
            )
        else:
            raise ModelFileError(
                f"{source}: an ONNX file that holds no tlx contract (labels, input, resize): "
                "make one that does with 'tlx export', or export it again if it once did"
            )
        metadata = {key: _text(content, key, span, source) for key, span in entries.items()}
        if CONTRACT_KEY not in metadata:
            raise ModelFileError(f"{source}: sealed by tlx but holds no {CONTRACT_KEY}: {_COPY_AGAIN}")
        contract = parse_contract(metadata[CONTRACT_KEY], source)
        _check_labels(metadata, contract, source)
        check_graph(content, source)
        return cls(source=source, content=content, sha256=sha256, contract=contract, metadata=metadata)


def seal(serialized: bytes) -> bytes:
    """Fill in the digest that proves the file.

    Args:
        serialized: A model file whose metadata has :data:`DIGEST_PLACEHOLDER` (or an old digest) under
            ``tlx.digest``.

    Returns:
        The same bytes with the digest in its place.

    Raises:
        ModelFileError: If there is no such entry, or the bytes are no model file.
    """
    source = "the model to seal"
    span = _read_metadata(serialized, source).get(DIGEST_KEY)
    if span is None or span[1] - span[0] != len(DIGEST_PLACEHOLDER):
        raise ModelFileError(f"{source}: its metadata needs {DIGEST_KEY} with {len(DIGEST_PLACEHOLDER)} zeros")
    digest = _digest(serialized, span).encode()
    return serialized[: span[0]] + digest + serialized[span[1] :]


def _read_bytes(path: Path) -> bytes:
    try:
        # Not blocking, because opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_MODEL_BYTES:
                return file.read(MAX_MODEL_BYTES)
    except FileNotFoundError as error:
        cure = f"make one with 'tlx export {path}'"
        if path.suffix != ".onnx":
            cure = "name a file that ends in .onnx, or a folder that 'tlx export --to' made"
        raise ModelFileError(f"{path}: no such model file: {cure}") from error
    except IsADirectoryError as error:
        raise ModelFileError(
            f"{path}: is a folder, but none that 'tlx export --to' made: name an .onnx file"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path}: can't be read ({getattr(error, 'strerror', None) or error})") from error
    if not stat.S_ISREG(status.st_mode):
        raise ModelFileError(f"{path}: is not a regular file: name an .onnx file")
    raise ModelFileError(f"{path}: has {status.st_size:,} bytes, more than an ONNX file can have ({MAX_MODEL_BYTES:,})")


def _read_metadata(content: bytes, source: str) -> dict[str, tuple[int, int]]:
    """Where in the bytes each metadata value lies; proves on the way that the file is an ONNX file."""
    if kind := foreign_kind(content):
        raise ModelFileError(f"{source}: {kind}")
    try:
        budget = Budget()
        fields = list(budget.spend(onnx_wire.read_fields(content, 0, len(content))))
        places = [part for part in fields if part.number == MODEL_METADATA and part.wire_type == onnx_wire.BYTES]
        size_bytes = sum(part.end - part.start for part in places)
        if size_bytes > MAX_METADATA_BYTES:
            raise ModelFileError(
                f"{source}: holds {size_bytes:,} bytes of metadata, of which tlx reads at most "
                f"{MAX_METADATA_BYTES:,}: export the model again"
            )
        entries = [_read_entry(content, part, budget) for part in places]
    except WireError as error:
        raise ModelFileError(_not_whole(content, source, str(error))) from error
    present = {part.number for part in fields}
    if not present >= {_MODEL_IR_VERSION, _MODEL_GRAPH, _MODEL_OPSETS}:
        raise ModelFileError(_not_whole(content, source, "parts are missing"))
    found: dict[str, tuple[int, int]] = {}
    for key, span in entries:
        if key in found:
            raise ModelFileError(f"{source}: the metadata key {key[:80]!r} comes twice: {_COPY_AGAIN}")
        found[key] = span
    return found


def _not_whole(content: bytes, source: str, reason: str) -> str:
    # Every known writer begins with the version number: field 1, a varint.
    if content[0] == _MODEL_IR_VERSION << 3 | onnx_wire.VARINT:
        return f"{source}: cut short or damaged ({reason}): {_COPY_AGAIN}"
    return f"{source}: isn't an ONNX file ({reason}): name one that 'tlx export' made"


def _read_entry(content: bytes, place: onnx_wire.Field, budget: Budget) -> tuple[str, tuple[int, int]]:
    key, value = "", (place.end, place.end)
    for part in budget.spend(onnx_wire.read_fields(content, place.start, place.end)):
        if part.wire_type != onnx_wire.BYTES:
            continue
        if part.number == _ENTRY_KEY:
            key = content[part.start : part.end].decode(errors="backslashreplace")
        elif part.number == _ENTRY_VALUE:
            value = (part.start, part.end)
    return key, value


def _digest(content: bytes, span: tuple[int, int]) -> str:
    view = memoryview(content)
    digest = hashlib.sha256(view[: span[0]])
    digest.update(DIGEST_PLACEHOLDER.encode())
    digest.update(view[span[1] :])
    return digest.hexdigest()


def _verify_seal(content: bytes, span: tuple[int, int], source: str) -> str:
    expected = content[span[0] : span[1]]
    actual = _digest(content, span)
    if expected != actual.encode():
        raise ModelFileError(f"{source}: damaged or changed after its export (its SHA-256 is wrong): {_COPY_AGAIN}")
    return actual


def _text(content: bytes, key: str, span: tuple[int, int], source: str) -> str:
    try:
        return content[span[0] : span[1]].decode()
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{source}: the metadata under {key[:80]!r} is not text: {_COPY_AGAIN}") from error


def _check_labels(metadata: Mapping[str, str], contract: Contract, source: str) -> None:
    listed = None
    with contextlib.suppress(ValueError, RecursionError):
        listed = json.loads(metadata.get(LABELS_KEY, "null"))
    if listed != contract.labels:
        raise ModelFileError(
            f"{source}: the metadata's {LABELS_KEY!r} must be the contract's {len(contract.labels)} labels "
            "as a JSON list: export the model again"
        )
