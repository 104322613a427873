"""``tlx doctor``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tlx.cli import terminal
from tlx.cli.options import FormatOption, TextFormat, VerboseOption

if TYPE_CHECKING:
    from tlx.runtime.disks import Disk
    from tlx.runtime.doctor import Findings


def doctor(format_: FormatOption = TextFormat.TEXT, verbose: VerboseOption = False) -> None:
    """Show what is installed, what works on this machine, and what to mend.

    Example:  tlx doctor --format json
    """
    del verbose
    from tlx.runtime.doctor import examine

    findings = examine()
    if format_ is TextFormat.JSON:
        terminal.say(json.dumps(findings.to_dict()))
        return
    for line in _lines(findings):
        terminal.say(line)
    if not findings.problems:
        terminal.next_command("tlx demo" if "tensorflow" in findings.packages else "tlx classify model.onnx photo.jpg")


def _lines(findings: Findings) -> list[str]:
    return [
        *_block("tlx", [f"{findings.packages['tlx']}, Python {findings.packages['python']} ({findings.python})"]),
        *_block("machine", _machine(findings)),
        *_block("packages", [f"{name} {version}" for name, version in _libraries(findings).items()]),
        *_block("providers", _providers(findings)),
        *_block("GPU", [_gpu(findings)]),
        *_block("video", _video(findings)),
        *_block("disk", _disks(findings)),
        *_block("to mend", findings.problems or ["nothing"]),
    ]


def _providers(findings: Findings) -> list[str]:
    """Each that ONNX Runtime was built with, as it was found, and the devices for which it has none."""
    from tlx.runtime.devices.names import INSTALL, PROVIDER_OF, place_of

    lines = []
    for one in findings.providers:
        place = place_of(one.name)
        if place is None:
            said = f"{'works' if one.works else one.reason} (tlx has no use for it)"
        elif one.works:
            said = f"works, as --device {place}"
        else:
            said = f"{one.reason} (for --device {place}: {INSTALL[place]})"
        lines.append(f"{one.name:<26} {said}")
    there = {one.name for one in findings.providers}
    for place, name in PROVIDER_OF.items():
        if name not in there:
            lines.append(f"{name:<26} isn't in this ONNX Runtime (for --device {place}: {INSTALL[place]})")
    return lines


def _block(title: str, lines: list[str]) -> list[str]:
    titles = [title] + [""] * len(lines)
    return [f"{head:<11}{line}" for head, line in zip(titles, lines or ["none"], strict=False)]


def _machine(findings: Findings) -> list[str]:
    machine = findings.machine
    quota = "" if findings.processor_quota is None else f" (the container allows {findings.processor_quota:g})"
    memory = "unknown" if findings.memory_bytes is None else f"{findings.memory_bytes / 1e9:.1f} GB"
    return [
        machine["platform"],
        f"{machine['processor']}: {' '.join(machine['processor_flags']) or 'no known flags'}",
        f"{findings.usable_processors} usable processors{quota}, {memory} memory",
    ]


def _libraries(findings: Findings) -> dict[str, str]:
    return {name: version for name, version in findings.packages.items() if name not in {"tlx", "python"}}


def _gpu(findings: Findings) -> str:
    if findings.cuda_obstacle is None:
        return "NVIDIA's driver sees a CUDA device"
    return f"no CUDA device: {findings.cuda_obstacle}"


def _video(findings: Findings) -> list[str]:
    if findings.video is None:
        return []
    cameras = [
        f"{camera['device']} {camera['name']}{'' if camera['usable'] else ' (no permission)'}"
        for camera in findings.video.cameras
    ]
    return [
        f"files by {', '.join(findings.video.file_backends) or 'nothing'}",
        f"cameras by {', '.join(findings.video.camera_backends) or 'nothing'}; found: {', '.join(cameras) or 'none'}",
    ]


def _disks(findings: Findings) -> list[str]:
    lines = [f"{_gigabytes(findings.here)} free here"]
    if findings.cache is not None:
        used = (findings.cache.used_bytes or 0) / 1e9
        lines.append(f"{_gigabytes(findings.cache)} free for the cache, {used:.2f} GB used, in {findings.cache.folder}")
    return lines


def _gigabytes(disk: Disk) -> str:
    return "unknown" if disk.free_bytes is None else f"{disk.free_bytes / 1e9:.1f} GB"
