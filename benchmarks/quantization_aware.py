"""What quantization-aware training adds to a compressed network: its int8 file's answers, with and without it.

    python benchmarks/quantization_aware.py COMPRESSED_RUN
    python benchmarks/quantization_aware.py COMPRESSED_RUN --passes 6 --seeds 0 1 --output FILE

The network learns on from its original for a few passes, twice from the same start and in the same order: as
`tlx compress` teaches, and with its weights (a scale a channel) and what its layers give (a scale a layer, from 0 to
the largest value that the network gave on the calibration photos before it learned on) rounded as the int8 file's, the
gradient going straight through (Jacob et al. 2018, arXiv:1712.05877). Both learn in float32, whatever the run learned
in. Each is then converted and quantized in the way that `tlx export --precision int8` tries first (ranges by minimum
and maximum of 200 training photos). Prints one JSON object of accuracy and log loss on all validation photos, and of
how far the int8 file's log-odds lie from its own fp32 network's; ``--output FILE`` also writes it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from suite.output import deliver
from tlx.bench.typed_command import typed_command
from tlx.core.compress.compress import ROWS, pictures_to_survey
from tlx.core.compress.course import Course
from tlx.core.compress.plain import PlainNetwork, build_model, read_network
from tlx.core.compress.pruning import Looks, survey
from tlx.core.compress.recovery import recover
from tlx.core.compress.source import Source, open_source
from tlx.core.compress.teaching import Teaching, hint_layers, plan_place
from tlx.core.runs import Run, open_run
from tlx.core.training.validating import accuracy_and_loss
from tlx.core.trunk.budget import DEFAULT_LIMIT_GB
from tlx.errors import InputError, TlxError
from tlx.export.convert import convert
from tlx.export.frameworks import import_keras
from tlx.export.keras_model import class_probabilities, load_keras_model
from tlx.export.precision.calibration import Calibration
from tlx.export.precision.calibration_photos import CalibrationPhotos, choose_calibration_photos
from tlx.export.precision.ladder import Candidate, make
from tlx.export.precision.targets import THIS_MACHINE, find_target
from tlx.runtime import environment
from tlx.runtime.processors import usable_processors
from tlx.runtime.session import CPU_PROVIDER, create_engine

_BATCH: Final = 20
_LEAST: Final = 1e-7
_SAME: Final = 1e-4
"""Errors of a layer, on one processor and another: what differs by more is another survey, with other channels."""

Probabilities = npt.NDArray[np.float32]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", help="made by tlx compress")
    parser.add_argument("--original", help="the run that it came from (default: the one of that name beside it)")
    parser.add_argument("--passes", type=int, default=4, help="over the training photos")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="at its highest")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the order of the photos")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    try:
        result = measure(arguments)
    except TlxError as error:
        sys.exit(f"quantization_aware: error: {error}")
    deliver(result, arguments.output)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The network as it is, and after both ways of learning on."""
    run = open_run(arguments.run)
    classroom = Classroom.open(run, arguments.original)
    network = read_network(load_keras_model(run.model_path))
    tops = largest_values(network, classroom.calibration)
    rows = [{"name": "as it is", "seed": None, **classroom.judge(network)}]
    ways = {"learned on": in_float32, "learned on, quantization-aware": partial(rounded_model, tops=tops)}
    for seed in arguments.seeds:
        course = Course(1, passes=arguments.passes, learning_rate=arguments.learning_rate, seed=seed)
        for name, build in ways.items():
            learned = recover(network, classroom.kept, classroom.teaching, course, build=build)
            losses = [row["loss"] for row in learned.history]
            rows.append({"name": name, "seed": seed, "losses": losses, **classroom.judge(learned.network)})
    return {
        "benchmark": "quantization_aware",
        "command": typed_command(["python", *sys.argv]),
        "validation_photos": len(classroom.source.validation),
        "passes": arguments.passes,
        "learning_rate": arguments.learning_rate,
        "networks": rows,
        "environment": environment.describe(),
    }


@dataclass(frozen=True)
class Classroom:
    """What a compressed network learned from, and what judges it.

    Attributes:
        kept: For each layer with hints, the channels of the original that it still has.
    """

    source: Source
    teaching: Teaching
    kept: Mapping[str, npt.NDArray[np.int64]]
    calibration: CalibrationPhotos

    @classmethod
    def open(cls, run: Run, original_folder: str | None = None) -> Classroom:
        """Find the channels again: the survey is the same for the same photos and seed.

        Args:
            run: A compressed one.
            original_folder: Of what it came from; beside it if None.

        Raises:
            InputError: If it isn't compressed, or that isn't what it came from.
        """
        record = run.record.compression
        if record is None:
            raise InputError(f"{run.folder.name}: expected a run that 'tlx compress' made")
        original = open_run(original_folder or run.folder.parent / record.original)
        if original.record.name != record.original:
            raise InputError(f"--original {original.record.name}: {run.folder.name} was made from {record.original}")
        source, size_hw = open_source(original, hold_back=False), run.recipe.size_hw
        base = source.resized(size_hw[0])
        teaching = Teaching(source, plan_place(source, size_hw, DEFAULT_LIMIT_GB), size_hw, {})
        looked_at = survey(base, pictures_to_survey(base, teaching), Looks(ROWS, record.seed or 0))
        # A layer that was merged into the next one has no channels left, and no error of its own.
        merged = sum(layer.channels[0] == 0 for layer in record.layers)
        widths = [left or before for left, before in (layer.channels for layer in record.layers)]
        errors = [one.error(width) for one, width in zip(looked_at.eliminations, widths, strict=True)]
        if not np.allclose(errors[merged:], [layer.error for layer in record.layers[merged:]], rtol=0, atol=_SAME):
            raise InputError(f"{run.folder.name}: its layers have other errors now than when it was made: make it anew")
        chosen = looked_at.kept(widths)
        kept = {name: chosen[place] for name, place in hint_layers(source).items()}
        files = choose_calibration_photos([photo.path for photo in source.photos])
        calibration = CalibrationPhotos(files, size_hw, run.recipe.resize, "training photos")
        return cls(source, teaching.imitating(kept), kept, calibration)

    def judge(self, network: PlainNetwork) -> dict[str, Any]:
        """Accuracy and log loss of fp32 and int8, and how their log-odds differ."""
        proto = convert(build_model(network), network.size_hw)
        made = make(Candidate("int8", "minmax"), proto, Calibration(proto, self.calibration), find_target(THIS_MACHINE))
        photos = self.source.validation
        pixels, classes = self.teaching.pixels(photos, 0).take(range(len(photos))), self.source.classes(photos)
        said = {name: answers(model, pixels) for name, model in (("fp32", proto), ("int8", made.proto))}
        figures: dict[str, Any] = {}
        for name, probabilities in said.items():
            accuracy, loss = accuracy_and_loss(probabilities, classes)
            figures[name] = {"accuracy": accuracy, "log_loss": loss}
        apart = log_odds(said["int8"]) - log_odds(said["fp32"])
        figures["log_odds_rms"] = float(np.sqrt(np.mean(np.square(apart))))
        figures["other_labels"] = int((said["int8"].argmax(axis=1) != said["fp32"].argmax(axis=1)).sum())
        return figures


def answers(proto: Any, pixels: npt.NDArray[np.uint8]) -> Probabilities:
    """``float32 [N, classes]``, what an ONNX model says on the CPU."""
    engine = create_engine(proto.SerializeToString(), [CPU_PROVIDER], threads=usable_processors())
    taken = engine.get_inputs()[0].name
    parts = [engine.run(None, {taken: pixels[start : start + _BATCH]})[0] for start in range(0, len(pixels), _BATCH)]
    return class_probabilities(np.concatenate(parts))


def log_odds(probabilities: Probabilities) -> npt.NDArray[np.float64]:
    """Of each class against all others."""
    certain = np.clip(probabilities.astype(np.float64), _LEAST, 1 - _LEAST)
    return np.log(certain / (1 - certain))


def in_float32(network: PlainNetwork, dropout: float, dtype: str) -> Any:
    """As it always learns, in full precision wherever it runs."""
    del dtype
    return build_model(network, dropout)


def rounded_model(network: PlainNetwork, dropout: float, dtype: str, *, tops: Mapping[str, float]) -> Any:
    """A ``keras.Model`` that computes in float32 with the rounded numbers of an int8 file.

    Args:
        network: Its weights.
        dropout: In the head.
        dtype: Not used: eight bits of mantissa hide what is to be learned.
        tops: The largest value that a layer gives, by the names of those whose output is rounded.
    """
    model = in_float32(network, dropout, dtype)
    rounded = import_keras().models.clone_model(model, clone_function=partial(_rounded_layer, tops=tops))
    rounded.set_weights(model.get_weights())
    return rounded


def largest_values(network: PlainNetwork, photos: CalibrationPhotos) -> dict[str, float]:
    """Of each layer that gives numbers of eight bits to the next: all that have a ReLU, and the mean over the picture.

    Other poolings give some of the same numbers, and the last layer's answer isn't rounded.
    """
    keras, model = import_keras(), build_model(network)
    names = [layer.name for layer in network.convolutions] + [str(dense.config["name"]) for dense in network.dense[:-1]]
    names += ["pooling"] if network.pooling == "average" else []
    watched = keras.Model(model.inputs, {name: keras.ops.max(model.get_layer(name).output) for name in names})
    tops = dict.fromkeys(names, 0.0)
    for pixels in photos.batches(_BATCH):
        found = watched.predict_on_batch(pixels)
        tops = {name: max(top, float(found[name])) for name, top in tops.items()}
    return tops


def _rounded_layer(layer: Any, tops: Mapping[str, float]) -> Any:
    kind: Any = type(layer)
    if layer.weights or layer.name in tops:
        kind = _rounding(kind, tops.get(layer.name), 64 if find_target(THIS_MACHINE).reduce_range else 127)
    return kind.from_config(layer.get_config())


def _rounding(kind: type[Any], top: float | None, steps: int) -> type[Any]:
    """A kind of layer with kernels of so many steps up and down in a channel, and outputs of 255 from 0 to ``top``."""
    ops = import_keras().ops

    def to_steps(values: Any, size: Any) -> Any:
        return values + ops.stop_gradient(ops.round(values / size) * size - values)

    class Rounding(kind):  # type: ignore[misc]
        """It computes with rounded numbers and learns unrounded ones."""

        @property
        def kernel(self) -> Any:
            exact = super().kernel
            largest = ops.max(ops.abs(exact), axis=tuple(range(len(exact.shape) - 1)))
            return to_steps(exact, ops.stop_gradient(largest) / steps)

        def call(self, inputs: Any) -> Any:
            given = super().call(inputs)
            return given if top is None else to_steps(ops.minimum(given, top), top / 255)

    return Rounding


if __name__ == "__main__":
    main()
