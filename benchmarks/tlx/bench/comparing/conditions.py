"""Whether two benches were made under the same conditions: what forbids a comparison, and what a reader must know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tlx.bench.document import BenchDocument
from tlx.bench.rows import NVIDIA
from tlx.errors import InputError


def check_conditions(before: BenchDocument, after: BenchDocument, *, any_machine: bool = False) -> list[str]:
    """Compare machines, photos, packages and disturbances.

    Args:
        before: The first bench.
        after: The second one.
        any_machine: Another machine is noted instead of refused.

    Returns:
        What differs, a line each.

    Raises:
        InputError: If the benches were made on different machines.
    """
    machines = list(_machine_differences(before, after))
    if machines and not any_machine:
        raise InputError(
            f"measured on different machines ({'; '.join(machines)}): run both on one, or take --any-machine"
        )
    return [*machines, *_other_differences(before, after), *_disturbances(before, after)]


def _machine_differences(before: BenchDocument, after: BenchDocument) -> Iterator[str]:
    old, new = before.environment, after.environment
    facts = (
        ("processor", old.processor, new.processor),
        ("instruction sets", " ".join(old.processor_flags), " ".join(new.processor_flags)),
        ("processors of the machine", old.host_cores, new.host_cores),
        ("processors allowed", old.available_cores, new.available_cores),
        ("processor quota", old.container.cpu_quota, new.container.cpu_quota),
    )
    for name, first, second in facts:
        if first != second:
            yield f"{name}: {_told(first)}, then {_told(second)}"
    # Those of a bench on processors alone don't matter; older benches don't tell.
    gpus = [_gpus(document) for document in (before, after)]
    if None not in gpus and gpus[0] != gpus[1]:
        yield f"GPUs: {gpus[0]}, then {gpus[1]}"


def _gpus(document: BenchDocument) -> str | None:
    """Their names where a row ran on one and they are known."""
    used = any(row.provider in NVIDIA for row in document.engines)
    return ", ".join(document.environment.gpus) if used and document.environment.gpus else None


def _other_differences(before: BenchDocument, after: BenchDocument) -> Iterator[str]:
    old, new = before.environment, after.environment
    facts = (
        ("governor", old.governor, new.governor),
        ("turbo", old.turbo, new.turbo),
        ("GPUs' driver", old.gpu_driver, new.gpu_driver),
        ("platform", old.platform, new.platform),
        ("pinned to processors", old.pinned_to_cpus, new.pinned_to_cpus),
        ("memory limit", old.container.memory_limit_bytes, new.container.memory_limit_bytes),
    )
    for name, first, second in facts:
        if first != second:
            yield f"{name}: {_told(first)}, then {_told(second)}"
    yield from _other_packages(old.versions, new.versions)
    # Without an environment of its own, Keras ran in that of the others.
    of_keras = _other_packages(old.keras_versions or old.versions, new.keras_versions or new.versions)
    if old.keras_versions or new.keras_versions:
        yield from (f"{line} (Keras's environment)" for line in of_keras)
    yield from _other_files(before, after)
    if (before.photos.count, before.photos.sha256) != (after.photos.count, after.photos.sha256):
        yield f"other photos: {_photos(before)}, then {_photos(after)}"


def _other_packages(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for package in sorted(old.keys() | new.keys()):
        first, second = old.get(package), new.get(package)
        if first != second:
            yield f"{package}: {_told(first)}, then {_told(second)}"


def _other_files(before: BenchDocument, after: BenchDocument) -> Iterator[str]:
    """Engines whose model file isn't the same; older benches don't tell."""
    old = {row.key: row.model_sha256 for row in before.engines}
    names = [
        row.name
        for row in after.engines
        if None not in {row.model_sha256, old.get(row.key)} and row.model_sha256 != old[row.key]
    ]
    yield from dict.fromkeys(f"{name}: another model file" for name in names)


def _disturbances(before: BenchDocument, after: BenchDocument) -> Iterator[str]:
    for which, document in (("first", before), ("second", after)):
        if document.interference is not None:
            for warning in document.interference.warnings:
                yield f"in the {which} bench: {warning}"


def _photos(document: BenchDocument) -> str:
    return f"{document.photos.count} ({document.photos.source})"


def _told(value: object) -> str:
    return "unknown" if value is None else str(value)
