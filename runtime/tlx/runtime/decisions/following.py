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
    """Gives each result to the decider of its model; a source begins anew when another model answers for it."""

    def __init__(self, make: Callable[[DecisionRule], _Decider]) -> None:
        """Begin with no model.

        Args:
            make: Makes the decider for a rule.
        """
        self._make = make
        self._deciders: OrderedDict[str, _Decider] = OrderedDict()
        self._answered: dict[str, str] = {}

    def learn(self, sha256: str, rule: DecisionRule) -> None:
        """Know the rule of a model, by its seal; one that is known is left alone."""
        if sha256 in self._deciders:
            return
        self._deciders[sha256] = self._make(rule)
        while len(self._deciders) > _KEPT_MODELS:
            self._deciders.popitem(last=False)

    def decide(self, result: Result, prediction: Prediction) -> Decision:
        """What is said after a picture."""
        source = result.frame.source
        decider = self._deciders[result.model_sha256]
        if self._answered.get(source) != result.model_sha256:
            self._answered[source] = result.model_sha256
            decider.forget(source)
        return decider.decide(source, result.frame.captured_s, prediction)

    def forget(self, source: str) -> None:
        """What a source showed so far counts no more."""
        for decider in self._deciders.values():
            decider.forget(source)
