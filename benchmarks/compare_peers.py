"""The same network in tlx and in other libraries, each in an environment of its own, on the same photos.

    python benchmarks/compare_peers.py model.onnx --keras RUN --photos ../shared/data/cats_dogs/validation
    python benchmarks/compare_peers.py fp32.onnx int8.onnx --keras latest --only openvino ncnn
    python benchmarks/compare_peers.py model.onnx --prepare        # environments and files only

Peers: OpenVINO, ncnn, MNN, LiteRT, plain Keras, tf2onnx by hand, and Ultralytics' classifier (another network). Their
environments are made by pip in tlx's cache folder and kept there (Ultralytics' takes 6 GB: it comes with PyTorch for
CUDA; ``--skip ultralytics`` leaves it out). Each engine has a process of its own, pinned to the same processors, with
as many threads; they have turns in interleaved rounds, and those that wait are at rest. The first ONNX file in tlx is
the baseline: ``ratio_to_baseline`` is its time divided by theirs, and their answers are compared with its own.

Prints one JSON object; ``--output FILE`` also writes it. A peer that can't be had or fails is a row with its reason.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from peers.catalog import PEERS, Peer
from peers.converting import Sources, file_for
from peers.rounds import Bounds, Contender, run_rounds
from peers.rows import first_measured, row_of
from suite.output import deliver
from tlx.bench.agreement import coarser
from tlx.bench.pictures import choose_readable, find_photos
from tlx.bench.typed_command import typed_command
from tlx.contract import Precision
from tlx.errors import MissingDependencyError, TlxError
from tlx.runtime import environment
from tlx.runtime.model_file import ModelFile
from tlx.runtime.timing.model_setup import Place, setup_of
from tlx.runtime.timing.pictures import load_pictures
from tlx.runtime.timing.protocol import Setup


@dataclass(frozen=True, slots=True)
class Entry:
    """What a row is of, beside the contender itself."""

    contender: Contender
    is_same_network: bool = True


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL.onnx", help="the first is the baseline, fp32")
    parser.add_argument("--keras", metavar="RUN", help="run that they come from, or a .keras file")
    parser.add_argument("--photos", type=Path, help="folder of photos (default: made by formula)")
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--max-seconds", type=float, default=600.0)
    names = [peer.name for peer in PEERS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--skip", nargs="+", choices=names, default=[])
    parser.add_argument("--no-install", action="store_true", help="only environments that are there already")
    parser.add_argument("--prepare", action="store_true", help="make environments and files, measure nothing")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    try:
        result = compare(arguments)
    except TlxError as error:
        sys.exit(f"compare_peers: error: {error}")
    deliver(result, arguments.output)


def compare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Make what is needed, measure, and describe it."""
    models = [ModelFile.read(path) for path in arguments.models]
    contract = models[0].contract
    peers = [peer for peer in PEERS if peer.name in arguments.only and peer.name not in arguments.skip]
    with tempfile.TemporaryDirectory(prefix="tlx-peers-") as temporary:
        folder = Path(temporary)
        common = common_setup(arguments, folder)
        entries = [
            Entry(
                Contender(
                    f"tlx.{path.stem}",
                    replace(common, model=str(path.resolve())),
                    precision=model.contract.precision,
                )
            )
            for path, model in zip(arguments.models, models, strict=True)
        ]
        sources = Sources(arguments.models[0].resolve(), keras_file(arguments.keras), contract.input.size_hw)
        versions, missing = {}, []
        for peer in peers:
            try:
                if arguments.no_install and not peer.environment.python.exists():
                    raise MissingDependencyError(f"{peer.name}: has no environment yet, and --no-install makes none")
                found = contenders_of(peer, sources, arguments.models, common, folder)
                versions[peer.name] = peer.environment.versions()
                entries += found
            except TlxError as error:
                missing.append({"peer": peer.name, "error": str(error)})
        rounds = 0
        if not arguments.prepare:
            bounds = Bounds(arguments.rounds, arguments.max_seconds)
            rounds = run_rounds([entry.contender for entry in entries], bounds, tell)
    baseline = first_measured(entry.contender for entry in entries)
    return {
        "benchmark": "peers",
        "command": typed_command(["python", *sys.argv]),
        "baseline": baseline.name if baseline else None,
        "engines": [
            row_of(
                entry.contender,
                baseline,
                threshold=contract.threshold,
                is_same_network=entry.is_same_network,
            )
            for entry in entries
        ],
        "missing": missing,
        "photos": {"count": len(common.photos) or common.synthetic, "synthetic": not common.photos},
        "method": {"rounds": rounds, "threads": common.threads, "pinned_to_cpus": common.cpus or None},
        "peer_versions": versions,
        "environment": environment.describe(),
    }


def common_setup(arguments: argparse.Namespace, folder: Path) -> Setup:
    """What all engines have in common: photos (decoded and resized once), processors, threads."""
    photos = choose_readable(find_photos(arguments.photos), arguments.limit, 0)[0] if arguments.photos else []
    place = Place("cpu", arguments.threads)
    setup = setup_of(arguments.models[0], place, photos, arguments.limit)
    pictures = folder / "pictures.npy"
    np.save(pictures, load_pictures(setup))
    return replace(setup, model="", arrays=str(pictures))


def contenders_of(peer: Peer, sources: Sources, models: Sequence[Path], common: Setup, folder: Path) -> list[Entry]:
    """A peer's engines, its environment and its file made.

    Raises:
        TlxError: If they can't be had.
    """
    tell(f"preparing {peer.name}")
    peer.environment.make()
    files = [path.resolve() for path in models] if peer.every_model else [file_for(peer, sources, folder)]
    interpreter = peer.environment.interpreter()
    return [
        Entry(
            Contender(
                f"{kind}:{file.stem}" if len(files) > 1 else kind,
                replace(common, kind=kind, model=str(file)),
                peer=peer.name,
                interpreter=interpreter,
                note=peer.note,
                precision=coarser(precision_of_source(peer, file, models), precision),
            ),
            peer.is_same_network,
        )
        for file in files
        for kind, precision in peer.engines.items()
    ]


def precision_of_source(peer: Peer, file: Path, models: Sequence[Path]) -> Precision:
    """Of the model file that a peer runs, or that its own file is made of; Keras models are in fp32."""
    if peer.source != "onnx":
        return "fp32"
    return ModelFile.read(file if peer.every_model else models[0]).contract.precision


def keras_file(run: str | None) -> Path | None:
    """The Keras model of a run, or the file itself."""
    if run is None or run.endswith(".keras"):
        return Path(run).resolve() if run else None
    from tlx.core.runs import open_run

    return open_run(run, Path("runs")).model_path.resolve()


def tell(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
