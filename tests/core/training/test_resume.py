"""Trainings that are interrupted at any moment, by any means, and resumed: they end as if nothing had happened."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlx.core import run_folder
from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.core.runs import Run, finished_runs
from tlx.core.training.state import load_checkpoint
from tlx.core.training.train import Listener, Machine, TrainOptions, find_unfinished, resume, train
from tlx.errors import DataError, OutputError, RunError
from tlx.export.keras_model import load_keras_model


def quick_recipe(**changes: Any) -> Recipe:
    """Head, then block5, on augmented views, with everything that has a state: dropout, Adam, an average."""
    preset = find_preset("default")
    head, tuning = preset.phases
    return dataclasses.replace(
        preset,
        size_hw=(32, 32),
        preprocessing="rescale",
        phases=(
            dataclasses.replace(head, epochs=2, batch_size=8, views=2),
            dataclasses.replace(tuning, epochs=3, batch_size=8, views=2, ema_decay=0.8, learning_rate=1e-3, **changes),
        ),
    )


def options(root: Path, **changes: Any) -> TrainOptions:
    every_step = Machine(checkpoint_minutes=0)
    return TrainOptions(quick_recipe(**changes), weights="none", runs_root=root, machine=every_step)


def figures(run: Run) -> list[dict[str, Any]]:
    rows = json.loads((run.folder / "history.json").read_bytes())
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def undisturbed(colour_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TLX_CACHE", str(tmp_path_factory.mktemp("cache")))
        return train(colour_photos, options(tmp_path_factory.mktemp("runs")))


def interrupt_at(step: int) -> Callable[..., None]:
    """A progress that sends this process a real SIGINT at the given step of training."""
    steps = 0

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        nonlocal steps
        del done, total, note
        if stage in {"head", "fine-tuning"}:
            steps += 1
            if steps == step:
                os.kill(os.getpid(), signal.SIGINT)

    return progress


@pytest.mark.parametrize("step", [1, 3, 4, 6, 7, 11, 15])
def test_an_interrupted_training_ends_as_an_undisturbed_one(
    undisturbed: Run, colour_photos: Path, tmp_path: Path, own_cache: Path, step: int
) -> None:
    del own_cache
    with pytest.raises(KeyboardInterrupt):
        train(colour_photos, options(tmp_path), Listener(interrupt_at(step)))
    assert finished_runs(tmp_path) == []
    run = resume(find_unfinished(None, tmp_path))
    assert figures(run) == figures(undisturbed)
    assert run.record.result.model_dump(exclude={"seconds"}) == undisturbed.record.result.model_dump(
        exclude={"seconds"}
    )
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    expected, got = (load_keras_model(each.model_path).predict_on_batch(pictures) for each in (undisturbed, run))
    np.testing.assert_array_equal(got, expected)
    assert not (run.folder / "resume").exists()


@pytest.mark.parametrize(("step", "epochs"), [(3, 1), (6, 2), (15, 3)])
def test_a_stop_in_the_last_step_of_an_epoch_loses_nothing(
    colour_photos: Path, tmp_path: Path, own_cache: Path, step: int, epochs: int
) -> None:
    """Three steps an epoch, two epochs of the head, three of fine-tuning."""
    del own_cache
    seldom = dataclasses.replace(options(tmp_path), machine=Machine(checkpoint_minutes=60))
    with pytest.raises(KeyboardInterrupt):
        train(colour_photos, seldom, Listener(interrupt_at(step)))
    state = load_checkpoint(next(tmp_path.glob("*/resume/checkpoint.npz"))).state
    assert (len(state.history), state.step) == (step // 3, 0)
    assert state.epoch == epochs


def start_training(data: Path, root: Path, cache: Path, recipe_file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tlx.cli.app", "train", str(data), "--config", str(recipe_file)]
    command += ["--weights", "none", "--runs", str(root)]
    environment = os.environ | {"TLX_CACHE": str(cache)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    from tlx.core.recipes.recipe_file import to_toml

    path = tmp_path / "quick.toml"
    path.write_text(to_toml(quick_recipe()))
    return path


@pytest.mark.parametrize("marker", ["resume/start.npz", "resume/checkpoint.npz", "history.json"])
def test_a_killed_process_leaves_a_run_that_resumes(
    undisturbed: Run, colour_photos: Path, tmp_path: Path, recipe_file: Path, marker: str
) -> None:
    """Kill -9 when the file appears: before the first step, in the middle, and while the run is being written."""
    root = tmp_path / "runs"
    process = start_training(colour_photos, root, tmp_path / "cache", recipe_file)
    deadline_s = time.monotonic() + 120
    while not list(root.glob(f"[!.]*/{marker}")):
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline_s
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert finished_runs(root) == []
    command = [sys.executable, "-m", "tlx.cli.app", "train", "--resume", "--runs", str(root)]
    environment = os.environ | {"TLX_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = finished_runs(root)
    assert figures(run) == figures(undisturbed)
    assert "validation accuracy" in done.stdout


def test_ctrl_c_saves_and_exits_with_130(colour_photos: Path, tmp_path: Path, recipe_file: Path) -> None:
    root = tmp_path / "runs"
    process = start_training(colour_photos, root, tmp_path / "cache", recipe_file)
    while not list(root.glob("*/resume/checkpoint.npz")):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "tlx train --resume" in output
    assert "Traceback" not in output
    assert len(run_folder.unfinished_runs(root)) == 1


def test_a_loss_that_is_not_a_number_stops_with_the_last_good_state(
    colour_photos: Path, tmp_path: Path, own_cache: Path
) -> None:
    del own_cache
    recipe = quick_recipe()
    runaway = dataclasses.replace(recipe.phases[1], optimizer="sgd", weight_decay=0.0, learning_rate=1e30)
    recipe = dataclasses.replace(recipe, phases=(recipe.phases[0], runaway))
    with pytest.raises(RunError, match=r"fine-tuning, epoch 1, step \d: .* learning rate \(1e\+30\) is too high"):
        train(colour_photos, TrainOptions(recipe, weights="none", runs_root=tmp_path))
    (unfinished,) = run_folder.unfinished_runs(tmp_path)
    with np.load(unfinished.checkpoint) as checkpoint:
        assert all(np.isfinite(checkpoint[name]).all() for name in checkpoint.files if name.startswith("variables"))
        assert len(json.loads(str(checkpoint["document"]))["history"]) == 2


def test_resume_refuses_other_photos(colour_photos: Path, tmp_path: Path, own_cache: Path) -> None:
    del own_cache
    photos = tmp_path / "photos"
    shutil.copytree(colour_photos, photos)
    with pytest.raises(KeyboardInterrupt):
        train(photos, options(tmp_path / "runs"), Listener(interrupt_at(2)))
    next((photos / "train/red").iterdir()).unlink()
    with pytest.raises(DataError, match="not the photos"):
        resume(find_unfinished(str(photos), tmp_path / "runs"))


def test_two_processes_do_not_train_the_same_run(colour_photos: Path, tmp_path: Path, own_cache: Path) -> None:
    del own_cache
    with pytest.raises(KeyboardInterrupt):
        train(colour_photos, options(tmp_path), Listener(interrupt_at(2)))
    folder = find_unfinished("latest", tmp_path)
    with run_folder.resume_run(folder), pytest.raises(RunError, match="another process"):
        resume(folder)


def test_resume_says_what_it_can_not_resume(undisturbed: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no unfinished run"):
        find_unfinished(None, tmp_path)
    with pytest.raises(RunError, match="nothing to resume"):
        find_unfinished("elsewhere", tmp_path)
    with pytest.raises(RunError, match="is finished"):
        resume(undisturbed.folder)


def test_a_damaged_checkpoint_is_named(colour_photos: Path, tmp_path: Path, own_cache: Path) -> None:
    del own_cache
    with pytest.raises(KeyboardInterrupt):
        train(colour_photos, options(tmp_path), Listener(interrupt_at(5)))
    folder = find_unfinished(None, tmp_path)
    checkpoint = folder / "resume/checkpoint.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-200])
    with pytest.raises(RunError, match="not a checkpoint that can be read"):
        resume(folder)


def test_an_error_before_the_first_checkpoint_leaves_nothing(
    colour_photos: Path, tmp_path: Path, own_cache: Path
) -> None:
    own_cache.mkdir(parents=True, exist_ok=True)
    (own_cache / "trunk").touch()  # where a folder must go
    with pytest.raises(OutputError):
        train(colour_photos, options(tmp_path / "runs"))
    assert list((tmp_path / "runs").iterdir()) == []


def test_the_newest_run_that_nobody_trains_is_resumed(tmp_path: Path) -> None:
    plan = {"data": "/photos", "data_sha256": "", "labels": [], "recipe": {}, "seed": 0, "weights": "none"}
    plan |= {
        "weights_is_imagenet": False,
        "weights_sha256": "",
        "started_from": None,
        "strict": False,
        "balance": False,
    }
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        document = plan | {"schema": 1, "name": name, "created_utc": f"2026-01-0{name}T00:00:00"}
        (tmp_path / name / "training.json").write_text(json.dumps(document))
    assert find_unfinished(None, tmp_path) == tmp_path / "2"
    with run_folder.resume_run(tmp_path / "2"):
        assert find_unfinished(None, tmp_path) == tmp_path / "1"
        assert find_unfinished("/photos", tmp_path) == tmp_path / "1"
        with run_folder.resume_run(tmp_path / "1"):
            assert find_unfinished(None, tmp_path) == tmp_path / "2"
