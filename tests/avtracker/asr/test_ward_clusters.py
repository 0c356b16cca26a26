import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from avis.avtracker.asr.ward_clusters import ward_clusters


@pytest.mark.parametrize('threshold', [0.3, 1.0, 3.0])
@pytest.mark.parametrize('seed', range(8))
def test_clusters_are_those_of_scipy(seed, threshold):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(4, 5))
    vectors = centers[rng.integers(0, 4, 80)] + 0.3 * rng.normal(size=(80, 5))
    expected = fcluster(linkage(vectors, 'ward'), threshold, 'distance')
    numbers = {}
    for label in expected:
        numbers.setdefault(label, len(numbers))
    assert ward_clusters(vectors, threshold) == [numbers[label] for label in expected]


def test_equal_vectors_are_one_cluster():
    vectors = np.repeat(np.eye(3), 20, axis=0)
    assert ward_clusters(vectors, 0.1) == np.repeat([0, 1, 2], 20).tolist()
    assert ward_clusters(np.full((50, 7), 0.1), 0.0) == [0] * 50
