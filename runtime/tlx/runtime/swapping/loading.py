"""A model made ready beside the one that answers.

On the CPU the new network isn't run in this process before it answers: its threads and those of the old one would
share the processors, and a layer is as slow as its slowest thread, so that the loop took 2.1 to 2.6 times as long for
a frame (VGG16 on 2 processors). The same bytes have run in the rehearsal, on the same engine; what a cold first frame
costs is less: 1.2 to 1.6 times a warm one. On another device it's run here too, which is where that device warms up.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tlx.errors import ModelFileError
from tlx.runtime.classifier import Classifier
from tlx.runtime.devices.engines import Tuning
from tlx.runtime.devices.names import Device
from tlx.runtime.model_file import ModelFile
from tlx.runtime.proof import prove_known_answers
from tlx.runtime.session import open_session
from tlx.runtime.swapping.compatible import judge_replacement
from tlx.runtime.swapping.gently import in_a_thread, lower_priority
from tlx.runtime.swapping.rehearsal import rehearse


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
    """Nobody waits for the model any more, or its file changed meanwhile."""


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
        Stopped: If there is nothing to report; look again.
    """
    file = ModelFile.read(path)
    if file.sha256 == old.sha256:
        return None
    if reason := judge_replacement(old.contract, file.contract):
        raise ModelFileError(f"{file.source}: {reason}")
    rehearsed = rehearse(Path(file.source), options.device, stopped)
    if stopped.is_set() or (rehearsed.sha256 is not None and rehearsed.sha256 != file.sha256):
        raise Stopped
    if rehearsed.problem:
        raise ModelFileError(rehearsed.problem)
    return _load(file, options)


def _load(file: ModelFile, options: LoadOptions) -> Classifier:
    tuning = Tuning(file.contract.precision, before_work=lower_priority)
    session = in_a_thread(
        lambda: open_session(file.content, file.source, device=options.device, threads=options.threads, tuning=tuning)
    )
    if session.device == "cpu":
        return Classifier(file, session, warm_up=False)
    classifier = Classifier(file, session)
    prove_known_answers(classifier)
    return classifier
