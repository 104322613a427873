"""Labels by ONNX Runtime alone: what docs/other-runtimes.md shows. Run by another environment's Python."""

# ruff: noqa: T201 - a script for an environment without tlx
import json
import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
contract = json.loads(session.get_modelmeta().custom_metadata_map["tlx.contract"])
probabilities = session.run([contract["output"]["name"]], {contract["input"]["name"]: np.load(sys.argv[2])})[0]
labels = [contract["labels"][place] for place in probabilities.argmax(axis=1)]
print(json.dumps({"version": onnxruntime.__version__, "labels": labels, "probabilities": probabilities.tolist()}))
