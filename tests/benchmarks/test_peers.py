"""Other libraries beside tlx: the same protocol, answers compared, one's failure no other's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.system.other_runtimes.environments import OPENVINO, python_with

from peers.catalog import PEERS
from peers.environments import SOURCES, Environment
from peers.rounds import Bounds, Contender, run_rounds
from peers.rows import first_measured, row_of
from tlx.bench.plan import FEWEST_CALLS, MOST_CALLS, EnginePrecision
from tlx.errors import MissingDependencyError
from tlx.runtime.timing.pictures import load_pictures
from tlx.runtime.timing.process import Interpreter
from tlx.runtime.timing.protocol import ONNX_KIND, Samples, Setup

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NCNN = ("ncnn==1.0.20261020", "numpy==2.4.6")
PATHS = {"PYTHONPATH": ":".join(map(str, SOURCES))}


@pytest.fixture
def setup(tiny_model: Path, tmp_path: Path) -> Setup:
    common = Setup(
        kind=ONNX_KIND,
        model=str(tiny_model),
        device="cpu",
        classes=3,
        threads=1,
        cpus=[],
        photos=[],
        synthetic=3,
        size_hw=[32, 32],
        resize="area",
        batch=1,
    )
    np.save(tmp_path / "pictures.npy", load_pictures(common))
    return replace(common, arrays=str(tmp_path / "pictures.npy"))


def rows(contenders: list[Contender]) -> list[dict[str, Any]]:
    baseline = first_measured(contenders)
    return [row_of(one, baseline, threshold=0.5, is_same_network=one.name != "stranger") for one in contenders]


def test_a_peer_has_its_turns_beside_tlx_and_gives_the_same_answers(setup: Setup) -> None:
    plain = replace(setup, kind="tf2onnx.onnxruntime")
    here = Interpreter(Path(sys.executable), PATHS)
    contenders = [
        Contender("tlx", setup),
        Contender("plain", plain, "tf2onnx", here, note="by hand"),
        Contender("stranger", plain, "tf2onnx", here),
        Contender("gone", replace(plain, model="gone.onnx"), "tf2onnx", here),
        Contender("unknown", replace(plain, kind="nothing.fast"), "nothing", here),
    ]
    rounds = run_rounds(contenders, Bounds(rounds=6, max_seconds=60.0), lambda _: None)
    assert rounds == 6
    tlx, one, stranger, gone, unknown = rows(contenders)
    assert tlx["ratio_to_baseline"] == 1.0
    assert tlx["n"] in range(6 * FEWEST_CALLS, 6 * MOST_CALLS + 1, 6)
    assert one["agreement"]["agrees"] is True
    assert one["note"] == "by hand"
    assert len(one["round_medians_ms"]) == 6
    assert one["ratio_ci95"][0] <= one["ratio_to_baseline"] <= one["ratio_ci95"][1]
    assert stranger["agreement"] is None
    assert stranger["p50_ms"] > 0
    assert (gone["status"], unknown["status"]) == ("failed", "failed")
    assert "gone.onnx" in gone["error"]
    assert "peers.engines.nothing" in unknown["error"]


def measured(setup: Setup, turns_ms: Sequence[Sequence[float]], name: str = "tlx") -> Contender:
    """One whose times are known."""
    turns = [Samples([int(ms * 1e6) for ms in turn], 0, 1, 0) for turn in turns_ms]
    return Contender(name, setup, turns=turns)


def test_calls_of_a_turn_that_are_alike_count_as_fewer(setup: Setup) -> None:
    # Whole turns are slow or fast: sixty calls tell as much as ten.
    alike = [[ms + call / 1000 for call in range(6)] for ms in (10, 20, 11, 19, 12, 18, 13, 17, 14, 16)]
    (row,) = rows([measured(setup, alike)])
    assert (row["n"], row["p50_ms"]) == (60, pytest.approx(15, abs=1.1))
    low, high = row["p50_ci95_ms"]
    assert low < 12.1
    assert high > 17.9
    assert row["p90_ms"] is None
    assert row["samples_needed"]["p90"] > 60
    (once,) = rows([measured(setup, [[10.0, 11.0, 12.0, 13.0, 14.0, 15.0]])])
    assert (once["p50_ms"], once["p50_ci95_ms"]) == (12.5, None)


def test_rounds_that_resemble_the_ones_before_count_as_fewer(setup: Setup) -> None:
    # For half of the time the other is twice as fast, then half as fast: that's two rounds, not thirty.
    other = measured(setup, [[5.0 + number / 1000] * 6 for number in range(15)] + [[20.0] * 6] * 15, "other")
    _, row = rows([measured(setup, [[10.0] * 6] * 30), other])
    assert row["ratio_ci95"] == [0.5, pytest.approx(2.0, abs=0.03)]


def answered(setup: Setup, precision: EnginePrecision, second: float) -> Contender:
    """One that gives the same probability of the second of two labels to each photo."""
    one = measured(setup, [[10.0] * 6] * 8, precision)
    one.precision, one.probabilities = precision, np.array([[1 - second, second]] * 3, np.float32)
    return one


def test_the_tolerance_of_a_row_is_that_of_its_own_precision(setup: Setup) -> None:
    others: list[tuple[EnginePrecision, float]] = [("fp32", 0.63), ("fp16", 0.63), ("bf16", 0.63), ("int8", 0.9)]
    _, *found = rows([answered(setup, "fp32", 0.6), *(answered(setup, name, second) for name, second in others)])
    assert [row["precision"] for row in found] == ["fp32", "fp16", "bf16", "int8"]
    assert [row["agreement"]["tolerance"] for row in found] == [1e-4, 1e-2, 5e-2, None]
    assert [row["agreement"]["agrees"] for row in found] == [False, False, True, True]


def test_what_no_rounding_explains_is_wrong(setup: Setup) -> None:
    # Winograd's rounding is none of our fp32's, but no other answer either.
    others: list[tuple[EnginePrecision, float]] = [("fp32", 0.6002), ("fp32", 0.7), ("fp16", np.nan), ("int8", 0.1)]
    tlx, *found = rows([answered(setup, "fp32", 0.6), *(answered(setup, name, second) for name, second in others)])
    assert [row["status"] for row in (tlx, *found)] == ["ok", "ok", "wrong", "wrong", "wrong"]
    assert found[0]["agreement"]["agrees"] is False


def test_an_engine_that_failed_in_the_middle_is_no_baseline(setup: Setup) -> None:
    broken = measured(setup, [[10.0] * 6] * 5, "broken")
    broken.error = "broken: its process ended"
    lost, first, other = rows([broken, measured(setup, [[10.0] * 6] * 8), measured(setup, [[5.0] * 6] * 8, "other")])
    assert (lost["status"], first["ratio_to_baseline"], other["ratio_to_baseline"]) == ("failed", 1.0, 2.0)


@pytest.mark.parametrize(
    ("of_file", "told", "expected"),
    [("fp32", None, "fp32"), ("fp32", "bf16", "bf16"), ("int8", "fp32", "int8"), ("fp16", "bf16", "bf16")],
)
def test_a_row_has_the_precision_that_its_engine_tells_unless_its_file_is_coarser(
    setup: Setup,
    tmp_path: Path,
    of_file: EnginePrecision,
    told: str | None,
    expected: str,
) -> None:
    # A peer of one's own: its answers are even, its precision is what the test says.
    (tmp_path / "even_peer.py").write_text(
        f"""
import sys
import numpy as np
from tlx.runtime.timing.backends import Backend
from tlx.runtime.timing.worker import main

def build(setup):
    return Backend(lambda images: np.full((len(images), 3), 1 / 3, np.float32), "cpu", precision={told!r})

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], build))
"""
    )
    interpreter = Interpreter(Path(sys.executable), {"PYTHONPATH": f"{PATHS['PYTHONPATH']}:{tmp_path}"})
    contender = Contender("even", setup, "even", interpreter, "even_peer", precision=of_file)
    run_rounds([contender], Bounds(rounds=1, max_seconds=0.0), lambda _: None)
    (row,) = rows([contender])
    assert (row["error"], row["precision"]) == (None, expected)


def test_a_turn_that_would_end_too_late_does_not_begin(setup: Setup) -> None:
    contender = Contender("tlx", setup)
    assert run_rounds([contender], Bounds(rounds=50, max_seconds=0.0), lambda _: None) == 1
    assert len(contender.turns) == 1


def test_a_package_that_cannot_be_had_is_an_error_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    environment = Environment((str(tmp_path / "absent-1.0-py3-none-any.whl"),))
    with pytest.raises(MissingDependencyError, match="absent") as caught:
        environment.make()
    assert "\n" not in str(caught.value)
    assert not environment.folder.exists()


def test_every_peer_is_pinned_and_has_an_engine_and_a_converter() -> None:
    for peer in PEERS:
        assert all("==" in requirement for requirement in peer.environment.requirements)
        assert all(engine.startswith(f"{peer.name}.") for engine in peer.engines)
        assert (BENCHMARKS / "peers" / "engines" / f"{peer.name}.py").is_file()
        if peer.suffix and peer.name != "ncnn":
            assert (BENCHMARKS / "peers" / "conversions" / f"{peer.name}.py").is_file()


def test_what_cannot_be_made_is_told_and_the_rest_is_measured(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    words = ["--only", "litert", "--rounds", "2", "--limit", "2"]
    model = tmp_path / "model.onnx"
    model.write_bytes(tiny_model.read_bytes())
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "compare_peers.py"), str(model), *words, "--no-install"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [row["name"] for row in result["engines"]] == ["tlx.model"]
    assert f"compare_peers.py model.onnx {' '.join(words)}" in result["command"]
    assert result["missing"][0]["peer"] == "litert"


@pytest.mark.runtimes
def test_openvino_beside_tlx_in_its_own_environment(busy_model: Path, setup: Setup, tmp_path: Path) -> None:
    common = replace(setup, model=str(busy_model), size_hw=[96, 96], arrays="")
    np.save(tmp_path / "larger.npy", load_pictures(common))
    common = replace(common, arrays=str(tmp_path / "larger.npy"))
    there = Interpreter(python_with(OPENVINO), PATHS)
    contenders = [
        Contender("tlx", common),
        Contender("openvino", replace(common, kind="openvino.f32"), "openvino", there),
    ]
    run_rounds(contenders, Bounds(rounds=3, max_seconds=60.0), lambda _: None)
    _, openvino = rows(contenders)
    assert openvino["error"] is None
    assert openvino["agreement"]["agrees"] is True
    assert (openvino["note"], openvino["precision"]) == ("computes in fp32", "fp32")
    assert openvino["parked"]["idle"] is True


@pytest.mark.runtimes
def test_ncnn_tells_whether_it_keeps_its_weights_in_16_bits(setup: Setup, tmp_path: Path) -> None:
    pictures = np.load(setup.arrays)
    weights = np.random.default_rng(0).normal(0, 1e-3, (3, pictures[0].size)).astype(np.float32)
    layers = (
        "Input in 0 1 in0",
        "Reshape flat 1 1 in0 flat 0=-1",
        f"InnerProduct dense 1 1 flat logits 0=3 1=0 2={weights.size}",
        "Softmax softmax 1 1 logits out0 0=0",
    )
    model = tmp_path / "dense.ncnn.param"
    model.write_text("\n".join(("7767517", f"{len(layers)} {len(layers)}", *layers)) + "\n")
    # Four zero bytes: the weights follow in 32 bits.
    model.with_suffix(".bin").write_bytes(bytes(4) + weights.tobytes())
    there = Interpreter(python_with(NCNN), PATHS)
    contenders = [
        Contender(kind, replace(setup, kind=kind, model=str(model)), "ncnn", there)
        for kind in ("ncnn.fp32", "ncnn.as_it_comes")
    ]
    run_rounds(contenders, Bounds(rounds=1, max_seconds=60.0), lambda _: None)
    exact, halved = rows(contenders)
    assert (exact["error"], exact["precision"], exact["note"]) == (None, "fp32", "computes in fp32")
    assert halved["precision"] == "fp16"
    assert halved["note"].startswith("computes in fp16 (use_fp16_storage")
    logits = pictures.reshape(len(pictures), -1).astype(np.float64) @ weights.T.astype(np.float64)
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    assert contenders[0].probabilities is not None
    np.testing.assert_allclose(contenders[0].probabilities, expected, atol=2e-6)
    assert halved["agreement"]["tolerance"] == 1e-2
