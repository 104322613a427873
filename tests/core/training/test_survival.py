"""Trainings that meet a full disk, a signal at any stage, a moved folder, a loss that runs away."""

from __future__ import annotations

import dataclasses
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from tlx.core import run_folder
from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.core.recipes.recipe_file import to_toml
from tlx.core.runs import Run, finished_runs
from tlx.core.training.state import load_checkpoint
from tlx.core.training.train import Listener, Machine, TrainOptions, find_unfinished, resume, train
from tlx.core.trunk import budget
from tlx.errors import DataError, OutputError, RunError
from tlx.export.keras_model import load_keras_model

Fill = Callable[..., None]


def quick_recipe(**changes: Any) -> Recipe:
    """Head, then block5, on two augmented views."""
    preset = find_preset("default")
    head, tuning = preset.phases
    return dataclasses.replace(
        preset,
        size_hw=(32, 32),
        preprocessing="rescale",
        phases=(
            dataclasses.replace(head, epochs=2, batch_size=8, views=2),
            dataclasses.replace(tuning, epochs=2, batch_size=8, views=2, **changes),
        ),
    )


def options(root: Path, recipe: Recipe | None = None, **machine: Any) -> TrainOptions:
    return TrainOptions(recipe or quick_recipe(), weights="none", runs_root=root, machine=Machine(**machine))


def figures(run: Run) -> list[dict[str, Any]]:
    rows = json.loads((run.folder / "history.json").read_bytes())
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def undisturbed(colour_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TLX_CACHE", str(tmp_path_factory.mktemp("cache")))
        return train(colour_photos, options(tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="module")
def interrupted(undisturbed: Run, colour_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unfinished run, stopped in fine-tuning; to be copied."""
    del undisturbed
    root = tmp_path_factory.mktemp("interrupted")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TLX_CACHE", str(tmp_path_factory.mktemp("cache")))
        with pytest.raises(KeyboardInterrupt):
            train(colour_photos, options(root), Listener(on_progress("fine-tuning", 2, interrupt)))
    return find_unfinished(None, root)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def on_progress(stage: str, done: int, act: Callable[[], None]) -> Any:
    """A progress that acts once, at a step of a stage, which may be named with its note."""
    acted = False

    def progress(at_stage: str, at_done: int, total: int, note: str = "") -> None:
        nonlocal acted
        del total
        if not acted and stage in {at_stage, f"{at_stage}: {note}"} and at_done >= done:
            acted = True
            act()

    return progress


def on_line(start: str, act: Callable[[], None]) -> Callable[[str], None]:
    """A listener to lines that acts when one begins so."""

    def notify(line: str) -> None:
        if line.startswith(start):
            act()

    return notify


class Disk:
    """A small disk of its own, in memory."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self.folder = folder
        folder.mkdir()
        self._mount(f"size={size_bytes}")

    def fill(self, leaving_bytes: int = 0) -> None:
        """Leave only so much; nothing is written for it."""
        used = shutil.disk_usage(self.folder).used
        self._mount(f"remount,size={used + leaving_bytes}")

    def make_room(self, size_bytes: int = 4_000_000_000) -> None:
        self._mount(f"remount,size={size_bytes}")

    def _mount(self, how: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", how, "tmpfs", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here ({done.stderr.strip()})")


@pytest.fixture
def make_disk(tmp_path: Path) -> Iterator[Callable[[int], Disk]]:
    if not shutil.which("mount") or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    folders: list[Path] = []

    def make(size_bytes: int) -> Disk:
        folders.append(tmp_path / f"disk{len(folders)}")
        return Disk(folders[-1], size_bytes)

    yield make
    for folder in folders:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


def test_a_run_that_would_not_fit_is_refused_before_the_first_step(
    colour_photos: Path, make_disk: Callable[[int], Disk], own_cache: Path
) -> None:
    del own_cache
    disk = make_disk(600_000_000)
    whole = options(disk.folder / "runs")
    whole = dataclasses.replace(whole, recipe=whole.recipe.changed(unfreeze_from="block1_conv1"))
    with pytest.raises(OutputError, match=r"a run takes up to 0\.8 GB .*, 0\.6 GB are free: make room, or .* --runs"):
        train(colour_photos, whole)
    disk.fill(100_000_000)
    with pytest.raises(OutputError, match=r"a run takes up to 0\.5 GB .*, 0\.1 GB are free: make room, or .* --runs"):
        train(colour_photos, options(disk.folder / "runs"))
    assert list(disk.folder.iterdir()) == []


@pytest.mark.parametrize("leaving_bytes", [0, 20_000_000])
def test_a_disk_that_fills_up_leaves_the_last_checkpoint_whole(
    undisturbed: Run, colour_photos: Path, make_disk: Callable[[int], Disk], own_cache: Path, leaving_bytes: int
) -> None:
    del own_cache
    disk, lines = make_disk(1_000_000_000), list[str]()
    runs = disk.folder / "runs"
    listener = Listener(on_progress("fine-tuning", 1, lambda: disk.fill(leaving_bytes)), lines.append)
    with pytest.raises(OutputError, match="the disk is full"):
        train(colour_photos, options(runs), listener)
    folder = find_unfinished(None, runs)
    assert f"go on with: tlx train --resume {folder}" in lines[-1]
    assert len(load_checkpoint(folder / "resume/checkpoint.npz").state.history) == 2
    assert not list(folder.rglob(".*"))
    disk.make_room()
    assert figures(resume(folder)) == figures(undisturbed)


@pytest.mark.parametrize("leaving_bytes", [2_000_000, 59_500_000])
def test_a_disk_that_is_full_at_the_end_leaves_a_run_that_resumes(
    undisturbed: Run, colour_photos: Path, make_disk: Callable[[int], Disk], own_cache: Path, leaving_bytes: int
) -> None:
    """Full as the model, and as what follows it, are written."""
    del own_cache
    disk = make_disk(1_000_000_000)
    runs = disk.folder / "runs"
    listener = Listener(notify=on_line("fine-tuning: done", lambda: disk.fill(leaving_bytes)))
    with pytest.raises(OutputError, match="the disk is full"):
        train(colour_photos, options(runs), listener)
    assert finished_runs(runs) == []
    disk.make_room()
    assert figures(resume(find_unfinished(None, runs))) == figures(undisturbed)


def test_a_cache_disk_that_fills_up_leaves_a_run_that_resumes(
    undisturbed: Run,
    colour_photos: Path,
    make_disk: Callable[[int], Disk],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk, lines = make_disk(3_000_000_000), list[str]()
    monkeypatch.setenv("TLX_CACHE", str(disk.folder))
    with pytest.raises(OutputError, match="the disk is full"):
        train(
            colour_photos,
            options(tmp_path),
            Listener(on_progress("computing features: view 2", 1, disk.fill), lines.append),
        )
    assert "tlx train --resume" in lines[-1]
    assert not list(disk.folder.rglob(".*"))
    disk.make_room()
    assert figures(resume(find_unfinished(None, tmp_path))) == figures(undisturbed)


def test_a_cache_limit_below_one_epoch_is_refused(colour_photos: Path, tmp_path: Path, own_cache: Path) -> None:
    del own_cache
    with pytest.raises(OutputError, match=r"the features of one epoch take 0\.2 MB, more than the .* of --cache-gb"):
        train(colour_photos, options(tmp_path, cache_gb=1e-5))
    assert list(tmp_path.glob("*/run.json")) == []


FEATURES_BYTES = 2 * 2 * 512 * 2
"""Of one view at block4_pool."""


def fits_one_epoch_bytes() -> int:
    """A disk that holds the features of two epochs' views beside the reserve, but not those of three."""
    return budget.RESERVE_BYTES + FEATURES_BYTES * (12 + 24 + 12) + 2 * 65536


def many_views() -> Recipe:
    """Four views, three of which are more than such a disk holds."""
    recipe = quick_recipe()
    head, tuning = recipe.phases
    return dataclasses.replace(recipe, phases=(head, dataclasses.replace(tuning, epochs=4, views=4)))


def test_features_that_would_fill_the_disk_are_asked_about(
    colour_photos: Path,
    make_disk: Callable[[int], Disk],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk, questions = make_disk(fits_one_epoch_bytes()), list[str]()
    monkeypatch.setenv("TLX_CACHE", str(disk.folder))
    recipe = many_views()

    def agree(question: str) -> bool:
        questions.append(question)
        return True

    with pytest.raises(OutputError, match=r"take 0\.. MB, and only .* fit .*: make room, set TLX_CACHE .* --cache-gb"):
        train(colour_photos, options(tmp_path, recipe))
    run = train(colour_photos, options(tmp_path, recipe), Listener(confirm=agree))
    assert len(questions) == 1
    assert run.record.result.epochs == 6


def write_recipe(folder: Path, recipe: Recipe | None = None) -> Path:
    path = folder / "quick.toml"
    path.write_text(to_toml(recipe or quick_recipe()))
    return path


class TerminalProcess:
    """``tlx`` on a terminal of its own, as its leader."""

    def __init__(self, words: list[str], cache: Path) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ |= {"TLX_CACHE": str(cache), "COLUMNS": "300", "TERM": "xterm"}
            os.execv(sys.executable, [sys.executable, "-m", "tlx.cli.app", *words])  # noqa: S606 - the process itself
        self.text = ""

    def read_until(self, pattern: str) -> None:
        while not re.search(pattern, self.text):
            self.text += os.read(self._terminal, 65536).decode(errors="replace")

    def read_for(self, seconds: float) -> None:
        ends_s = time.monotonic() + seconds
        while select.select([self._terminal], [], [], max(0.0, ends_s - time.monotonic()))[0]:
            self.text += os.read(self._terminal, 65536).decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def close(self) -> None:
        """Close the terminal."""
        os.close(self._terminal)

    def exit_code(self) -> int:
        """Read the rest."""
        try:
            while content := os.read(self._terminal, 65536):
                self.text += content.decode(errors="replace")
        except OSError:  # closed by the process or by us
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_on_a_terminal_a_person_is_asked(colour_photos: Path, make_disk: Callable[[int], Disk], tmp_path: Path) -> None:
    disk = make_disk(fits_one_epoch_bytes())
    words = ["train", str(colour_photos), "--config", str(write_recipe(tmp_path, many_views())), "--weights", "none"]
    process = TerminalProcess([*words, "--runs", str(tmp_path / "runs")], disk.folder)
    process.read_until(r"compute the others again when they are needed\?")
    process.read_for(0.5)  # nothing is drawn over the question
    assert process.text.endswith("[y/N]: ")
    process.type("n\r")
    assert process.exit_code() == 2
    assert re.search(r"tlx: error: the features of all views .*: make room, set TLX_CACHE", process.text)


def test_a_closed_terminal_breaks_nothing(undisturbed: Run, colour_photos: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    words = ["train", str(colour_photos), "--config", str(write_recipe(tmp_path)), "--weights", "none"]
    process = TerminalProcess([*words, "--runs", str(runs)], tmp_path / "cache")
    process.read_until(r"fine-tuning +\S")
    process.close()
    assert process.exit_code() != 0
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TLX_CACHE", str(tmp_path / "cache"))
        assert figures(resume(find_unfinished(None, runs))) == figures(undisturbed)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def terminating() -> Iterator[None]:
    """SIGTERM ends this process as it ends ``tlx``."""

    def handle(signum: int, frame: object) -> NoReturn:
        del frame
        raise SystemExit(128 + signum)

    before = signal.signal(signal.SIGTERM, handle)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("act", [interrupt, terminate])
@pytest.mark.parametrize("stage", ["checking photos", "computing features", "computing features: view 1"])
@pytest.mark.usefixtures("terminating")
def test_a_stop_before_the_first_step_leaves_nothing(
    colour_photos: Path, tmp_path: Path, own_cache: Path, stage: str, act: Callable[[], None]
) -> None:
    del own_cache
    lines: list[str] = []
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(colour_photos, options(tmp_path / "runs"), Listener(on_progress(stage, 1, act), lines.append))
    assert not any((tmp_path / "runs").glob("*"))
    assert not any("--resume" in line for line in lines)


@pytest.mark.parametrize("start", ["epoch 3", "fine-tuning: done"])
@pytest.mark.usefixtures("terminating")
def test_a_stop_at_the_end_says_how_to_go_on(
    undisturbed: Run, colour_photos: Path, tmp_path: Path, own_cache: Path, start: str
) -> None:
    """As an epoch has been validated, and before the model is written."""
    del own_cache
    lines: list[str] = []

    def heard(line: str) -> None:
        lines.append(line)
        on_line("fine-tuning: done", terminate)(line)

    def epoch_ended(row: Any) -> None:
        if start == f"epoch {row['epoch']}":
            terminate()

    with pytest.raises(SystemExit, match="143"):
        train(colour_photos, options(tmp_path), Listener(notify=heard, epoch_ended=epoch_ended))
    folder = find_unfinished(None, tmp_path)
    assert lines[-1].endswith(f"tlx train --resume {folder}")
    assert figures(resume(folder)) == figures(undisturbed)


class Destroyed:
    """As it goes, a signal comes: Python drops what its handler raises in here."""

    def __del__(self) -> None:
        interrupt()
        time.sleep(0.01)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_that_python_drops_is_not_lost(colour_photos: Path, tmp_path: Path, own_cache: Path) -> None:
    del own_cache
    stages: list[str] = []

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        del done, total, note
        stages.append(stage)
        if stages == ["checking photos"]:
            Destroyed()

    with pytest.raises(KeyboardInterrupt):
        train(colour_photos, options(tmp_path), Listener(progress))
    assert stages == ["checking photos"]


def test_sigterm_says_one_line_and_exits_with_143(colour_photos: Path, tmp_path: Path) -> None:
    words = ["train", str(colour_photos), "--config", str(write_recipe(tmp_path)), "--weights", "none"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tlx.cli.app", *words, "--runs", str(tmp_path / "runs")],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TLX_CACHE": str(tmp_path / "cache")},
    )
    while not list((tmp_path / "cache").rglob("*.json")):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143
    assert stderr.splitlines()[-1] == "tlx: terminated"
    assert "Traceback" not in stderr


@pytest.mark.parametrize("move", [shutil.move, shutil.copytree])
def test_a_run_that_lies_elsewhere_resumes_there(
    undisturbed: Run, interrupted: Path, tmp_path: Path, own_cache: Path, move: Callable[[Path, Path], Any]
) -> None:
    del own_cache
    shutil.copytree(interrupted, tmp_path / "first")
    move(tmp_path / "first", tmp_path / "second")
    with run_folder.resume_run(interrupted):  # whoever trains the original doesn't mind
        run = resume(tmp_path / "second", Machine(gpus="0", cache_gb=0.5))
    assert run.folder == tmp_path / "second"
    assert figures(run) == figures(undisturbed)


def test_what_a_killed_process_was_writing_goes(interrupted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(interrupted, folder)
    torn = [folder / ".model.ab1.tmp.keras", folder / "resume/.checkpoint.ab2.tmp.npz"]
    for path in torn:
        path.write_bytes(b"torn")
    with run_folder.resume_run(folder):
        assert not any(path.exists() for path in torn)
    shards = tmp_path / "cache/key"
    shards.mkdir(parents=True)
    old, young = shards / ".a.x.tmp.npy", shards / ".b.x.tmp.npy"
    for path in (old, young):
        path.write_bytes(b"torn")
    os.utime(old, (0, 0))
    budget.make_room(tmp_path / "cache", limit_bytes=10**6, for_bytes=1)
    assert not old.exists()
    assert young.exists()


def test_photos_that_are_not_there_any_more_are_named(colour_photos: Path, interrupted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(interrupted, folder)
    plan = json.loads((folder / "training.json").read_bytes())
    (folder / "training.json").write_text(json.dumps(plan | {"data": str(tmp_path / "gone")}))
    with pytest.raises(DataError, match=rf"gone: the photos of {folder} are not there any more: put them back"):
        resume(folder)
    assert colour_photos.is_dir()


def test_training_anew_tells_of_an_unfinished_run(
    colour_photos: Path, interrupted: Path, tmp_path: Path, own_cache: Path
) -> None:
    shutil.copytree(interrupted, tmp_path / "left")
    told: list[bool] = []
    for hold in (False, True):
        lines: list[str] = []
        stop = Listener(on_progress("computing features", 1, interrupt), lines.append)
        with pytest.raises(KeyboardInterrupt):
            if hold:
                with run_folder.resume_run(tmp_path / "left"):
                    train(colour_photos, options(tmp_path), stop)
            else:
                train(colour_photos, options(tmp_path), stop)
        shutil.rmtree(own_cache)  # what was computed is kept, and wouldn't be computed again
        told.append(any(f"to go on with it: tlx train --resume {tmp_path / 'left'}" in line for line in lines))
    assert told == [True, False]


def runaway_recipe() -> Recipe:
    return quick_recipe(optimizer="sgd", weight_decay=0.0, learning_rate=1e30)


def test_a_runaway_leaves_the_last_good_model(colour_photos: Path, tmp_path: Path, own_cache: Path) -> None:
    del own_cache
    with pytest.raises(RunError, match=r"train anew with a lower one .*; the weights of epoch 2 are kept in .*\.keras"):
        train(colour_photos, options(tmp_path, runaway_recipe()))
    folder = find_unfinished(None, tmp_path)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    probabilities = load_keras_model(folder / "last-good.keras").predict_on_batch(pictures)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    lines: list[str] = []
    with pytest.raises(RunError, match="the loss is not a number any more"):
        resume(folder, listener=Listener(notify=lines.append))
    assert re.search(r"stopped at fine-tuning, epoch 1, step \d, .* so rather train anew", lines[0])
    lines.clear()
    with pytest.raises(KeyboardInterrupt):
        train(colour_photos, options(tmp_path), Listener(on_progress("head", 1, interrupt), lines.append))
    assert not any("unfinished" in line for line in lines)


def test_a_runaway_before_the_first_checkpoint_says_so(colour_photos: Path, tmp_path: Path, own_cache: Path) -> None:
    del own_cache
    recipe = runaway_recipe()
    with pytest.raises(RunError, match=r"epoch 1, step \d: .*; there was no good state before"):
        train(colour_photos, options(tmp_path / "runs", dataclasses.replace(recipe, phases=recipe.phases[1:])))
    assert list((tmp_path / "runs").iterdir()) == []
