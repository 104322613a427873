"""A contract with every part that there is."""

from __future__ import annotations

from tlx.contract import (
    AccuracyRecord,
    CalibrationRecord,
    ClaimRecord,
    Contract,
    ExportRecord,
    InputSpec,
    KerasFileRecord,
    KnownAnswer,
    KnownAnswers,
    LatencyRecord,
    Parity,
    QuantizationRecord,
    RivalRecord,
    SpeedRecord,
    Training,
)


def full_contract() -> Contract:
    """Of an int8 file, as an export with all gates writes it."""
    export = ExportRecord(
        created_utc="2026-01-31T12:00:00+00:00",
        processor="a processor",
        opset=17,
        versions={"tlx": "0.1.0", "onnxruntime": "1.31.1"},
        quantization=QuantizationRecord(
            method="minmax", activations="uint8", kept_float=["first"], photos=200, photos_from="train"
        ),
        parity=Parity(photos=500, labels_equal=500, max_abs_difference=2e-6, tolerance=1e-4, photos_from="validation"),
        accuracy=AccuracyRecord(
            photos=1000,
            reference_correct=976,
            correct=974,
            lost=4,
            gained=2,
            drop_points=0.2,
            upper_drop_points=0.6,
            max_drop_points=0.5,
            statistic="a paired one",
            verdict="too few photos to tell",
            photos_from="validation",
        ),
        claim=ClaimRecord(
            photos=120,
            correct=118,
            guessing=0.5,
            p_value=1e-30,
            minimum=0.9,
            verdict="passed",
            photos_from="validation",
            rival=RivalRecord(preprocessing="signed", photos=120, correct=119, claimed_correct=118),
        ),
        speed_status="measured",
        speed=SpeedRecord(
            device="cpu",
            processor="a processor",
            threads=2,
            rounds=10,
            reference_p50_ms=30.0,
            p50_ms=8.6,
            ratio=3.5,
            ratio_low=3.4,
            ratio_high=3.6,
            minimum_ratio=1.1,
            verdict="passed",
        ),
        latency=LatencyRecord(device="cpu", processor="a processor", threads=2, pictures=20, p50_ms=8.6),
        skipped_gates=["accuracy"],
    )
    return Contract(
        labels=["cats", "dogs"],
        input=InputSpec(size_hw=(150, 150)),
        precision="int8",
        known_answers=KnownAnswers(tolerance=0.1, answers=[KnownAnswer(seed=0, probabilities=[0.25, 0.75])]),
        calibration=CalibrationRecord(temperature=1.5, photos=1000, ece_before=0.03, ece_after=0.01),
        training=Training(
            run="2026-01-31T11-00-00-default",
            preset="default",
            photos=2000,
            data_sha256="0" * 64,
            weights="imagenet",
            weights_sha256="1" * 64,
            validation_accuracy=0.976,
            validation_photos=1000,
        ),
        keras_file=KerasFileRecord(name="cats_and_dogs_small_4.h5", sha256="2" * 64, preprocessing="rescale"),
        export=export,
    )
