"""Keras beside ONNX Runtime: what its cold start and its stages are made of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from tests.bench.conftest import make_plan

from tlx.bench import sampling
from tlx.bench.measures.cold_start import command_for
from tlx.bench.measures.measure import measure_extras
from tlx.bench.measures.wanted import Wanted
from tlx.bench.plan import EngineSpec, Plan
from tlx.bench.sampling import EngineRecord
from tlx.runtime.timing.protocol import ONNX_KIND, Setup

KINDS = ("predict", "call", "tf_function", "xla", "mixed_bfloat16")


def save_model(path: Path, units: int) -> Path:
    """The strongest colour's model of ``tiny_model``; with one unit: how much red."""
    from tlx.export.frameworks import import_keras

    keras = import_keras()
    image = keras.Input((32, 32, 3), dtype="uint8", name="image")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1.0)(image))
    activation = "sigmoid" if units == 1 else "softmax"
    model = keras.Model(image, keras.layers.Dense(units, activation=activation, name="output", use_bias=False)(mean))
    model.get_layer("output").set_weights([np.eye(3, units, dtype=np.float32) / 10])
    model.save(path)
    return path


@pytest.fixture(scope="module")
def keras_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("keras") / "model.keras", 3)


@pytest.fixture(scope="module")
def photos(png_photos: Path) -> tuple[Path, ...]:
    return tuple(sorted(png_photos.rglob("*.png")))


def start(model: Path, kind: str, photo: Path, *options: str) -> CompletedProcess[str]:
    setup = Setup(f"keras.{kind}", str(model), "cpu", 3, 1, [], [], 1, [32, 32], "area", 4)
    command = command_for(setup, photo)
    return subprocess.run([*command[:2], *options, *command[2:]], capture_output=True, check=True, text=True)


@pytest.fixture(scope="module")
def starts(keras_model: Path, photos: tuple[Path, ...]) -> Iterator[dict[str, Future[CompletedProcess[str]]]]:
    """Every kind, started as many at once as there are processors: each imports TensorFlow, which takes one of them."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # Photo number 1 is mostly green.
        yield {kind: pool.submit(start, keras_model, kind, photos[1]) for kind in KINDS}


@pytest.fixture(scope="module")
def side_by_side(keras_model: Path, tiny_model: Path, photos: tuple[Path, ...]) -> tuple[Plan, list[EngineRecord]]:
    """Keras and ONNX Runtime, measured as the bench does before it takes the extras."""
    engines = [EngineSpec("keras.call", keras_model, (32, 32)), EngineSpec(ONNX_KIND, tiny_model, (32, 32))]
    plan = make_plan(engines, rounds=1, photos=photos)
    return plan, list(sampling.measure(plan).engines)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_keras_is_started_alone_and_says_the_right_label(
    starts: dict[str, Future[CompletedProcess[str]]], kind: str
) -> None:
    assert json.loads(starts[kind].result().stdout) == {"label": 1}


@pytest.mark.slow
def test_keras_is_started_without_tlx(tmp_path: Path, photos: tuple[Path, ...]) -> None:
    model = save_model(tmp_path / "one.keras", 1)
    done = start(model, "call", photos[0], "-X", "importtime")
    assert json.loads(done.stdout) == {"label": 1}
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert {"keras", "tensorflow"} <= imported
    # Keras itself takes OpenCV along where it is.
    assert not {"tlx", "onnxruntime"} & imported


@pytest.mark.slow
def test_keras_and_onnx_runtime_are_measured_side_by_side(side_by_side: tuple[Plan, list[EngineRecord]]) -> None:
    plan, records = side_by_side
    wanted = Wanted(frozenset({"stages", "memory", "transfers"}), seconds=10.0)
    extras = measure_extras(replace(plan, wanted=wanted), records)
    keras, onnx = extras["keras.call"], extras["onnxruntime.cpu.fp32"]
    assert keras.stages is not None
    assert onnx.stages is not None
    assert keras.memory is not None
    assert onnx.memory is not None
    # TensorFlow's libraries alone take more than all of ONNX Runtime's process.
    assert (keras.memory.peak_rss_bytes or 0) > 2 * (onnx.memory.peak_rss_bytes or 0) > 0
    assert (keras.notes, onnx.notes) == ((), ())


@pytest.mark.slow
def test_keras_in_an_environment_of_its_own_has_all_but_stages(
    side_by_side: tuple[Plan, list[EngineRecord]], tmp_path: Path
) -> None:
    # An interpreter that finds TensorFlow, but none of what decodes pictures or reads contracts.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nfor name in ('cv2', 'pydantic', 'onnxruntime', 'typer'): sys.modules[name] = None\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}:$PYTHONPATH" exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    plan, records = side_by_side
    parts = frozenset({"stages", "memory", "cold-start"})
    wanted = Wanted(parts, sustained_s=1.0, first_s=0.5, rest_s=0.0, cold_starts=1)
    keras, onnx = measure_extras(replace(plan, keras_python=python, wanted=wanted), records).values()
    assert keras.stages is None
    assert None not in (keras.memory, keras.cold_start, keras.sustained)
    assert [("--keras-python" in note) for note in keras.notes] == [True]
    assert None not in (onnx.stages, onnx.memory, onnx.cold_start, onnx.sustained)
    assert onnx.notes == ()


@pytest.mark.slow
def test_keras_computes_without_transfers_what_it_computes_with_them(keras_model: Path) -> None:
    program = """
import sys
import numpy as np
from tlx.bench.backends import build
from tlx.runtime.timing.protocol import Setup
model, *kinds = sys.argv[1:]
for kind in kinds:
    backend = build(Setup(kind, model, "cpu", 3, 1, [], [], 1, [32, 32], "area", 2))
    for images in np.random.default_rng(5).integers(0, 256, (3, 2, 32, 32, 3), dtype=np.uint8):
        held = backend.hold(images)
        np.testing.assert_array_equal(held.fetch(), backend.infer(images))
        held.run()
        np.testing.assert_array_equal(held.fetch(), backend.infer(images))
    print(kind, "equal", backend.provider)
"""
    kinds = ("keras.call", "keras.tf_function", "keras.xla")
    command = [sys.executable, "-c", program, str(keras_model), *kinds]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert [line for line in done.stdout.splitlines() if "equal" in line] == [f"{kind} equal cpu" for kind in kinds]
