import numpy as np

from avis.avtracker.grounding.mouth_motion import FaceMeshMouthMotion
from avis.avtracker.instance_trackers.assembly import assemble
from tests.helpers.people import Frames, crowd


def test_small_mouths_are_measured_as_if_they_were_large():
    image, owner = crowd(2)
    numbers = [n for n in np.unique(owner[owner > 0]) if (owner == n).sum() > 2000]
    masks = [owner == number for number in numbers]
    close = FaceMeshMouthMotion().measure(
        Frames([image]), 0, assemble(numbers, [1.0] * len(numbers), masks)
    )
    far = np.full((1500, 1500, 3), 90, np.uint8)
    far[1200:1424, 300:524] = image
    moved = [np.pad(mask, ((1200, 76), (300, 976))) for mask in masks]
    values = FaceMeshMouthMotion().measure(
        Frames([far]), 0, assemble(numbers, [1.0] * len(numbers), moved)
    )
    assert np.isfinite(close).sum() >= 4
    np.testing.assert_allclose(values, close, atol=0.02)
