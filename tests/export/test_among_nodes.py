"""Values of some nodes among those of all."""

import numpy as np
import torch

from sklearn_htc.export.among_nodes import AmongNodes


def test_nodes_get_their_values_and_others_keep_theirs():
    nodes, own = np.array([3, 1]), torch.tensor([[30.0, 10.0], [31.0, 11.0]])
    others = torch.arange(8.0).reshape(2, 4)
    put = AmongNodes(nodes, 4)
    assert put(own, others).tolist() == [[0, 10, 2, 30], [4, 11, 6, 31]]
    assert put(own, -1.0).tolist() == [[-1, 10, -1, 30], [-1, 11, -1, 31]]
