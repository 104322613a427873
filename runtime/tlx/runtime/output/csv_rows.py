"""Results as CSV (RFC 4180), for spreadsheets.

One row an item, states and model changes too, with the columns of :class:`~tlx.runtime.output.record.ResultLine`. Two
things differ from what JSON says, and both for the sake of the programs that read it: control characters and invalid
bytes in names are written as backslash escapes, so that a row is always one line; and a text that a spreadsheet would
take for a formula (it begins with = + - @, also in their wide forms) has an apostrophe before it.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any, Final

from tlx.runtime.output.fields import describe
from tlx.runtime.output.items import Item
from tlx.runtime.output.lines import TextOut, write_line
from tlx.runtime.output.printable import printable

_FIRST: Final = ("kind", "source", "frame", "label", "probability")
_LAST: Final = ("changed", "state", "reason", "error", "time_utc", "time_monotonic_s", "age_ms")
_STAGES: Final = ("decode", "resize", "inference")
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_QUOTED_BY: Final = "'"


@dataclass(slots=True)
class CsvSink:
    """A header, then one row an item; the columns are the same for all.

    With ``topk`` above 1 there are two more columns for each of the likeliest classes: ``top1_label``,
    ``top1_probability`` and so on.
    """

    out: TextOut
    labels: tuple[str, ...]
    topk: int = 1
    _has_header: bool = field(default=False, init=False)

    @property
    def wants_pictures(self) -> bool:
        """No."""
        return False

    def write(self, item: Item) -> None:
        """Write one row; the header too, before the first one."""
        fields = flatten(describe(item, self.labels, self.topk), min(self.topk, len(self.labels)))
        if not self._has_header:
            write_line(self.out, _row(list(fields)))
            self._has_header = True
        write_line(self.out, _row([_cell(value) for value in fields.values()]))

    def close(self) -> None:
        """Nothing is left to be done."""


def flatten(fields: dict[str, Any], topk: int) -> dict[str, Any]:
    """The columns of a row, by their names."""
    unsmoothed = fields["unsmoothed"] or {}
    columns = {name: fields[name] for name in _FIRST}
    if topk > 1:
        for place in range(topk):
            score = fields["topk"][place] if place < len(fields["topk"]) else {}
            columns |= {f"top{place + 1}_{name}": score.get(name) for name in ("label", "probability")}
    columns |= {f"unsmoothed_{name}": unsmoothed.get(name) for name in ("label", "probability")}
    columns |= {name: fields[name] for name in _LAST}
    columns |= {f"{stage}_ms": fields["latency_ms"][stage] for stage in _STAGES}
    columns["model_sha256"] = fields["model_sha256"]
    return columns


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return value
    return (_QUOTED_BY if value.startswith(_FORMULA) else "") + printable(value)


def _row(cells: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()
