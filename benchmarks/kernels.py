"""The hand-made CPU kernels beside what torch has for the same, forward and backward.

Sizes are those of the paper's configuration: batches of 64 documents of similar length,
300-d embeddings, 150 GRU units per direction. The recurrence gives the values of
torch's GRU, to which a test holds it; dropout draws other random numbers. Both sides
take turns, so that a slow moment meets both.

    .venv/bin/python -m benchmarks.kernels
"""

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.reporting import markdown_table, pinned_threads, publish
from sklearn_htc.network.cpu.dropout import Dropout
from sklearn_htc.network.cpu.recurrence import bidirectional_gru

BATCH = 64
N_REPEATS = 30
# Of the shortest and the longest document of a batch.
LENGTHS = ((30, 40), (96, 112), (240, 256))


def main() -> None:
    """Time each kernel on both sides, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    torch.manual_seed(0)
    with pinned_threads(threads):
        runs = [
            {"lengths": f"{lengths[0]} to {lengths[1]}", **measure(*kernel(*lengths))}
            for kernel in (recurrence, dropout)
            for lengths in LENGTHS
        ]
    table = markdown_table(
        {
            "kernel": "{kernel}",
            "torch's": "{other}",
            "tokens per document": "{lengths}",
            "torch, ms": "{torch}",
            "here, ms": "{here}",
            "times as fast": "{speedup:.1f}",
        },
        [run | {name: spread(run[name]) for name in ("torch", "here")} for run in runs],
    )
    publish("kernels", runs, table, threads=threads)


def spread(milliseconds: list[float]) -> str:
    """Format the median, and the quartiles."""
    low, high = np.percentile(milliseconds, [25, 75])
    return f"{median(milliseconds):.1f} ({low:.1f} to {high:.1f})"


def measure(
    kernel: str, other: str, torchs: Callable[[], Tensor], ours: Callable[[], Tensor]
) -> dict[str, Any]:
    """Run both sides in turn, after two turns to warm up."""
    sides: dict[str, list[float]] = {"torch": [], "here": []}
    for _ in range(N_REPEATS + 2):
        for side, run in (("torch", torchs), ("here", ours)):
            start = perf_counter()
            run().sum().backward()
            sides[side].append(1000 * (perf_counter() - start))
    sides = {side: times[2:] for side, times in sides.items()}
    speedup = median(sides["torch"]) / median(sides["here"])
    return {"kernel": kernel, "other": other, **sides, "speedup": speedup}


def recurrence(
    shortest: int, longest: int
) -> tuple[str, str, Callable[[], Tensor], Callable[[], Tensor]]:
    """Make both sides of a bidirectional GRU."""
    lengths = torch.linspace(shortest, longest, BATCH).long()
    mask = torch.arange(longest) < lengths[:, None]
    tokens = torch.randn(longest, BATCH, 300, requires_grad=True)
    gru = nn.GRU(300, 150, bidirectional=True)
    forward, backward = nn.GRU(300, 150), nn.GRU(300, 150)

    def torchs() -> Tensor:
        packed = pack_padded_sequence(tokens, lengths, enforce_sorted=False)
        return pad_packed_sequence(gru(packed)[0])[0]

    def ours() -> Tensor:
        return bidirectional_gru(tokens, mask, forward, backward)

    return "recurrence", "`nn.GRU`, packed", torchs, ours


def dropout(
    shortest: int, longest: int
) -> tuple[str, str, Callable[[], Tensor], Callable[[], Tensor]]:
    """Make both sides of dropout on token embeddings."""
    values = torch.randn(longest, BATCH, 300, requires_grad=True)
    other, own = nn.Dropout(0.5), Dropout(0.5)
    return "dropout", "`nn.Dropout`", lambda: other(values), lambda: own(values)


if __name__ == "__main__":
    main()
