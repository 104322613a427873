"""Only what is new, instead of a line for each picture."""

from __future__ import annotations

from dataclasses import dataclass

from tlx.runtime.output.items import Item, Result, Sink


@dataclass(frozen=True, slots=True)
class EventsOnly:
    """Passes on changed decisions, errors, states and new models.

    Where no decisions are made over time every picture is new: a photo is passed on, too.
    """

    sink: Sink

    @property
    def wants_pictures(self) -> bool:
        """Whether the sink behind it does."""
        return self.sink.wants_pictures

    def write(self, item: Item) -> None:
        """Pass it on, if it is an event."""
        if is_event(item):
            self.sink.write(item)

    def close(self) -> None:
        """Close the sink behind it."""
        self.sink.close()


def is_event(item: Item) -> bool:
    """Whether something changed, or failed."""
    if not isinstance(item, Result):
        return True
    if item.frame.error is not None:
        return True
    if item.decision is not None:
        return item.decision.changed
    return item.prediction is not None
