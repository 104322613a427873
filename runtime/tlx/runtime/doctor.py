"""What is installed, what really works here, and what to mend, as one document.

Each part is found out on its own: what is broken is a finding among others, not an error.
"""

from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tlx.cache import cache_folder
from tlx.errors import TlxError
from tlx.runtime import disks, environment, processors
from tlx.runtime.cuda_driver import cuda_obstacle
from tlx.runtime.disks import Disk
from tlx.runtime.provider_probe import ProbedProvider, probe_providers

SCHEMA: Final = 1
ENGINE_PACKAGES: Final = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")
LOW_DISK_BYTES: Final = 2 * 10**9
"""Less makes a training run tight."""

_CUDA: Final = "CUDAExecutionProvider"


@dataclass(frozen=True, slots=True)
class Video:
    """What OpenCV can open.

    Attributes:
        file_backends: Its back ends for video files.
        camera_backends: Its back ends for cameras.
        cameras: The devices that are there: ``device``, ``usable`` by this user, the driver's ``name``.
    """

    file_backends: list[str]
    camera_backends: list[str]
    cameras: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found out.

    Attributes:
        python: The interpreter's path.
        machine: Processor, flags that matter, platform; see :func:`tlx.runtime.environment.describe`.
        packages: Versions by package.
        usable_processors: Those that this process may keep busy; also the default number of threads.
        processor_quota: What the container allows, in processors; None if nothing limits it.
        memory_bytes: The machine's, or the container's if that is less; None where it can't be told.
        providers: ONNX Runtime's execution providers, each really tried.
        cuda_obstacle: Why NVIDIA's driver is of no use here; None if it sees a device.
        video: What OpenCV can open; None if it can't be imported.
        here: The disk of the working folder.
        cache: The disk of the cache; None if there is no place for one.
        problems: What to mend and how, a line each.
    """

    python: str
    machine: dict[str, Any]
    packages: dict[str, str]
    usable_processors: int
    processor_quota: float | None
    memory_bytes: int | None
    providers: list[ProbedProvider]
    cuda_obstacle: str | None
    video: Video | None
    here: Disk
    cache: Disk | None
    problems: list[str]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"schema": SCHEMA, **asdict(self)}


def examine() -> Findings:
    """Look at everything; takes about two seconds, most of them for trying the execution providers."""
    problems: list[str] = []
    machine = environment.describe()
    packages = machine.pop("versions") | nvidia_packages()
    providers = _try_providers(problems)
    obstacle = cuda_obstacle()
    video = _look_at_video(problems)
    here = Disk(str(Path.cwd()), disks.free_bytes(Path.cwd()))
    cache = _look_at_cache(problems)
    problems += judge_engines(installed_engines()) + judge_gpu(providers, obstacle) + judge_disk(here)
    return Findings(
        python=sys.executable,
        machine=machine,
        packages=packages,
        usable_processors=processors.usable_processors(),
        processor_quota=processors.processor_quota(),
        memory_bytes=smaller(processors.machine_memory_bytes(), processors.memory_limit_bytes()),
        providers=providers,
        cuda_obstacle=obstacle,
        video=video,
        here=here,
        cache=cache,
        problems=problems,
    )


def installed_engines() -> dict[str, str]:
    """The versions of those ONNX Runtime packages that are installed."""
    found = {}
    for name in ENGINE_PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def nvidia_packages() -> dict[str, str]:
    """The versions of NVIDIA's packages: wheels for CUDA 12 and 13 unpack into the same folders."""
    found = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"] or ""
        if name.startswith("nvidia-"):
            found[name] = distribution.version
    return dict(sorted(found.items()))


def judge_engines(found: dict[str, str]) -> list[str]:
    """What is wrong with the ONNX Runtime packages: there must be exactly one."""
    if not found:
        return ["no package of ONNX Runtime is installed: pip install --force-reinstall tlx-edge"]
    if len(found) > 1:
        names = " and ".join(f"{name} {version}" for name, version in found.items())
        advice = "then install the one that you need (tlx-edge brings it; on a Jetson it's NVIDIA's own wheel)"
        return [f"{names} overwrite each other's files: pip uninstall --yes {' '.join(found)}, {advice}"]
    return []


def judge_gpu(providers: list[ProbedProvider], obstacle: str | None) -> list[str]:
    """What is wrong where there is a GPU but ONNX Runtime can't use it."""
    if obstacle is not None:
        return []
    cuda = next((provider for provider in providers if provider.name == _CUDA), None)
    if cuda is None:
        return [f"a CUDA device is here, but the installed ONNX Runtime has no {_CUDA}: pip install 'tlx-edge[cuda]'"]
    if cuda.works:
        return []
    return [f"a CUDA device is here, but ONNX Runtime can't use it ({cuda.reason}): pip install 'tlx-edge[cuda]'"]


def judge_disk(disk: Disk) -> list[str]:
    """What is wrong with a disk: too little room to train."""
    if disk.free_bytes is None or disk.free_bytes >= LOW_DISK_BYTES:
        return []
    return [f"only {disk.free_bytes / 1e9:.1f} GB are free in {disk.folder}: training takes up to 2 GB"]


def smaller(first: int | None, second: int | None) -> int | None:
    """The smaller of what is known."""
    return min((value for value in (first, second) if value is not None), default=None)


def _try_providers(problems: list[str]) -> list[ProbedProvider]:
    try:
        from tlx.runtime.onnx_runtime import onnxruntime
    except TlxError as error:
        problems.append(str(error))
        return []
    return probe_providers(onnxruntime.get_available_providers())


def _look_at_video(problems: list[str]) -> Video | None:
    try:
        from tlx.runtime import cameras
    except TlxError as error:
        problems.append(str(error))
        return None
    found = cameras.find_cameras()
    problems += [
        f"{camera.device} isn't yours to open: sudo usermod -aG video $USER, then log in again"
        for camera in found
        if not camera.usable
    ]
    return Video(cameras.file_backends(), cameras.camera_backends(), [asdict(camera) for camera in found])


def _look_at_cache(problems: list[str]) -> Disk | None:
    try:
        folder = cache_folder()
    except TlxError as error:
        problems.append(str(error))
        return None
    return Disk(str(folder), disks.free_bytes(folder), disks.used_bytes(folder))
