"""A download that gives up soon where there's no network, and never fills the disk."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlx.core.weights.layers import UnavailableError
from tlx.errors import WeightsError

if TYPE_CHECKING:
    from tlx.progress import Progress

_CHUNK_BYTES = 2**20


def download(url: str, target: Path, progress: Progress, *, limit_bytes: int, timeout_s: float) -> None:
    """Write what ``url`` gives to ``target``.

    Args:
        url: An http or https address.
        target: The file to write; half of it may be there after an error.
        progress: Told the megabytes.
        limit_bytes: Give up after this many.
        timeout_s: Give up if no answer begins within this time, name lookup included, or if the answer pauses
            for as long.

    Raises:
        UnavailableError: With the reason, without the address.
        WeightsError: If the answer is too large.
    """
    try:
        with _open_within(url, timeout_s) as response, target.open("wb") as file:
            declared_bytes = response.length or limit_bytes
            received_bytes = 0
            while chunk := response.read(_CHUNK_BYTES):
                received_bytes += len(chunk)
                if received_bytes > limit_bytes:
                    raise WeightsError(f"the answer is larger than the {limit_bytes} bytes expected")
                file.write(chunk)
                progress("weights (MB)", received_bytes // 10**6, declared_bytes // 10**6)
            if response.length:
                raise UnavailableError(f"the answer broke off after {received_bytes} bytes")
    except urllib.error.HTTPError as error:
        error.close()
        raise UnavailableError(f"the server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _open_within(url: str, timeout_s: float) -> http.client.HTTPResponse:
    """Open ``url`` in a thread of its own: no timeout of urllib's covers the lookup of the host's name."""
    outcome: list[Any] = []

    def connect() -> None:
        try:
            # An opener of our own: urlopen keeps the proxies that it found at its first call.
            outcome.append(urllib.request.build_opener().open(url, timeout=timeout_s))
        except (OSError, http.client.HTTPException) as error:
            outcome.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(timeout_s)
    result = outcome[0] if outcome else TimeoutError()
    if isinstance(result, BaseException):
        raise result
    assert isinstance(result, http.client.HTTPResponse)
    return result
