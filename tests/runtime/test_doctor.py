from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tlx.runtime import disks, doctor
from tlx.runtime.cameras import camera_backends, file_backends, find_cameras
from tlx.runtime.disks import Disk
from tlx.runtime.provider_probe import ProbedProvider

CPU = ProbedProvider("CPUExecutionProvider", works=True, reason="")
CUDA = ProbedProvider("CUDAExecutionProvider", works=True, reason="")
BROKEN_CUDA = ProbedProvider("CUDAExecutionProvider", works=False, reason="libcublasLt.so.13: cannot open")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"onnxruntime-gpu": "1.31"}, None),
        ({}, "no package of ONNX Runtime is installed"),
        (
            {"onnxruntime": "1.30", "onnxruntime-gpu": "1.31"},
            "overwrite each other's files: pip uninstall --yes onnxruntime onnxruntime-gpu",
        ),
    ],
)
def test_judge_engines(found: dict[str, str], expected: str | None) -> None:
    problems = doctor.judge_engines(found)
    assert len(problems) == (expected is not None)
    assert (expected or "") in "".join(problems)


@pytest.mark.parametrize(
    ("providers", "obstacle", "expected"),
    [
        ([CUDA, CPU], None, None),
        ([BROKEN_CUDA, CPU], "libcuda.so.1: cannot open", None),  # no GPU: nothing to mend
        ([CPU], "libcuda.so.1: cannot open", None),
        ([CPU], None, "has no CUDAExecutionProvider"),
        ([BROKEN_CUDA, CPU], None, r"can't use it (libcublasLt.so.13: cannot open): pip install 'tlx-edge[cuda]'"),
    ],
)
def test_judge_gpu(providers: list[ProbedProvider], obstacle: str | None, expected: str | None) -> None:
    problems = doctor.judge_gpu(providers, obstacle)
    assert len(problems) == (expected is not None)
    assert (expected or "") in "".join(problems)


@pytest.mark.parametrize(("free", "count"), [(None, 0), (10**12, 0), (doctor.LOW_DISK_BYTES, 0), (10**9, 1)])
def test_judge_disk(free: int | None, count: int) -> None:
    assert len(doctor.judge_disk(Disk("/somewhere", free))) == count


@pytest.mark.parametrize(
    ("first", "second", "expected"), [(1, 2, 1), (2, 1, 1), (None, 3, 3), (3, None, 3), (None, None, None)]
)
def test_smaller(first: int | None, second: int | None, expected: int | None) -> None:
    assert doctor.smaller(first, second) == expected


def test_used_bytes_adds_up_all_files(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "one").write_bytes(bytes(1000))
    (tmp_path / "a" / "b" / "two").write_bytes(bytes(234))
    (tmp_path / "loop").symlink_to(tmp_path)
    assert disks.used_bytes(tmp_path) == 1234
    assert disks.used_bytes(tmp_path / "absent") == 0


def test_free_bytes_of_a_folder_that_is_not_there_is_that_of_its_disk(tmp_path: Path) -> None:
    free = disks.free_bytes(tmp_path / "not" / "yet")
    assert free is not None
    statistics = os.statvfs(tmp_path)
    assert free == pytest.approx(statistics.f_bavail * statistics.f_frsize, rel=0.05)


def test_find_cameras_lists_devices_in_order_with_their_drivers_names(tmp_path: Path) -> None:
    assert find_cameras(tmp_path) == ()
    for name in ("video10", "video2", "null"):
        (tmp_path / "dev").mkdir(exist_ok=True)
        (tmp_path / "dev" / name).touch()
    named = tmp_path / "sys/class/video4linux/video2/name"
    named.parent.mkdir(parents=True)
    named.write_text("HD Webcam\n")
    found = find_cameras(tmp_path)
    assert [(Path(camera.device).name, camera.name, camera.usable) for camera in found] == [
        ("video2", "HD Webcam", True),
        ("video10", "", True),
    ]


def test_opencv_opens_videos_and_cameras_with_something() -> None:
    assert "FFMPEG" in file_backends()
    assert camera_backends()


def test_examine_finds_what_is_here() -> None:
    findings = doctor.examine()
    assert CPU in findings.providers
    assert findings.packages["numpy"]
    assert findings.usable_processors >= 1
    assert findings.video is not None
    assert findings.here.free_bytes
    document = json.loads(json.dumps(findings.to_dict()))
    assert document["schema"] == doctor.SCHEMA
    assert {"providers", "packages", "machine", "video", "cache", "problems"} <= document.keys()


def test_two_packages_of_onnxruntime_are_noticed(tmp_path: Path) -> None:
    for name in ("onnxruntime", "onnxruntime_gpu"):
        metadata = tmp_path / f"{name}-1.0.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
    code = "from tlx.runtime.doctor import *; print(judge_engines(installed_engines()))"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "overwrite each other's files" in done.stdout
