"""The same file, unchanged, gives the same labels in runtimes that know nothing of tlx."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.browser import Browser
from tests.system.other_runtimes.environments import OLDEST_ONNXRUNTIME, OPENVINO, node_modules, python_with

if TYPE_CHECKING:
    from tests.system.other_runtimes.conftest import Case

HERE = Path(__file__).parent
EXAMPLE = Path(__file__).parents[3] / "examples" / "browser"
# Rounding at fp32; where int8's ranges end, another order of operations can move an activation by one step.
TOLERANCE = {"fp32.onnx": 1e-4, "int8.onnx": 0.05}


def run_plain(python: Path, script: str, case: Case) -> dict[str, Any]:
    command = [str(python), "-I", str(HERE / script), str(case.model), str(case.pixels)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def assert_same(case: Case, labels: list[str], probabilities: Any) -> None:
    assert labels == case.labels
    np.testing.assert_allclose(probabilities, case.probabilities, atol=TOLERANCE[case.model.name], rtol=0)


@pytest.mark.runtimes
def test_the_oldest_onnx_runtime_gives_the_same_labels(case: Case) -> None:
    requirements = OLDEST_ONNXRUNTIME[sys.version_info[:2]]
    answer = run_plain(python_with(requirements), "plain_onnxruntime.py", case)
    assert f"onnxruntime=={answer['version']}" in requirements
    assert_same(case, answer["labels"], answer["probabilities"])


@pytest.mark.runtimes
def test_openvino_gives_the_same_labels(case: Case) -> None:
    answer = run_plain(python_with(OPENVINO), "plain_openvino.py", case)
    assert f"openvino=={answer['version'].partition('-')[0]}" in OPENVINO
    assert_same(case, answer["labels"], answer["probabilities"])


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """examples/browser with its packages beside it."""
    modules = node_modules(EXAMPLE)
    folder = tmp_path_factory.mktemp("site")
    for path in EXAMPLE.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    (folder / "node_modules").symlink_to(modules)
    return folder


@pytest.mark.node
def test_node_gives_the_same_labels(case: Case, example: Path) -> None:
    pixels = example / "pixels.rgb"
    np.load(case.pixels).tofile(pixels)
    command = ["node", "node.mjs", str(case.model), str(pixels)]
    done = subprocess.run(command, cwd=example, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert_same(case, [answer["label"] for answer in answers], [answer["probabilities"] for answer in answers])


@pytest.mark.node
def test_node_refuses_a_changed_file(fp32_model: Path, example: Path) -> None:
    content = bytearray(fp32_model.read_bytes())
    content[len(content) // 2] ^= 1
    (example / "changed.onnx").write_bytes(content)
    (example / "empty.rgb").write_bytes(b"")
    command = ["node", "node.mjs", "changed.onnx", "empty.rgb"]
    done = subprocess.run(command, cwd=example, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the model file was damaged or changed after its export" in done.stderr


RESIZE = """
import { readFileSync } from "node:fs";
import { resize } from "./resize.js";
const data = readFileSync("large.rgb");
for (const [width, height, toWidth, toHeight, method] of JSON.parse(process.argv[1]))
  console.log(JSON.stringify([...resize({ data, width, height }, toWidth, toHeight, method)]));
"""


@pytest.mark.node
def test_the_examples_resize_is_that_of_training(example: Path) -> None:
    from tlx.images import resize

    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (70, 90, 3), dtype=np.uint8)
    picture.tofile(example / "large.rgb")
    sizes = [(32, 32), (45, 35), (64, 64), (90, 20), (150, 150), (150, 40)]
    cases = [(*size, method) for size in sizes for method in ("area", "bilinear", "nearest")]
    command = ["node", "--input-type=module", "-e", RESIZE, json.dumps([(90, 70, *one) for one in cases])]
    done = subprocess.run(command, cwd=example, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for (width, height, method), line in zip(cases, done.stdout.splitlines(), strict=True):
        ours = resize(picture, (height, width), method).astype(int).reshape(-1)  # type: ignore[arg-type]
        # OpenCV rounds its weights to eleven bits where it interpolates.
        assert np.abs(np.array(json.loads(line)) - ours).max() <= (0 if method == "nearest" else 1), (width, method)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture(scope="module")
def site(example: Path) -> Iterator[str]:
    """The example, served on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=example)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.browser
@pytest.mark.node
def test_the_example_page_gives_the_same_label(
    case: Case,
    example: Path,
    site: str,
    browser: Browser,
) -> None:
    # Each visit has names of its own: a browser keeps files that changed within a second, and the page before stays
    # until the next one is there.
    shutil.copy(case.model, example / case.model.name)
    for place in (0, len(case.photos) - 1):
        photo = f"{case.model.stem}-{place}.jpg"
        shutil.copy(case.photos[place], example / photo)
        address = f"{site}/index.html?model={case.model.name}&photo={photo}"
        browser.call("Page.navigate", url=address)
        answer, deadline = None, time.monotonic() + 60
        while not answer and time.monotonic() < deadline:
            time.sleep(0.05)
            answer = browser.evaluate(f"location.href === {json.dumps(address)} ? window.answer : null")
        assert answer, "the page gave no answer"
        assert answer.get("label") == case.labels[place], answer
        # Chromium decodes JPEG by another library.
        np.testing.assert_allclose(answer["probabilities"], case.probabilities[place], atol=0.05)
        shown = browser.evaluate("document.querySelector('output').textContent")
        assert shown.startswith(f"{case.labels[place]} (")
