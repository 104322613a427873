"""A model made ready beside the one that answers.

On the CPU the new network isn't run in this process before it answers: its threads and those of the old one would
share the processors, and a layer is as slow as its slowest thread, so that the loop took 2.1 to 2.6 times as long for
a frame (VGG16 on 2 processors). The same bytes have run in the rehearsal, on the same engine; a cold first frame costs
less: 1.2 to 1.6 times a warm one. On another device it's run here too, which is where that device warms up.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.contract import Contract, parse_contract
from tlx.errors import ModelFileError
from tlx.runtime.classifier import Classifier
from tlx.runtime.devices.engines import Tuning
from tlx.runtime.devices.names import Device
from tlx.runtime.model_registry import require_named, resolve_model
from tlx.runtime.proof import prove_known_answers
from tlx.runtime.session import open_session
from tlx.runtime.swapping.compatible import judge_replacement
from tlx.runtime.swapping.gently import in_a_thread, lower_priority
from tlx.runtime.swapping.rehearsal import rehearse
from tlx.runtime.swapping.snapshot import take_snapshot


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a loop's models are loaded.

    Attributes:
        device: As the user asks for it.
        threads: Processors for one operator; those that this process may use if None.
    """

    device: Device = "auto"
    threads: int | None = None


DEFAULTS: Final = LoadOptions()


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """Nobody waits for the model any more."""


def prepare_replacement(
    path: Path, old: Classifier, options: LoadOptions, stopped: threading.Event
) -> Classifier | None:
    """Prove and load the model that a path stands for, without getting in a loop's way.

    Args:
        path: A model file or a models folder.
        old: The model that answers now.
        options: How the old one was loaded.
        stopped: Set when nobody waits any more.

    Returns:
        A model that may take the old one's place; None if the file is the old one's.

    Raises:
        ModelFileError: If the file is damaged, has other labels, or doesn't give its known answers here.
        DeviceError: If the device isn't there any more.
        Stopped: If nobody waits any more.
    """
    file = resolve_model(path)
    with take_snapshot(file) as snapshot:
        rehearsed = rehearse(snapshot, str(file), options.device, stopped)
        if stopped.is_set():
            raise Stopped
        if rehearsed.sha256 == old.sha256:
            return None
        if rehearsed.problem is not None or rehearsed.sha256 is None or rehearsed.contract is None:
            raise ModelFileError(rehearsed.problem or f"{file}: gave no answer")
        model = _Rehearsed(str(file), rehearsed.sha256, parse_contract(rehearsed.contract, str(file)))
        if file != path:
            require_named(file, model.sha256)
        if reason := judge_replacement(old.contract, model.contract):
            raise ModelFileError(f"{file}: {reason}")
        return _load(model, snapshot.path, options)


@dataclass(frozen=True, slots=True)
class _Rehearsed:
    """A :class:`~tlx.runtime.classifier.CheckedModel`."""

    source: str
    sha256: str
    contract: Contract


def _load(model: _Rehearsed, content: Path, options: LoadOptions) -> Classifier:
    tuning = Tuning(model.contract.precision, before_work=lower_priority)
    session = in_a_thread(
        lambda: open_session(content, model.source, device=options.device, threads=options.threads, tuning=tuning)
    )
    if session.device == "cpu":
        return Classifier(model, session, warm_up=False)
    classifier = Classifier(model, session)
    prove_known_answers(classifier)
    return classifier
