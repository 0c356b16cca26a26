import numpy as np
from hypothesis import given
from scipy.optimize import linear_sum_assignment

from avis.evaluation.functional.assignment import assign_frames
from tests.evaluation.functional.small_videos import SmallVideo, small_videos


@given(video=small_videos)
def test_pairs_are_those_of_scipy_frame_by_frame(video: SmallVideo) -> None:
    overlap = video.overlap()
    weights = np.where(overlap.iou > 0.3, overlap.iou, 0)
    frames, true, pred = assign_frames(overlap, weights)
    for frame in range(overlap.num_frames):
        rows, columns = linear_sum_assignment(weights[frame], maximize=True)
        expected = {
            pair
            for pair in zip(rows.tolist(), columns.tolist(), strict=True)
            if weights[frame][pair]
        }
        here = frames == frame
        assert set(zip(true[here].tolist(), pred[here].tolist(), strict=True)) == expected
