"""Reading a network, pruning it in closed form, building it again, on real photos."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.core.narrow_networks import classifier, narrow

from tlx.core.compress.layer_costs import measure_layer_costs
from tlx.core.compress.plain import PlainNetwork, build_model, read_network
from tlx.core.compress.pruning import Looks, prune, survey
from tlx.core.compress.trial_graph import build_trial
from tlx.errors import InputError
from tlx.export.frameworks import import_keras

Pictures = npt.NDArray[np.uint8]
LOOKS = Looks(rows=600)


@pytest.mark.parametrize("preset", ["default", "book-features"])
def test_taken_apart_and_built_again_it_predicts_the_same(preset: str, pictures: Pictures) -> None:
    model = classifier(preset)
    network = read_network(model)
    assert network.channels == (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    assert network.parameters() == model.count_params()
    again = build_model(network)
    np.testing.assert_array_equal(again.predict(pictures, verbose=0), model.predict(pictures, verbose=0))
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]


@pytest.mark.parametrize("preset", ["default", "book-features"])
def test_what_is_left_makes_up_for_what_went(preset: str, pictures: Pictures) -> None:
    network = narrow(classifier(preset))
    found = survey(network, pictures, LOOKS)
    assert [elimination.groups for elimination in found.eliminations] == list(network.channels)
    counts = [channels * 3 // 4 for channels in network.channels]
    kept = found.kept(counts)
    pruned = prune(network, kept, pictures, LOOKS)
    assert pruned.channels == tuple(counts)
    assert pruned.flops() < 0.65 * network.flops()
    cut = network
    for number, (layer, outputs) in enumerate(zip(network.convolutions, kept, strict=True)):
        kernel = layer.kernel[..., outputs]
        kernel = kernel[:, :, kept[number - 1]] if number else kernel
        cut = with_layer(cut, number, layer.with_matrix(as_matrix(kernel), layer.bias[outputs]))
    original, solved = hidden(network, pictures), hidden(pruned, pictures)
    dropped = hidden_of_cut(cut, network, kept[-1], pictures)
    assert np.square(solved - original).mean() < 0.3 * np.square(dropped - original).mean()


def as_matrix(kernel: Any) -> Any:
    return kernel.transpose(2, 0, 1, 3).reshape(-1, kernel.shape[3])


def with_layer(network: PlainNetwork, place: int, layer: Any) -> PlainNetwork:
    layers = [*network.convolutions[:place], layer, *network.convolutions[place + 1 :]]
    return PlainNetwork(
        network.size_hw, network.rescaling, tuple(layers), network.pooling, network.dropout, network.dense
    )


def hidden(network: PlainNetwork, pictures: Pictures) -> Any:
    """What the first layer of the head gives, by Keras."""
    model = build_model(network)
    layer = model.get_layer(network.dense[0].config["name"])
    return import_keras().Model(model.input, layer.output).predict(pictures, verbose=0)


def hidden_of_cut(cut: PlainNetwork, network: PlainNetwork, kept: Any, pictures: Pictures) -> Any:
    first = network.dense[0]
    shaped = first.kernel.reshape(network.features_a_channel, -1, first.kernel.shape[1])[:, kept]
    dense = (type(first)(first.config, shaped.reshape(-1, shaped.shape[2]), first.bias), *network.dense[1:])
    return hidden(PlainNetwork(cut.size_hw, cut.rescaling, cut.convolutions, cut.pooling, cut.dropout, dense), pictures)


def test_all_channels_kept_change_nothing(pictures: Pictures) -> None:
    network = narrow(classifier("default"))
    pruned = prune(network, [np.arange(channels) for channels in network.channels], pictures, LOOKS)
    np.testing.assert_array_equal(hidden(pruned, pictures), hidden(network, pictures))


def test_a_network_of_another_kind_is_refused_by_the_layer() -> None:
    keras = import_keras()
    image = keras.Input((32, 32, 3), dtype="uint8")
    tensor = keras.layers.Rescaling(1 / 255)(image)
    tensor = keras.layers.Conv2D(8, 5, name="wide", activation="relu", padding="same")(tensor)
    other = keras.Model(image, keras.layers.GlobalAveragePooling2D()(tensor))
    with pytest.raises(InputError, match="wide: a layer that 'tlx compress' doesn't know"):
        read_network(other)
    with pytest.raises(InputError, match="takes those that 'tlx train' makes"):
        read_network(keras.Model(image, tensor))


@pytest.mark.parametrize("int8", [False, True])
def test_costs_of_layers_are_those_of_real_sessions(int8: bool) -> None:
    network = narrow(classifier("default"))
    costs = measure_layer_costs(network, int8=int8, threads=1)
    assert costs.terms.shape == (len(network.convolutions), 4)
    assert (costs.terms >= 0).all()
    assert costs.network_ms(network.channels) > costs.rest_ms > 0
    trial = build_trial(network, network.channels, int8=int8)
    assert (b"QuantizeLinear" in trial) == int8
