"""The example server under many clients at once, on loopback.

A HierarchicalLinearClassifier on the texts of `load_api_docs`, made smaller by
`compact`, is saved, and served by examples/serving/server.py in a process of its own.
Clients send one text after the other; each answer is compared with what the model says
of that text alone. Clients and server share the processors.

    .venv/bin/python -m benchmarks.serving
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter, sleep
from typing import Any

import httpx
import numpy as np

from benchmarks.reporting import markdown_table, publish
from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.datasets import load_api_docs
from sklearn_htc.persistence import load, save

SERVER = Path(__file__).parents[1] / "examples" / "serving"
N_TEXTS = 500


def main() -> None:
    """Fit and save a model, serve it, ask, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 64])
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    data = load_api_docs()
    Y = data.hierarchy.to_labels(data.target)
    clf = HierarchicalLinearClassifier(data.hierarchy, random_state=0)
    clf.fit(data.data[N_TEXTS:], Y[N_TEXTS:])
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.skops")
        save(clf.compact(), path)
        texts = data.data[:N_TEXTS]
        expected = serial_answers(load(path), texts)
        runs = []
        for n_clients in arguments.clients:
            port = free_port()
            server = start(path, port)
            try:
                run = asyncio.run(
                    ask(port, texts, expected, n_clients, arguments.seconds)
                )
            finally:
                server.terminate()
                server.wait()
            print(run, flush=True)
            runs.append(run)
    columns = {
        "clients": "{clients}",
        "seconds": "{seconds:.0f}",
        "answers": "{answers:,}",
        "per second": "{per_second:.0f}",
        "errors": "{errors}",
        "other than alone": "{different}",
        "median, ms": "{median:.0f}",
        "99th percentile, ms": "{percentile_99:.0f}",
    }
    publish("serving", runs, markdown_table(columns, runs), threads=os.cpu_count() or 1)


def serial_answers(clf: Any, texts: list[str]) -> list[dict[str, float]]:
    """Say what the model answers each text alone."""
    column = {label: i for i, label in enumerate(clf.hierarchy_.nodes)}
    answers = []
    for text in texts:
        (labels,), (row,) = clf.predict([text]), clf.predict_proba([text])
        answers.append({label: float(row[column[label]]) for label in labels})
    return answers


def start(path: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the server, and wait until it answers."""
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(SERVER), "--factory"]
    command += ["server:from_environment", "--port", str(port), "--log-level", "error"]
    server = subprocess.Popen(command, env={**os.environ, "MODEL": str(path)})
    until = monotonic() + 60
    while monotonic() < until:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health")
            return server
        except httpx.ConnectError:
            sleep(0.1)
    server.kill()
    raise RuntimeError("The server does not answer.")


async def ask(
    port: int,
    texts: list[str],
    expected: list[dict[str, float]],
    n_clients: int,
    seconds: float,
) -> dict[str, Any]:
    """Let clients ask one after the other, all at the same time."""
    taken: list[float] = []
    errors = different = 0
    until = monotonic() + seconds

    async def one(number: int) -> None:
        nonlocal errors, different
        i = number
        async with httpx.AsyncClient(timeout=60) as client:
            while monotonic() < until:
                start = perf_counter()
                answer = await client.post(
                    f"http://127.0.0.1:{port}/labels", json={"texts": [texts[i]]}
                )
                taken.append(perf_counter() - start)
                if answer.status_code != 200:
                    errors += 1
                elif answer.json()[0]["labels"] != expected[i]:
                    different += 1
                i = (i + n_clients) % len(texts)

    await asyncio.gather(*(one(number) for number in range(n_clients)))
    milliseconds = 1000 * np.array(taken)
    return {
        "clients": n_clients,
        "seconds": seconds,
        "answers": len(taken),
        "per_second": len(taken) / seconds,
        "errors": errors,
        "different": different,
        "median": float(np.median(milliseconds)),
        "percentile_99": float(np.percentile(milliseconds, 99)),
    }


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


if __name__ == "__main__":
    main()
