"""Results as JSON, one object a line."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tlx.runtime.output.fields import describe
from tlx.runtime.output.items import Item
from tlx.runtime.output.lines import TextOut, write_line


@dataclass(frozen=True, slots=True)
class JsonSink:
    """One JSON object a line, always with the same keys: those of :class:`~tlx.runtime.output.record.ResultLine`."""

    out: TextOut
    labels: tuple[str, ...]
    topk: int = 1

    @property
    def wants_pictures(self) -> bool:
        """No."""
        return False

    def write(self, item: Item) -> None:
        """Write one line."""
        # With only ASCII, file names that aren't valid text still make valid JSON.
        write_line(self.out, json.dumps(describe(item, self.labels, self.topk)) + "\n")

    def close(self) -> None:
        """Nothing is left to be done."""
