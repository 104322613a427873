"""The devices that a user can ask for, and ONNX Runtime's names for what serves them."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Device: TypeAlias = Literal["auto", "cpu", "gpu", "trt", "openvino", "coreml"]
"""What is asked for: ``auto`` is a GPU that works, else the CPU, and never one of the others."""
UsedDevice: TypeAlias = Literal["cpu", "gpu", "trt", "openvino", "coreml"]
"""Where a session really runs."""

CPU_PROVIDER: Final = "CPUExecutionProvider"
CUDA_PROVIDER: Final = "CUDAExecutionProvider"
TENSORRT_PROVIDER: Final = "TensorrtExecutionProvider"
OPENVINO_PROVIDER: Final = "OpenVINOExecutionProvider"
COREML_PROVIDER: Final = "CoreMLExecutionProvider"

PROVIDER_OF: Final[dict[UsedDevice, str]] = {
    "cpu": CPU_PROVIDER,
    "gpu": CUDA_PROVIDER,
    "trt": TENSORRT_PROVIDER,
    "openvino": OPENVINO_PROVIDER,
    "coreml": COREML_PROVIDER,
}
INSTALL: Final[dict[UsedDevice, str]] = {
    "cpu": "pip install --force-reinstall tlx-edge",
    "gpu": "pip install 'tlx-edge[cuda]' (on a Jetson NVIDIA's own wheel)",
    "trt": "pip install 'tlx-edge[cuda]' tensorrt (on a Jetson NVIDIA's own wheel and TensorRT)",
    "openvino": "pip uninstall --yes onnxruntime onnxruntime-gpu, then pip install onnxruntime-openvino",
    "coreml": "it comes with ONNX Runtime on macOS alone",
}
"""How each is had. Two packages of ONNX Runtime in one place overwrite each other, so one has to go first."""
ON_NVIDIA: Final[frozenset[UsedDevice]] = frozenset({"gpu", "trt"})


def place_of(provider: str) -> UsedDevice | None:
    """The device that an execution provider serves; None if it's none that tlx uses."""
    return next((place for place, name in PROVIDER_OF.items() if name == provider), None)
