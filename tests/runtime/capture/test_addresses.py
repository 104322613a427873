from __future__ import annotations

import pytest

from tlx.runtime.capture.addresses import split_credentials, without_password, without_secrets


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://10.0.0.7:554/stream1", "rtsp://10.0.0.7:554/stream1"),
        ("rtsp://admin:hunter2@10.0.0.7:554/stream1", "rtsp://10.0.0.7:554/stream1"),
        ("RTSP://admin@cam/stream1?fps=5", "RTSP://cam/stream1?fps=5"),
        # Written as people write them, not as they should.
        ("rtsp://admin:hun@ter2@cam/1", "rtsp://cam/1"),
        ("rtsp://admin:hun/ter2@cam/1", "rtsp://cam/1"),
        ("rtsp://admin:hun?ter2@cam/1", "rtsp://cam/1"),
        ("rtsp://admin:hun#ter2@cam/1", "rtsp://cam/1"),
        ("http://[::1]:8080/video", "http://[::1]:8080/video"),
        ("http://u:hunter2@[fe80::1]/video", "http://[fe80::1]/video"),
        ("http://cam/@lobby/video", "http://cam/@lobby/video"),
        ("http://cam/cgi?usr=admin&pwd=hunter2&size=2", "http://cam/cgi?usr=***&pwd=***&size=2"),
        ("http://cam/a;token=hunter2?Password=hunter2#x", "http://cam/a;token=***#x"),
        ("rtmp://cam/live?streamkey=hunter2", "rtmp://cam/live?streamkey=***"),
        ("photos/cat.jpg", "photos/cat.jpg"),
    ],
)
def test_without_password(address: str, shown: str) -> None:
    assert without_password(address) == shown
    assert without_password(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Connection to tcp://admin:hunter%402@cam:554 failed",
        "can't open rtsp://admin:hunter%402@cam/1?token=abcd1234",
        "401 for user admin with 'hunter@2'",
        "GET /1?token=abcd1234 HTTP/1.1",
        "admin:hunter%402",
    ],
)
def test_without_secrets_hides_them_in_what_libraries_print(text: str) -> None:
    shown = without_secrets(text, "rtsp://admin:hunter%402@cam/1?token=abcd1234")
    assert not any(secret in shown for secret in ("hunter", "abcd1234"))


def test_without_secrets_leaves_words_whole_that_hold_a_short_password() -> None:
    assert without_secrets("can't be opened (b)", "rtsp://a:b@cam/") == "can't be opened (***)"


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("http://cam:81/v", ("http://cam:81/v", None, None)),
        ("http://admin:hunter%402@cam/v?x=1", ("http://cam/v?x=1", "admin", "hunter@2")),
        ("http://admin@cam/v", ("http://cam/v", "admin", "")),
    ],
)
def test_split_credentials(address: str, parts: tuple[str, str | None, str | None]) -> None:
    assert split_credentials(address) == parts
