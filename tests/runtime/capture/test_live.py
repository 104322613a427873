"""Live sources against real servers, pipes and processes that misbehave."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import psutil
import pytest
from tests.runtime.capture.listening import (
    IMPATIENT,
    LIVELY,
    PATIENCE_S,
    Ear,
    decode_jpeg,
    listening,
    make_jpeg,
    plain_jpeg,
)

from fake_cameras import HttpClient, RtspClient, http_camera, rtsp_camera
from tlx.runtime.capture.settings import CaptureSettings
from tlx.runtime.capture.supervisor import Supervisor
from tlx.runtime.frames import Capture, State
from tlx.runtime.sources.live import LiveInput, find_live

PICTURES = [make_jpeg(seed) for seed in range(4)]


def source(port: int, *, scheme: str = "http", user: str = "", settings: CaptureSettings = LIVELY) -> LiveInput:
    found = find_live(f"{scheme}://{user}127.0.0.1:{port}/video", settings=settings)
    assert found is not None
    return found


def show(*pictures: bytes, then: Callable[[HttpClient], None] | None = None) -> Callable[[HttpClient], None]:
    """What a camera does: those pictures, then something else; without that the same ones again and again."""

    def behave(client: HttpClient) -> None:
        client.receive_request()
        client.send_header()
        while True:
            for picture in pictures:
                client.send_picture(picture)
                client.pause(0.02)
            if then is not None:
                return then(client)

    return behave


def be_mute(client: HttpClient) -> None:
    client.pause(PATIENCE_S)


def end(_client: HttpClient) -> None:
    """The connection is closed when this returns."""


def child_of(capture: Capture) -> psutil.Process:
    assert isinstance(capture, Supervisor)
    pid = capture.process_id()
    assert pid is not None
    return psutil.Process(pid)


def test_pictures_come_with_number_time_and_state() -> None:
    with http_camera(show(*PICTURES)) as camera, listening(source(camera.port)) as (ear, capture):
        ear.wait_for_frames(6)
        assert ear.states == [State.CONNECTING, State.LIVE]
        frames = ear.frames
        assert ear.indexes == sorted(set(ear.indexes))
        assert all(later.captured_s - sooner.captured_s > 0 for sooner, later in pairwise(frames))
        assert 0 <= time.monotonic() - frames[-1].captured_s < PATIENCE_S
        assert {(frame.state, frame.reason, frame.error, frame.decode_ms) for frame in frames} == {
            (State.LIVE, None, None, None)
        }
        assert ear.pictures <= {decode_jpeg(jpeg).tobytes() for jpeg in PICTURES}
        counters = capture.counters()
        assert counters.captured >= len(frames)
        assert (counters.restarts, counters.abandoned) == (0, 0)


def test_what_is_not_delivered_counts_as_dropped() -> None:
    with http_camera(show(*PICTURES)) as camera:
        ear = Ear()

        def deliver_slowly(item: object) -> None:
            ear.deliver(item)  # type: ignore[arg-type]
            time.sleep(0.1)

        capture = source(camera.port).start(deliver_slowly)
        ear.wait_for_frames(5)
        capture.stop()
        counters = capture.counters()
        assert counters.dropped > 0
        assert len(ear.frames) <= counters.captured - counters.dropped <= len(ear.frames) + 1
        assert ear.indexes[-1] >= len(ear.indexes)


def test_a_server_that_accepts_and_stays_mute_is_stalled_and_tried_again() -> None:
    with (
        http_camera(be_mute) as camera,
        listening(source(camera.port, settings=replace(LIVELY, open_timeout_s=1.5))) as (ear, _),
    ):
        assert str(ear.wait_for(State.STALLED).reason).startswith("no answer within 1.5 s; next try in 0.")
        ear.wait(lambda: camera.clients >= 2)
        assert State.LIVE not in ear.states


def test_a_server_that_falls_silent_is_stalled_then_opened_again() -> None:
    with (
        http_camera(show(*PICTURES, then=be_mute)) as camera,
        listening(source(camera.port, settings=IMPATIENT)) as (ear, capture),
    ):
        ear.wait(lambda: camera.clients >= 2)
        assert ear.states[:3] == [State.CONNECTING, State.LIVE, State.STALLED]
        stalls = [str(change.reason) for change in ear.changes if change.state is State.STALLED]
        assert re.fullmatch(r"no picture for 0\.\d s", stalls[0])
        assert any("s; next try in 0." in reason for reason in stalls)
        ear.wait_for(State.LIVE, times=2)
        assert capture.counters().restarts == 0


def test_a_stream_that_dies_within_a_picture_never_shows_half_of_it() -> None:
    jpeg = make_jpeg(5, (320, 240))
    whole = decode_jpeg(jpeg)

    def break_off(client: HttpClient) -> None:
        client.send_picture(jpeg, sent_bytes=len(jpeg) // 2)

    settings = replace(LIVELY, first_wait_s=0.001, max_wait_s=0.002)
    with (
        http_camera(show(jpeg, then=break_off)) as camera,
        listening(source(camera.port, settings=settings)) as (ear, c),
    ):
        lost = ear.wait_for(State.LOST, times=100)
        assert lost.reason is not None
        assert lost.reason.startswith("the stream broke off within a picture; next try in 0.0 s")
        assert len(ear.frames) >= 100
        for frame in ear.frames:
            np.testing.assert_array_equal(frame.image_rgb, whole)
        assert c.counters().restarts == 0


def test_damaged_pictures_are_left_out() -> None:
    damaged = PICTURES[1][: len(PICTURES[1]) // 2] + b"\xff\xd9"
    with http_camera(show(PICTURES[0], damaged)) as camera, listening(source(camera.port)) as (ear, _):
        ear.wait_for_frames(3)
        assert ear.pictures == {decode_jpeg(PICTURES[0]).tobytes()}
    with http_camera(show(damaged)) as camera, listening(source(camera.port, settings=IMPATIENT)) as (ear, _):
        ear.wait(lambda: any("damaged" in (change.reason or "") for change in ear.changes))
        assert ear.frames == []


@pytest.mark.parametrize(
    ("colour_bgr", "reason"), [((0, 0, 0), "black"), ((0, 135, 0), "a single colour, rgb(0, 135, ")]
)
def test_a_picture_of_a_single_colour_is_blank(colour_bgr: tuple[int, int, int], reason: str) -> None:
    blank = plain_jpeg(np.full((120, 160, 3), colour_bgr, np.uint8))
    with http_camera(show(*PICTURES, *[blank] * 4)) as camera, listening(source(camera.port)) as (ear, capture):
        ear.wait_for(State.LIVE, times=2)
        assert ear.states[:4] == [State.CONNECTING, State.LIVE, State.BLANK, State.LIVE]
        blanks = [frame for frame in ear.frames if frame.state is State.BLANK]
        assert blanks
        assert all(reason in str(frame.reason) for frame in blanks)
        assert capture.counters().restarts == 0


def test_the_same_picture_again_and_again_is_frozen_until_it_moves() -> None:
    pictures = [PICTURES[0]] * 20 + PICTURES
    with (
        http_camera(show(*pictures)) as camera,
        listening(source(camera.port, settings=replace(LIVELY, frozen_after_s=0.2))) as (ear, capture),
    ):
        ear.wait_for(State.LIVE, times=2)
        assert ear.states[:4] == [State.CONNECTING, State.LIVE, State.FROZEN, State.LIVE]
        frozen = [frame for frame in ear.frames if frame.state is State.FROZEN]
        assert frozen
        assert all(str(frame.reason).startswith("exactly the same picture for") for frame in frozen)
        assert capture.counters().restarts == 0
        assert camera.clients == 1


def test_a_change_of_size_is_told_and_the_picture_follows() -> None:
    with (
        http_camera(show(make_jpeg(0), make_jpeg(1), make_jpeg(2, (640, 480)), make_jpeg(3, (640, 480)))) as camera,
        listening(source(camera.port)) as (ear, _),
    ):
        ear.wait(lambda: len(ear.changes) >= 4)
        assert [(change.state, change.reason) for change in ear.changes[2:4]] == [
            (State.LIVE, "the picture's size changed from 160x120 to 640x480"),
            (State.LIVE, "the picture's size changed from 640x480 to 160x120"),
        ]
        sizes = [frame.image_rgb.shape[:2] for frame in ear.frames if frame.image_rgb is not None]
        assert set(sizes) == {(120, 160), (480, 640)}


def test_the_end_of_a_stream_is_lost_and_numbers_go_on() -> None:
    with http_camera(show(*PICTURES, then=end)) as camera, listening(source(camera.port)) as (ear, _):
        lost = ear.wait_for(State.LOST, times=2)
        assert str(lost.reason).startswith("the stream ended; next try in 0.")
        assert ear.indexes == sorted(set(ear.indexes))
        assert ear.indexes[-1] >= len(PICTURES)


def test_nobody_there_is_lost_and_tried_again_until_somebody_is() -> None:
    with http_camera(be_mute) as camera:
        port = camera.port
    with listening(source(port)) as (ear, _):
        lost = ear.wait_for(State.LOST, times=2)
        assert str(lost.reason).startswith("can't be opened (Connection refused); next try in ")
        assert ear.frames == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.0 404 Not Found\r\n\r\n", "the server answers 404 Not Found"),
        (b"HTTP/1.0 500 \x1b[31mRed\r\n\r\n", "the server answers 500 \\x1b[31mRed; next try"),
        (
            b"HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=x\r\n\r\nhi",
            "the server gives no stream, but text/html",
        ),
        (b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n", "the server gives no stream, but image/jpeg"),
        (b"\x00\x01\x02\r\n\r\n", "can't be opened ("),
    ],
)
def test_an_answer_that_is_no_stream_is_lost_with_the_reason(answer: bytes, reason: str) -> None:
    def behave(client: HttpClient) -> None:
        client.receive_request()
        client.send(answer)

    with http_camera(behave) as camera, listening(source(camera.port)) as (ear, _):
        assert str(ear.wait_for(State.LOST).reason).startswith(reason)


@pytest.mark.parametrize("scheme", ["Basic", "Digest"])
def test_a_server_that_asks_for_a_password_gets_it_and_nobody_else_does(scheme: str) -> None:
    headers: list[bytes] = []

    def behave(client: HttpClient) -> None:
        request = client.receive_request()
        if b"Authorization: " + scheme.encode() not in request:
            challenge = f'{scheme} realm="cam", nonce="5", qop="auth", algorithm=MD5'.encode()
            return client.send(b"HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: " + challenge + b"\r\n\r\n")
        headers.append(request)
        client.send_header()
        client.send_picture(PICTURES[0])
        return client.pause(PATIENCE_S)

    with http_camera(behave) as camera, listening(source(camera.port, user="admin:hunter%402@")) as (ear, capture):
        ear.wait_for_frames(1)
        if scheme == "Basic":
            assert base64.b64encode(b"admin:hunter@2") in headers[0]
        child = child_of(capture)
        told = f"{child.cmdline()} {child.environ()} {ear.items}"
        assert "hunter" not in told
        assert "admin" not in f"{child.cmdline()} {[item.source for item in ear.items]}"


@pytest.mark.parametrize("scheme", ["http", "rtsp", "tcp", "rtmp"])
def test_no_reason_holds_a_password(scheme: str) -> None:
    with http_camera(be_mute) as camera:
        port = camera.port
    found = source(port, scheme=scheme, user="admin:hunter2@")
    assert "hunter2" not in f"{found} {found.name}"
    with listening(found) as (ear, _):
        lost = ear.wait_for(State.LOST)
        assert re.search("Connection refused|Cannot open connection", str(lost.reason))
        assert not any("hunter2" in str(item) or "admin" in str(item) for item in ear.items)


def test_rtsp_pictures_come_and_half_ones_do_not() -> None:
    def behave(client: RtspClient) -> None:
        client.start()
        for picture in [*PICTURES, *PICTURES]:
            client.send_picture(picture)
            client.pause(0.02)
        client.send_picture(make_jpeg(9, (640, 480)), share=0.5)

    with rtsp_camera(behave) as camera, listening(source(camera.port, scheme="rtsp")) as (ear, capture):
        ear.wait_for(State.LOST, times=3)
        assert {State.CONNECTING, State.LIVE, State.LOST} == set(ear.states)
        assert len(ear.frames) > 3
        assert {frame.image_rgb.shape for frame in ear.frames if frame.image_rgb is not None} == {(120, 160, 3)}
        assert capture.counters().restarts == 0


def number_jpeg(number: int) -> bytes:
    """A picture that says its number, in a row of black and white tiles."""
    bits = np.array([[255 * (number >> bit & 1) for bit in range(10)]] * 6, np.uint8)
    bits[0] = (0, 255) * 5  # never of a single colour
    return plain_jpeg(cv2.cvtColor(cv2.resize(bits, (160, 120), interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2BGR))


def read_number(image_rgb: npt.NDArray[np.uint8]) -> int:
    return sum(int(image_rgb[70, 8 + 16 * bit, 0] > 127) << bit for bit in range(10))


def test_rtsp_pictures_that_waited_for_a_slow_process_are_as_old_as_they_are() -> None:
    sent_s: list[float] = []

    def behave(client: RtspClient) -> None:
        client.start()
        begun_s = time.monotonic()
        for number in range(1024):  # longer than anybody waits
            sent_s.append(time.monotonic())
            client.send_picture(number_jpeg(number), rate_hz=50)
            client.pause(max(0, begun_s + (number + 1) / 50 - time.monotonic()))

    with rtsp_camera(behave) as camera, listening(source(camera.port, scheme="rtsp")) as (ear, capture):
        ear.wait_for_frames(10)
        child = child_of(capture)
        for _ in range(2):
            child.suspend()
            time.sleep(0.8)
            child.resume()
            time.sleep(0.15)
        seen = len(ear.frames)
        ear.wait_for_frames(seen + 10)
        late_s = [
            frame.captured_s - sent_s[read_number(frame.image_rgb)]
            for frame in ear.frames[3:]  # opening buffers the first ones
            if frame.image_rgb is not None
        ]
        assert max(late_s) < 0.4
        assert capture.counters().dropped > 20  # what came meanwhile


def test_rtsp_servers_that_stay_mute_are_stalled() -> None:
    settings = replace(LIVELY, open_timeout_s=1.0)
    with (
        rtsp_camera(lambda client: client.pause(PATIENCE_S)) as camera,
        listening(source(camera.port, scheme="rtsp", settings=settings)) as (ear, _),
    ):
        assert str(ear.wait_for(State.STALLED).reason).startswith("no stream within 1.")
        ear.wait(lambda: camera.clients >= 2)


@pytest.fixture
def video_bytes(tmp_path: Path) -> bytes:
    path = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 120))
    for jpeg in PICTURES * 4:  # less than a pipe holds
        writer.write(cv2.cvtColor(decode_jpeg(jpeg), cv2.COLOR_RGB2BGR))
    writer.release()
    return path.read_bytes()


def test_a_read_that_hangs_for_ever_is_stalled_and_its_process_killed(tmp_path: Path, video_bytes: bytes) -> None:
    """FFmpeg's reading of a pipe knows no time limit: what a driver that hangs looks like."""
    pipe = tmp_path / "camera"
    os.mkfifo(pipe)
    found = find_live(str(pipe), settings=replace(IMPATIENT, open_timeout_s=PATIENCE_S))
    assert found is not None
    feed_fd = os.open(pipe, os.O_RDWR)  # holds it open, so that it never ends
    try:
        with listening(found) as (ear, capture):
            os.write(feed_fd, video_bytes[: len(video_bytes) * 3 // 4])
            ear.wait_for_frames(1)
            first = child_of(capture)
            change = ear.wait_for(State.STALLED, times=2)
            assert "its process hangs and was killed" in str(change.reason)
            assert not first.is_running()
            ear.wait(lambda: capture.counters().restarts >= 1)
            os.write(feed_fd, video_bytes)
            ear.wait_for(State.LIVE, times=2)
    finally:
        os.close(feed_fd)


def test_a_pipe_that_ends_is_lost(tmp_path: Path, video_bytes: bytes) -> None:
    pipe = tmp_path / "camera"
    os.mkfifo(pipe)
    found = find_live(str(pipe), settings=LIVELY)
    assert found is not None
    with listening(found) as (ear, _):
        pipe.write_bytes(video_bytes)
        assert str(ear.wait_for(State.LOST).reason).startswith("the stream ended; next try in ")
        assert len(ear.frames) > 0


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV])
def test_a_capture_process_that_dies_or_hangs_is_replaced(kind: signal.Signals) -> None:
    with http_camera(show(*PICTURES)) as camera, listening(source(camera.port, settings=IMPATIENT)) as (ear, capture):
        ear.wait_for_frames(2)
        first = child_of(capture)
        first.send_signal(kind)
        ear.wait_for(State.LIVE, times=2)
        assert not first.is_running()
        assert capture.counters().restarts >= 1
        assert capture.counters().abandoned == 0
        reasons = " ".join(str(change.reason) for change in ear.changes)
        expected = "hangs and was killed" if kind == signal.SIGSTOP else f"its process was ended by {kind.name}"
        assert expected in reasons
        assert ear.indexes == sorted(set(ear.indexes))


def test_a_capture_process_minds_no_signal_that_is_meant_for_its_parent() -> None:
    with http_camera(show(*PICTURES)) as camera, listening(source(camera.port)) as (ear, capture):
        ear.wait_for_frames(1)
        for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            child_of(capture).send_signal(kind)
        seen = len(ear.frames)
        ear.wait_for_frames(seen + 5)
        assert capture.counters().restarts == 0


def test_one_that_cannot_be_killed_is_abandoned_counted_and_reported() -> None:
    """With no time at all to be gone, a killed process counts as stuck."""
    with (
        http_camera(show(*PICTURES)) as camera,
        listening(source(camera.port, settings=replace(IMPATIENT, reap_s=0.0))) as (ear, capture),
    ):
        ear.wait_for_frames(2)
        first = child_of(capture)
        first.send_signal(signal.SIGSTOP)
        ear.wait_for(State.LIVE, times=2)
        assert capture.counters().abandoned >= 1
        assert any("stuck in the kernel and was left behind" in str(change.reason) for change in ear.changes)
        psutil.wait_procs([first], PATIENCE_S)
        assert not first.is_running()  # not even a zombie


PARENT = """
import sys, time
from tlx.runtime.sources.live import find_live
capture = find_live(sys.argv[1]).start(lambda item: None)
while not capture.counters().captured:
    time.sleep(0.01)
print(capture.process_id(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_no_capture_process_outlives_its_parent(kind: signal.Signals) -> None:
    with http_camera(show(*PICTURES)) as camera:
        words = [sys.executable, "-c", PARENT, f"http://127.0.0.1:{camera.port}/video"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        parent = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(kind)
        parent.communicate(timeout=PATIENCE_S)
        _, alive = psutil.wait_procs([child], PATIENCE_S)
        assert alive == []


def test_nothing_is_left_after_stop() -> None:
    def held() -> tuple[int, int, int]:
        process = psutil.Process()
        return process.num_fds(), len(process.children()), threading.active_count()

    before_shm = set(Path("/dev/shm").iterdir())  # noqa: S108
    with http_camera(show(*PICTURES)) as camera:
        before = held()
        for _ in range(2):
            with listening(source(camera.port)) as (ear, capture):
                ear.wait_for_frames(1)
                assert set(Path("/dev/shm").iterdir()) == before_shm  # noqa: S108
            capture.stop()
            delivered = len(ear.items)
            time.sleep(0.05)
            assert len(ear.items) == delivered
        deadline_s = time.monotonic() + PATIENCE_S
        while held() != before and time.monotonic() < deadline_s:
            time.sleep(0.01)  # the server's side of the connections
        assert held() == before


def test_stop_is_quick_while_it_waits_opens_or_hangs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "nobody writes")
    slow = CaptureSettings(first_wait_s=50)
    words = {"http://127.0.0.1:9/x": State.LOST, str(tmp_path / "nobody writes"): State.CONNECTING}
    for word, state in words.items():
        found = find_live(word, settings=slow)
        assert found is not None
        with listening(found) as (ear, _):  # it looks at the time
            ear.wait_for(state)


def test_stop_may_be_called_from_deliver() -> None:
    with http_camera(show(*PICTURES)) as camera:
        captures: list[Capture] = []
        stopped = threading.Event()

        def deliver(_item: object) -> None:
            if captures and not stopped.is_set():
                captures[0].stop()
                stopped.set()

        captures.append(source(camera.port).start(deliver))
        assert stopped.wait(PATIENCE_S)
        captures[0].stop()
        # A browser of other tests may be another one.
        children = psutil.Process().children()
        assert not [child for child in children if "tlx.runtime.capture.child" in " ".join(child.cmdline())]


def test_two_readers_of_one_source_both_see_it() -> None:
    with (
        http_camera(show(*PICTURES)) as camera,
        listening(source(camera.port)) as (one, _),
        listening(source(camera.port)) as (other, _),
    ):
        one.wait_for_frames(3)
        other.wait_for_frames(3)
        assert State.LOST not in one.states + other.states


def test_a_hundred_reconnects_leave_nothing_behind() -> None:
    settings = replace(LIVELY, first_wait_s=0.001, max_wait_s=0.002)
    with (
        http_camera(show(PICTURES[0], then=end)) as camera,
        listening(source(camera.port, settings=settings)) as (ear, c),
    ):
        ear.wait_for(State.LOST, times=10)
        child = child_of(c)
        before = child.num_fds(), child.num_threads(), psutil.Process().num_fds()
        ear.wait_for(State.LOST, times=110)
        after = child.num_fds(), child.num_threads(), psutil.Process().num_fds()
        # One connection more or less on each side is a matter of the moment.
        assert all(abs(late - early) <= 2 for early, late in zip(before, after, strict=True))
        assert c.counters().restarts == 0
