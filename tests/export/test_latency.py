from __future__ import annotations

from pathlib import Path

from tlx.contract import Contract, ExportRecord, InputSpec
from tlx.export.latency import FEWEST_PICTURES, MOST_PICTURES, measure_latency
from tlx.export.publish import recorded
from tlx.runtime.classifier import Classifier
from tlx.runtime.processors import usable_processors


def test_latency_tells_what_it_was_measured_on(tiny_model: Path) -> None:
    latency = measure_latency(Classifier.load(tiny_model, device="cpu"))
    assert (latency.device, latency.threads) == ("cpu", usable_processors())
    assert FEWEST_PICTURES <= latency.pictures <= MOST_PICTURES
    assert 0 < latency.p50_ms < 1000
    record = ExportRecord(created_utc="2026-01-31T12:00:00+00:00", processor="p", opset=17, versions={"tlx": "1"})
    contract = Contract(labels=["a", "b"], input=InputSpec(size_hw=(8, 8)), export=record)
    written = recorded(contract, latency=latency).export
    assert written is not None
    assert written == record.model_copy(update={"latency": latency})
