"""The edge and the start of the command line load no training framework."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"tensorflow", "keras", "tf2onnx", "onnx", "matplotlib", "sklearn", "skimage"}
SLOW_TO_START = {"numpy", "cv2", "onnxruntime", "pydantic", "rich"}


def modules_after(code: str) -> set[str]:
    """The top-level packages that are loaded after running code in a fresh interpreter."""
    program = (
        f"import sys\n{code}\nimport json\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import tlx.runtime.classifier, tlx.runtime.sources.words, tlx.runtime.output.text, tlx.runtime.loop.tally",
        "import tlx.runtime.doctor",
        "import tlx.export.verification_report, tlx.runtime.timing.speed",
        "from tlx.cli.app import run; run(['--help'])",
        "from tlx.cli.app import run; run(['train', '--help'])",
    ],
)
def test_no_training_framework_is_loaded(code: str) -> None:
    assert modules_after(code) & HEAVY == set()


def test_help_loads_nothing_that_takes_long() -> None:
    assert modules_after("from tlx.cli.app import run; run(['--help'])") & SLOW_TO_START == set()
