"""From a picture to a label, with a model file and nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from tlx import images
from tlx.contract import Contract
from tlx.errors import ImageError, ModelFileError
from tlx.runtime.choice import decide, rank
from tlx.runtime.model_file import ModelFile
from tlx.runtime.session import Device, Session, Tensor, Tuning, open_session

__all__ = [
    "CheckedModel",
    "Classifier",
    "Prediction",
    "Prepared",
    "Timing",
    "check_signature",
    "decide",
    "rank",
]

_DTYPES: Final = {"uint8": "tensor(uint8)", "float32": "tensor(float)"}
_ROUNDING: Final = 1e-3
"""How far outside of 0 to 1 a number may lie by rounding alone."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds for each stage of one picture.

    Attributes:
        decode_ms: From file bytes to pixels; None where the pixels came from elsewhere.
        resize_ms: To the model's size.
        inference_ms: The network; in a batch, its time divided by the number of pictures.
    """

    decode_ms: float | None
    resize_ms: float
    inference_ms: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one picture.

    Attributes:
        label: The class that was decided on.
        probability: Of that class, 0 to 1.
        probabilities: Of all classes, in the order of the contract's labels; they sum to 1.
        timing: How long it took.
    """

    label: str
    probability: float
    probabilities: tuple[float, ...]
    timing: Timing


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture that is ready for the network.

    Attributes:
        pixels_rgb: ``uint8 [h, w, 3]`` of the model's own size.
        resize_ms: How long that took.
        decode_ms: How long its decoding took; None where the pixels came from elsewhere.
    """

    pixels_rgb: npt.NDArray[np.uint8]
    resize_ms: float
    decode_ms: float | None = None


class CheckedModel(Protocol):
    """What a classifier has to know of its file, as :class:`~tlx.runtime.model_file.ModelFile` knows it."""

    @property
    def source(self) -> str:
        """The file's name, for messages."""

    @property
    def sha256(self) -> str:
        """Its seal."""

    @property
    def contract(self) -> Contract:
        """What it promises."""


class Classifier:
    """A model that is loaded, checked and warmed up; safe to use from several threads.

    Attributes:
        contract: What the model file promises.
        source: The model file's name, for messages.
        sha256: The model file's seal, its identity.
        session: What runs it: device, execution providers, threads.
    """

    def __init__(self, file: CheckedModel, session: Session, *, warm_up: bool = True) -> None:
        self.contract = file.contract
        self.source = file.source
        self.sha256 = file.sha256
        self.session = session
        check_signature(file.contract, session.inputs, session.outputs, file.source)
        if warm_up:
            self._warm_up()

    @classmethod
    def load(cls, path: str | Path, device: Device = "auto", threads: int | None = None) -> Classifier:
        """Read a model file, check it, and make it ready.

        Args:
            path: The .onnx file.
            device: ``cpu``, ``gpu``, ``trt`` (TensorRT), ``openvino`` or ``coreml`` is got or is an error; ``auto`` is
                a GPU if one works, else the CPU.
            threads: Processors for one operator; those that this process may use if left out.

        Raises:
            ModelFileError: If the file is damaged, foreign, hostile, or doesn't keep its own contract.
            DeviceError: If the device isn't available.
        """
        file = ModelFile.read(path)
        tuning = Tuning(file.contract.precision)
        return cls(file, open_session(file.content, file.source, device=device, threads=threads, tuning=tuning))

    def classify(self, image_rgb: npt.NDArray[np.uint8], *, decode_ms: float | None = None) -> Prediction:
        """Classify one picture of any size.

        Args:
            image_rgb: ``uint8 [H, W, 3]``, RGB, 0 to 255.
            decode_ms: How long its decoding took, to be passed on in the timing.

        Raises:
            ImageError: If the array isn't such a picture.
            ModelFileError: If the model fails or gives something else than probabilities.
        """
        return self.classify_prepared([self.prepare(image_rgb, decode_ms=decode_ms)])[0]

    def classify_bgr(self, frame_bgr: npt.NDArray[np.uint8]) -> Prediction:
        """Classify one picture as OpenCV gives it: ``cv2.imread``, ``VideoCapture.read``.

        :meth:`classify` takes RGB, and nothing tells the two apart: in the wrong order the labels are quietly worse.

        Args:
            frame_bgr: ``uint8 [H, W, 3]``, BGR, 0 to 255.

        Raises:
            ImageError: If the array isn't such a picture.
            ModelFileError: If the model fails or gives something else than probabilities.
        """
        return self.classify(np.ascontiguousarray(frame_bgr[..., ::-1]))

    def classify_batch(self, images_rgb: Sequence[npt.NDArray[np.uint8]]) -> list[Prediction]:
        """Classify pictures of any sizes in one run of the network.

        Args:
            images_rgb: Each ``uint8 [H, W, 3]``, RGB, 0 to 255.

        Returns:
            A prediction for each, in order; nothing for no pictures.

        Raises:
            ImageError: If one of the arrays isn't such a picture.
            ModelFileError: If the model fails or gives something else than probabilities.
        """
        return self.classify_prepared([self.prepare(image_rgb) for image_rgb in images_rgb])

    def prepare(self, image_rgb: npt.NDArray[np.uint8], *, decode_ms: float | None = None) -> Prepared:
        """Do all that comes before the network, so that it can be done in another thread.

        Raises:
            ImageError: If the array isn't ``uint8 [H, W, 3]``.
        """
        if image_rgb.dtype != np.uint8 or image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or 0 in image_rgb.shape:  # noqa: PLR2004 - H, W and three channels
            raise ImageError("picture", f"expected uint8 [H, W, 3] RGB, received {image_rgb.dtype} {image_rgb.shape}")
        started_s = time.perf_counter()
        pixels_rgb = images.resize(image_rgb, self.contract.input.size_hw, self.contract.resize.method)
        return Prepared(pixels_rgb, (time.perf_counter() - started_s) * 1e3, decode_ms)

    def classify_prepared(self, pictures: Sequence[Prepared]) -> list[Prediction]:
        """Classify pictures that :meth:`prepare` of this classifier gave, in one run of the network.

        Raises:
            ModelFileError: If the model fails or gives something else than probabilities.
        """
        if not pictures:
            return []
        started_s = time.perf_counter()
        if len(pictures) == 1:
            probabilities = self._run(pictures[0].pixels_rgb[np.newaxis])
        else:
            probabilities = self._run(np.stack([picture.pixels_rgb for picture in pictures]))
        share_ms = (time.perf_counter() - started_s) * 1e3 / len(pictures)
        return [
            self._predict(row, Timing(picture.decode_ms, picture.resize_ms, share_ms))
            for row, picture in zip(probabilities, pictures, strict=True)
        ]

    def _run(self, batch_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """``uint8 [N, h, w, 3]`` to ``float32 [N, classes]``, checked."""
        output = self.session.run(self.contract.output.name, {self.contract.input.name: batch_rgb})
        expected = (len(batch_rgb), len(self.contract.labels))
        if output.shape != expected:
            raise ModelFileError(f"{self.session.source}: its output must be {expected}, received {output.shape}")
        probabilities = output.astype(np.float32, copy=False)
        # Not with isfinite alone: a model without its softmax gives finite numbers that are no probabilities.
        if not (np.isfinite(probabilities).all() and np.abs(probabilities - 0.5).max() <= 0.5 + _ROUNDING):
            raise ModelFileError(
                f"{self.session.source}: gave numbers that are no probabilities ({probabilities[0].tolist()}): "
                "export the model again"
            )
        return probabilities

    def _predict(self, row: npt.NDArray[np.float32], timing: Timing) -> Prediction:
        probabilities = tuple(min(max(float(value), 0.0), 1.0) for value in row)
        chosen = decide(probabilities, self.contract.threshold)
        return Prediction(self.contract.labels[chosen], probabilities[chosen], probabilities, timing)

    def _warm_up(self) -> None:
        height, width = self.contract.input.size_hw
        self._run(np.zeros((1, height, width, 3), np.uint8))


def check_signature(contract: Contract, inputs: Sequence[Tensor], outputs: Sequence[Tensor], source: str) -> None:
    """Compare the graph's inputs and outputs with what the contract says of them.

    Raises:
        ModelFileError: If they differ; says how.
    """
    expected = Tensor(contract.input.name, _DTYPES[contract.input.dtype], (None, *contract.input.size_hw, 3))
    if list(inputs) != [expected]:
        raise ModelFileError(_differs(source, "input", expected, inputs))
    expected = Tensor(contract.output.name, _DTYPES[contract.output.dtype], (None, len(contract.labels)))
    found = [tensor for tensor in outputs if tensor.name == expected.name]
    # A converter may leave the output's sizes open; the warm-up run checks them.
    if not found or found[0].dtype != expected.dtype or not _compatible(found[0].shape, expected.shape):
        raise ModelFileError(_differs(source, "output", expected, outputs))


def _compatible(shape: Sequence[int | None], expected: Sequence[int | None]) -> bool:
    return len(shape) == len(expected) and all(
        size is None or size == wanted for size, wanted in zip(shape, expected, strict=True)
    )


def _differs(source: str, role: str, expected: Tensor, found: Sequence[Tensor]) -> str:
    return (
        f"{source}: the graph doesn't keep its contract: the {role} must be {_words(expected)}, "
        f"received {' and '.join(_words(tensor) for tensor in found) or 'none'}: export the model again"
    )


def _words(tensor: Tensor) -> str:
    sizes = ", ".join("N" if size is None else str(size) for size in tensor.shape)
    return f"{tensor.name} {tensor.dtype.removeprefix('tensor(').removesuffix(')')} [{sizes}]"
