"""What was trained on, how, and where; and what to do next."""

from __future__ import annotations

import shlex
from typing import Final

from tlx.core.report.markup import Markup, element, join
from tlx.core.report.section import Section, card, note
from tlx.core.report.source import ReportSource
from tlx.core.report.tables import document_tables, table
from tlx.core.report.words import TIMES, counted, value_text
from tlx.core.runs import DataRecord, RunRecord

_PROBLEMS_LISTED: Final = 20
_IMBALANCED: Final = 1.5


def data(source: ReportSource) -> Section:
    """Photos by class and split, and what is wrong with the others."""
    record = source.record.data
    splits = list(record.counts)
    rows = [[label, *(f"{record.counts[split].get(label, 0):,}" for split in splits)] for label in record.labels]
    rows.append(["together", *(f"{sum(record.counts[split].values()):,}" for split in splits)])
    facts = [("folder", record.root), ("fingerprint of contents, labels and splits", record.sha256)]
    body = [
        table("Photos", ("class", *splits), rows, class_="totalled"),
        _balance(record),
        table("Source", ("what", "value"), facts, numeric=False, class_="pairs"),
    ]
    problems = [*record.problems, *(str(error) for error in source.evaluation.unreadable)]
    return Section("data", "Data", card(*body, _problems(list(dict.fromkeys(problems)))))


def _balance(record: DataRecord) -> Markup:
    counts = {label: count for label, count in record.counts.get("train", {}).items() if count}
    if not counts:
        return Markup("")
    fewest, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if counts[most] < _IMBALANCED * counts[fewest]:
        return Markup("")
    ratio = counts[most] / counts[fewest]
    return note(f"Not balanced: {ratio:.1f} times as many training photos of {most} as of {fewest}.")


def _problems(problems: list[str]) -> Markup:
    if not problems:
        return note("All photos were readable.")
    listed = [element("li", problem) for problem in problems[:_PROBLEMS_LISTED]]
    if len(problems) > _PROBLEMS_LISTED:
        listed.append(element("li", f"and {len(problems) - _PROBLEMS_LISTED:,} more"))
    return join([element("h3", f"{counted(len(problems), 'problem')}"), element("ul", *listed, class_="problems")])


def configuration(source: ReportSource) -> Section:
    """The recipe, the seed, the weights, and the network that came of them."""
    record = source.record
    trained, tensors = record.trainable_tensors
    facts = [
        ("seed", str(record.seed)),
        ("started from", record.started_from or _source_words(record)),
        ("fingerprint of the weights", record.weights.sha256),
        ("weight tensors trained", f"{trained} of {tensors}"),
    ]
    start = table("Start", ("setting", "value"), facts, numeric=False, class_="pairs")
    tables = element("div", document_tables("Recipe", record.recipe), start, class_="columns tables")
    return Section("configuration", "Configuration", join([card(tables), _network(source)]))


def _source_words(record: RunRecord) -> str:
    return record.compression.original if record.compression else f"weights: {record.weights.name}"


def _network(source: ReportSource) -> Markup:
    layers = source.record.layers
    rows = [
        (
            layer.name,
            layer.kind,
            f" {TIMES} ".join(map(str, layer.output_shape)),
            f"{layer.parameters:,}",
            value_text(layer.trainable),
        )
        for layer in layers
    ]
    total = sum(layer.parameters for layer in layers)
    heads = ("layer", "kind", "output", "parameters", "trained")
    summary = element("summary", f"The network: {counted(len(layers), 'layer')}, {total:,} parameters")
    return element("details", summary, card(table("Layers", heads, rows)), class_="fold")


def environment(source: ReportSource) -> Section:
    """Machine and packages."""
    tables = document_tables("Machine", source.record.environment)
    return Section("environment", "Environment", card(element("div", tables, class_="columns tables")))


def next_commands(source: ReportSource) -> Section:
    """What to type next."""
    name = shlex.quote(source.record.name)
    root = shlex.quote(source.record.data.root)
    tested = "test" in source.record.data.counts
    judged = f"tlx evaluate {name} {root} --split test" if tested else f"tlx evaluate {name} FOLDER_OF_OTHER_PHOTOS"
    compression = source.record.compression
    # Its latency was measured in this precision, so that is how it's meant to be used.
    precision = f" --precision {compression.precision}" if compression and compression.precision != "fp32" else ""
    commands = (
        ("Convert it to a model file, proven against this run:", f"tlx export model.onnx --run {name}{precision}"),
        ("Judge it on photos that it has never met:", judged),
        ("See these validation photos again, with every figure:", f"tlx evaluate {name}"),
    )
    body = [
        join([element("p", words), element("pre", element("code", command), tabindex="0")])
        for words, command in commands
    ]
    return Section("next", "Next", card(*body))
