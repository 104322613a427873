"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called as often as the worker likes; the listener decides what to show."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Report ``done`` of ``total`` steps of ``stage``; ``note`` is a short text such as the loss."""


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """Show nothing."""


def deaf(line: str) -> None:
    """Ignore a line about the work."""
