from __future__ import annotations

import pytest

from tlx.runtime.cuda_driver import cuda_obstacle
from tlx.runtime.onnx_runtime import onnxruntime
from tlx.runtime.provider_probe import TINY_MODEL, judge, probe_provider, probe_providers
from tlx.runtime.session import CPU_PROVIDER, CUDA_PROVIDER


def test_tiny_model_is_what_its_comment_says() -> None:
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "probe",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    assert model.SerializeToString() == TINY_MODEL


def test_the_cpu_provider_works() -> None:
    probed = probe_provider(CPU_PROVIDER)
    assert (probed.works, probed.reason) == (True, "")


@pytest.mark.skipif(cuda_obstacle() is None, reason="a CUDA device is here")
@pytest.mark.skipif(CUDA_PROVIDER not in onnxruntime.get_available_providers(), reason="ONNX Runtime's CPU wheel")
def test_a_provider_that_is_listed_but_does_not_load_says_why() -> None:
    cuda, cpu = probe_providers([CUDA_PROVIDER, CPU_PROVIDER])
    assert not cuda.works
    assert cuda.reason
    assert "\n" not in cuda.reason
    assert cpu.works


def test_an_unknown_provider_does_not_work() -> None:
    probed = probe_provider("NoSuchProvider")
    assert not probed.works
    assert probed.reason


@pytest.mark.parametrize(
    ("stdout", "stderr", "works", "reason"),
    [
        ('{"works": true, "reason": ""}', "[W:onnxruntime:x] a warning", True, ""),
        ('{"works": false, "reason": "got the CPU only"}', "", False, "got the CPU only"),
        (
            '{"works": false, "reason": "r"}',
            "Failed to load library with error: libx.so: cannot open",
            False,
            "libx.so: cannot open",
        ),
        (
            "",
            "2026 [E:onnxruntime:Default, a.cc:1 f()] no CUDA-capable device",
            False,
            "no CUDA-capable device",
        ),
        ("", "", False, "the process that tried it crashed"),
    ],
)
def test_judge(stdout: str, stderr: str, works: object, reason: str) -> None:
    probed = judge("P", stdout, stderr)
    assert (probed.works, probed.reason) == (works, reason)
