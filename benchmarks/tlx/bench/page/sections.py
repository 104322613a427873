"""The parts of a bench's page."""

from __future__ import annotations

from collections.abc import Sequence

from tlx.bench.document import BenchDocument
from tlx.bench.further import further_table
from tlx.bench.page import distributions, stage_bars
from tlx.bench.page.distributions import distribution_chart
from tlx.bench.page.pareto import choices, pareto_chart
from tlx.bench.page.rounds import rounds_chart
from tlx.bench.page.stage_bars import stage_chart
from tlx.bench.page.words import breakable
from tlx.bench.row_names import row_name, with_full_names
from tlx.bench.rows import EngineRow
from tlx.bench.table import ANOTHER_NETWORK, NOTHING, calls_needed, describe_difference, estimate, number
from tlx.core.report.markup import Markup, element, join
from tlx.core.report.section import Section, card, note
from tlx.core.report.tables import document_tables, table
from tlx.core.report.words import TIMES, UNKNOWN, percent


def latency(document: BenchDocument) -> Section:
    """All engines with their percentiles, and how their calls are distributed."""
    rows = document.engines
    heads = (
        *("engine", "batch", "threads", "p50 ms [95 %]", "p90", "p95", "p99", "IQR", "photos/s"),
        *(f"{TIMES} faster [95 %]", "labels equal", "max |Δp|"),
    )
    timed = [row for row in with_full_names(document).engines if row.latencies_ms]
    body = [card(table("Time of a call, by engine", heads, [_cells(row) for row in rows]), _remarks(document))]
    charts = []
    if timed:
        charts.append(card(distributions.key(), distribution_chart(timed), title="Distribution of the calls"))
        beside = distribution_chart(timed, relative=True)
        charts.append(card(distributions.key(), beside, title="The same, each beside its median"))
    several = [row for row in timed if len(row.round_medians_ms) > 1]
    if several:
        words = note("Each round's median against the engine's own: a trend or a jump is the machine's doing.")
        charts.append(card(rounds_chart(several), words, title="Over the rounds"))
    return Section("latency", "Latency", join([*body, element("div", *charts, class_="columns")]))


def _cells(row: EngineRow) -> tuple[str, ...]:
    name = join([breakable(row.name), *_badges(row)], " ")
    agreement = row.agreement
    return (
        name,
        str(row.batch),
        str(row.threads or UNKNOWN),
        estimate(row.p50_ms, row.p50_ci95_ms),
        number(row.p90_ms),
        number(row.p95_ms),
        number(row.p99_ms),
        number(row.iqr_ms),
        number(row.throughput_photos_per_s),
        estimate(row.ratio_to_baseline, row.ratio_ci95),
        f"{agreement.labels_equal}/{agreement.photos}" if agreement else UNKNOWN,
        UNKNOWN if agreement is None else _difference(agreement.max_abs_difference),
    )


def _badges(row: EngineRow) -> list[Markup]:
    words = {"failed": "failed", "wrong": "wrong answers"}.get(row.status)
    if row.is_another_network:
        return [element("span", ANOTHER_NETWORK, class_="badge plain")]
    return [element("span", words, class_="badge")] if words else []


def _difference(value: float | None) -> str:
    return "nan" if value is None else f"{value:.0e}" if value else "0"


def _remarks(document: BenchDocument) -> Markup:
    method = document.method
    remarks = [
        f"{TIMES} faster: than {document.baseline}, the median of the ratios over {method.rounds} interleaved rounds."
    ]
    if needed := calls_needed(document.engines):
        remarks.append(f"{NOTHING}: the sample can't carry it; {needed}.")
    return join([note(text) for text in remarks])


def accuracy(document: BenchDocument) -> Section | None:
    """Accuracy over time; None if no accuracy is known."""
    rows = with_full_names(document).engines
    found = choices(rows)
    if not found:
        return None
    listed = [
        (
            breakable(f"{choice.number} {choice.name}"),
            f"{percent(choice.share)} [{percent(choice.accuracy.low)}, {percent(choice.accuracy.high)}]",
            number(choice.photo_ms),
            "yes" if choice.is_best else "no",
        )
        for choice in found
    ]
    heads = ("engine", "accuracy [95 %]", "ms a photo", "unbeaten")
    words = note("Unbeaten: no other right one is at least as accurate and at least as fast. The stair joins these.")
    chart = card(pareto_chart(found), words, title="Accuracy over time")
    body = element("div", chart, card(table("Accuracy on labelled photos", heads, listed)), class_="columns beside")
    return Section("accuracy", "Accuracy", body)


def stages(document: BenchDocument) -> Section | None:
    """From bytes to label by step; None if it wasn't measured."""
    rows = [row for row in with_full_names(document).engines if row.stages is not None and row.status != "failed"]
    if not rows:
        return None
    heads = ("engine", *stage_bars.STEPS, "total [95 %]")
    listed = [(breakable(row.name), *_stage_cells(row)) for row in rows]
    words = note("The total is timed as a whole, so the steps' medians need not add up to it.")
    chart = card(stage_bars.key(), stage_chart(rows), title="Median time of each step")
    body = element("div", chart, card(table("Milliseconds of a call", heads, listed), words), class_="columns beside")
    return Section("stages", "From bytes to label", body)


def _stage_cells(row: EngineRow) -> list[str]:
    assert row.stages is not None
    steps = [getattr(row.stages, step) for step in stage_bars.STEPS]
    total = row.stages.total
    cells = [UNKNOWN if stage is None else number(stage.p50_ms) for stage in steps]
    return [*cells, UNKNOWN if total is None else estimate(total.p50_ms, total.ci95_ms)]


def throughput(document: BenchDocument) -> Section | None:
    """Photos a second by batch; None with one batch size only."""
    batches = sorted({row.batch for row in document.engines})
    if len(batches) == 1:
        return None
    engines = list(dict.fromkeys((row.name, row.threads) for row in document.engines))
    rates = {row.key: row.throughput_photos_per_s for row in document.engines}
    rows = [
        (
            row_name(name, threads=threads),
            *(_rate(rates.get((name, batch, threads))) for batch in batches),
        )
        for name, threads in engines
    ]
    heads = ("engine", *(f"batch {batch}" for batch in batches))
    return Section("throughput", "Photos a second", card(table("Photos a second, by batch", heads, rows)))


def _rate(value: float | None) -> str:
    return UNKNOWN if value is None else number(value)


def further(document: BenchDocument) -> Section | None:
    """Size, memory, cold start, pace, energy; None if nothing of it is known."""
    rows = further_table(document)
    if not rows:
        return None
    listed = [(breakable(row[0]), *(cell or UNKNOWN for cell in row[1:])) for row in rows[1:]]
    body = card(table("What else was measured", rows[0], listed))
    return Section("further", "Memory, start, pace, energy", body)


def environment(document: BenchDocument) -> Section:
    """Machine, packages, method, disturbances."""
    machine = document.environment.model_dump(mode="json")
    method = {"photos": document.photos.model_dump(mode="json", by_alias=True), **document.method.model_dump()}
    tables = [document_tables("Machine", machine), document_tables("Method", method)]
    if document.interference is not None:
        tables.append(document_tables("Interference", document.interference.model_dump(mode="json")))
    return Section("environment", "Environment", card(element("div", *tables, class_="columns tables")))


def commands(document: BenchDocument) -> Section:
    """What reproduces the bench and each of its rows."""
    listed: list[tuple[str, str]] = [("All of it", document.command)]
    listed += [(row.name, row.command) for row in with_full_names(document).engines if row.command]
    body = [_command(words, command) for words, command in listed]
    return Section("commands", "Reproduce", card(*body, class_="commands"))


def _command(words: str, command: str) -> Markup:
    return join([element("p", words), element("pre", element("code", command), tabindex="0")])


def cautions(document: BenchDocument) -> list[Markup]:
    """What a reader must know not to read too much into the figures."""
    words: list[str] = []
    document = with_full_names(document)
    for row in document.engines:
        if row.status == "failed":
            words.append(f"{row.name} failed: {row.error}")
        elif row.is_wrong:
            words.append(f"{describe_difference(row, document)}.")
    if document.interference is not None:
        words += document.interference.warnings
    words += document.notes
    return [element("p", text, class_="caution") for text in words]


def all_sections(document: BenchDocument) -> Sequence[Section]:
    """Those of which something is known, in order."""
    parts = (latency, accuracy, stages, throughput, further, environment, commands)
    return [section for section in (part(document) for part in parts) if section is not None]
