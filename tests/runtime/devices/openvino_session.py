"""Classify an array of pictures with OpenVINO: run in an environment whose ONNX Runtime has it.

``python openvino_session.py SITE_PACKAGES MODEL PIXELS.npy DEVICE``: all other packages come from SITE_PACKAGES.
"""

from __future__ import annotations

import json
import site
import sys


def main(packages: str, model: str, pixels: str, device: str) -> None:
    site.addsitedir(packages)  # behind this environment's own, so that its ONNX Runtime is the one
    import numpy as np

    from tlx.errors import TlxError
    from tlx.runtime.classifier import Classifier

    try:
        classifier = Classifier.load(model, device, threads=2)  # type: ignore[arg-type]
    except TlxError as error:
        sys.stdout.write(json.dumps({"error": str(error), "exit_code": error.exit_code}))
        return
    predictions = classifier.classify_batch(list(np.load(pixels)))
    answer = {
        "device": classifier.session.device,
        "providers": classifier.session.providers,
        "note": classifier.session.note,
        "probabilities": [prediction.probabilities for prediction in predictions],
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:5])
