"""From a frame to what the network takes: the view of the camera's mount, then the model's size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from tlx.errors import ImageError
from tlx.runtime.classifier import Classifier, Prepared
from tlx.runtime.frames import Frame, State
from tlx.runtime.sources.view import PLAIN, View, look_at


@dataclass(frozen=True, slots=True)
class Ready:
    """A frame that only the network is missing from.

    Attributes:
        frame: Without its pixels, unless somebody wants them; with an error if it couldn't be prepared.
        prepared: None if there is nothing to classify.
        classifier: Whose size and resize it has been prepared for.
    """

    frame: Frame
    prepared: Prepared | None
    classifier: Classifier

    @property
    def source(self) -> str:
        """Where it comes from."""
        return self.frame.source


@dataclass(frozen=True, slots=True)
class Preparer:
    """Makes frames ready; safe for threads.

    Attributes:
        current: Gives the classifier that is to be asked now.
        view: Which part of each picture is looked at, and which way up.
        keep_pictures: Whether the pixels are needed after classification.
    """

    current: Callable[[], Classifier]
    view: View = PLAIN
    keep_pictures: bool = False

    def __call__(self, frame: Frame) -> Ready:
        """One frame; a picture that can't be prepared becomes a frame with the error."""
        classifier = self.current()
        if frame.image_rgb is None or frame.state not in {None, State.LIVE}:
            return Ready(self._kept(frame), None, classifier)
        seen = look_at(self.view, frame)
        if seen.image_rgb is None:
            return Ready(seen, None, classifier)
        try:
            prepared = classifier.prepare(seen.image_rgb, decode_ms=frame.decode_ms)
        except ImageError as error:
            return Ready(dataclasses.replace(frame, image_rgb=None, error=error.reason), None, classifier)
        return Ready(self._kept(frame), prepared, classifier)

    def _kept(self, frame: Frame) -> Frame:
        return frame if self.keep_pictures else dataclasses.replace(frame, image_rgb=None)
