"""Decisions by the rule of the model that answered: another model may bring its own threshold and calibration."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from tlx.runtime.classifier import Prediction
from tlx.runtime.decisions.decision import Decision
from tlx.runtime.decisions.rule import DecisionRule
from tlx.runtime.output.items import Result

_KEPT_MODELS: Final = 4
"""A picture may still be on its way with the model before; not with many."""


class _Decider(Protocol):
    def decide(self, source: str, captured_s: float, prediction: Prediction) -> Decision: ...

    def forget(self, source: str) -> None: ...


class ModelDecider:
    """Gives each result to the decider of its model; a source begins anew when another model answers.

    Models are learned in the threads that prepare pictures, decisions are made in another one.
    """

    def __init__(self, make: Callable[[DecisionRule], _Decider]) -> None:
        """Begin with no model.

        Args:
            make: Makes the decider for a rule.
        """
        self._make = make
        self._deciders: OrderedDict[str, _Decider] = OrderedDict()
        self._newest: str | None = None

    def learn(self, sha256: str, rule: DecisionRule) -> None:
        """Know the rule of the model that is asked now, by its seal; one that comes back remembers nothing."""
        if sha256 == self._newest:
            return
        self._deciders[sha256] = self._make(rule)
        self._deciders.move_to_end(sha256)
        while len(self._deciders) > _KEPT_MODELS:
            self._deciders.popitem(last=False)
        self._newest = sha256

    def decide(self, result: Result, prediction: Prediction) -> Decision:
        """What is said after a picture."""
        return self._deciders[result.model_sha256].decide(result.frame.source, result.frame.captured_s, prediction)

    def forget(self, source: str) -> None:
        """What a source showed so far counts no more."""
        for decider in tuple(self._deciders.values()):
            decider.forget(source)
