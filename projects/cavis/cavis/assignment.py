"""One-to-one assignment of the queries of a frame to those of the frame before."""

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


@torch.no_grad()
def assign_queries(reference: Tensor, current: Tensor, *, inverse: bool) -> Tensor:
    """Assign queries by cosine similarity.

    Args:
        reference: (B, Q, C).
        current: (B, Q, C).
        inverse: Return the index of the reference of each current query, as the official tracker
            does, which uses it to reorder the current queries: the inverse of the permutation that
            aligns them. False returns the index of the current query of each reference.

    Returns:
        (B, Q), indices of queries.
    """
    with torch.autocast(reference.device.type, enabled=False):  # SciPy has no bfloat16
        similarity = _normalize(reference) @ _normalize(current).mT  # (B, reference, current)
    cost = (1 - similarity).nan_to_num(nan=1e6).cpu()
    cost = cost.mT if inverse else cost
    columns = [linear_sum_assignment(matrix.numpy())[1] for matrix in cost]
    return torch.from_numpy(np.stack(columns)).to(reference.device, non_blocking=True)


def reorder(queries: Tensor, index: Tensor) -> Tensor:
    """Return queries (B, Q, C) in the order of an index (B, Q)."""
    return queries.gather(1, index[..., None].expand_as(queries))


def _normalize(queries: Tensor) -> Tensor:
    queries = queries.float()
    return queries / (queries.norm(dim=-1, keepdim=True) + 1e-6)
