"""Whether an execution provider really works, found out by making a session with it in a process of its own.

ONNX Runtime lists the providers that it was built with, not those that work here, and says why one doesn't
work on stderr only. A child process lets us read that, and survives providers that crash or hang.

Run as ``python -m tlx.runtime.provider_probe NAME``, it prints a JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from tlx.runtime.engine_words import loader_words, short_reason

# y = -x for float32 [N, 2], opset 13, IR version 8; the test of this module makes the same bytes with onnx.
TINY_MODEL: Final = bytes.fromhex(
    "08083a400a0b0a017812017922034e6567120570726f62655a140a0178120f0a0d080112090a0312014e0a020802"
    "62140a0179120f0a0d080112090a0312014e0a02080242040a00100d"
)
TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class ProbedProvider:
    """What became of a try.

    Attributes:
        name: The provider.
        works: Whether a session got it and computed the right result.
        reason: Why not, in the loader's own words where there are some; empty if it works.
    """

    name: str
    works: bool
    reason: str


def probe_provider(name: str) -> ProbedProvider:
    """Try one provider."""
    return probe_providers([name])[0]


def probe_providers(names: list[str]) -> list[ProbedProvider]:
    """Try several providers at once; takes about a second."""
    try:
        children = [_start(name) for name in names]
    except OSError as error:
        return [ProbedProvider(name, works=False, reason=f"no process could be started ({error})") for name in names]
    return [_finish(name, child) for name, child in zip(names, children, strict=True)]


def judge(name: str, stdout: str, stderr: str) -> ProbedProvider:
    """Make sense of what a child wrote."""
    try:
        answer = json.loads(stdout)
    except ValueError:
        return ProbedProvider(name, works=False, reason=loader_words(stderr) or "the process that tried it crashed")
    if answer["works"]:
        return ProbedProvider(name, works=True, reason="")
    return ProbedProvider(name, works=False, reason=loader_words(stderr) or answer["reason"])


def _start(name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own module, and a name out of ONNX Runtime's list
        [sys.executable, "-P", "-m", __name__, name],  # -P: no module of the working folder takes a library's place
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def _finish(name: str, child: subprocess.Popen[str]) -> ProbedProvider:
    with child:
        try:
            stdout, stderr = child.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return ProbedProvider(name, works=False, reason=f"it didn't load within {TIMEOUT_S:.0f} s")
    return judge(name, stdout, stderr)


def _try(name: str) -> tuple[bool, str]:
    import numpy as np

    from tlx.runtime import session

    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    try:
        engine = session.create_engine(TINY_MODEL, [name], threads=1, log_severity=session.LOG_WARNINGS)
        if name not in engine.get_providers():
            return False, f"the session got {', '.join(engine.get_providers())} only"
        result = engine.run(["y"], {"x": values})[0]
    except session.ENGINE_ERRORS as error:
        return False, short_reason(str(error))
    return (True, "") if np.array_equal(result, -values) else (False, "it computed a wrong result")


if __name__ == "__main__":
    works, reason = _try(sys.argv[1])
    print(json.dumps({"works": works, "reason": reason}))  # noqa: T201 - the answer to the parent
