"""Swap models under a running loop, some of them corrupt, and see whether the loop or its answers notice.

    python benchmarks/hot_swaps.py --swaps 100 --corrupt 20
    python benchmarks/hot_swaps.py --model vgg16.onnx --swaps 20 --corrupt 4 --output hot_swaps.json

Without ``--model`` tiny models are made (the onnx package is needed): in turn they take the green picture that is asked
for as ``first`` and as ``second``, so that an answer tells which of them gave it. With ``--model`` copies of that file
are used, each sealed anew with another remark, and the answer is told by its seal alone.

A change is made only when the one before it was reported: a corrupt file is a good one with one bit turned, or cut
short. Reports wrong labels, answers whose seal isn't that of the model that was to answer, unreported changes, the
longest gap between two answers against the median one just before, and the growth of memory.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from suite.output import deliver
from tlx import atomic
from tlx.contract import CONTRACT_KEY, DIGEST_KEY, Contract, InputSpec, KnownAnswer, KnownAnswers
from tlx.known_answers import synthetic_picture
from tlx.runtime import environment
from tlx.runtime.model_file import DIGEST_PLACEHOLDER, LABELS_KEY, ModelFile, seal
from tlx.runtime.output.items import ModelChange
from tlx.runtime.swapping.loading import LoadOptions
from tlx.runtime.swapping.watched import WatchedClassifier

GREEN: Final = (0, 255, 0)
LABELS: Final = ("first", "second")
REPORT_TIMEOUT_S: Final = 600.0
QUIET_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model file of the test.

    Attributes:
        content: Its bytes.
        sha256: Its seal.
        label: What it says of the green picture.
    """

    content: bytes = field(repr=False)
    sha256: str
    label: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the loop.

    Attributes:
        at_s: When it came, on the monotonic clock.
        gap_s: Since the one before.
        sha256: The seal of the model that was asked.
        label: What it said.
    """

    at_s: float
    gap_s: float
    sha256: str
    label: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found.

    Attributes:
        swaps: Changes of the file, corrupt ones included.
        refused: Those that were reported as bad.
        unreported: Changes of which nothing was heard, or something else than was to be expected.
        answers: All of them.
        wrong_labels: Answers with another label than their model gives.
        wrong_seals: Answers by a model that wasn't to answer then.
        period_ms: The median gap between two answers while nothing changes.
        longest_gap_ms: The longest one while a change is under way.
        gap_ratio: The largest of a change's longest gap over the median gap just before it.
        gap_ratios: The same for each change, sorted.
        quiet_gap_ratio: The same where nothing changes, in the second before each change: what the machine does anyway.
        memory_start_mb: Resident, after the first tenth of the changes.
        memory_end_mb: After the last.
    """

    swaps: int
    refused: int
    unreported: int
    answers: int
    wrong_labels: int
    wrong_seals: int
    period_ms: float
    longest_gap_ms: float
    gap_ratio: float
    gap_ratios: list[float]
    quiet_gap_ratio: float
    memory_start_mb: float
    memory_end_mb: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    Attributes:
        swaps: How often the file is changed.
        corrupt: How many of these changes put a corrupt file there.
        every_s: How often the watch looks, in seconds.
        rate: Frames a second; None for as many as can be classified.
        quiet_s: How long nothing changes before each change.
    """

    swaps: int = 100
    corrupt: int = 20
    every_s: float = 0.5
    rate: float | None = None
    quiet_s: float = QUIET_S


class Loop:
    """The least that a loop can be: it asks the current model for the same picture, again and again.

    At a rate, as a camera gives frames: a frame that comes while one is classified is left out.
    """

    def __init__(self, watched: WatchedClassifier, picture_rgb: npt.NDArray[np.uint8], rate: float | None) -> None:
        """Begin to ask; without a rate as fast as it goes."""
        self._period_s = 1 / rate if rate else 0.0
        self.answers: list[Answer] = []
        self._stopped = threading.Event()
        self._watched = watched
        self._picture_rgb = picture_rgb
        self._thread = threading.Thread(target=self._run, name="loop")
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        last_s = time.monotonic()
        while not self._stopped.is_set():
            classifier = self._watched.current()
            prediction = classifier.classify(self._picture_rgb)
            now_s = time.monotonic()
            self.answers.append(Answer(now_s, now_s - last_s, classifier.sha256, prediction.label))
            last_s = now_s
            if self._period_s:
                time.sleep(self._period_s - now_s % self._period_s)


def swap_many(candidates: Iterator[Candidate], folder: Path, plan: Plan) -> Outcome:
    """Run the whole test.

    Args:
        candidates: As many models as are asked for, each other than the one before.
        folder: Where the watched file is made.
        plan: What to do.
    """
    swaps, every_s = plan.swaps, plan.every_s
    changes: queue.Queue[ModelChange] = queue.Queue()
    path = folder / "watched.onnx"
    good = next(candidates)
    path.write_bytes(good.content)
    picture_rgb = np.full((48, 64, 3), GREEN, np.uint8)
    rows = random.Random(0).sample(range(swaps), plan.corrupt)
    labels = {good.sha256: good.label}
    ratios: list[float] = []
    quiet_ratios: list[float] = []
    longest_s, refused, unreported, start_mb = 0.0, 0, 0, resident_mb()
    expected: list[tuple[float, str]] = [(0.0, good.sha256)]
    options = LoadOptions(device="cpu")
    with WatchedClassifier.load(path, options, on_change=changes.put, every_s=every_s) as watched:
        loop = Loop(watched, picture_rgb, plan.rate)
        try:
            for number in range(swaps):
                new = next(candidates)
                labels[new.sha256] = new.label
                spoiled = number in rows
                content = spoil(new.content, number) if spoiled else new.content
                time.sleep(plan.quiet_s)
                began_s = time.monotonic()
                atomic.write_bytes(path, content)
                change = wait_for(changes)
                if change is None or (change.problem is None) == spoiled:
                    unreported += 1
                refused += bool(change and change.problem)
                if not spoiled:
                    good = new
                    expected.append((change.at_s if change else began_s, good.sha256))
                time.sleep(2 * every_s)  # the old model is let go of
                quiet, ratio, gap_s = judge_gaps(loop.answers, began_s)
                ratios.append(ratio)
                quiet_ratios.append(quiet)
                longest_s = max(longest_s, gap_s)
                if number == swaps // 10:
                    start_mb = resident_mb()
        finally:
            loop.stop()
    answers = loop.answers
    return Outcome(
        swaps=swaps,
        refused=refused,
        unreported=unreported + changes.qsize(),
        answers=len(answers),
        wrong_labels=sum(answer.label != labels[answer.sha256] for answer in answers),
        wrong_seals=count_wrong_seals(answers, expected),
        period_ms=round(statistics.median(answer.gap_s for answer in answers) * 1e3, 3),
        longest_gap_ms=round(longest_s * 1e3, 3),
        gap_ratio=round(max(ratios, default=0.0), 3),
        gap_ratios=sorted(round(ratio, 2) for ratio in ratios),
        quiet_gap_ratio=round(max(quiet_ratios, default=0.0), 3),
        memory_start_mb=start_mb,
        memory_end_mb=resident_mb(),
    )


def judge_gaps(answers: list[Answer], began_s: float) -> tuple[float, float, float]:
    """The longest gap in the second before a moment and the longest since, over the median one before; and itself."""
    known = list(answers)
    before = [answer.gap_s for answer in known if began_s - QUIET_S < answer.at_s < began_s]
    since = [answer.gap_s for answer in known if answer.at_s >= began_s]
    if not before or not since:
        return 0.0, 0.0, 0.0
    usual_s = statistics.median(before)
    return max(before) / usual_s, max(since) / usual_s, max(since)


def count_wrong_seals(answers: list[Answer], expected: list[tuple[float, str]]) -> int:
    """How many answers came from a model that wasn't to answer.

    Args:
        answers: In order.
        expected: From when on each good model was announced, in order.
    """
    wrong, place = 0, 0
    for answer in answers:
        # The next model answers after it was announced, and from its first answer on the old one is out.
        if (
            place + 1 < len(expected)
            and answer.sha256 == expected[place + 1][1]
            and answer.at_s > expected[place + 1][0]
        ):
            place += 1
        wrong += answer.sha256 != expected[place][1]
    return wrong + len(expected) - 1 - place


def wait_for(changes: queue.Queue[ModelChange]) -> ModelChange | None:
    """The next report, or None if it doesn't come."""
    try:
        return changes.get(timeout=REPORT_TIMEOUT_S)
    except queue.Empty:
        return None


def spoil(content: bytes, number: int) -> bytes:
    """The bytes of a model with one bit turned, or without their end."""
    if number % 2:
        return content[: len(content) * 3 // 4]
    spoiled = bytearray(content)
    spoiled[len(spoiled) // 2] ^= 1
    return bytes(spoiled)


def resident_mb() -> float:
    """This process's memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def tiny_candidates() -> Iterator[Candidate]:
    """Models that take green for their first label and for their second, in turn."""
    number = 0
    while True:
        content = tiny_model(number)
        yield Candidate(content, ModelFile.parse(content, "tiny").sha256, LABELS[number % 2])
        number += 1


def tiny_model(number: int) -> bytes:
    """A model that looks at one colour: at red or at green, in turn."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    size_hw = (32, 32)
    weights = np.zeros((3, 2), np.float32)
    weights[1, number % 2] = 0.1
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", *size_hw, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2])],
        [
            numpy_helper.from_array(np.array([1, 2], dtype=np.int64), "axes"),
            numpy_helper.from_array(weights, "weights"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    green = synthetic_picture(0, size_hw)[..., 1].mean() / 10
    says = float(1 / (1 + np.exp(-green)))
    probabilities = [says, 1 - says] if number % 2 == 0 else [1 - says, says]
    known = KnownAnswers(tolerance=1e-3, answers=[KnownAnswer(seed=0, probabilities=probabilities)])
    contract = Contract(labels=list(LABELS), input=InputSpec(size_hw=size_hw), known_answers=known)
    metadata = {CONTRACT_KEY: contract.to_json(), LABELS_KEY: json.dumps(LABELS), DIGEST_KEY: DIGEST_PLACEHOLDER}
    helper.set_model_props(model, metadata | {"remark": str(number)})
    assert isinstance(model, onnx.ModelProto)
    return seal(model.SerializeToString())


def copies_of(path: Path) -> Iterator[Candidate]:
    """The same model again and again, each with a seal of its own."""
    import onnx

    from tlx.runtime.classifier import Classifier

    label = Classifier.load(path, "cpu").classify(np.full((48, 64, 3), GREEN, np.uint8)).label
    number = 0
    while True:
        proto = onnx.load(path)
        entry = proto.metadata_props.add()
        entry.key, entry.value = "remark", str(number)
        content = seal(proto.SerializeToString())
        yield Candidate(content, ModelFile.parse(content, str(path)).sha256, label)
        number += 1


def made_ahead(candidates: Iterator[Candidate], count: int) -> Callable[[], Iterator[Candidate]]:
    """Make models before the loop runs, because making them takes time from it."""
    made = [next(candidates) for _ in range(count)]
    return lambda: (made[number % count] for number in range(10**9))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, help="a model file to swap copies of; tiny models if left out")
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--corrupt", type=int, default=20)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two looks")
    parser.add_argument("--rate", type=float, help="frames a second; as many as can be classified if left out")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    candidates = copies_of(arguments.model) if arguments.model else tiny_candidates()
    ready = made_ahead(candidates, 2 if arguments.model else 10)()
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(arguments.swaps, arguments.corrupt, arguments.every, arguments.rate)
        outcome = swap_many(ready, Path(folder), plan)
    result: dict[str, Any] = asdict(outcome) | {"environment": environment.describe()}
    deliver(result, arguments.output)


if __name__ == "__main__":
    main()
