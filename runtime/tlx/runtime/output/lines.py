"""Lines to a stream, each there at once."""

from __future__ import annotations

from typing import Protocol

from tlx.errors import OutputError


class TextOut(Protocol):
    """A stream of text, as far as lines need it; files and stdout are some."""

    def write(self, text: str, /) -> object:
        """Take all of the text."""

    def flush(self) -> object:
        """Hand over what was taken."""


def write_line(out: TextOut, line: str) -> None:
    """Write a line and its end, and flush it.

    Characters that the stream's encoding doesn't have are written as backslash escapes.

    Raises:
        BrokenPipeError: If nobody reads any more.
        OutputError: If it can't be written, on a full disk for example.
    """
    try:
        try:
            out.write(line)
        except UnicodeEncodeError:
            encoding = getattr(out, "encoding", None) or "ascii"
            out.write(line.encode(encoding, "backslashreplace").decode(encoding))
        out.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        name = getattr(out, "name", "output")
        raise OutputError(f"{name}: can't be written ({error.strerror or error})") from error
