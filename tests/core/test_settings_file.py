"""Settings files as people write them, right and wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tlx.core.settings_file import read_settings
from tlx.errors import InputError

EXPECTED = {
    "size": 150,
    "learning_rate": 1e-4,
    "flip": True,
    "phases": [{"name": "head", "rates": [0.5, 2]}, {"name": "tail"}],
    "head": {"units": 256},
}
TOML = """\
size = 150  # pixels
learning_rate = 1e-4
flip = true
[[phases]]
name = "head"
rates = [0.5, 2]
[[phases]]
name = "tail"
[head]
units = 256
"""
YAML = """\
size: 150  # pixels
learning_rate: 1e-4
flip: true
phases:
  - name: head
    rates: [0.5, 2]
  - {name: tail}
head:
  units: 256
"""


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.toml", TOML),
        ("config.yaml", YAML),
        ("config.yml", YAML),
        ("CONFIG.YAML", YAML),
        ("bom.toml", "\ufeff" + TOML),
        ("bom.yaml", "\ufeff" + YAML),
        ("windows.toml", TOML.replace("\n", "\r\n")),
        ("windows.yaml", YAML.replace("\n", "\r\n")),
    ],
)
def test_both_kinds_give_the_same(tmp_path: Path, name: str, content: str) -> None:
    assert read_settings(write(tmp_path, name, content)) == EXPECTED


@pytest.mark.parametrize("name", ["config.toml", "config.yaml"])
@pytest.mark.parametrize("content", ["", "# nothing yet\n"])
def test_an_empty_file_holds_no_settings(tmp_path: Path, name: str, content: str) -> None:
    assert read_settings(write(tmp_path, name, content)) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("2E3", 2000.0),
        ("-1.5e+2", -150.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-7", -7),
        ("0", 0),
        ("no", "no"),  # YAML 1.1: False
        ("on", "on"),
        ("1:30", "1:30"),  # YAML 1.1: 90
        ("010", "010"),  # YAML 1.1: 8
        ("2026-01-02", "2026-01-02"),  # YAML 1.1: a date
        ("1_000", "1_000"),
        ("True", True),
        ("'1'", "1"),
        ("~", None),
        ("", None),
        ("null", None),
        ("none", "none"),
        ("block5_conv1", "block5_conv1"),
    ],
)
def test_yaml_scalars_mean_what_people_expect_today(tmp_path: Path, text: str, value: object) -> None:
    found = read_settings(write(tmp_path, "config.yaml", f"key: {text}\n"))["key"]
    assert (found, type(found)) == (value, type(value))


def test_yaml_may_reuse_what_it_named(tmp_path: Path) -> None:
    text = "one: &one {epochs: 3, rate: 0.1}\ntwo:\n  <<: *one\n  epochs: 5\n"
    assert read_settings(write(tmp_path, "config.yaml", text))["two"] == {"epochs": 5, "rate": 0.1}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.toml", "size = 1\nrate = fast\n", "line 2, column 8: Invalid value"),
        ("a.toml", "size = [1,\n", "at the end: "),
        ("a.toml", "size = 1\nsize = 2\n", "line 2, column 9: Cannot overwrite a value"),
        ("a.toml", b"name = '\xff'\n", "expected text in UTF-8, got the byte 0xff"),
        ("a.toml", f"a = {'[' * 5000}", "lists and tables are nested too deeply"),
        ("a.yaml", "size: 1\nrate: [1, 2\n", "line 3, column 1: "),
        ("a.yaml", "size: 1\n\tname: 2\n", "line 2, column 1: found character '\\t' that cannot start any token"),
        (
            "a.yaml",
            "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n",
            "line 5, column 3: the key 'c' stands here again, after line 3",
        ),
        ("a.yaml", "a: 1\n---\nb: 1\n", "line 2, column 1: but found another document"),
        ("a.yaml", "a: *absent\n", "line 1, column 4: found undefined alias 'absent'"),
        ("a.yaml", "a: !!python/object/apply:os.getcwd []\n", "line 1, column 4: could not determine a constructor"),
        ("a.yaml", "a: 1\nb: \x01\n", "line 2, column 4: unacceptable character #x0001"),
        ("a.yaml", "? [1]\n: 2\n", "line 1, column 3: found unhashable key"),
        ("a.yaml", f"a: {'[' * 5000}", "lists and tables are nested too deeply"),
        ("a.yaml", "- 1\n- 2\n", "expected keys with values at the top, got a list"),
        ("a.yaml", "epochs 5\n", "expected keys with values at the top, got 'epochs 5'"),
        ("a.json", "{}", "expected a settings file that ends in .toml, .yaml or .yml"),
        ("a", "", "expected a settings file that ends in .toml, .yaml or .yml"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(InputError) as caught:
        read_settings(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.toml: no such file$"):
        read_settings(tmp_path / "config.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(InputError, match=r"folder\.toml: can't be read \(Is a directory\)"):
        read_settings(tmp_path / "folder.toml")


def test_without_pyyaml_the_line_names_the_extra_and_toml_still_works(tmp_path: Path) -> None:
    program = """\
import sys
sys.modules["yaml"] = None  # as if it weren't installed
from pathlib import Path
from tlx.core.settings_file import read_settings
from tlx.errors import MissingDependencyError
print(read_settings(Path("a.toml")))
try:
    read_settings(Path("a.yaml"))
except MissingDependencyError as error:
    print(error)
"""
    write(tmp_path, "a.toml", "a = 1")
    write(tmp_path, "a.yaml", "a: 1")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert first == "{'a': 1}"
    assert second.startswith("a.yaml: reading YAML needs PyYAML")
    assert "tlx-edge[train]" in second
