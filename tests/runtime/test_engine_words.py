from __future__ import annotations

import pytest

from tlx.runtime.engine_words import MAX_CHARACTERS, loader_words, short_reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Failed to load model because protobuf parsing failed.",
            "Failed to load model because protobuf parsing failed.",
        ),
        (
            (
                "[ONNXRuntimeError] : 1 : FAIL : /onnxruntime_src/onnxruntime/core/graph/model.cc:256 "
                "onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::ModelOptions&) "
                "Unsupported model IR version: 99, max supported IR version: 13\n"
            ),
            "Unsupported model IR version: 99, max supported IR version: 13",
        ),
        ("two\nlines  and   spaces", "two lines and spaces"),
        ("", ""),
    ],
)
def test_short_reason(text: str, expected: str) -> None:
    assert short_reason(text) == expected


def test_short_reason_ends_long_texts() -> None:
    shortened = short_reason("word " * 200)
    assert len(shortened) <= MAX_CHARACTERS
    assert shortened.endswith("...")


LOG = """\x1b[1;31m2026-01-02 03:04:05.6 [E:onnxruntime:Default, provider_bridge_ort.cc:2458 operator()] \
/onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 onnxruntime::Provider& \
onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library /x/libproviders_cuda.so \
with error: libcublasLt.so.13: cannot open shared object file: No such file or directory
\x1b[m
\x1b[0;93m2026-01-02 03:04:05.7 [W:onnxruntime:Default, x.cc:1295 Create] Failed to create CUDAExecutionProvider.\x1b[m
"""

OPENVINO_LOG = """\x1b[1;31m2026-01-02 03:04:05.6 [E:onnxruntime:Default, provider_bridge_ort.cc:2310 Create] \
/onnxruntime/onnxruntime/core/providers/openvino/openvino_provider_factory.cc:141 std::string \
onnxruntime::openvino_ep::ParseDeviceType(const onnxruntime::ProviderOptions&) [ERROR] [OpenVINO] Device GPU is not \
available\n\x1b[m
\x1b[0;93m2026-01-02 03:04:05.7 [W:onnxruntime:Default, x.cc:1 Create] Failed to create OpenVINOExecutionProvider.\x1b[m
"""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (LOG, "libcublasLt.so.13: cannot open shared object file: No such file or directory"),
        (LOG.splitlines()[2], "Failed to create CUDAExecutionProvider."),
        (OPENVINO_LOG, "Device GPU is not available"),
        ("something else\n", ""),
        ("", ""),
    ],
)
def test_loader_words(log: str, expected: str) -> None:
    assert loader_words(log) == expected
