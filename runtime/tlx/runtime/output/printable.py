"""Text that is safe to show: file names may hold anything."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with control characters and invalid bytes (both possible in file names) made visible."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )
