"""Rows that were taken don't stay in a process's memory, however large the cache is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tlx.core.trunk.spec import View
from tlx.core.trunk.store import FeatureStore

READER = """
import json, sys
from pathlib import Path
import numpy as np
from tlx.core.trunk.spec import View
from tlx.core.trunk.store import FeatureStore

def resident_mb():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024

rows = FeatureStore(Path(sys.argv[1])).open([View(f"{row:064x}", 0) for row in range(int(sys.argv[2]))])
order = np.random.default_rng(0).permutation(len(rows))
rows.take(order[:32])
before, highest, total = resident_mb(), 0.0, 0.0
for start in range(0, len(order), 32):
    total += float(rows.take(order[start : start + 32])[:, 0, 0, 0].sum())
    highest = max(highest, resident_mb())
print(json.dumps({"growth_mb": highest - before, "total": total}))
"""
ROW = (9, 9, 512)
"""At block4_pool of 150 x 150 pixels."""
ROWS, SHARDS = 600, 3
STORE_MB = SHARDS * ROWS * np.prod(ROW) * 2 / 1e6
MOST_GROWTH_MB = 40


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_rows_that_were_taken_do_not_stay_in_memory(tmp_path: Path) -> None:
    assert STORE_MB > 3 * MOST_GROWTH_MB
    store = FeatureStore(tmp_path)
    for shard in range(SHARDS):
        rows = range(shard * ROWS, (shard + 1) * ROWS)
        features = np.empty((ROWS, *ROW), np.float16)
        features[:] = np.arange(ROWS).reshape(-1, 1, 1, 1)
        store.add([View(f"{row:064x}", 0) for row in rows], features)
    command = [sys.executable, "-c", READER, str(tmp_path), str(SHARDS * ROWS)]
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert result["total"] == SHARDS * ROWS * (ROWS - 1) / 2
    assert result["growth_mb"] < MOST_GROWTH_MB
