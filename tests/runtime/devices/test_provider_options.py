from __future__ import annotations

from pathlib import Path

import pytest

from tlx.contract import Precision
from tlx.runtime.devices.names import (
    COREML_PROVIDER,
    CPU_PROVIDER,
    CUDA_PROVIDER,
    OPENVINO_PROVIDER,
    TENSORRT_PROVIDER,
)
from tlx.runtime.devices.provider_options import Settings, cache_name, provider_options

CACHE = Path("/somewhere")


def test_the_cpu_needs_none() -> None:
    assert provider_options(CPU_PROVIDER, Settings(2)) == {}


def test_cuda_never_rounds_to_tf32() -> None:
    assert provider_options(CUDA_PROVIDER, Settings(2)) == {"use_tf32": "0"}
    assert provider_options(CUDA_PROVIDER, Settings(2, graphs=True)) == {"use_tf32": "0", "enable_cuda_graph": "1"}


@pytest.mark.parametrize(
    ("precision", "fp16", "int8"),
    [("fp32", "0", "0"), ("fp16", "1", "0"), ("int8", "0", "1")],  # half precision for fp16 files alone
)
def test_tensorrt_computes_in_the_precision_of_the_file(precision: Precision, fp16: str, int8: str) -> None:
    options = provider_options(TENSORRT_PROVIDER, Settings(2, precision))
    assert (options["trt_fp16_enable"], options["trt_int8_enable"]) == (fp16, int8)
    assert "trt_engine_cache_enable" not in options


def test_engines_are_kept_where_there_is_a_place() -> None:
    options = provider_options(TENSORRT_PROVIDER, Settings(2, cache=CACHE))
    assert (options["trt_engine_cache_enable"], options["trt_engine_cache_path"]) == ("1", str(CACHE))
    assert provider_options(COREML_PROVIDER, Settings(2, cache=CACHE))["ModelCacheDirectory"] == str(CACHE)
    assert [cache_name(name) for name in (TENSORRT_PROVIDER, COREML_PROVIDER, CPU_PROVIDER, CUDA_PROVIDER)] == [
        "tensorrt",
        "coreml",
        None,
        None,
    ]


def test_openvino_keeps_the_files_precision_and_our_threads() -> None:
    options = provider_options(OPENVINO_PROVIDER, Settings(3))
    assert options == {"device_type": "CPU", "precision": "ACCURACY", "num_of_threads": "3"}
