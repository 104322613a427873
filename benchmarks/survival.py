"""Trainings killed at many moments, as real processes on the real network, and resumed.

Each case starts ``tlx train`` on a terminal, kills it (SIGKILL) at a moment that is seen from outside (a step on its
progress bar, a file that appears), checks every file that a reader could take for whole, and resumes it; the end must
be that of an undisturbed run. Some cases kill the resumed training, too:

    python benchmarks/survival.py ../shared/data/cats_dogs --output survival.json

Prints one JSON object; ``--output FILE`` also writes it. ``--stage NAME`` runs some of the cases; what FILE says of
other stages stays in it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.output import deliver
from survival_cases import STAGES, Case, Outlook
from survival_files import broken_files, figures
from survival_process import Training
from tlx.cache import cache_folder
from tlx.core.recipes.presets import find_preset
from tlx.core.recipes.recipe import Recipe
from tlx.core.recipes.recipe_file import to_toml
from tlx.core.run_folder import unfinished_runs
from tlx.core.runs import finished_runs
from tlx.runtime import environment

TRAINING_PHOTOS = 24
VALIDATION_PHOTOS = 12
"""Of each class."""


def main() -> None:
    """Kill, resume and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder with train/ and validation/")
    parser.add_argument("--stage", action="append", choices=STAGES, help="run only these cases")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tlx-survival-") as folder:
        bench = prepare(arguments.data, Path(folder))
        stages = {stage: run_stage(bench, STAGES[stage]) for stage in arguments.stage or STAGES}
    if arguments.output and arguments.output.exists():
        stages = json.loads(arguments.output.read_bytes())["stages"] | stages
    result = summarize(stages)
    deliver(result, arguments.output)


@dataclass(frozen=True, slots=True)
class Bench:
    """What all cases share.

    Attributes:
        cache: Filled by the undisturbed run.
        expected: See :func:`survival_files.figures`.
    """

    work: Path
    data: Path
    config: Path
    cache: Path
    expected: dict[str, Any]


def prepare(source: Path, work: Path) -> Bench:
    """Copy few photos and train on them undisturbed."""
    data, config, cache = work / "photos", work / "few.toml", work / "cache"
    for split, count in (("train", TRAINING_PHOTOS), ("validation", VALIDATION_PHOTOS)):
        for label in sorted(path for path in (source / split).iterdir() if path.is_dir()):
            (data / split / label.name).mkdir(parents=True)
            for photo in sorted(label.iterdir())[:count]:
                shutil.copy(photo, data / split / label.name)
    config.write_text(to_toml(few_epochs()))
    cache.mkdir()
    shutil.copy(cache_folder() / "vgg16-imagenet-notop.f32", cache)
    with Training(train_words(data, config, work / "undisturbed"), cache) as training:
        code = training.wait()
    assert code == 0, training.output()
    (run,) = finished_runs(work / "undisturbed")
    return Bench(work, data, config, cache, figures(run))


def few_epochs() -> Recipe:
    """The default preset with two epochs a phase, and six steps an epoch."""
    preset = find_preset("default")
    phases = tuple(dataclasses.replace(phase, epochs=2, batch_size=8, views=2) for phase in preset.phases)
    return dataclasses.replace(preset, phases=phases)


def train_words(data: Path, config: Path, runs: Path) -> list[str]:
    """The command line of a new training, without ``tlx``."""
    return ["train", str(data), "--config", str(config), "--runs", str(runs)]


def run_stage(bench: Bench, cases: tuple[Case, ...]) -> list[dict[str, Any]]:
    """Run the cases of one stage, each in folders of its own."""
    results = []
    for place, case in enumerate(cases):
        folder = Path(tempfile.mkdtemp(dir=bench.work))
        results.append(run_case(bench, case, folder))
        shutil.rmtree(folder)
        print(f"{place + 1}/{len(cases)} {case.name}: {results[-1]}", flush=True)
    return results


def run_case(bench: Bench, case: Case, folder: Path) -> dict[str, Any]:
    """Kill, check, resume (and kill that as often as the case says), and compare the end."""
    runs, cache = folder / "runs", folder / "cache"
    cache.mkdir()
    (cache / "vgg16-imagenet-notop.f32").hardlink_to(bench.cache / "vgg16-imagenet-notop.f32")
    if not case.fresh_cache:
        shutil.copytree(bench.cache / "trunk", cache / "trunk")
    started_s = time.monotonic()
    words = train_words(bench.data, bench.config, runs)
    kills, broken, code = 0, [], -1
    for moment in (*case.moments, None):
        with Training(words, cache) as training:
            outlook = Outlook(runs, cache, training)
            while moment is not None and training.runs() and not moment(outlook):
                pass
            code = training.kill() if moment is not None else training.wait()
            kills += code == -signal.SIGKILL
            last_output = training.output()
        broken += broken_files(runs, cache)
        if finished_runs(runs):
            break
        words = ["train", "--resume", "--runs", str(runs)]
        if not unfinished_runs(runs):
            words = train_words(bench.data, bench.config, runs)
    finished = finished_runs(runs)
    same = len(finished) == 1 and figures(finished[0]) == bench.expected
    result: dict[str, Any] = {
        "moment": case.name,
        "kills": kills,
        "broken_files": broken,
        "same_end": same,
        "seconds": round(time.monotonic() - started_s, 1),
    }
    return result if same and not broken else result | {"last_exit_code": code, "last_output": last_output[-2000:]}


def summarize(stages: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The document."""
    cases = [case for results in stages.values() for case in results]
    return {
        "benchmark": "survival",
        "training_photos": 2 * TRAINING_PHOTOS,
        "validation_photos": 2 * VALIDATION_PHOTOS,
        "cases": len(cases),
        "kills": sum(case["kills"] for case in cases),
        "kills_by_stage": {stage: sum(case["kills"] for case in results) for stage, results in stages.items()},
        "ends_like_undisturbed": sum(case["same_end"] for case in cases),
        "broken_files": sum(len(case["broken_files"]) for case in cases),
        "stages": stages,
        "environment": environment.describe(),
    }


if __name__ == "__main__":
    main()
