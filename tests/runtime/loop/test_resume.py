from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.runtime.output.sample_items import BAD_PHOTO, LABELS, LIVE, PHOTO, SEAL, STALLED, VIDEO_FRAME

from tlx.errors import InputError, OutputError
from tlx.runtime.loop.resume import Done, ResumedFile
from tlx.runtime.output.items import Item

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter

HOUSE = Path(__file__).parents[3]


def opened(path: Path, seal: str = SEAL) -> ResumedFile:
    return ResumedFile(path, seal, LABELS, 1)


def written(path: Path, *items: Item) -> bytes:
    file = opened(path)
    for item in items:
        file.write(item)
    file.close()
    return path.read_bytes()


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_new_file_is_made_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    written(path, PHOTO, BAD_PHOTO, STALLED, VIDEO_FRAME)
    file = opened(path)
    assert file.done.count == 3
    assert [file.done.take("a.jpg", None), file.done.take("a.jpg", None)] == [True, False]  # once for each result
    assert file.done.take("bad.jpg", None)
    assert not file.done.take("other.jpg", None)
    assert [file.done.take("v.mp4", index) for index in (0, 7, 8)] == [False, True, False]
    file.write(PHOTO)
    file.close()
    assert [line["source"] for line in lines_of(path)] == ["a.jpg", "bad.jpg", "camera 0", "v.mp4", "a.jpg"]


def test_labels_and_errors_of_files_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    written(path, PHOTO, BAD_PHOTO, STALLED, LIVE, VIDEO_FRAME, BAD_PHOTO)
    file = opened(path)
    file.close()
    done = file.done
    assert (done.count, done.labelled, done.failed) == (4, 2, 2)
    assert done.first_error == "bad.jpg: is empty"
    assert not done.take("camera 0", LIVE.frame.index)
    assert Done().first_error is None


def test_a_picture_on_stdin_is_never_taken_for_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    written(path, dataclasses.replace(PHOTO, frame=dataclasses.replace(PHOTO.frame, source="<stdin>")))
    file = opened(path)
    file.close()
    assert file.done.count == 1
    assert not file.done.take("<stdin>", None)


def test_only_frames_that_have_a_result_are_left_out() -> None:
    done = Done()
    for index in range(300, 1000, 10):
        done.add("v.mp4", index)
    taken = [index for index in range(2000) if done.take("v.mp4", index)]
    assert taken == list(range(300, 1000, 10))
    assert not done.take("other.mp4", 300)


def test_each_result_counts_for_one_frame_where_a_video_is_named_twice() -> None:
    done = Done()
    for index in (*range(40), *range(5)):
        done.add("v.mp4", index)
    assert sum(done.take("v.mp4", index) for index in range(40)) == 40
    assert [index for index in range(40) if done.take("v.mp4", index)] == [0, 1, 2, 3, 4]


def test_a_frame_may_have_any_number_of_results_and_any_number() -> None:
    done = Done()
    for index in (-1, 10**18):
        for _ in range(300):
            done.add("v.mp4", index)
        assert done.take("v.mp4", index)


def test_a_million_frames_take_little_memory() -> None:
    done = Done()
    tracemalloc.start()
    try:
        for index in range(0, 1_000_000, 5):
            done.add("v.mp4", index)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_last_line_that_was_torn_anywhere_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    whole = written(path, PHOTO)
    both = written(path, BAD_PHOTO)
    for length in range(len(whole) + 1, len(both) - 1):
        path.write_bytes(both[:length])
        opened(path).close()
        assert path.read_bytes() == whole
    for length in range(len(whole) - 1):
        path.write_bytes(both[:length])
        opened(path).close()
        assert path.read_bytes() == b""
    path.write_bytes(whole + bytes(4096))  # what a power loss may leave
    opened(path).close()
    assert path.read_bytes() == whole


def test_a_whole_last_line_without_its_end_gets_one(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    whole = written(path, PHOTO)
    path.write_bytes(whole[:-1])
    file = opened(path)
    assert file.done.count == 1
    file.close()
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hello", "line 1 isn't JSON"),
        (b"\xff\xd8\xff\xe0 a photo without a line", "line 1 isn't JSON"),
        (b"kind,source\r\n", "line 1 isn't JSON"),
        (b"[1]\n", "line 1 is no result"),
        (b"1", "line 1 is no result"),
        (b'{"a": 1}\n', "line 1 is no result"),
        (b'{"source": 1, "label": null, "error": null, "frame": null, "model_sha256": ""}\n', "line 1 is no result"),
        (b'{"source": "a", "label": null, "error": null, "frame": null, "model_sha256": null}\n', "which model"),
        (b"x" * 3_000_000, "line 1 isn't JSON"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        opened(path)
    assert path.read_bytes() == content


def test_a_torn_line_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    whole = written(path, PHOTO)
    path.write_bytes(whole + whole[:50] + b"\n" + whole)
    with pytest.raises(InputError, match="line 2 isn't JSON"):
        opened(path)


def test_results_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    whole = written(path, PHOTO)
    with pytest.raises(InputError, match=r"another model \(abababababab, this one is cdcdcdcdcdcd\)"):
        opened(path, "cd" * 32)
    assert path.read_bytes() == whole


def test_lines_of_the_first_release_count_too(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    old = {"source": "a.jpg", "frame": None, "label": "cat", "error": None, "model_sha256": SEAL}
    path.write_text(json.dumps(old) + "\n" + json.dumps(old)[:20])
    file = opened(path)
    assert file.done.take("a.jpg", None)
    file.close()
    assert path.read_text() == json.dumps(old) + "\n"


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no regular file"):
        opened(tmp_path / "pipe")
    with pytest.raises(OutputError):
        opened(tmp_path)
    with pytest.raises(OutputError, match="does not exist: create it first"):
        opened(tmp_path / "gone" / "r.jsonl")


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    first = opened(tmp_path / "r.jsonl")
    with pytest.raises(InputError, match="another tlx writes"):
        opened(tmp_path / "r.jsonl")
    first.close()
    opened(tmp_path / "r.jsonl").close()


def test_it_knows_if_stdout_leads_to_the_same_file(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tlx.runtime.loop.resume import ResumedFile;"
        "file = ResumedFile(Path(sys.argv[1]), 'ab' * 32, ('a',), 1); sys.stderr.write(str(file.is_stdout))"
    )
    path = tmp_path / "r.jsonl"
    written(path, PHOTO)
    for target, expected in ((path, "True"), (tmp_path / "other", "False")):
        with target.open("ab") as stdout:
            command = [sys.executable, "-c", code, str(path)]
            done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=True)
        assert done.stderr == expected


def worker(model: Path, results: Path, pause_s: float, source: Path) -> list[str]:
    module = "tests.runtime.loop.resume_worker"
    return [sys.executable, "-m", module, str(model), str(results), str(pause_s), str(source)]


def wait_for_lines(path: Path, count: int) -> None:
    deadline_s = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


def test_a_run_that_is_killed_twice_ends_with_every_photo_once_and_in_order(
    tiny_model: Path, tmp_path: Path, write_photo: PhotoWriter
) -> None:
    photos = tmp_path / "photos"
    for number in range(60):
        write_photo(photos / f"{number}.png", (number, 0, 0))
    (photos / "17.png").write_bytes(b"broken")
    results = tmp_path / "r.jsonl"
    for enough in (10, 30):
        with subprocess.Popen(worker(tiny_model, results, 0.005, photos), cwd=HOUSE) as process:
            wait_for_lines(results, enough)
            process.kill()
    results.write_bytes(results.read_bytes() + b'{"kind": "result", "sou')
    done = subprocess.run(
        worker(tiny_model, results, 0, photos), cwd=HOUSE, capture_output=True, text=True, check=True, timeout=60
    )
    assert 30 <= int(done.stdout) < 60
    assert [Path(line["source"]).name for line in lines_of(results)] == [f"{number}.png" for number in range(60)]
    assert [line["error"] is None for line in lines_of(results)] == [number != 17 for number in range(60)]
