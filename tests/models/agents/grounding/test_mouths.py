import numpy as np

from avis.models.agents.grounding.mouths import FaceMeshMouths
from avis.models.agents.instances.assembling import assemble
from tests.people import Frames, crowd


def test_small_mouths_are_measured_as_if_they_were_large():
    picture, owner = crowd(2)
    numbers = [n for n in np.unique(owner[owner > 0]) if (owner == n).sum() > 2000]
    masks = [owner == number for number in numbers]
    close = FaceMeshMouths().measure(
        Frames([picture]), 0, assemble(numbers, [1.0] * len(numbers), masks)
    )
    far = np.full((1500, 1500, 3), 90, np.uint8)
    far[1200:1424, 300:524] = picture
    moved = [np.pad(mask, ((1200, 76), (300, 976))) for mask in masks]
    values = FaceMeshMouths().measure(
        Frames([far]), 0, assemble(numbers, [1.0] * len(numbers), moved)
    )
    assert np.isfinite(close).sum() >= 4
    np.testing.assert_allclose(values, close, atol=0.02)
