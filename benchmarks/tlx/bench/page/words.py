"""Names of rows as a page shows them."""

from __future__ import annotations

from tlx.bench.rows import EngineRow


def row_name(row: EngineRow) -> str:
    """The engine with its batch and threads, where these tell something: ``keras.call, batch 8``."""
    return row.name if row.batch == 1 else f"{row.name}, batch {row.batch}"
