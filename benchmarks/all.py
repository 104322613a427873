"""All benchmarks with one command: their results as JSON, and one table of all.

    python benchmarks/all.py ../shared/data/cats_dogs --run RUN
    python benchmarks/all.py ../shared/data/cats_dogs --run latest --only bench peers --skip-peers ultralytics
    python benchmarks/all.py --quick --results /tmp/results      # does all of it run? made-up photos, some minutes
    python benchmarks/all.py --table                             # the table alone, from what is there

Each result goes to ``benchmarks/results/MACHINE/NAME.json``, one folder for each machine, and the table to
``benchmarks/results/README.md``. They run one after the other, for the machine is to do nothing else: two hours in all,
half an hour less with ``--compressed``. A
benchmark that fails is told and leaves its old result; the others go on, and the exit code is 1. A bench of which some
engines failed or gave wrong answers is a result: it names them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from peers.catalog import PEERS
from suite.machine import machine_folder
from suite.material import WHOLE, Material, gather, make_quickly
from suite.page import write_page
from suite.tasks import SCRIPTS, Task, all_tasks
from tlx import atomic
from tlx.errors import TlxError
from tlx.runtime import environment

RESULTS: Final = Path(__file__).with_name("results")


def main() -> None:
    """Run what is asked for and write the table."""
    arguments = parse()
    failed: list[str] = []
    if not arguments.table:
        with tempfile.TemporaryDirectory(prefix="tlx-benchmarks-") as temporary:
            try:
                material = gather_or_make(arguments, Path(temporary))
            except TlxError as error:
                sys.exit(f"all: error: {error}")
            tasks = all_tasks(material, wanted_peers(arguments))
            folder = arguments.results / machine_folder(environment.describe())
            failed = run_all(chosen(tasks, arguments.only), folder.resolve(), material)
    atomic.make_folder(arguments.results)
    atomic.write_text(arguments.results / "README.md", write_page(arguments.results))
    tell(f"table: {arguments.results / 'README.md'}")
    if failed:
        sys.exit(f"all: error: failed: {', '.join(failed)}")


def parse() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, nargs="?", help="folder with train/ and validation/")
    parser.add_argument("--run", default="latest", help="a finished run on these photos")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these benchmarks (export makes model files)")
    parser.add_argument("--skip-peers", nargs="+", choices=[peer.name for peer in PEERS], default=[])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--models", type=Path, help="folder with fp32.onnx and int8.onnx (default: exported anew)")
    parser.add_argument("--compressed", metavar="RUN", help="what tlx compress made of the run (default: made anew)")
    parser.add_argument("--quick", action="store_true", help="tiny everything: do they run?")
    parser.add_argument("--table", action="store_true", help="measure nothing, write the table")
    arguments = parser.parse_args()
    if not (arguments.quick or arguments.table or arguments.data):
        parser.error("name a folder of photos, or --quick, or --table")
    return arguments


def gather_or_make(arguments: argparse.Namespace, work: Path) -> Material:
    """What the benchmarks are run on."""
    if arguments.quick:
        tell("making photos, a run and a clip")
        return make_quickly(work)
    return gather(arguments.data, arguments.run, work, models=arguments.models, compressed=arguments.compressed)


def wanted_peers(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Those whose environments may be made; none in a quick run."""
    return () if arguments.quick else tuple(peer.name for peer in PEERS if peer.name not in arguments.skip_peers)


def chosen(tasks: Sequence[Task], only: Sequence[str] | None) -> list[Task]:
    """Those that were asked for, and the export where one of them needs its files."""
    names = {task.name for task in tasks}
    unknown = sorted(set(only or ()) - names)
    if unknown:
        sys.exit(f"all: error: no benchmark {unknown[0]}: there are {', '.join(sorted(names))}")
    if not only:
        return list(tasks)
    needed = any(not path.is_file() for task in tasks if task.name in only for path in task.needs)
    return [task for task in tasks if task.name in only or (needed and task.name == "export")]


def run_all(tasks: Sequence[Task], folder: Path, material: Material) -> list[str]:
    """Run them one by one; gives the names of those that failed."""
    atomic.make_folder(folder)
    failed = []
    for number, task in enumerate(tasks, 1):
        tell(f"{number}/{len(tasks)} {task.name}")
        started_s = time.monotonic()
        absent = [path.name for path in task.needs if not path.is_file()]
        if absent:
            tell(f"{number}/{len(tasks)} {task.name}: left out, since the export made no {absent[0]}")
            continue
        problem = run_one(task, folder, material)
        if problem:
            failed.append(task.name)
        tell(f"{number}/{len(tasks)} {task.name}: {problem or 'done'} after {time.monotonic() - started_s:.0f} s")
    return failed


def run_one(task: Task, folder: Path, material: Material) -> str | None:
    """Run one in a process of its own and keep its result; why it failed, if it did."""
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "result.json"
        command = task.words(output, folder / task.name)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode not in WHOLE:
            return f"ended with {done.returncode}"
        try:
            # `tlx` commands print their document, scripts write it.
            text = output.read_text() if output.is_file() else done.stdout
            if done.returncode and not text:
                return f"ended with {done.returncode}"
            result = json.loads(text)
        except (OSError, ValueError) as error:
            return f"ended with {done.returncode}, and its output can't be read: {error}"
    if not isinstance(result, dict):
        return "its output isn't one JSON object"
    rows = bad_rows(result)
    if done.returncode and not rows:
        return f"ended with {done.returncode}"
    if rows:
        tell(f"{task.name}: failed or wrong in it: {', '.join(rows)}")
    names = {**material.names(), str(folder): ".", str(output): f"{task.name}.json", str(SCRIPTS): SCRIPTS.name}
    keep(result, folder / f"{task.name}.json", names)
    for beside in (folder / task.name).glob("*.json"):
        keep(json.loads(beside.read_bytes()), beside, names)
    return None


def bad_rows(result: dict[str, Any]) -> list[str]:
    """Names of the engines of a bench that failed, or whose answers are wrong."""
    rows = result.get("engines")
    if not isinstance(rows, list):
        return []
    return [str(row.get("name")) for row in rows if row.get("error") or row.get("status") == "wrong"]


def keep(result: dict[str, Any], path: Path, names: dict[str, str]) -> None:
    """Write a result: the machine named, and files by what they are in place of where they lay on it."""
    result.setdefault("environment", environment.describe())
    atomic.write_json(path, by_name(result, names))


def by_name(value: Any, names: dict[str, str]) -> Any:
    """JSON values with paths replaced, the longest first."""
    if isinstance(value, dict):
        return {key: by_name(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [by_name(one, names) for one in value]
    if isinstance(value, str):
        for path in sorted(names, key=len, reverse=True):
            value = value.replace(path, names[path])
    return value


def tell(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
