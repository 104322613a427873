from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tlx.errors import SourceError
from tlx.runtime.sources.folders import expand_pattern, walk_photos
from tlx.runtime.sources.words import open_sources

if TYPE_CHECKING:
    from tests.conftest import PhotoWriter


def names(paths: list[str], folder: Path) -> list[str]:
    return [os.path.relpath(path, folder) for path in paths]


def test_loops_of_links_end(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.jpg", "sub/b.jpg"):
        (tmp_path / name).touch()
    for name in ("loop1", "loop2", "sub/up"):
        (tmp_path / name).symlink_to(tmp_path)
    assert names(list(walk_photos(str(tmp_path))), tmp_path) == ["a.jpg", "sub/b.jpg"]
    assert names(expand_pattern(f"{tmp_path}/**/*.jpg"), tmp_path) == ["a.jpg", "sub/b.jpg"]
    # What a pattern names itself is followed, as the shell does.
    assert names(expand_pattern(f"{tmp_path}/*/*.jpg"), tmp_path) == ["loop1/a.jpg", "loop2/a.jpg", "sub/b.jpg"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("**/*.jpg", ["a.jpg", "x/b.jpg", "x/y/c.jpg"]),
        ("./**/*.jpg", ["./a.jpg", "./x/b.jpg", "./x/y/c.jpg"]),
        ("x/**/*.jpg", ["x/b.jpg", "x/y/c.jpg"]),
        ("**/y/*.jpg", ["x/y/c.jpg"]),
        ("**/**/c.jpg", ["x/y/c.jpg"]),
        ("x/**", ["x"]),
        ("**", ["."]),
        ("?.jpg", ["a.jpg"]),
        ("[ab].jpg", ["a.jpg"]),
        (".*/*.jpg", [".hidden/d.jpg"]),
        ("none/**/*.jpg", []),
    ],
)
def test_expand_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, expected: list[str]) -> None:
    for name in ("a.jpg", "x/b.jpg", "x/y/c.jpg", ".hidden/d.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert expand_pattern(pattern) == expected


def test_a_folder_with_pattern_characters_in_its_name_is_searched_too(tmp_path: Path) -> None:
    (tmp_path / "[x]").mkdir()
    (tmp_path / "[x]" / "a.jpg").touch()
    assert names(expand_pattern(f"{tmp_path}/**/*.jpg"), tmp_path) == ["[x]/a.jpg"]


def test_what_a_pattern_matches_comes_once_and_odd_matches_are_errors(tmp_path: Path, write_photo: PhotoWriter) -> None:
    write_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "sub" / "b.jpg")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to("nowhere")
    (photos,) = open_sources([f"{tmp_path}/**"])
    assert [Path(frame.source).name for frame in photos.frames()] == ["a.jpg", "pipe.jpg", "b.jpg"]
    sources = open_sources([f"{tmp_path}/*"])
    frames = {Path(frame.source).name: frame.error for source in sources for frame in source.frames()}
    assert frames.keys() == {"a.jpg", "b.jpg", "pipe", "pipe.jpg", "broken"}
    assert frames["pipe"] == frames["pipe.jpg"] == "is not a regular file"
    assert "No such file" in (frames["broken"] or "")


def test_a_pattern_that_matches_only_empty_folders_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no photos in what this pattern matches"):
        open_sources([f"{tmp_path}/e*"])


def test_a_subfolder_that_cannot_be_listed_is_given_itself(tmp_path: Path) -> None:
    for name in ("1/a.jpg", "2/b.jpg", "3/c.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    walk = walk_photos(str(tmp_path))
    assert next(walk) == str(tmp_path / "1" / "a.jpg")
    (tmp_path / "2" / "b.jpg").unlink()
    (tmp_path / "2").rmdir()  # one that has gone meanwhile stands for one that isn't ours
    assert names(list(walk), tmp_path) == ["2", "3/c.jpg"]
    with pytest.raises(SourceError, match="can't be listed"):
        list(walk_photos(str(tmp_path / "2")))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root, to be somebody else for a moment")
def test_what_is_not_ours_to_read_says_so(tmp_path: Path, write_photo: PhotoWriter) -> None:
    photo = write_photo(tmp_path / "a.jpg")
    (tmp_path / "video.mp4").write_bytes(b"x")
    for path in (photo, tmp_path / "video.mp4"):
        path.chmod(0)
    (tmp_path / "secret").mkdir(mode=0)
    words = [str(photo), str(tmp_path / "video.mp4")]
    opened = [parent for parent in tmp_path.parents if not parent.stat().st_mode & 1]
    modes = {path: path.stat().st_mode for path in (*opened, tmp_path)}
    for path, mode in modes.items():
        path.chmod(mode | 0o755)
    os.seteuid(65534)
    try:
        errors = [frame.error for source in open_sources(words) for frame in source.frames()]
        with pytest.raises(SourceError, match=r"secret: can't be listed \(Permission denied\)"):
            open_sources([str(tmp_path / "secret")])
        with pytest.raises(SourceError, match=r"a.jpg: can't be looked at \(Permission denied\)"):
            open_sources([str(tmp_path / "secret" / "a.jpg")])
        (folder,) = open_sources([str(tmp_path)])
        listed = [(Path(frame.source).name, frame.error) for frame in folder.frames()]
    finally:
        os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(mode & 0o7777)
    assert errors == ["can't be read (Permission denied)"] * 2
    assert listed == [("a.jpg", "can't be read (Permission denied)"), ("secret", "can't be read (Permission denied)")]


def test_a_link_to_itself_says_so(tmp_path: Path) -> None:
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(SourceError, match="Too many levels of symbolic links"):
        open_sources([str(tmp_path / "loop.jpg")])
    with pytest.raises(SourceError, match="File name too long"):
        open_sources(["a" * 300])


def test_a_link_that_leads_nowhere_says_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").symlink_to("gone.jpg")
    with pytest.raises(SourceError, match=r"no such file: this link leads to gone\.jpg, which isn't there"):
        open_sources([str(tmp_path / "broken.jpg")])


def test_many_photos_take_little_memory(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number:06}.jpg").touch()
    tracemalloc.start()
    try:
        (source,) = open_sources([str(tmp_path)])
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert source.name_width == len(str(tmp_path / "000000.jpg"))
    assert kept < 2000 * 400
    assert peak < 2000 * 1500
