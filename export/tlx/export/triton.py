"""A model repository for NVIDIA's Triton Inference Server.

::

    repository/
        cats_dogs/
            config.pbtxt
            labels.txt          one label a line, in the order of the output
            1/model.onnx        versions count up; Triton serves the highest
            2/model.onnx

A version appears in one step and is never changed. Triton takes only folders that are named by numbers for versions,
so a half-written one, which has a hidden name, is none. All versions of a model share ``config.pbtxt`` and
``labels.txt``: a model with another input or other labels needs another name.
"""

from __future__ import annotations

import errno
import re
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tlx import atomic
from tlx.contract import Contract
from tlx.errors import InputError, ModelFileError
from tlx.runtime.folder_lock import hold
from tlx.runtime.model_file import ModelFile

CONFIG_FILE: Final = "config.pbtxt"
LABELS_FILE: Final = "labels.txt"
MODEL_FILE: Final = "model.onnx"
"""Triton's own default for ONNX Runtime."""
MAX_BATCH_SIZE: Final = 8
PREFERRED_BATCH_SIZES: Final = (4, 8)
MAX_QUEUE_DELAY_US: Final = 2000
"""How long a request waits for others to join its batch: little beside what VGG16 takes."""

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,17}")
_PARTIAL: Final = ".partial."
_TAKEN: Final = {errno.EEXIST, errno.ENOTEMPTY}


def require_triton_model(name: str, labels: Sequence[str]) -> None:
    """Refuse what can't be a model in a Triton repository.

    Raises:
        InputError: If the name or a label can't.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} can't be the name of a model in Triton (letters, digits, '_', '-' and '.', at most 128): "
            "name the file or the models folder otherwise"
        )
    broken = next((label for label in labels if label.splitlines() != [label]), None)
    if broken is not None:
        raise InputError(f"the label {broken!r} can't be a line of Triton's {LABELS_FILE}: it holds a line break")


def triton_config(name: str, contract: Contract) -> str:
    """The text of ``config.pbtxt``.

    Where the model runs is left to Triton: on each GPU, or on the processor if there is none.
    """
    height, width = contract.input.size_hw
    preferred = ", ".join(map(str, PREFERRED_BATCH_SIZES))
    return f"""\
name: "{name}"
backend: "onnxruntime"
max_batch_size: {MAX_BATCH_SIZE}
input [
  {{
    name: "{contract.input.name}"
    data_type: TYPE_UINT8
    dims: [ {height}, {width}, 3 ]
  }}
]
output [
  {{
    name: "{contract.output.name}"
    data_type: TYPE_FP32
    dims: [ {len(contract.labels)} ]
    label_filename: "{LABELS_FILE}"
  }}
]
dynamic_batching {{
  preferred_batch_size: [ {preferred} ]
  max_queue_delay_microseconds: {MAX_QUEUE_DELAY_US}
}}
version_policy {{
  latest {{
    num_versions: 1
  }}
}}
"""


def publish_to_triton(repository: Path, name: str, model: ModelFile) -> Path:
    """Add a model's next version, atomically and durably; the newest version itself isn't added twice.

    Args:
        repository: The model repository; it's made if it isn't there.
        name: The model's name in it. Its ``config.pbtxt`` is kept once it has versions: it may have been tuned.
        model: The checked file.

    Returns:
        The folder of the version.

    Raises:
        InputError: If the name or a label can't be in a repository, or the model there has another input or labels.
        OutputError: If it can't be written.
    """
    require_triton_model(name, model.contract.labels)
    folder = repository / name
    atomic.make_folder(folder)
    with atomic.as_output_errors(folder), hold(folder, wait=True) as held:
        if held:
            for left in folder.glob(f"{_PARTIAL}*"):
                shutil.rmtree(left, ignore_errors=True)
        newest = max(_versions(folder), default=None)
        if newest is not None:
            there = _read(folder, newest)
            _require_same_interface(there, model.contract, folder)
            if there.sha256 == model.sha256:
                return folder / str(newest)
        if newest is None or not (folder / LABELS_FILE).exists():
            atomic.write_text(folder / LABELS_FILE, "".join(f"{label}\n" for label in model.contract.labels))
        if newest is None or not (folder / CONFIG_FILE).exists():
            atomic.write_text(folder / CONFIG_FILE, triton_config(name, model.contract))
        return _add_version(folder, (newest or 0) + 1, model)


def _versions(folder: Path) -> list[int]:
    return [int(one.name) for one in folder.iterdir() if _VERSION.fullmatch(one.name) and one.is_dir()]


def _read(folder: Path, version: int) -> ModelFile:
    try:
        return ModelFile.read(folder / str(version) / MODEL_FILE)
    except ModelFileError as error:
        raise InputError(f"{error}; choose another name for this model, or remove {folder / str(version)}") from error


def _require_same_interface(newest: ModelFile, contract: Contract, folder: Path) -> None:
    for what in ("labels", "input", "output"):
        if getattr(newest.contract, what) != getattr(contract, what):
            raise InputError(
                f"{folder}: its newest version has another {what}, and all versions share {CONFIG_FILE} and "
                f"{LABELS_FILE}: choose another name for this model"
            )


def _add_version(folder: Path, number: int, model: ModelFile) -> Path:
    partial = folder / f"{_PARTIAL}{secrets.token_hex(4)}"
    partial.mkdir()
    try:
        atomic.write_bytes(partial / MODEL_FILE, model.content)
        while True:
            try:
                partial.rename(folder / str(number))
                break
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
                number += 1  # by another process, where folders can't be locked
        atomic.fsync_folder(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder / str(number)
