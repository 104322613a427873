"""From a converted graph to a sealed file: contract, labels and digest in the metadata."""

from __future__ import annotations

import json
from typing import Any

from tlx.contract import CONTRACT_KEY, DIGEST_KEY, Contract
from tlx.runtime.model_file import DIGEST_PLACEHOLDER, LABELS_KEY, seal
from tlx.version import __version__


def sealed_bytes(proto: Any, contract: Contract) -> bytes:
    """Serialize a graph with its contract.

    Args:
        proto: An ``onnx.ModelProto``; its metadata is replaced.
        contract: What the file promises.

    Returns:
        The bytes of a file that :class:`tlx.runtime.model_file.ModelFile` accepts.
    """
    del proto.metadata_props[:]
    proto.producer_name, proto.producer_version = "tlx", __version__
    entries = {
        CONTRACT_KEY: contract.to_json(),
        LABELS_KEY: json.dumps(contract.labels, ensure_ascii=False),
        DIGEST_KEY: DIGEST_PLACEHOLDER,
    }
    for key, value in entries.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    return seal(proto.SerializeToString())


def recorded(contract: Contract, **found: Any) -> Contract:
    """The same contract with fields of its export record set to what was found.

    Args:
        contract: One with an export record.
        found: Fields of :class:`tlx.contract.ExportRecord`.
    """
    assert contract.export is not None
    return contract.model_copy(update={"export": contract.export.model_copy(update=found)})
