"""How long a model file takes for one picture on this machine: a figure for the contract, not a gate."""

from __future__ import annotations

import statistics
import time
from typing import Final

from tlx.contract import LatencyRecord
from tlx.known_answers import synthetic_picture
from tlx.runtime import environment
from tlx.runtime.classifier import Classifier

MOST_PICTURES: Final = 20
FEWEST_PICTURES: Final = 5
ENOUGH_S: Final = 2.0
"""A slow device isn't kept waiting for the twentieth."""


def measure_latency(classifier: Classifier) -> LatencyRecord:
    """Classify the same ready-made picture some times, one after the other.

    Args:
        classifier: A loaded model, warmed up as it is by its loading.
    """
    picture_rgb = synthetic_picture(0, classifier.contract.input.size_hw)
    times_ms: list[float] = []
    while len(times_ms) < FEWEST_PICTURES or (len(times_ms) < MOST_PICTURES and sum(times_ms) < ENOUGH_S * 1e3):
        started_s = time.perf_counter()
        classifier.classify(picture_rgb)
        times_ms.append((time.perf_counter() - started_s) * 1e3)
    return LatencyRecord(
        device="cpu" if classifier.session.device == "cpu" else "gpu",
        processor=environment.processor_name(),
        threads=classifier.session.threads,
        pictures=len(times_ms),
        p50_ms=round(statistics.median(times_ms), 3),
    )
