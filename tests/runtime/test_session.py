from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlx.errors import DeviceError, InputError, ModelFileError
from tlx.runtime import session
from tlx.runtime.cuda_driver import cuda_obstacle
from tlx.runtime.onnx_runtime import onnxruntime
from tlx.runtime.processors import usable_processors
from tlx.runtime.session import CPU_PROVIDER, CUDA_PROVIDER, Device, open_session, plan_providers

if TYPE_CHECKING:
    import onnx
    from tests.tiny_models import ModelMaker

GPU_WHEEL = ("TensorrtExecutionProvider", CUDA_PROVIDER, CPU_PROVIDER)
CPU_WHEEL = ("AzureExecutionProvider", CPU_PROVIDER)
NO_DRIVER = "libcuda.so.1: cannot open shared object file"

without_gpu = pytest.mark.skipif(cuda_obstacle() is None, reason="a CUDA device is here")


@pytest.mark.parametrize(
    ("device", "available", "obstacle", "expected"),
    [
        ("cpu", GPU_WHEEL, None, (CPU_PROVIDER,)),
        ("cpu", CPU_WHEEL, NO_DRIVER, (CPU_PROVIDER,)),
        ("auto", GPU_WHEEL, NO_DRIVER, (CPU_PROVIDER,)),
        ("auto", CPU_WHEEL, None, (CPU_PROVIDER,)),
        ("auto", GPU_WHEEL, None, (CUDA_PROVIDER, CPU_PROVIDER)),
        ("gpu", GPU_WHEEL, None, (CUDA_PROVIDER, CPU_PROVIDER)),
    ],
)
def test_plan_providers_asks_for_what_can_work(
    device: Device, available: tuple[str, ...], obstacle: str | None, expected: tuple[str, ...]
) -> None:
    assert plan_providers(device, available, obstacle) == expected


@pytest.mark.parametrize(
    ("available", "obstacle", "reason"),
    [
        (GPU_WHEEL, NO_DRIVER, r"no CUDA device can be used here \(libcuda\.so\.1: cannot open"),
        (CPU_WHEEL, None, "the installed ONNX Runtime has no CUDAExecutionProvider"),
    ],
)
def test_plan_providers_refuses_a_gpu_that_cannot_work(
    available: tuple[str, ...], obstacle: str | None, reason: str
) -> None:
    with pytest.raises(DeviceError, match=reason) as caught:
        plan_providers("gpu", available, obstacle)
    assert "pip install 'tlx-edge[cuda]'" in str(caught.value)
    assert "tlx doctor" in str(caught.value)


def test_open_session_describes_what_it_got(tiny_model: Path) -> None:
    opened = open_session(tiny_model.read_bytes(), "tiny.onnx", device="cpu", threads=1)
    assert (opened.device, opened.providers, opened.threads, opened.note) == ("cpu", (CPU_PROVIDER,), 1, None)
    assert opened.inputs == (session.Tensor("image", "tensor(uint8)", (None, 32, 32, 3)),)
    assert opened.outputs == (session.Tensor("probabilities", "tensor(float)", (None, 3)),)


def test_open_session_takes_the_usable_processors_by_default(tiny_model: Path) -> None:
    assert open_session(tiny_model.read_bytes(), "tiny.onnx", device="cpu").threads == usable_processors()


def test_open_session_refuses_no_threads(tiny_model: Path) -> None:
    with pytest.raises(InputError, match="at least 1, received 0"):
        open_session(tiny_model.read_bytes(), "tiny.onnx", threads=0)


@without_gpu
def test_auto_runs_on_the_cpu_without_trying_cuda(tiny_model: Path) -> None:
    opened = open_session(tiny_model.read_bytes(), "tiny.onnx", device="auto")
    assert (opened.device, opened.note) == ("cpu", None)


@without_gpu
def test_gpu_is_an_error_with_the_loaders_words(tiny_model: Path) -> None:
    with pytest.raises(DeviceError, match=r"--device gpu: .*cuda") as caught:
        open_session(tiny_model.read_bytes(), "tiny.onnx", device="gpu")
    assert caught.value.exit_code == 3


@without_gpu
@pytest.mark.skipif(CUDA_PROVIDER not in onnxruntime.get_available_providers(), reason="ONNX Runtime's CPU wheel")
def test_a_cuda_session_that_turns_out_a_cpu_session_is_refused_with_the_reason(
    tiny_model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    making = session._Making(tiny_model.read_bytes(), "tiny.onnx", 1, session.PLAIN)
    opened, reason = making.on((CUDA_PROVIDER, CPU_PROVIDER))
    assert opened is None
    assert "cannot open shared object file" in reason or "CUDA" in reason
    assert capfd.readouterr() == ("", "")


def unknown_operator(model: onnx.ModelProto) -> None:
    from onnx import helper

    model.graph.node.append(helper.make_node("NoSuchOperator", ["image"], ["nothing"]))


def future_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 9999


@pytest.mark.parametrize(
    ("change", "reason"),
    [(unknown_operator, "No Op registered for NoSuchOperator"), (future_opset, r"\(ONNX Runtime only .*Opset 9999")],
)
def test_open_session_maps_refusals_of_the_engine_to_one_line(
    make_model: ModelMaker, change: object, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelFileError, match=f"^bad.onnx: ONNX Runtime .* can't load it .*{reason}"):
        open_session(make_model(change=change), "bad.onnx")  # type: ignore[arg-type]
    assert capfd.readouterr() == ("", "")


def test_run_maps_failures_of_the_engine_to_one_line(tiny_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    opened = open_session(tiny_model.read_bytes(), "tiny.onnx")
    with pytest.raises(ModelFileError, match=r"^tiny.onnx: failed while running \(Got invalid dimensions") as caught:
        opened.run("probabilities", {"image": np.zeros((1, 5, 5, 3), np.uint8)})
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_run_is_safe_from_several_threads(tiny_model: Path) -> None:
    opened = open_session(tiny_model.read_bytes(), "tiny.onnx")
    pictures = np.random.default_rng(7).integers(0, 256, (40, 1, 32, 32, 3), dtype=np.uint8)

    def probabilities(picture: np.ndarray) -> np.ndarray:
        return opened.run("probabilities", {"image": picture})

    expected = [probabilities(picture) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(probabilities, pictures))
    np.testing.assert_array_equal(got, expected)


def test_sessions_leave_no_trace_in_the_home_folder(tiny_model: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from tlx.runtime.session import open_session;"
        "open_session(pathlib.Path(sys.argv[1]).read_bytes(), 'tiny.onnx')"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_", "CI"))} | {
        "HOME": str(tmp_path)
    }
    subprocess.run([sys.executable, "-c", code, str(tiny_model)], env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_a_name_that_is_no_text_is_an_error_of_ours(tiny_model: Path) -> None:
    import onnx

    proto = onnx.load(tiny_model)
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "MARKER"
    content = proto.SerializeToString()
    assert content.count(b"MARKER") == 1
    with pytest.raises(ModelFileError, match=r"broken\.onnx: a name in it is no text"):
        open_session(content.replace(b"MARKER", b"MARKE\xce"), "broken.onnx", device="cpu")
