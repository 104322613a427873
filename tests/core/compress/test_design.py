"""Widths for a time, on this device: what is chosen is measured to keep it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest
from tests.core.narrow_networks import ENOUGH, FEW, Told, classifier, narrow, quicken

from tlx.core.compress.design import Design, Designer
from tlx.core.compress.layer_costs import rounded_widths
from tlx.core.compress.merging import merge_first_block, merged_shape
from tlx.core.compress.plain import PlainNetwork
from tlx.core.compress.pruning import Looks, survey
from tlx.core.compress.trial_graph import build_trial
from tlx.core.compress.trials import ROUNDS, Trial, time_trials
from tlx.errors import InputError

Pictures = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def network() -> PlainNetwork:
    return narrow(classifier("default"), ENOUGH)


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def designer(network: PlainNetwork, pictures: Pictures, told: Told) -> Designer:
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        looked_at = survey(network, pictures, Looks(600))
        return Designer(network, network, looked_at, pictures, int8=False, threads=1, progress=told)


@pytest.mark.parametrize("share", [0.7, 0.5])
def test_a_design_keeps_the_time_and_has_widths_that_fill_vectors(designer: Designer, share: float) -> None:
    limit_ms = share * designer.original_ms
    design = designer.within(limit_ms)
    assert design.latency_ms <= limit_ms
    assert len(design.channels) == len(ENOUGH)
    for chosen, full in list(zip(design.channels, ENOUGH, strict=True))[design.merge :]:
        assert chosen in rounded_widths(full)
    assert sum(design.channels) < sum(ENOUGH)
    assert len(design.expected_ms) == len(ENOUGH) - design.merge
    assert min(design.expected_ms) >= 0


def test_less_time_loses_more(designer: Designer) -> None:
    # Without a limit nothing goes: what a busy machine measures in between is left out.
    much, little = designer.within(1e4), designer.within(0.5 * designer.original_ms)
    assert much.error < little.error


def test_with_time_enough_nothing_goes_and_nothing_is_timed_twice(designer: Designer, told: Told) -> None:
    told.clear()
    design = designer.within(1e4)
    assert design.channels == ENOUGH
    assert not design.merge
    assert told.count(("timing networks", ROUNDS, ROUNDS)) == 1, "the other shape can't be better"
    assert design.name == f"32 px, {'-'.join(map(str, ENOUGH))}"


def test_a_time_that_nothing_keeps_is_refused(designer: Designer) -> None:
    with pytest.raises(InputError, match=r"no width of the layers takes 0.0001 ms: the narrowest takes 0\.\d+ ms"):
        designer.within(1e-4)


class _Promised(Designer):
    """Networks take a constant time more than their layers' costs promise."""

    more_ms: float
    timed: int

    def _measured(self, variant: Any, allocation: Any, limit_ms: float) -> Design:
        del limit_ms
        self.timed += 1
        latency_ms = allocation.expected_ms + self.more_ms
        channels = (8,) * variant.merge + allocation.channels
        return Design((32, 32), channels, variant.merge, (0.0,), latency_ms, allocation.error + variant.error)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
def test_a_network_that_takes_longer_than_its_layers_promise_is_found_in_few_tries(
    designer: Designer, share: float
) -> None:
    promised = copy.copy(designer)
    promised.__class__ = _Promised
    assert isinstance(promised, _Promised)
    fastest_ms = min(
        variant.costs.network_ms([int(choice.widths[0]) for choice in variant.choices])
        for variant in promised._variants
    )
    promised.timed, limit_ms = 0, 2 * fastest_ms / (1 - share)
    promised.more_ms = share * limit_ms
    assert 0.8 * limit_ms <= promised.within(limit_ms).latency_ms <= limit_ms
    assert promised.timed <= 12


def test_what_is_merged_already_is_not_merged_again(pictures: Pictures) -> None:
    network = narrow(classifier("default"))
    smaller = merge_first_block(network, np.arange(FEW[1]), pictures, rows=600, seed=0)
    looked_at = survey(smaller, pictures, Looks(600))
    designer = Designer(smaller, smaller, looked_at, pictures, int8=True, threads=1)
    design = designer.within(1e4)
    assert (design.merge, design.channels) == (False, FEW[1:])


def test_the_name_of_a_merged_design_leaves_out_what_is_merged() -> None:
    design = Design((32, 32), (64, 16, 8), True, (0.1, 0.1), 0.2, 0.0)
    assert design.name == "32 px, 16-8"


@pytest.mark.parametrize("int8", [False, True])
def test_the_larger_of_two_networks_takes_longer(network: PlainNetwork, int8: bool) -> None:
    told = Told()
    # 49 times as many pixels and more channels: no load of a machine turns that round.
    few = network.with_channels([8] * len(ENOUGH))
    many = replace(network, size_hw=(224, 224))
    times_ms = time_trials([Trial(few, int8), Trial(many, int8)], threads=1, progress=told)
    assert 0 < times_ms[0] < times_ms[1]
    assert told == [("timing networks", number, ROUNDS) for number in range(ROUNDS + 1)]


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("preset", ["default", "book-features"])
@pytest.mark.parametrize("merged", [False, True])
def test_a_trial_has_the_shape_of_the_network(preset: str, merged: bool, int8: bool) -> None:
    network = narrow(classifier(preset))
    shape = merged_shape(network) if merged else network
    session: Any = ort.InferenceSession(
        build_trial(shape, shape.channels, int8=int8), providers=["CPUExecutionProvider"]
    )
    (image,) = session.get_inputs()
    assert (image.name, image.type, image.shape[1:]) == ("image", "tensor(uint8)", [32, 32, 3])
    (given,) = session.run(None, {"image": np.zeros((1, 32, 32, 3), np.uint8)})
    assert given.shape == (1, network.dense[-1].kernel.shape[1])
