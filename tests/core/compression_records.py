"""Made-up records of what compression did."""

from __future__ import annotations

from typing import Any

from tlx.core.runs import CompressionRecord, LayerWidthRecord, PointRecord

ORIGINAL = "2026-01-30T12-00-00-default"


def made_up_point(
    latency_ms: float, pruned: float, taught: float | None = None, *, kept: bool = False, name: str = ""
) -> PointRecord:
    """A network of 13 convolutions, judged against an original of 98 % and 42 ms."""
    channels = [16, 16, 32, 32, 48, 48, 48, 96, 96, 96, 128, 128, 128]
    return PointRecord(
        name=name or f"112 px, {'-'.join(map(str, channels))}",
        size_hw=(112, 112),
        channels=channels,
        merged=True,
        flops=int(latency_ms * 8e7),
        latency_ms=latency_ms,
        speedup=42.0 / latency_ms,
        pruned_accuracy=pruned,
        accuracy=taught,
        drop_points=None if taught is None else 100 * (0.98 - taught),
        kept=kept,
    )


def made_up_compression(**changes: Any) -> CompressionRecord:
    """Thirteen layers, the first one merged, and eight points, some of them close to each other."""
    layers = [LayerWidthRecord(name="block1_conv1", channels=(0, 64), flops=(0, 77_414_400), error=0.0)]
    layers += [
        LayerWidthRecord(
            name=f"block{block}_conv{number}",
            channels=(width // 4, width),
            flops=(10_000_000 * block, 1_660_000_000),
            error=0.001 * block,
            milliseconds=0.2 * block,
        )
        for block, width, count in ((1, 64, 2), (2, 128, 2), (3, 256, 3), (4, 512, 3), (5, 512, 3))
        for number in range(2 if block == 1 else 1, count + 1)
    ]
    points = [
        made_up_point(21.0, 0.93, 0.984),
        made_up_point(10.5, 0.81, 0.979),
        made_up_point(5.25, 0.62, 0.973, kept=True),
        made_up_point(5.2, 0.61, 0.972),
        made_up_point(5.15, 0.61, 0.9725),
        made_up_point(5.1, 0.60),
        made_up_point(3.0, 0.53, 0.951, name="96 px"),
        made_up_point(2.0, 0.505, name="64 px"),
    ]
    values: dict[str, Any] = {
        "original": ORIGINAL,
        "precision": "int8",
        "threads": 2,
        "processor": "a processor",
        "original_ms": 42.0,
        "latency_ms": 5.25,
        "speedup": 8.0,
        "original_accuracy": 0.975,
        "lost": 9,
        "gained": 3,
        "drop_points": 0.3,
        "upper_drop_points": 0.62,
        "bounds": {"speedup": 8.0},
        "minutes": 12.5,
        "flops": (412_000_000, 30_700_000_000),
        "parameters": (1_180_000, 14_716_000),
        "layers": layers,
        "points": points,
        "what_next": ["--max-drop 1 would allow about 12 times", "more training photos make the upper limit narrower"],
    }
    values |= {
        "reference_accuracy": 0.98,
        "seed": 3,
        "size_hw": (112, 112),
        "original_size_hw": (150, 150),
        "passes": 24.3,
    }
    return CompressionRecord(**values | changes)


def made_up_passes(count: int = 3) -> list[dict[str, float]]:
    """The history of a compressed run: what it tells of each pass over the photos."""
    return [
        {"loss": 0.5 / number, "learning_rate": 1e-3 / number, "seconds": 30.0, "photos": 1600.0}
        for number in range(1, count + 1)
    ]
