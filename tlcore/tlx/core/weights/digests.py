"""What ImageNet's weights of VGG16 must be, layer by layer.

SHA-256 over each layer's kernel and bias as :func:`tlx.core.weights.layers.layer_sha256` takes them. They are
the weights of Keras's ``vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5``: 14,714,688 parameters, converted
from the ones that the network's authors published under the Creative Commons Attribution License (Simonyan and
Zisserman, 2014).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

IMAGENET_SHA256: Mapping[str, str] = MappingProxyType(
    {
        "block1_conv1": "32314ce545bb80d6195eab0ae9b58a0b0975b0ada7c90215625203c5e63848ef",
        "block1_conv2": "e94df3db9672bf8cff1d83679599b0a4cf239d949325d2882f9826951e371973",
        "block2_conv1": "3433a2611003b893575188f77fe26ca40d4617b97781ac3dfe74af031ac04f02",
        "block2_conv2": "dd4bc0521dbbf66a37b6142dc5d32e8804a26923ff328cfaed70933f23ea03b8",
        "block3_conv1": "854cf503b56db99601c68e3dab9c4db10639cf53dca5e7dc494d265fad6a53c3",
        "block3_conv2": "5eb0344bac37c0192b3294aec89b394e95ab13751ab9076623cbf0116388f145",
        "block3_conv3": "0a5d598d159d78c413e033daae20d9b0581eddfe34f8188f17d317d5eb5d230f",
        "block4_conv1": "bbd31456d83dcb21efdc8423b03e76a3667982b7241ef3bb909e6b3f704e63f4",
        "block4_conv2": "0b5df0bf7a506cdd927653308fdd2f38368d0ecbdbbaa10b78289e7fcfaa865a",
        "block4_conv3": "3a13b289451687bfd81fe9bb5d9c0502931d4d48829627dc93273df019539028",
        "block5_conv1": "3b6e2093a4562fd9e41c832ad27dead7d65a4afff79b9f6bdc95d5ea8e22dcdb",
        "block5_conv2": "510ec1a86d78ec8f5922b9534b6f17822dc12248ec9c67329af8ee8e202eeb2f",
        "block5_conv3": "20510d8c6736741bf6b4fdf3b9347c04bf00c80e1cea2e929327444928ce0f2f",
    }
)
