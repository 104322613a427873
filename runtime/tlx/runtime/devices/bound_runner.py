"""A network run through buffers that stay where they are, one pair for each batch size.

On a GPU the input and the output keep their addresses, so that CUDA can record the network once as a graph and replay
it, instead of launching every kernel anew; the copy to the GPU starts from page-locked memory where the driver gives
some. The same code runs on the CPU, where the tests check it. On an H200 the buffers gave the CPU's answers; whether a
graph was recorded there, nobody looked: **unverified**.

CUDA's graphs are recorded for each thread, and while one is recorded no other thread may allocate or copy. So all runs
with graphs, of all sessions of a process, happen in one thread of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final, TypeVar, cast

import numpy as np
import numpy.typing as npt

from tlx.runtime.devices.held import Held
from tlx.runtime.devices.page_locked import page_locked
from tlx.runtime.devices.tensors import Tensor
from tlx.runtime.onnx_runtime import onnxruntime

Array = npt.NDArray[np.generic]

MAX_BATCH_SIZES: Final = 8
"""With buffers of their own: memory stays bounded whatever comes. Others run without."""

_DTYPES: Final[dict[str, type[np.generic]]] = {
    "tensor(uint8)": np.uint8,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}
_GRAPH_ID: Final = "gpu_graph_id"
_NO_GRAPH: Final = "-1"


Result = TypeVar("Result")


class BoundRunner:
    """Runs a graph with one input and one output of fixed sizes; safe to use from several threads, one after the other.

    Attributes:
        graphs: Whether the session records CUDA graphs.
    """

    def __init__(
        self, engine: Any, source: Tensor, result: Tensor, *, memory: str = "cpu", graphs: bool = False
    ) -> None:
        """Bind nothing yet.

        Args:
            engine: ``onnxruntime.InferenceSession``.
            source: The input; every size but the first is fixed, as :func:`can_bind` says.
            result: The output, likewise.
            memory: Where the buffers are: ``cpu`` or ``cuda``.
            graphs: Whether the session was made with CUDA graphs.
        """
        self.graphs = graphs
        self._engine = engine
        self._source = source
        self._result = result
        self._memory = memory
        self._lock = threading.Lock()
        self._bound: dict[int, _Bound] = {}

    def run(self, batch: Array) -> Array:
        """Compute the output for a batch.

        Args:
            batch: As the graph's input, any number of pictures.

        Returns:
            The output, in memory of its own.

        Raises:
            ValueError: If the batch hasn't the input's type and sizes.
            Exception: Another one of :data:`~tlx.runtime.devices.engines.ENGINE_ERRORS`.
        """
        if batch.dtype != _DTYPES[self._source.dtype] or batch.shape[1:] != self._source.shape[1:]:
            expected = f"{self._source.dtype} {[None, *self._source.shape[1:]]}"
            raise ValueError(f"Got invalid dimensions or type: expected {expected}, got {batch.dtype} {batch.shape}")
        return self._in_its_thread(self._run, batch)

    def _in_its_thread(self, work: Callable[[Any], Result], argument: Any) -> Result:
        return _gpu_thread().submit(work, argument).result() if self.graphs else work(argument)

    def hold(self, batch: Array) -> Held:
        """Put a batch where the graph runs, so that :meth:`Held.run` computes without a transfer.

        Args:
            batch: As :meth:`run`'s; the next run of as many pictures takes its place.
        """
        self.run(batch)
        with self._lock:
            bound = self._bound.get(len(batch))
        if bound is None:
            raise ValueError(f"Expected a batch of one of the {MAX_BATCH_SIZES} first sizes, got {len(batch)}")
        return Held(lambda: self._in_its_thread(bound.compute, self._engine), bound.fetch)

    def blank(self, count: int) -> Array:
        """A batch of zeros, for trying."""
        return np.zeros(_shape(self._source, count), _DTYPES[self._source.dtype])

    def _run(self, batch: Array) -> Array:
        with self._lock:
            bound = self._bound.get(len(batch))
            if bound is None and len(self._bound) < MAX_BATCH_SIZES:
                # Never given up again: a recorded graph goes on using its addresses.
                bound = self._bound[len(batch)] = self._bind(len(batch))
            if bound is not None:
                return bound.run(self._engine, batch)
        options = _run_options(_NO_GRAPH) if self.graphs else None
        return cast("Array", self._engine.run([self._result.name], {self._source.name: batch}, options)[0])

    def _bind(self, count: int) -> _Bound:
        return _Bound(self._engine, self._source, self._result, count, memory=self._memory, graphs=self.graphs)


class _Bound:
    """The buffers of one batch size and what binds them to the session."""

    def __init__(self, engine: Any, source: Tensor, result: Tensor, count: int, *, memory: str, graphs: bool) -> None:  # noqa: PLR0913 - private, called once
        self._input = _allocate(source, count, memory)
        self._output = _allocate(result, count, memory)
        self._staged = page_locked(_shape(source, count), _DTYPES[source.dtype]) if memory == "cuda" else None
        self._options = _run_options(str(count)) if graphs else None
        self._binding = engine.io_binding()
        self._binding.bind_ortvalue_input(source.name, self._input)
        self._binding.bind_ortvalue_output(result.name, self._output)

    def run(self, engine: Any, batch: Array) -> Array:
        if self._staged is not None:
            np.copyto(self._staged, batch)
            batch = self._staged
        self._input.update_inplace(np.ascontiguousarray(batch))
        self.compute(engine)
        return self.fetch()

    def compute(self, engine: Any) -> None:
        """Run on what the input's buffer holds, and wait for it."""
        engine.run_with_iobinding(self._binding, self._options)

    def fetch(self) -> Array:
        """What the output's buffer holds."""
        # On the CPU numpy() may show the buffer itself, which the next run overwrites.
        return np.array(self._output.numpy(), copy=True)


def can_bind(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
    """Whether a graph has one input and one output, of types that are known here and of fixed sizes but the first."""
    return len(inputs) == len(outputs) == 1 and all(
        tensor.dtype in _DTYPES and tensor.shape and None not in tensor.shape[1:] for tensor in (*inputs, *outputs)
    )


def _allocate(tensor: Tensor, count: int, memory: str) -> Any:
    shape = list(_shape(tensor, count))
    return onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, _DTYPES[tensor.dtype], memory, 0)


def _shape(tensor: Tensor, count: int) -> tuple[int, ...]:
    return (count, *(size for size in tensor.shape[1:] if size is not None))


def _run_options(graph_id: str) -> Any:
    options = onnxruntime.RunOptions()
    options.add_run_config_entry(_GRAPH_ID, graph_id)
    return options


@cache
def _gpu_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="tlx-gpu")
