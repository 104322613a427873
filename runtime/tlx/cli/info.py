"""``tlx info``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlx.cli import terminal
from tlx.cli.options import FormatOption, TextFormat, VerboseOption

if TYPE_CHECKING:
    from tlx.contract import CalibrationRecord, ExportRecord
    from tlx.core.runs import Run
    from tlx.runtime.model_file import ModelFile


def info(
    model_or_run: Annotated[
        str, typer.Argument(help="An .onnx file, a models folder, a run's folder or name, or latest.")
    ] = "latest",
    runs: Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")] = Path("runs"),
    format_: FormatOption = TextFormat.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Show what a model file promises, or what a run is made of.

    Example:  tlx info model.onnx
    """
    del verbose
    import json

    from tlx.runtime.model_registry import resolve_model

    path = resolve_model(Path(model_or_run))
    if path.is_file() or path.suffix == ".onnx":
        from tlx.runtime.model_file import ModelFile

        model_file = ModelFile.read(path)
        document = {"file": str(path), "size_bytes": len(model_file.content), "sha256": model_file.sha256}
        document |= {"contract": model_file.contract.to_dict()}
        lines = _describe_model(path, model_file)
    else:
        from tlx.core.runs import open_run

        run = open_run(model_or_run, runs)
        document = {"folder": str(run.folder), "run": run.record.model_dump(mode="json", by_alias=True)}
        lines = _describe_run(run)
    terminal.say(json.dumps(document, ensure_ascii=False) if format_ is TextFormat.JSON else "\n".join(lines))


def _describe_calibration(calibration: CalibrationRecord) -> str:
    error = f"calibration error {calibration.ece_before:.4f}, with it {calibration.ece_after:.4f}"
    return f"temperature {calibration.temperature:.3f}, fitted on {calibration.photos} validation photos: {error}"


def _describe_model(path: Path, model_file: ModelFile) -> list[str]:
    contract = model_file.contract
    height, width = contract.input.size_hw
    rows = [
        ("file", f"{path}, {len(model_file.content) / 1e6:.1f} MB, whole"),
        ("sha256", model_file.sha256),
        ("labels", ", ".join(contract.labels)),
        ("input", f"{contract.input.name}: uint8 [N, {height}, {width}, 3], RGB, 0-255"),
        ("resize", f"{contract.resize.fit} to {width}x{height} by {contract.resize.method}"),
        ("output", f"{contract.output.name}: float32 [N, {len(contract.labels)}]"),
        ("precision", contract.precision),
    ]
    if len(contract.labels) == 2:  # noqa: PLR2004 - the threshold is for two classes
        rows.append(("threshold", f"{contract.labels[1]!r} from probability {contract.threshold:g} upwards"))
    if training := contract.training:
        rows.append(("trained as", f"run {training.run}, preset {training.preset}, {training.photos} photos"))
        rows.append(("weights", f"{training.weights} ({training.weights_sha256[:16]})"))
        if training.validation_accuracy is not None:
            accuracy = f"{training.validation_accuracy:.4f} on {training.validation_photos} validation photos"
            rows.append(("accuracy", f"{accuracy}, measured in training"))
    if source := contract.keras_file:
        rows.append(("made from", f"{source.name} ({source.sha256[:16]}), preprocessing {source.preprocessing}"))
    if calibration := contract.calibration:
        rows.append(("calibration", _describe_calibration(calibration)))
    if exported := contract.export:
        rows += _describe_export(exported, contract.precision)
    if known := contract.known_answers:
        rows.append(("known answers", f"{len(known.answers)}, tolerance {known.tolerance:g}"))
    return terminal.rows(rows)


def _describe_export(exported: ExportRecord, precision: str) -> list[tuple[str, str]]:
    rows = [("exported", f"{exported.created_utc}, opset {exported.opset}, on {exported.processor}")]
    if made := exported.quantization:
        kept = f", {len(made.kept_float)} kept in fp32" if made.kept_float else ""
        rows.append(
            ("quantized", f"for {exported.target}: {made.activations} by {made.method} on {made.photos} photos{kept}")
        )
    if parity := exported.parity:
        of = ", by the fp32 file that it was made from" if precision != "fp32" else ""
        labels = f"same label as Keras on {parity.labels_equal} of {parity.photos} photos{of}"
        largest = f"largest difference {parity.max_abs_difference:.1e} (allowed {parity.tolerance:g})"
        rows.append(("parity", f"{labels}, {largest}"))
    if accuracy := exported.accuracy:
        right = f"{accuracy.correct} of {accuracy.photos} photos right, at fp32 {accuracy.reference_correct}"
        rows.append(("accuracy gate", f"{accuracy.verdict}: {right}"))
    if claim := exported.claim:
        rows.append(("claim", f"{claim.verdict}: at fp32 {claim.correct} of {claim.photos} labelled photos right"))
        if rival := claim.rival:
            more = f"{rival.correct} of {rival.photos} photos, and as claimed on {rival.claimed_correct}"
            rows.append(("doubt", f"with preprocessing {rival.preprocessing} right on {more}"))
    if exported.speed_status in {"skipped", "not measured"}:
        rows.append(("speed gate", f"{exported.speed_status}, made for {exported.target}"))
    if speed := exported.speed:
        ratio = f"{speed.ratio:.2f} ({speed.ratio_low:.2f} to {speed.ratio_high:.2f}) times as fast as fp32"
        rows.append(("speed gate", f"{speed.verdict}: {ratio} on {speed.processor}"))
    if exported.skipped_gates:
        rows.append(("skipped gates", ", ".join(exported.skipped_gates)))
    if latency := exported.latency:
        machine = f"on {latency.processor} ({latency.device}, {latency.threads} threads)"
        rows.append(("latency", f"{latency.p50_ms:.1f} ms for one picture {machine}"))
    return rows


def _describe_run(run: Run) -> list[str]:
    from tlx.core.compress.summary import compression_lines, headline, learning_words, refusals

    record = run.record
    compression = record.compression
    counts = "; ".join(
        f"{split}: " + ", ".join(f"{count} {label}" for label, count in by_label.items())
        for split, by_label in record.data.counts.items()
    )
    result = record.result
    trainable, total = record.trainable_tensors
    rows = [
        ("run", str(run.folder)),
        ("created", record.created_utc),
        ("preset", f"{run.recipe.name}: {run.recipe.summary}"),
        ("started from", record.started_from or (compression.original if compression else "pretrained weights")),
        *([("compressed", headline(compression)), ("learning", learning_words(compression))] if compression else []),
        ("weights", f"{record.weights.name} ({record.weights.sha256[:16]})"),
        ("photos", f"{counts} ({record.data.root})"),
        ("left out", str(len(record.data.problems))),
        ("accuracy", f"validation {result.validation_accuracy:.4f}, training {result.training_accuracy:.4f}"),
        *([("calibration", _describe_calibration(record.calibration))] if record.calibration else []),
        ("kept epoch", f"{result.kept_epoch} of {result.epochs}"),
        ("seconds", ", ".join(f"{stage} {seconds:g}" for stage, seconds in result.seconds.items())),
    ]
    convolutions = sum(layer.parameters for layer in record.layers if layer.kind == "Conv2D")
    whose = "the" if compression else "VGG16's"
    parameters = sum(layer.parameters for layer in record.layers)
    lines = [*terminal.rows(rows), "", f"{'layer':<16}{'kind':<24}{'output shape':<20}{'parameters':>12}  trains"]
    lines += [
        f"{layer.name:<16}{layer.kind:<24}{'x'.join(map(str, layer.output_shape)):<20}{layer.parameters:>12,}"
        f"  {'yes' if layer.trainable else '-'}"
        for layer in record.layers
    ]
    lines += [
        "",
        f"parameters: {parameters:,}, of them {convolutions:,} in {whose} convolutions",
        f"weight tensors: {total}, of them {trainable} were trained",
    ]
    if compression:
        lines += ["", *compression_lines(compression), *refusals(compression)]
    return lines
