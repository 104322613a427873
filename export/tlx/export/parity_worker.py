"""One side of the parity gate, as a process: ``python -m tlx.export.parity_worker``.

Reads a :class:`~tlx.export.parity.SideRequest` as JSON from stdin, prints the number of photos done, one a line,
and writes an ``.npz`` with ``probabilities`` (``float32 [N, classes]``) and ``unreadable`` (JSON).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tlx.errors import ImageError, TlxError
from tlx.images import read, resize

BATCH = 16
Pictures = list[npt.NDArray[np.uint8]]
Predict = Callable[[Pictures], npt.NDArray[np.float32]]


def main() -> int:
    """Serve one request; the exit code is 0, or 1 with the reason as the last line of stderr."""
    request = json.load(sys.stdin)
    # Libraries that print to stdout must not be taken for our count.
    counts = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        predict = _keras_side(request) if request["side"] == "keras" else _onnx_side(request)
        probabilities, unreadable = _classify_files(predict, request["photos"], counts)
    except TlxError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the parent passes it on
        return 1
    np.savez(request["result"], probabilities=probabilities, unreadable=json.dumps(unreadable))
    return 0


def _classify_files(predict: Predict, photos: list[str], counts: Any) -> tuple[npt.NDArray[np.float32], dict[int, str]]:
    rows: dict[int, npt.NDArray[np.float32]] = {}
    unreadable: dict[int, str] = {}
    for start in range(0, len(photos), BATCH):
        pictures: dict[int, npt.NDArray[np.uint8]] = {}
        for place, path in enumerate(photos[start : start + BATCH], start=start):
            try:
                pictures[place] = read(Path(path))
            except ImageError as error:
                unreadable[place] = error.reason
        if pictures:
            rows.update(zip(pictures, predict(list(pictures.values())), strict=True))
        print(min(start + BATCH, len(photos)), file=counts, flush=True)
    classes = len(next(iter(rows.values()))) if rows else 0
    blank = np.zeros(classes, np.float32)
    return np.array([rows.get(place, blank) for place in range(len(photos))], np.float32), unreadable


def _keras_side(request: dict[str, Any]) -> Predict:
    from tlx.export.frameworks import import_keras, import_tensorflow
    from tlx.export.keras_model import build_keras_model, class_probabilities
    from tlx.export.preprocessing import prepare

    import_keras()
    # On a GPU, TensorFloat-32 would round the reference itself.
    import_tensorflow().config.experimental.enable_tensor_float_32_execution(False)
    model = build_keras_model(Path(request["model"]))
    size_hw = (request["size_hw"][0], request["size_hw"][1])

    def predict(pictures: Pictures) -> npt.NDArray[np.float32]:
        images = np.stack([resize(picture, size_hw, request["resize"]) for picture in pictures])
        return class_probabilities(np.asarray(model.predict_on_batch(prepare(images, request["preprocessing"]))))

    return predict


def _onnx_side(request: dict[str, Any]) -> Predict:
    from tlx.runtime.classifier import Classifier

    classifier = Classifier.load(Path(request["model"]), device="cpu")

    def predict(pictures: Pictures) -> npt.NDArray[np.float32]:
        return np.array([prediction.probabilities for prediction in classifier.classify_batch(pictures)], np.float32)

    return predict


if __name__ == "__main__":
    sys.exit(main())
