"""Names of rows where the group of a row isn't seen."""

from __future__ import annotations

from tlx.bench.document import BenchDocument
from tlx.bench.rows import EngineRow


def with_full_names(document: BenchDocument) -> BenchDocument:
    """The same bench, with batch and threads in the rows' names where these differ: ``keras.call, batch 8``."""
    several = {field: len({getattr(row, field) for row in document.engines}) > 1 for field in ("batch", "threads")}

    def named(row: EngineRow) -> EngineRow:
        parts = [row.name, *(f"{field} {getattr(row, field)}" for field, differs in several.items() if differs)]
        return row.model_copy(update={"name": ", ".join(parts)})

    baseline = document.baseline_row
    rows = {"engines": [named(row) for row in document.engines], "baseline": baseline and named(baseline).name}
    return document.model_copy(update=rows)
