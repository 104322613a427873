"""Which peers there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from peers.environments import Environment
from tlx.bench.plan import EnginePrecision

Source = Literal["onnx", "keras", "none"]

_NUMPY: Final = "numpy==2.4.6"
_KERAS: Final = ("tensorflow-cpu==2.21.0", "keras==3.15.1", _NUMPY)


@dataclass(frozen=True, slots=True)
class Peer:
    """One library.

    Attributes:
        name: Of the peer; its module in :mod:`peers.engines`.
        environment: Where it runs.
        engines: The ways in which it's run, and in which precision; None where the loaded engine tells. The names begin
            with :attr:`name`.
        source: What its own file is made of.
        suffix: Of its own file; empty if it takes the source itself.
        every_model: Whether it runs each given ONNX file, or the first one only.
        note: What makes it different from the others.
    """

    name: str
    environment: Environment
    engines: dict[str, EnginePrecision | None]
    source: Source = "onnx"
    suffix: str = ""
    every_model: bool = False
    note: str | None = None

    @property
    def is_same_network(self) -> bool:
        """Whether its answers can be compared with tlx's."""
        return self.source != "none"


PNNX: Final = Environment(("pnnx==20261020",), with_dependencies=False)
"""Converts ONNX to ncnn. Its package asks for PyTorch, of which its program makes no use."""

PEERS: Final = (
    Peer(
        "openvino",
        Environment(("openvino==2026.4.1", _NUMPY)),
        # As it comes it computes in bfloat16 on processors that have it.
        {"openvino.f32": None, "openvino.as_it_comes": None},
        every_model=True,
    ),
    Peer(
        "ncnn",
        Environment(("ncnn==1.0.20261020", _NUMPY)),
        # As it comes it keeps weights in 16 bits on most processors.
        {"ncnn.fp32": None, "ncnn.as_it_comes": None},
        suffix=".ncnn.param",
    ),
    Peer("mnn", Environment(("MNN==3.6.1", _NUMPY)), {"mnn.fp32": "fp32"}, suffix=".mnn"),
    Peer(
        "litert",
        Environment(("ai-edge-litert==2.3.0", _NUMPY)),
        {"litert.fp32": "fp32"},
        source="keras",
        suffix=".tflite",
    ),
    Peer(
        "plainkeras",
        Environment(_KERAS),
        {"plainkeras.predict": "fp32", "plainkeras.call": "fp32"},
        source="keras",
        note="as Keras's own guides write it, no thread settings; on as many processors as the others",
    ),
    Peer(
        "tf2onnx",
        Environment(("tf2onnx==1.17.0", *_KERAS, "onnx==1.23.2", "onnxruntime==1.31.1")),
        {"tf2onnx.onnxruntime": "fp32"},
        source="keras",
        suffix=".onnx",
        note="a file made by tf2onnx by hand, in ONNX Runtime (optimum-onnx exports no Keras models)",
    ),
    Peer(
        "ultralytics",
        Environment(("ultralytics==8.4.190", "torch==2.14.1", "torchvision==0.29.1", _NUMPY)),
        {"ultralytics.predict": "fp32"},
        source="none",
        note="another network (YOLO11n-cls at 224 x 224 pixels, 3.3 GFLOP) with random weights: its answers say "
        "nothing, and its time includes its own preparation of the picture",
    ),
)
"""optimum-onnx exports no Keras models, so tf2onnx by hand stands for what one writes without tlx."""
