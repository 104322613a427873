"""The versions of a models folder, for people and for programs: what ``tlx models`` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tlx.contract import Contract
from tlx.errors import ModelFileError
from tlx.runtime.model_file import ModelFile
from tlx.runtime.model_publishing import previous_version, require_registry
from tlx.runtime.model_registry import SHORT, current_version, model_path, require_named, version_names

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Version:
    """One version.

    Attributes:
        sha256: Its name, the seal of its file.
        size_bytes: Of its file.
        contract: What it promises; None if it's damaged.
        problem: What is wrong with it; None if it's whole.
    """

    sha256: str
    path: Path
    size_bytes: int
    contract: Contract | None
    problem: str | None

    @property
    def created_utc(self) -> str | None:
        """When it was exported."""
        return self.contract.export.created_utc if self.contract and self.contract.export else None

    @property
    def accuracy(self) -> float | None:
        """Of this very file if its export measured that, else of what it was made from; on labelled photos, 0 to 1."""
        if self.contract is None:
            return None
        export = self.contract.export
        if measured := export and (export.accuracy or export.claim):
            return measured.correct / measured.photos
        return self.contract.training.validation_accuracy if self.contract.training else None


@dataclass(frozen=True, slots=True)
class Listing:
    """A models folder.

    Attributes:
        versions: The newest last, damaged ones first.
        current: The name of the current version, whether or not it's there.
        rollback_to: The one that a rollback would make current.
    """

    registry: Path
    versions: tuple[Version, ...]
    current: str | None
    rollback_to: str | None


def list_versions(registry: Path) -> Listing:
    """Read and check every version.

    Raises:
        InputError: If this is no models folder.
        ModelFileError: If its ``current`` isn't one of ours.
    """
    require_registry(registry)
    versions = [_read(registry, name) for name in version_names(registry)]
    versions.sort(key=lambda version: (version.created_utc or "", version.sha256))
    return Listing(registry, tuple(versions), current_version(registry), previous_version(registry))


def describe_listing(listing: Listing) -> dict[str, Any]:
    """The listing as JSON values."""
    return {
        "schema": SCHEMA,
        "folder": str(listing.registry),
        "current": listing.current,
        "rollback_to": listing.rollback_to,
        "versions": [
            {
                "sha256": version.sha256,
                "path": str(version.path),
                "current": version.sha256 == listing.current,
                "created_utc": version.created_utc,
                "precision": version.contract.precision if version.contract else None,
                "accuracy": version.accuracy,
                "labels": version.contract.labels if version.contract else None,
                "size_bytes": version.size_bytes,
                "problem": version.problem,
            }
            for version in listing.versions
        ],
    }


def format_listing(listing: Listing) -> list[str]:
    """The listing as lines: a table, then what is wrong."""
    rows = [("", "version", "made", "precision", "accuracy", "MB", "")]
    for version in listing.versions:
        marks = {listing.current: "current", listing.rollback_to: "a rollback goes here"}
        rows.append(
            (
                "*" if version.sha256 == listing.current else "",
                version.sha256[:SHORT],
                version.created_utc or "-",
                version.contract.precision if version.contract else "damaged",
                "-" if version.accuracy is None else f"{version.accuracy:.4f}",
                f"{version.size_bytes / 1e6:.1f}",
                marks.get(version.sha256, ""),
            )
        )
    lines = _table(rows)
    if listing.current is None:
        lines.append("none of them is current")
    elif listing.current not in {version.sha256 for version in listing.versions}:
        lines.append(f"the current version {listing.current[:SHORT]} was deleted")
    return lines + [f"damaged: {version.problem}" for version in listing.versions if version.problem]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _read(registry: Path, name: str) -> Version:
    path = model_path(registry, name)
    contract, problem = None, None
    try:
        model = ModelFile.read(path)
        require_named(path, model.sha256)
        contract = model.contract
    except ModelFileError as error:
        problem = str(error)
    return Version(name, path, path.stat().st_size, contract, problem)
