from importlib.machinery import EXTENSION_SUFFIXES

import numpy as np
import pytest
from hypothesis import given
from scipy.optimize import linear_sum_assignment

from avis.evaluation.functional.assignment import assign_frames
from tests.helpers.small_videos import SmallVideo, small_videos
from tests.helpers.subprocess_python import run_python


@given(video=small_videos)
def test_assign_frames_equals_scipy_frame_by_frame(video: SmallVideo) -> None:
    overlap = video.overlap()
    weights = np.where(overlap.iou > 0.3, overlap.iou, 0)
    frames, gt, pred = assign_frames(overlap, weights)
    for frame in range(overlap.num_frames):
        rows, columns = linear_sum_assignment(weights[frame], maximize=True)
        expected = {
            pair
            for pair in zip(rows.tolist(), columns.tolist(), strict=True)
            if weights[frame][pair]
        }
        here = frames == frame
        assert set(zip(gt[here].tolist(), pred[here].tolist(), strict=True)) == expected


SOLVE = """
import sys
from importlib import machinery
import numpy as np
from avis.evaluation.functional.assignment import assign
if {use_package}:
    machinery.EXTENSION_SUFFIXES.clear()
rng = np.random.default_rng(0)
weights = [rng.integers(0, 3, rng.integers(0, 7, 2)).astype(float) for _ in range(300)]
pairs = [assign(w) for w in weights]
assert ('scipy.optimize' in sys.modules) == {use_package}
machinery.EXTENSION_SUFFIXES[:] = {suffixes}
from scipy.optimize import linear_sum_assignment
for w, found in zip(weights, pairs):
    np.testing.assert_array_equal(found, linear_sum_assignment(w, maximize=True))
print('equal')
"""


@pytest.mark.parametrize('use_package', [False, True], ids=['compiled module', 'scipy.optimize'])
def test_assign_equals_scipy_with_and_without_its_package(use_package: bool) -> None:
    """Ties are equal too; the solver is loaded without its package where possible."""
    assert (
        run_python(SOLVE.format(use_package=use_package, suffixes=EXTENSION_SUFFIXES)) == 'equal\n'
    )
