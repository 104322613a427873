"""Many sinks as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tlx.runtime.output.items import Item, Sink


@dataclass(frozen=True, slots=True)
class SeveralSinks:
    """Gives every item to each of its sinks, also to those behind one that fails.

    The first failure ends all, once the others have the item; a pipe that nobody reads counts last, as it is no one's
    mistake.
    """

    sinks: tuple[Sink, ...]

    @property
    def wants_pictures(self) -> bool:
        """Whether any of them does."""
        return any(sink.wants_pictures for sink in self.sinks)

    def write(self, item: Item) -> None:
        """Write one item to all."""
        _do_all(_writing(sink, item) for sink in self.sinks)

    def close(self) -> None:
        """Close all, also those behind one that fails."""
        _do_all(sink.close for sink in self.sinks)


def _writing(sink: Sink, item: Item) -> Callable[[], None]:
    return lambda: sink.write(item)


def _do_all(actions: Iterable[Callable[[], None]]) -> None:
    failures: list[Exception] = []
    for action in actions:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - raised again, once all have had their turn
            failures.append(error)
    if failures:
        raise next((error for error in failures if not isinstance(error, BrokenPipeError)), failures[0])
