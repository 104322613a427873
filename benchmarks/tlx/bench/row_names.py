"""How a row is called where its group isn't seen: one spelling for reports, messages and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tlx.bench.document import BenchDocument
    from tlx.bench.rows import EngineRow


def row_name(name: str, *, batch: int | None = None, threads: int | None = None) -> str:
    """An engine's name with what tells its row from others: ``keras.call (batch 8, 2 threads)``.

    Args:
        name: The engine's.
        batch: Photos a call; None where it tells nothing.
        threads: None where they tell nothing.
    """
    parts = [] if batch is None else [f"batch {batch}"]
    if threads is not None:
        parts.append(f"{threads} thread{'s' * (threads != 1)}")
    return f"{name} ({', '.join(parts)})" if parts else name


def with_full_names(document: BenchDocument) -> BenchDocument:
    """The same bench, with batch and threads in the rows' names where these differ."""
    batches, threads = ({getattr(row, field) for row in document.engines} for field in ("batch", "threads"))

    def named(row: EngineRow) -> EngineRow:
        name = row_name(
            row.name,
            batch=row.batch if len(batches) > 1 else None,
            threads=row.threads if len(threads) > 1 else None,
        )
        return row.model_copy(update={"name": name})

    baseline = document.baseline_row
    rows = {"engines": [named(row) for row in document.engines], "baseline": baseline and named(baseline).name}
    return document.model_copy(update=rows)
