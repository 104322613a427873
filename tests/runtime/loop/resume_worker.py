"""A process that classifies a folder into a file of results, slowly enough to be killed in the middle.

python -m tests.runtime.loop.resume_worker MODEL RESULTS PAUSE_S SOURCE...
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tlx.runtime.classifier import Classifier
from tlx.runtime.loop.resume import ResumedFile
from tlx.runtime.output.items import Result
from tlx.runtime.sources.tasks import TaskSource
from tlx.runtime.sources.words import open_sources


def main() -> None:
    """Classify what has no result yet."""
    model, results, pause_s, *words = sys.argv[1:]
    classifier = Classifier.load(model, "cpu", 1)
    file = ResumedFile(Path(results), classifier.sha256, tuple(classifier.contract.labels), 1)
    for source in open_sources(words):
        assert isinstance(source, TaskSource)
        for task in source.tasks():
            if file.done.take(task.source, task.index):
                continue
            frame = task()
            prediction = None if frame.image_rgb is None else classifier.classify(frame.image_rgb)
            file.write(Result(frame, prediction, None, classifier.sha256))
            time.sleep(float(pause_s))
    file.close()
    sys.stdout.write(f"{file.done.count}\n")


if __name__ == "__main__":
    main()
