"""Shards of features on disk, also as several processes leave them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tlx.core.trunk.spec import View
from tlx.core.trunk.store import FeatureStore

WRITER = """
import sys
from pathlib import Path
import numpy as np
from tlx.core.trunk.spec import View
from tlx.core.trunk.store import FeatureStore

store, number = FeatureStore(Path(sys.argv[1])), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for start in range(0, 200, 10):
    views = [View(f"{photo:064x}", number) for photo in range(start, start + 10)]
    store.add(views, np.array([[1000 * number + photo] for photo in range(start, start + 10)], np.float16))
    # What both write, one after the other or at once.
    store.add([View("shared", 0)], np.array([[7]], np.float16))
"""


def named(count: int, number: int = 0) -> list[View]:
    return [View(f"{photo:064x}", number) for photo in range(count)]


def test_rows_come_back_in_any_order_from_any_shard(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(50, 3, 3, 4)).astype(np.float16)
    views = named(50)
    for start, stop in ((0, 20), (20, 21), (21, 50)):
        FeatureStore(tmp_path).add(views[start:stop], features[start:stop])
    order = random.permutation(50)
    rows = FeatureStore(tmp_path).open([views[place] for place in order])
    assert len(rows) == 50
    assert rows.shape == (3, 3, 4)
    taken = rows.take([3, 49, 3, 0])
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken, features[order[[3, 49, 3, 0]]].astype(np.float32))


def test_an_array_without_its_index_is_not_there(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path)
    store.add(named(4), np.ones((4, 2), np.float16))
    (index,) = tmp_path.glob("*.json")
    index.unlink()
    assert not any(view in FeatureStore(tmp_path) for view in named(4))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"format": 2}', b'{"views": 3}', b'{"views": [["a", 0, 1]]}', b"\xff\xfe"]
)
def test_a_damaged_index_is_ignored(tmp_path: Path, content: bytes) -> None:
    store = FeatureStore(tmp_path)
    store.add(named(2), np.ones((2, 2), np.float16))
    (damaged,) = tmp_path.glob("*.json")
    damaged.write_bytes(content)
    store.add(named(2, number=1), np.full((2, 2), 5, np.float16))
    again = FeatureStore(tmp_path)
    assert not any(view in again for view in named(2))
    np.testing.assert_array_equal(again.open(named(2, number=1)).take([0, 1]), np.full((2, 2), 5))


@pytest.mark.parametrize("damage", ["removed", "cut", "emptied"])
def test_a_shard_that_is_gone_or_cut_is_forgotten(tmp_path: Path, damage: str) -> None:
    store = FeatureStore(tmp_path)
    store.add(named(4), np.ones((4, 500), np.float16))
    store.add(named(2, number=1), np.full((2, 500), 2, np.float16))
    (shard,) = store.shards(named(4))
    if damage == "removed":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[: 0 if damage == "emptied" else -10])
    with pytest.raises(KeyError):
        store.open([*named(1), *named(1, number=1)])
    assert named(1)[0] not in store
    assert store.open(named(2, number=1)).take([0])[0, 0] == 2


def test_two_processes_add_shards_at_once(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in (1, 2)
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    store = FeatureStore(tmp_path)
    for number in (1, 2):
        expected = (1000 * number + np.arange(200)).astype(np.float16)
        np.testing.assert_array_equal(store.open(named(200, number)).take(range(200))[:, 0], expected)
    assert store.open([View("shared", 0)]).take([0]) == 7
    assert not list(tmp_path.glob(".*"))
