"""Inside a worker: how an engine of the edge turns a batch of pictures into probabilities.

Imported by workers only, after they are on their processors: every library here starts threads when it loads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import numpy.typing as npt

from tlx.runtime.timing.protocol import NOOP_KIND, ONNX_KIND, Setup

if TYPE_CHECKING:
    from tlx.runtime.devices.held import Held
    from tlx.runtime.session import Device

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Backend:
    """A loaded engine.

    Attributes:
        infer: ``uint8 [N, H, W, 3]`` RGB 0–255 to ``float32 [N, classes]``; this call alone is timed.
        provider: Where it runs: ``cpu``, ``cuda``, ...
        note: What the user should know about that.
        hold: Puts a batch on the device, to be computed there without transfers; None where there is no such way.
        precision: What it really computes in (``fp32``, ``bf16``, ...), where the engine tells.
    """

    infer: Callable[[Images], Probabilities]
    provider: str
    note: str | None = None
    hold: Callable[[Images], Held] | None = None
    precision: str | None = None


def build(setup: Setup) -> Backend:
    """Load the engine that a worker is asked for.

    Raises:
        TlxError: If its library is missing, its file can't be used, or its device isn't there.
    """
    return BUILDERS[setup.kind](setup)


def _onnxruntime(setup: Setup) -> Backend:
    from tlx.runtime.model_file import ModelFile
    from tlx.runtime.session import Tuning, open_session

    model = ModelFile.read(setup.model)
    device = cast("Device", setup.device)
    tuning = Tuning(model.contract.precision)
    session = open_session(model.content, model.source, device=device, threads=setup.threads, tuning=tuning)
    image, probabilities = model.contract.input.name, model.contract.output.name

    def infer(images: Images) -> Probabilities:
        return cast("Probabilities", session.run(probabilities, {image: images}))

    provider = session.providers[0].removesuffix("ExecutionProvider").lower()
    return Backend(infer, provider, session.note, session.runner.hold if session.runner else None)


def _noop(setup: Setup) -> Backend:
    """Computes nothing: what it takes is the bench's own overhead."""
    answer = np.zeros((setup.batch, setup.classes), np.float32)
    return Backend(lambda _: answer, "cpu")


BUILDERS: Final[dict[str, Callable[[Setup], Backend]]] = {
    ONNX_KIND: _onnxruntime,
    NOOP_KIND: _noop,
}
