from __future__ import annotations

from typing import Any

import pytest
from tests.bench.made_up import made_up_document, made_up_row

from tlx.bench.comparing.conditions import check_conditions
from tlx.bench.document import BenchDocument
from tlx.errors import InputError


def bench(**environment: Any) -> BenchDocument:
    document = made_up_document(made_up_row())
    return document.model_copy(update={"environment": document.environment.model_copy(update=environment)})


def test_the_same_conditions_need_no_word() -> None:
    assert check_conditions(bench(), bench()) == []


def test_another_model_file_under_the_same_name_is_told_once() -> None:
    def of(*seals: str | None) -> BenchDocument:
        return made_up_document(*(made_up_row(batch=2**n, model_sha256=seal) for n, seal in enumerate(seals)))

    assert check_conditions(of("a", "a"), of("b", "b")) == ["onnxruntime.cpu.fp32: another model file"]
    assert check_conditions(of("a", "a"), of("a", "a")) == []
    # Older benches don't tell, and a new row has nothing before it.
    assert check_conditions(of(None), of("a", "b")) == []
    assert check_conditions(of("a"), of(None, "b")) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"processor": "another"}, "processor: a processor of some kind, then another"),
        ({"processor_flags": ["avx2"]}, "instruction sets: avx2 fma, then avx2"),
        ({"available_cores": 1}, "processors allowed: 2, then 1"),
    ],
)
def test_another_machine_is_refused_or_noted_if_asked_to(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=f"different machines .*{words}.*--any-machine"):
        check_conditions(bench(), bench(**change))
    assert check_conditions(bench(), bench(**change), any_machine=True) == [words]


def on_gpus(*names: str, provider: str = "cuda") -> BenchDocument:
    document = made_up_document(made_up_row(provider=provider))
    environment = document.environment.model_copy(update={"gpus": list(names) or None})
    return document.model_copy(update={"environment": environment})


def test_another_gpu_is_another_machine() -> None:
    with pytest.raises(InputError, match=r"different machines \(GPUs: NVIDIA H200, then NVIDIA L4, NVIDIA L4\)"):
        check_conditions(on_gpus("NVIDIA H200"), on_gpus("NVIDIA L4", "NVIDIA L4"))


@pytest.mark.parametrize(
    "after",
    [
        on_gpus("NVIDIA H200"),
        on_gpus(),  # a bench of before they were named
        on_gpus("NVIDIA L4", provider="cpu"),
    ],
)
def test_gpus_that_are_equal_unknown_or_unused_need_no_word(after: BenchDocument) -> None:
    assert check_conditions(on_gpus("NVIDIA H200"), after) == []


def test_other_packages_of_keras_own_environment_are_noted() -> None:
    own = {"keras_versions": {"keras": "3.11.0", "tensorflow": "2.20.0"}}
    newer = {"keras_versions": {"keras": "3.11.0", "tensorflow": "2.21.0"}}
    assert check_conditions(bench(**own), bench(**newer)) == ["tensorflow: 2.20.0, then 2.21.0 (Keras's environment)"]
    assert check_conditions(bench(**own), bench(**own)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"governor": "powersave"}, "governor: unknown, then powersave"),
        ({"versions": {"tlx": "0.1.0", "onnxruntime": "1.24.0"}}, "onnxruntime: 1.23.0, then 1.24.0"),
        ({"versions": {"tlx": "0.1.0"}}, "onnxruntime: 1.23.0, then unknown"),
        ({"pinned_to_cpus": [0]}, "pinned to processors: [0, 1], then [0]"),
    ],
)
def test_other_settings_and_packages_are_noted(change: dict[str, Any], words: str) -> None:
    assert check_conditions(bench(), bench(**change)) == [words]


def test_other_photos_and_disturbances_are_noted() -> None:
    photos = {"count": 20, "from": "others", "synthetic": False, "sha256": "1" * 64}
    after = made_up_document(made_up_row(), photos=photos, interference={"warnings": ["it was loud"]})
    assert check_conditions(bench(), after) == [
        "other photos: 50 (photos/validation), then 20 (others)",
        "in the second bench: it was loud",
    ]
