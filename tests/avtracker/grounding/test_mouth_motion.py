import numpy as np

from avis.avtracker.grounding.mouth_motion import FaceMeshMouthMotion
from avis.avtracker.instance_trackers.detections import make_detections
from tests.helpers.people import Frames, crowd


def test_small_mouths_give_the_same_values_as_large_ones():
    image, owner = crowd(2)
    ids = [n for n in np.unique(owner[owner > 0]) if (owner == n).sum() > 2000]
    masks = [owner == i for i in ids]
    close = FaceMeshMouthMotion().measure(
        Frames([image]), 0, make_detections(ids, [1.0] * len(ids), masks)
    )
    far = np.full((1500, 1500, 3), 90, np.uint8)
    far[1200:1424, 300:524] = image
    moved = [np.pad(mask, ((1200, 76), (300, 976))) for mask in masks]
    values = FaceMeshMouthMotion().measure(
        Frames([far]), 0, make_detections(ids, [1.0] * len(ids), moved)
    )
    assert np.isfinite(close).sum() >= 4
    np.testing.assert_allclose(values, close, atol=0.02)
