"""``tlx classify`` as a user runs it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter, VideoWriter
    from tests.tiny_models import ModelMaker

TLX = str(Path(sys.executable).with_name("tlx"))
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
HEAVY = ("tensorflow", "keras", "tf2onnx", "onnx", "matplotlib", "sklearn", "skimage")


def classify(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TLX, "classify", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, **options
    )


def assert_one_line_error(done: subprocess.CompletedProcess[str], code: int, reason: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("tlx: error: ")
    assert reason in line


@pytest.fixture
def photos(tmp_path: Path, write_photo: PhotoWriter) -> Path:
    folder = tmp_path / "photos"
    for name, colour in (("1.jpg", RED), ("2.png", GREEN), ("10.webp", BLUE)):
        write_photo(folder / name, colour)
    return folder


def test_text_gives_a_line_a_photo_and_a_summary_on_stderr(tiny_model: Path, photos: Path) -> None:
    done = classify(tiny_model, photos, "--threads", 1, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [(Path(name).name, label) for name, label, _ in rows] == [
        ("1.jpg", "red"),
        ("2.png", "green"),
        ("10.webp", "blue"),
    ]
    (summary,) = done.stderr.splitlines()
    assert summary.startswith("3 photos, ")
    assert summary.endswith("on the CPU (1 thread, CPUExecutionProvider)")


def test_json_gives_an_object_a_line_for_every_kind_of_source(
    tiny_model: Path, photos: Path, write_video: VideoWriter
) -> None:
    video = write_video(photos.parent / "v.avi", [RED] * 5 + [BLUE] * 5)
    pattern = f"{photos}/*.jpg"
    done = classify("-m", tiny_model, photos / "2.png", pattern, video, "--stride", 5, "--format", "json", "--topk", 3)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(Path(line["source"]).name, line["frame"], line["label"]) for line in lines] == [
        ("2.png", None, "green"),
        ("1.jpg", None, "red"),
        ("v.avi", 0, "red"),
        ("v.avi", 5, "blue"),
    ]
    for line in lines:
        assert line["error"] is None
        assert line["topk"][0]["label"] == line["label"]
        assert len(line["topk"]) == 3
        assert line["latency_ms"]["inference"] > 0


def test_quiet_leaves_only_results(tiny_model: Path, photos: Path) -> None:
    done = classify(tiny_model, photos, "--quiet")
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 3


def test_some_bad_photos_are_told_and_the_rest_is_classified(tiny_model: Path, photos: Path) -> None:
    (photos / "3.jpg").write_text("no photo")
    done = classify(tiny_model, photos)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3
    error, summary = done.stderr.splitlines()
    assert error.startswith(f"tlx: error: {photos / '3.jpg'}: ")
    assert "4 photos, 1 failed" in summary


def test_only_bad_photos_are_an_error(tiny_model: Path, photos: Path) -> None:
    for photo in photos.iterdir():
        photo.write_bytes(b"\xff\xd8\xff broken")
    done = classify(tiny_model, photos)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("tlx: error: none of 3 photos could be read; the first: ")


@pytest.mark.parametrize("arguments", [(), ("--format", "json")], ids=["text", "json"])
def test_a_single_bad_photo_is_one_line_on_stderr(tiny_model: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "bad.jpg").write_text("no photo")
    done = classify(tiny_model, tmp_path / "bad.jpg", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"{tmp_path / 'bad.jpg'}: " in done.stderr
    if arguments:
        assert json.loads(done.stdout)["error"] in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ([], 2, "received nothing"),
        (["MODEL"], 2, "expected a model file and at least one source"),
        (["MODEL", "absent.jpg"], 2, "absent.jpg: no such file"),
        (["MODEL", "absent*.jpg"], 2, "nothing matches"),
        (["MODEL", "EMPTY"], 2, "no photos in this folder"),
        (["MODEL", "97"], 3, "camera 97: there is no /dev/video97"),
        (["absent.onnx", "PHOTOS"], 2, "absent.onnx: no such model file: make one with 'tlx export absent.onnx'"),
        (["absent", "PHOTOS"], 2, "or a folder that 'tlx export --to' made"),
        (["EMPTY", "PHOTOS"], 2, "is a folder"),
        (["TEXT", "PHOTOS"], 2, "a text file"),
        (["CUT", "PHOTOS"], 2, "cut short or damaged"),
        (["FOREIGN", "PHOTOS"], 2, "holds no tlx contract"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_with_its_exit_code(
    make_model: ModelMaker, photos: Path, words: list[str], code: int, reason: str
) -> None:
    folder = photos.parent
    content = make_model()
    (folder / "model.onnx").write_bytes(content)
    (folder / "text.onnx").write_text("not a model\n" * 10)
    (folder / "cut.onnx").write_bytes(content[: len(content) * 2 // 3])
    (folder / "foreign.onnx").write_bytes(
        make_model(change=lambda model: model.ClearField("metadata_props"), sealed=False)
    )
    (folder / "empty").mkdir()
    names = {
        "MODEL": "model.onnx",
        "TEXT": "text.onnx",
        "CUT": "cut.onnx",
        "FOREIGN": "foreign.onnx",
        "EMPTY": "empty",
        "PHOTOS": "photos",
    }
    assert_one_line_error(classify(*(names.get(word, word) for word in words), cwd=folder), code, reason)


def test_gpu_without_a_gpu_exits_3_and_says_what_to_do(tiny_model: Path, photos: Path) -> None:
    from tlx.runtime.cuda_driver import cuda_obstacle

    if cuda_obstacle() is None:
        pytest.skip("a CUDA device is here")
    done = classify(tiny_model, photos, "--device", "gpu")
    assert_one_line_error(done, 3, "pip install 'tlx-edge[cuda]'")


@pytest.mark.parametrize("option", ["--topk", "--stride", "--threads"])
def test_counts_must_be_positive(tiny_model: Path, photos: Path, option: str) -> None:
    done = classify(tiny_model, photos, option, 0)
    assert done.returncode == 2
    assert option in done.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--resume", "r.jsonl", "--watch"), "--resume and --watch can't be combined: "),
        (("--duration", "0"), "'0': expected a duration of more than 0 seconds"),
        (("--duration", ""), "'': expected a time in seconds"),
        (("--start", ""), "'': expected a time in seconds"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_options_that_make_no_sense_are_refused_before_anything_is_opened(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str],
    reason: str,
) -> None:
    from tlx.cli.app import run

    monkeypatch.chdir(tmp_path)
    assert run(["classify", "absent.onnx", "absent.avi", *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tlx: error: {reason}")
    assert list(tmp_path.iterdir()) == []


def test_help_shows_an_example() -> None:
    done = classify("--help")
    assert done.returncode == 0
    assert "Example:  tlx classify" in done.stdout


def test_a_reader_that_leaves_early_ends_it_quietly(tiny_model: Path, tmp_path: Path, write_video: VideoWriter) -> None:
    video = write_video(tmp_path / "v.avi", [RED] * 300)
    with subprocess.Popen(
        [TLX, "classify", str(tiny_model), str(video)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(str(video))
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 0


def end_by(process: subprocess.Popen[str], number: signal.Signals) -> float:
    """Send a real signal and give the seconds that the process took to end."""
    sent_s = time.monotonic()
    process.send_signal(number)
    process.wait(timeout=30)
    return time.monotonic() - sent_s


def test_ctrl_c_ends_it_within_two_seconds(tiny_model: Path, tmp_path: Path) -> None:
    from tlx.opencv import cv2

    noise = np.random.default_rng(1).integers(0, 256, (2000, 3000, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "0.jpg"), noise)
    for number in range(1, 400):
        (tmp_path / f"{number}.jpg").symlink_to(tmp_path / "0.jpg")
    with subprocess.Popen(
        [TLX, "classify", str(tiny_model), str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        assert end_by(process, signal.SIGINT) < 2
        assert process.returncode == 130
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_even_while_a_camera_hangs(
    tiny_model: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    # Nobody ever writes into this pipe: reading it blocks, as a stuck camera driver does.
    pipe = tmp_path / "camera.webm"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [TLX, "classify", str(tiny_model), str(pipe), "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = json.loads(process.stdout.readline())
        assert (first["kind"], first["state"], first["label"]) == ("state", "connecting", None)
        assert end_by(process, number) < 2
        assert process.returncode == code
        summary, _ = process.stderr.read().splitlines()
        assert summary.startswith("0 pictures in ")
        assert orphans(pipe) == []


def orphans(pipe: Path) -> list[str]:
    """Processes that have to do with a pipe."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(link.readlink() == pipe for link in (process / "fd").iterdir()):
                found.append(process.name)
    return found


def test_classify_loads_no_training_framework(tiny_model: Path, photos: Path) -> None:
    code = (
        "import sys; from tlx.cli.app import run; code = run(sys.argv[1:]);"
        f"print('heavy:', sorted(set({HEAVY!r}) & set(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "classify", str(tiny_model), str(photos)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_file_names_that_are_no_valid_text_are_shown_and_kept(
    tiny_model: Path, write_photo: PhotoWriter, tmp_path: Path
) -> None:
    photo = write_photo(tmp_path / "a.jpg")
    odd = os.fsdecode(b"odd\xff\n.jpg")
    photo.rename(tmp_path / odd)
    text = classify(tiny_model, tmp_path)
    assert text.returncode == 0, text.stderr
    assert "odd\\udcff\\n.jpg" in text.stdout
    line = json.loads(classify(tiny_model, tmp_path, "--format", "json").stdout)
    assert line["source"] == str(tmp_path / odd)


@pytest.mark.photos
def test_labels_of_real_photos_are_those_of_plain_onnxruntime(tiny_model: Path, photos_dir: Path) -> None:
    from tlx import images
    from tlx.runtime.onnx_runtime import onnxruntime

    paths = sorted((photos_dir / "validation" / "cats").iterdir())[:30]
    done = classify(tiny_model, *paths, "--format", "json", "--topk", 3)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["source"] for line in lines] == [str(path) for path in paths]
    session = onnxruntime.InferenceSession(tiny_model, providers=["CPUExecutionProvider"])
    for line, path in zip(lines, paths, strict=True):
        pixels = images.load(path, (32, 32))[np.newaxis]
        expected = session.run(["probabilities"], {"image": pixels})[0][0]
        assert line["label"] == ("red", "green", "blue")[int(expected.argmax())]
        assert line["probability"] == pytest.approx(float(expected.max()), abs=1e-5)
