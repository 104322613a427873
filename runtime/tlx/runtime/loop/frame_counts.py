"""How often each frame of a video came, in about a byte a frame."""

from __future__ import annotations

from typing import Final

_BLOCK: Final = 256
_MOST: Final = 255


class FrameCounts:
    """Counts frames by their number.

    Blocks that are made only where a frame came keep it small for long videos, and harmless for absurd numbers.
    """

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}

    def add(self, index: int) -> None:
        """Count one frame; no more than 255 times the same one."""
        number, place = divmod(index, _BLOCK)
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = bytearray(_BLOCK)
        block[place] = min(_MOST, block[place] + 1)

    def take(self, index: int) -> bool:
        """Whether this frame was counted more often than it was taken."""
        number, place = divmod(index, _BLOCK)
        block = self._blocks.get(number)
        if block is None or not block[place]:
            return False
        block[place] -= 1
        return True
