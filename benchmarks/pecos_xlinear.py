"""libpecos' XR-Linear in a Python that has it; `benchmarks.peers` starts this script.

    PYTHON pecos_xlinear.py fit FOLDER THREADS
    PYTHON pecos_xlinear.py rank FOLDER THREADS K

Reads X.npz and Y.npz, or X_test.npz, in the folder; stores the model and ranked.npz
there, and prints the seconds and the peak memory in GB as JSON.
"""

import json
import resource
import sys
from pathlib import Path
from time import perf_counter

from scipy import sparse


def main() -> None:
    """Do one of the two."""
    # Not at import time, as other environments lack it.
    from pecos.xmc import Indexer, LabelEmbeddingFactory
    from pecos.xmc.xlinear.model import XLinearModel

    task, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if task == "fit":
        X = sparse.load_npz(folder / "X.npz").tocsr().astype("float32")
        Y = sparse.load_npz(folder / "Y.npz").tocsr().astype("float32")
        start = perf_counter()
        features = LabelEmbeddingFactory.create(Y, X)
        model = XLinearModel.train(X, Y, C=Indexer.gen(features), threads=threads)
        seconds = perf_counter() - start
        model.save(str(folder / "model"))
    else:
        X = sparse.load_npz(folder / "X_test.npz").tocsr().astype("float32")
        model = XLinearModel.load(str(folder / "model"))
        start = perf_counter()
        found = model.predict(X, only_topk=int(sys.argv[4]), threads=threads)
        seconds = perf_counter() - start
        sparse.save_npz(folder / "ranked.npz", found.tocsr())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({"seconds": seconds, "memory": memory}))


if __name__ == "__main__":
    main()
