import numpy as np

from avis.datasets.transforms.clip import frame_ids_of, worker_random


def test_random_numbers_are_those_of_the_seeded_worker() -> None:
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.RandomState(5).rand(3)
    np.testing.assert_array_equal(worker_random().rand(3), expected)


def test_all_frames_unless_some_were_chosen() -> None:
    assert frame_ids_of({'length': 3}).tolist() == [0, 1, 2]
    assert frame_ids_of({'length': 3, 'frame_ids': np.array([2])}).tolist() == [2]
