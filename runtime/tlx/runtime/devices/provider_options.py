"""The settings of each execution provider: those that keep its answers what the export promised.

OpenVINO's, the CPU's and CUDA's were run; those of TensorRT and CoreML are from their documentation and unverified.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tlx.contract import Precision
from tlx.runtime.devices.names import COREML_PROVIDER, CUDA_PROVIDER, OPENVINO_PROVIDER, TENSORRT_PROVIDER


@dataclass(frozen=True, slots=True)
class Settings:
    """What the settings of a provider depend on.

    Attributes:
        threads: Processors for one operator.
        precision: The model file's: only an fp16 file may be computed in half precision.
        graphs: Whether CUDA records the network as a graph and replays it; needs fixed sizes and addresses, see
            :class:`~tlx.runtime.devices.bound_runner.BoundRunner`.
        cache: Where providers keep what they compiled; None if there is no place.
    """

    threads: int
    precision: Precision = "fp32"
    graphs: bool = False
    cache: Path | None = None


def provider_options(provider: str, settings: Settings) -> dict[str, str]:
    """The options of one provider, as ONNX Runtime takes them; empty for one without."""
    if provider == CUDA_PROVIDER:
        # TF32 rounds to ten bits: the answers would miss what the parity gate promised.
        return {"use_tf32": "0"} | ({"enable_cuda_graph": "1"} if settings.graphs else {})
    if provider == TENSORRT_PROVIDER:
        return _tensorrt(settings)
    if provider == OPENVINO_PROVIDER:
        # ACCURACY: in the file's own precision. By itself it would compute fp32 files in bfloat16 where it can.
        return {"device_type": "CPU", "precision": "ACCURACY", "num_of_threads": str(settings.threads)}
    if provider == COREML_PROVIDER:
        options = {"ModelFormat": "MLProgram", "MLComputeUnits": "ALL"}
        return options | ({"ModelCacheDirectory": str(settings.cache)} if settings.cache else {})
    return {}


def cache_name(provider: str) -> str | None:
    """The folder in tlx's cache where a provider keeps what it compiled; None for one that compiles nothing."""
    return {TENSORRT_PROVIDER: "tensorrt", COREML_PROVIDER: "coreml"}.get(provider)


def _tensorrt(settings: Settings) -> dict[str, str]:
    options = {
        "trt_fp16_enable": str(int(settings.precision == "fp16")),
        "trt_int8_enable": str(int(settings.precision == "int8")),  # the file's own ranges, none made here
    }
    if settings.cache is None:
        return options
    # Building an engine takes minutes; the cache keeps it for the next start.
    return options | {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(settings.cache),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(settings.cache),
    }
