"""The command line of each benchmark."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from suite.material import TLX, Material

SCRIPTS: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Task:
    """One benchmark.

    Attributes:
        name: Also of its result's file.
        command: ``{output}`` stands for the result's file, ``{folder}`` for a folder of its own beside it.
        needs: Files that another benchmark makes.
        optional: Files that it makes perhaps; the command goes without those that aren't there.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[Path, ...] = ()
    optional: tuple[Path, ...] = ()

    def words(self, output: Path, folder: Path) -> list[str]:
        """The command, with its output's place."""
        places = {"{output}": str(output), "{folder}": str(folder)}
        absent = {str(path) for path in self.optional if not path.is_file()}
        return [places.get(word, word) for word in self.command if word not in absent]


def all_tasks(material: Material, peers: tuple[str, ...] | None = None) -> list[Task]:
    """Every benchmark, in an order in which each finds what it needs.

    Args:
        material: What they are run on.
        peers: Only these; all if left out, none if empty.
    """
    return [
        *_making(material),
        *_using(material),
        *_benches(material),
        *_referees(material),
        *_peers(material, peers),
    ]


def _making(material: Material) -> list[Task]:
    """Training, features, export, compression."""
    data, run = str(material.data), str(material.run)
    tiny = ("--size", "32", "--weights", "none") if material.quick else ()
    export = ("--precisions", "fp32", "--parity-photos", "8") if material.quick else ()
    tasks = [
        _script("finetune_step", data, *(("--rounds", "1", "--steps", "1") if material.quick else ()), *tiny),
        _script("extraction", data, *(("--photos", "24") if material.quick else ()), *tiny),
        _script("exporting", run, "--folder", str(material.exported), *export, name="export"),
    ]
    if not material.quick:  # random weights have no biases, which it looks for
        tasks.append(_script("exported_graph", str(material.fp32), "--minutes", "3", needs=(material.fp32,)))
    if not material.quick:
        made = ("--compressed", str(material.compressed)) if material.compressed else ()
        tasks.append(_script("compressing", data, "--run", run, *made, name="compression"))
    return tasks


def _using(material: Material) -> list[Task]:
    """Folders, videos, cold start."""
    limit, rounds = _pick(material, "8", "500"), _pick(material, "1", "3")
    tasks = []
    for model in (material.fp32, material.int8):
        if material.quick and model == material.int8:
            continue
        for name, source in (("photos", material.photos), ("video", material.clip)):
            tasks.append(
                _script(
                    "overhead",
                    str(model),
                    str(source),
                    *("--limit", limit, "--rounds", rounds),
                    name=f"overhead_{name}_{model.stem}",
                    needs=(model,),
                )
            )
    cold = (str(material.fp32), str(material.photo), "--runs", _pick(material, "2", "10"))
    return [*tasks, _script("cold_start", *cold, needs=(material.fp32,))]


def _benches(material: Material) -> list[Task]:
    """``tlx bench`` itself, what it adds, and whether it finds the same again."""
    photos, run = ("--photos", str(material.photos)), ("--keras", str(material.run))
    fp32, files = str(material.fp32), (material.fp32,)
    rounds = ("--rounds", _pick(material, "6", "40"))
    repeated = ("--runs", _pick(material, "2", "5"), fp32, *run, *photos)
    overhead = _script("bench_overhead", fp32, *photos, *rounds, needs=files)
    if material.quick:
        limits = ("--rounds", "6", "--max-seconds", "10", "--limit", "4")
        once = Task("bench", (*TLX, "bench", fp32, *run, *photos, *limits, "--output", "{output}"), files)
        return [once, overhead, _script("bench_repeatability", *repeated, *limits, needs=files)]
    ways = _engines("keras.predict", "keras.xla")
    # bfloat16 is measured by itself only where the processor computes in it.
    all_ways = _engines("keras.predict", "keras.call", "keras.tf_function", "keras.xla", "keras.mixed_bfloat16")
    bench = (*TLX, "bench", fp32, str(material.int8), *run, *photos, "--max-seconds", "300", "--output", "{output}")
    # Five of 125 or 180 s are 8 to 12 % apart on a shared machine.
    long = (*_engines("keras.predict"), "--measure", "none", "--max-seconds", "400")
    return [
        Task("bench", (*bench, *all_ways, "--measure", "all"), files, (material.int8,)),
        Task("bench_batch_8", (*bench, *ways, "--batch", "8"), files, (material.int8,)),
        overhead,
        _script("bench_repeatability", *repeated, *long, needs=files),
    ]


def _engines(*keras: str) -> tuple[str, ...]:
    """Words for these ways to run Keras, and ONNX Runtime in all its ways."""
    return tuple(word for name in (*keras, "onnxruntime.*") for word in ("--engine", name))


def _referees(material: Material) -> list[Task]:
    """MLPerf LoadGen; its logs stay beside the result."""
    photos = ("--photos", str(material.photos), "--limit", _pick(material, "4", "50"))
    seconds, rounds = _pick(material, "0.1", "60"), _pick(material, "6", "120")
    # Its interval is narrow enough after so many rounds of 64 calls only: of short ones.
    short = material.fp32 if material.quick else material.int8
    loadgen = (*TLX, "loadgen", str(material.fp32), *photos, "--seconds", seconds, "--logs", "{folder}")
    return [
        Task("loadgen", (*loadgen, "--format", "json"), (material.fp32,)),
        _script("loadgen_agreement", str(short), *photos, "--rounds", rounds, needs=(short,)),
    ]


def _peers(material: Material, peers: tuple[str, ...] | None) -> list[Task]:
    """Other libraries; a quick run makes no environments for them, and compares the file with itself."""
    if peers == ():
        return []
    models = [material.fp32] if material.quick else [material.fp32, material.int8]
    only = ("--only", *peers) if peers else ()
    photos = ("--photos", str(material.photos), "--limit", _pick(material, "4", "50"))
    rounds = ("--rounds", _pick(material, "2", "100"), "--max-seconds", _pick(material, "10", "600"))
    words = (*map(str, models), "--keras", str(material.run), *photos, *rounds, *only)
    task = _script("compare_peers", *words, name="peers", needs=(material.fp32,))
    return [replace(task, optional=(material.int8,))]


def _script(script: str, *words: str, name: str | None = None, needs: tuple[Path, ...] = ()) -> Task:
    command = (sys.executable, str(SCRIPTS / f"{script}.py"), *words, "--output", "{output}")
    return Task(name or script, command, needs)


def _pick(material: Material, quick: str, real: str) -> str:
    return quick if material.quick else real
