"""The one place that imports scikit-learn, with a clear word where it is missing."""

from __future__ import annotations

from typing import Any

from tlx.errors import MissingDependencyError


def import_metrics() -> Any:
    """Import ``sklearn.metrics``.

    Raises:
        MissingDependencyError: If scikit-learn isn't installed.
    """
    try:
        import sklearn.metrics
    except ImportError as error:
        raise MissingDependencyError(
            f"evaluation needs scikit-learn ({error}): run \"pip install 'tlx-edge[train]'\""
        ) from error
    return sklearn.metrics
