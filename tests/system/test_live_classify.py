"""``tlx classify`` before cameras that misbehave: real processes, sockets and signals."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from fake_cameras import HttpClient, http_camera
from tlx.opencv import cv2

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter
    from tests.tiny_models import ModelMaker

COLOURS_BGR = {"red": (40, 40, 200), "green": (40, 200, 40), "blue": (200, 40, 40), "grey": (120, 120, 120)}
PATIENCE_S = 60.0


def jpeg(colour: str, seed: int, size_wh: tuple[int, int] = (160, 120)) -> bytes:
    """Mostly of one colour, with as much noise as a real picture has."""
    width, height = size_wh
    noise = np.random.default_rng(seed).integers(-40, 40, (height, width, 3))
    picture = np.clip(np.array(COLOURS_BGR[colour]) + noise, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


PICTURES = {colour: [jpeg(colour, seed) for seed in range(4)] for colour in COLOURS_BGR}


def showing(colour: Callable[[], str], rate_hz: float = 50) -> Callable[[HttpClient], None]:
    """A camera that sees what ``colour`` says."""

    def behave(client: HttpClient) -> None:
        client.receive_request()
        client.send_header()
        for number in count():
            client.send_picture(PICTURES[colour()][number % 4])
            client.pause(1 / rate_hz)

    return behave


class Tlx:
    """A ``tlx classify`` that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._rest = b""

    def line(self) -> dict[str, Any]:
        """The next line; fails instead of hanging."""
        assert self.process.stdout is not None
        until_s = time.monotonic() + PATIENCE_S
        while b"\n" not in self._rest:
            assert select.select([self.process.stdout], [], [], until_s - time.monotonic())[0], "no line came"
            received = os.read(self.process.stdout.fileno(), 65536)
            assert received, self.process.stderr.read() if self.process.stderr else ""
            self._rest += received
        line, self._rest = self._rest.split(b"\n", 1)
        return dict(json.loads(line))

    def lines_until(self, is_met: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """All lines up to the first one that is looked for."""
        lines = [self.line()]
        while not is_met(lines[-1]):
            lines.append(self.line())
        return lines

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[str, float]:
        """Ask it to end: what it wrote to stderr, and how many seconds it took."""
        sent_s = time.monotonic()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return errors.decode(), time.monotonic() - sent_s


@contextmanager
def classifying(model: Path, *words: object, environment: dict[str, str] | None = None) -> Iterator[Tlx]:
    command = [sys.executable, "-m", "tlx.cli.app", "classify", "-m", model, *words, "--format", "json"]
    with subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    ) as process:
        try:
            yield Tlx(process)
        finally:
            process.kill()


def is_label(line: dict[str, Any]) -> bool:
    return line["label"] is not None


def test_a_camera_is_classified_until_somebody_says_stop(tiny_model: Path) -> None:
    with (
        http_camera(showing(lambda: "red")) as camera,
        classifying(tiny_model, f"http://me:secret@127.0.0.1:{camera.port}/") as tlx,
    ):
        lines = tlx.lines_until(lambda line: line["frame"] is not None and line["frame"] > 10)
        states = [line["state"] for line in lines if line["kind"] == "state"]
        assert states == ["connecting", "live"]
        results = [line for line in lines if line["kind"] == "result"]
        assert {(line["label"], line["error"], line["state"]) for line in results} == {("red", None, "live")}
        assert all(0 < line["age_ms"] < 1000 for line in results)
        children = psutil.Process(tlx.process.pid).children(recursive=True)
        assert len(children) == 1
        summary, seconds = tlx.end()
        assert tlx.process.returncode == 143
        assert seconds < 2
        assert "classified" in summary
        assert "age of a label p50" in summary
        assert not [child for child in children if child.is_running()]
        assert "secret" not in summary + json.dumps(lines)


def test_two_cameras_at_the_same_time(tiny_model: Path) -> None:
    with (
        http_camera(showing(lambda: "red")) as door,
        http_camera(showing(lambda: "blue")) as yard,
        classifying(tiny_model, f"http://127.0.0.1:{door.port}/", f"http://127.0.0.1:{yard.port}/") as tlx,
    ):
        seen: dict[str, set[str]] = {}
        while len(seen) < 2:
            line = tlx.line()
            if is_label(line):
                seen.setdefault(line["source"], set()).add(line["label"])
        assert seen == {f"http://127.0.0.1:{door.port}/": {"red"}, f"http://127.0.0.1:{yard.port}/": {"blue"}}


def test_a_stream_that_ends_is_lost_and_found_again(tiny_model: Path) -> None:
    def behave(client: HttpClient) -> None:
        client.receive_request()
        client.send_header()
        for picture in PICTURES["green"]:
            client.send_picture(picture)
            client.pause(0.02)

    with http_camera(behave) as camera, classifying(tiny_model, f"http://127.0.0.1:{camera.port}/") as tlx:
        lines = tlx.lines_until(lambda line: line["state"] == "lost")
        assert lines[-1]["label"] is None
        assert lines[-1]["error"] is not None
        assert is_label(tlx.lines_until(is_label)[-1])


def test_killing_the_capture_is_noticed_and_mended(tiny_model: Path) -> None:
    with (
        http_camera(showing(lambda: "red")) as camera,
        classifying(tiny_model, f"http://127.0.0.1:{camera.port}/") as tlx,
    ):
        tlx.lines_until(is_label)
        (child,) = psutil.Process(tlx.process.pid).children()
        child.kill()
        tlx.lines_until(lambda line: line["state"] in {"lost", "stalled"})
        tlx.lines_until(is_label)
        summary, _ = tlx.end()
        assert "capture restarted 1 time" in summary


def test_no_process_stays_behind_when_the_parent_is_killed(tiny_model: Path) -> None:
    with (
        http_camera(showing(lambda: "red")) as camera,
        classifying(tiny_model, f"http://127.0.0.1:{camera.port}/") as tlx,
    ):
        tlx.lines_until(is_label)
        children = psutil.Process(tlx.process.pid).children(recursive=True)
        tlx.process.kill()
        tlx.process.wait()
        _, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
        assert alive == []


def test_a_reader_that_stops_reading_doesnt_stop_the_loop(tiny_model: Path) -> None:
    with (
        http_camera(showing(lambda: "red", rate_hz=400)) as camera,
        classifying(tiny_model, f"http://127.0.0.1:{camera.port}/") as tlx,
    ):
        tlx.lines_until(is_label)
        time.sleep(2)  # a pipe holds 64 KiB: some 100 lines
        summary, seconds = tlx.end()
        assert seconds < 2
        assert tlx.process.returncode == 143
        assert "classified" in summary


def test_events_are_told_instead_of_every_frame(tiny_model: Path) -> None:
    colour = "red"
    with (
        http_camera(showing(lambda: colour)) as camera,
        classifying(tiny_model, f"http://127.0.0.1:{camera.port}/", "--events", "--smoothing", 0.05) as tlx,
    ):
        tlx.lines_until(lambda line: line["label"] == "red")
        time.sleep(0.3)
        colour = "blue"
        (change,) = tlx.lines_until(is_label)
        assert (change["label"], change["changed"]) == ("blue", True)


def test_a_new_model_answers_without_a_gap_and_a_bad_one_never(make_model: ModelMaker, tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"

    def publish(content: bytes) -> None:
        (tmp_path / "new").write_bytes(content)
        (tmp_path / "new").rename(model)

    publish(make_model())
    with (
        http_camera(showing(lambda: "red")) as camera,
        classifying(model, f"http://127.0.0.1:{camera.port}/", "--watch") as tlx,
    ):
        first = tlx.lines_until(is_label)[-1]["model_sha256"]
        publish(make_model()[:-100])
        told = tlx.lines_until(lambda line: line["kind"] == "model")[-1]
        assert told["error"] is not None
        assert tlx.lines_until(is_label)[-1]["model_sha256"] == first
        publish(make_model(size_hw=(48, 48)))
        lines = tlx.lines_until(lambda line: is_label(line) and line["model_sha256"] != first)
        assert [line["error"] for line in lines if line["kind"] == "model"] == [None]
        assert {line["label"] for line in lines if is_label(line)} == {"red"}


def test_decisions_are_those_of_the_model_that_answers(make_model: ModelMaker, tmp_path: Path) -> None:
    """Of a grey picture both say that either class is as likely; each has its own threshold."""
    model = tmp_path / "model.onnx"
    model.write_bytes(make_model(labels=("red", "green"), threshold=0.01))
    with (
        http_camera(showing(lambda: "grey")) as camera,
        classifying(model, f"http://127.0.0.1:{camera.port}/", "--watch", "--smoothing", 0) as tlx,
    ):
        first = tlx.lines_until(is_label)[-1]
        assert first["label"] == "green"
        (tmp_path / "new").write_bytes(make_model(labels=("red", "green"), threshold=0.99))
        (tmp_path / "new").rename(model)
        lines = tlx.lines_until(lambda line: is_label(line) and line["model_sha256"] != first["model_sha256"])
        assert lines[-1]["label"] == "red"
        assert {line["label"] for line in lines[:-1] if is_label(line)} <= {"green"}


def is_off_by(line: dict[str, Any], *, seconds: int) -> bool:
    off = datetime.fromisoformat(line["time_utc"]) - datetime.now(UTC) - timedelta(seconds=seconds)
    return abs(off) < timedelta(hours=1)


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler")
def test_a_wall_clock_that_is_set_makes_nothing_old(tiny_model: Path, tmp_path: Path) -> None:
    library, offset = tmp_path / "wall_clock.so", tmp_path / "offset"
    source = Path(__file__).with_name("wall_clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    offset.write_bytes(struct.pack("q", 0))
    day_s = 24 * 60 * 60
    with (
        http_camera(showing(lambda: "red")) as camera,
        classifying(
            tiny_model,
            f"http://127.0.0.1:{camera.port}/",
            environment={"LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET": str(offset)},
        ) as tlx,
    ):
        lines = tlx.lines_until(is_label)
        for seconds in (day_s, -day_s, 0):
            with offset.open("r+b") as file:
                file.write(struct.pack("q", seconds))
            lines += tlx.lines_until(partial(is_off_by, seconds=seconds))
            lines += [tlx.line() for _ in range(20)]
        assert [line["state"] for line in lines if line["kind"] == "state"] == ["connecting", "live"]
        results = [line for line in lines if line["kind"] == "result"]
        assert {(line["label"], line["error"]) for line in results} == {("red", None)}
        assert all(0 < line["age_ms"] < 1000 for line in results)


def test_photos_beside_a_camera_lose_no_line_to_a_slow_reader(
    tiny_model: Path, tmp_path: Path, write_photo: PhotoWriter
) -> None:
    photo = write_photo(tmp_path / "photos" / "0.png", (255, 0, 0))
    for number in range(1, 400):
        (photo.parent / f"{number}.png").hardlink_to(photo)
    with (
        http_camera(showing(lambda: "blue")) as camera,
        classifying(tiny_model, photo.parent, f"http://127.0.0.1:{camera.port}/") as tlx,
    ):
        time.sleep(2.5)
        lines = tlx.lines_until(lambda line: line["label"] == "blue")
        assert sum(line["label"] == "red" for line in lines) == 400


def test_it_ends_although_nobody_reads_its_errors(tiny_model: Path) -> None:
    outside = ["--roi", "5000,0,10,10"]
    with http_camera(showing(lambda: "red", rate_hz=400)) as camera:
        words = [tiny_model, f"http://127.0.0.1:{camera.port}/", *outside]
        command = [sys.executable, "-m", "tlx.cli.app", "classify", *map(str, words)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            process.stderr.readline()
            time.sleep(2)  # some 800 lines of 150 bytes: more than a pipe holds
            process.terminate()
            assert process.wait(timeout=PATIENCE_S) == 143


def test_the_figures_of_the_summary_add_up(tiny_model: Path) -> None:
    with (
        http_camera(showing(lambda: "red")) as camera,
        classifying(tiny_model, f"http://127.0.0.1:{camera.port}/", "--stride", 3) as tlx,
    ):
        tlx.lines_until(lambda line: line["frame"] is not None and line["frame"] >= 12)
        summary, _ = tlx.end()
        counts = {
            what: int(number) for number, what in re.findall(r"([0-9]+) (pictures|classified|left|dropped)", summary)
        }
        assert counts.pop("pictures") == sum(counts.values())
        assert counts["left"] > 0


def test_a_missing_stdout_leads_nowhere(tiny_model: Path, tmp_path: Path, write_photo: PhotoWriter) -> None:
    photo = write_photo(tmp_path / "a.png")
    script = 'exec "$0" -m tlx.cli.app classify "$@" >&-'
    command = ["bash", "-c", script, sys.executable, str(tiny_model), str(photo)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.startswith("1 photo, ")


@pytest.mark.parametrize("option", [("--save", "seen.webm"), ("--save-uncertain", "doubt")])
def test_what_is_saved_is_whole_when_it_is_stopped(tiny_model: Path, tmp_path: Path, option: tuple[str, str]) -> None:
    place = tmp_path / option[1]
    with (
        http_camera(showing(lambda: "red", rate_hz=20)) as camera,
        classifying(tiny_model, f"http://127.0.0.1:{camera.port}/", option[0], place, "--threshold", 1) as tlx,
    ):
        tlx.lines_until(lambda line: line["frame"] is not None and line["frame"] > 20)
        tlx.end(signal.SIGINT)
        assert tlx.process.returncode == 130
    if place.suffix:
        capture = cv2.VideoCapture(str(place))
        frames = sum(1 for _ in iter(capture.grab, False))
        capture.release()
        assert frames >= 5
    else:
        assert [path.suffix for path in place.iterdir()] == [".jpg"]
    assert not [path for path in tmp_path.iterdir() if path != place]
