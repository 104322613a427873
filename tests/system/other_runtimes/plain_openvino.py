"""Labels by OpenVINO alone: what docs/other-runtimes.md shows. Run by another environment's Python."""

# ruff: noqa: T201 - a script for an environment without tlx
import json
import sys

import numpy as np
import openvino  # type: ignore[import-not-found,unused-ignore]

model = openvino.Core().read_model(sys.argv[1])
contract = json.loads(model.get_rt_info(["framework", "tlx.contract"]).astype(str))
# On processors with bf16 OpenVINO takes it unless told: faster, probabilities differ in the second decimal.
compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
probabilities = compiled({contract["input"]["name"]: np.load(sys.argv[2])})[contract["output"]["name"]]
labels = [contract["labels"][place] for place in probabilities.argmax(axis=1)]
print(json.dumps({"version": openvino.__version__, "labels": labels, "probabilities": probabilities.tolist()}))
