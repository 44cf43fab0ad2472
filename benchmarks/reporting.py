"""What all benchmarks share: pinned threads, stated machine, results as two files."""

import json
import os
import platform
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from threadpoolctl import threadpool_limits

RESULTS = Path(__file__).parent / "results"


@contextmanager
def pinned_threads(threads: int) -> Iterator[None]:
    """Give every library the same number of threads."""
    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        yield


def markdown_table(columns: dict[str, str], rows: list[dict[str, Any]]) -> str:
    """Format rows as Markdown; `columns` maps a heading to a format of the row."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = [template.format(**row) for template in columns.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def side_by_side(
    runs: list[dict[str, Any]], systems: Sequence[str], template: str
) -> str:
    """Format a row per data set and a column per system; `template` formats a run."""
    rows: dict[str, dict[str, Any]] = {}
    for run in runs:
        row = rows.setdefault(run["data"], {"data": run["data"]})
        row[run["system"]] = template.format(**run)
    shown = [name for name in systems if any(name in row for row in rows.values())]
    columns = {name: f"{{{name}}}" for name in ("data", *shown)}
    filled = [{**dict.fromkeys(columns, ""), **row} for row in rows.values()]
    return markdown_table(columns, filled)


def mean_and_deviation(values: Any, digits: int) -> str:
    """Format the mean and, of several values, the standard deviation; "" of none."""
    if len(values) == 0:
        return ""
    text = f"{np.mean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {np.std(values, ddof=1):.{digits}f}"
    return text


def publish(name: str, runs: Any, table: str, *, threads: int) -> None:
    """Write results/NAME.json and results/NAME.md, and print the table."""
    machine = describe_machine(threads)
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine, "runs": runs}, indent=1)
    _write(RESULTS / f"{name}.json", text + "\n")
    table = f"{machine}\n\n{table}"
    _write(RESULTS / f"{name}.md", table)
    print(table)


def published(name: str) -> list[dict[str, Any]]:
    """Return the runs of results/NAME.json, none if there is no such file."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text())["runs"] if path.exists() else []


def peak_memory() -> float:
    """Return the largest resident size of this process so far, in GB."""
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def describe_machine(threads: int) -> str:
    """State what the figures were measured on."""
    gpu = ""
    if torch.cuda.is_available():
        gpu = f"{torch.cuda.get_device_name()}, "
    return (
        f"{gpu}{os.cpu_count()} cores ({platform.machine()}), {threads} threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"scikit-learn {sklearn.__version__}."
    )


def _write(path: Path, text: str) -> None:
    """Write a file beside its place and move it there."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf8")
    temporary.replace(path)
