import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from avis.datasets.transforms.clip_geometry import ClipGeometry

sides = st.integers(1, 40)


def nearest(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.NEAREST))


def drawn(polygon: list[float], size: tuple[int, int]) -> np.ndarray:
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([polygon], *size)))


@settings(max_examples=50, deadline=None)
@given(source=st.tuples(sides, sides), size=st.tuples(sides, sides), seed=st.integers(0, 99))
def test_sources_equal_nearest_filter_of_pillow(source, size, seed) -> None:
    image = np.random.default_rng(seed).integers(0, 256, source, dtype=np.uint8)
    rows, columns = ClipGeometry.identity(1, source).resized(size).sources(0)
    np.testing.assert_array_equal(image[rows][:, columns], nearest(image, size))


@settings(max_examples=50, deadline=None)
@given(
    source=st.tuples(sides, sides),
    middle=st.tuples(st.integers(8, 40), st.integers(8, 40)),
    size=st.tuples(sides, sides),
    seed=st.integers(0, 99),
)
def test_sources_of_several_steps_equal_those_of_step_by_step(source, middle, size, seed) -> None:
    """Resize, crop that moves, resize and flip, as on dense masks."""
    image = np.random.default_rng(seed).integers(0, 256, source, dtype=np.uint8)
    tops, lefts = np.array([0, 2]), np.array([3, 1])
    crop = middle[0] - 2, middle[1] - 3
    geometry = ClipGeometry.identity(2, source).resized(middle)
    geometry = geometry.cropped(tops, lefts, crop).resized(size).mirrored()
    between = nearest(image, middle)
    for frame, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        rows, columns = geometry.sources(frame)
        cut = between[top : top + crop[0], left : left + crop[1]]
        np.testing.assert_array_equal(image[rows][:, columns], nearest(cut, size)[:, ::-1])


def test_geometry_steps_compose() -> None:
    image = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60)
    geometry = ClipGeometry.identity(2, (40, 60)).resized((20, 30))
    geometry = geometry.cropped(np.array([2, 5]), np.array([0, 9]), (12, 16)).mirrored()
    small = image[1::2, 1::2]  # the nearest pixels of half the size
    for frame, (top, left) in enumerate([(2, 0), (5, 9)]):
        rows, columns = geometry.sources(frame)
        expected = small[top : top + 12, left : left + 16][:, ::-1]
        np.testing.assert_array_equal(image[rows][:, columns], expected)


def test_polygons_move_with_the_pixels() -> None:
    polygon = [10.0, 4.0, 30.0, 4.0, 30.0, 20.0, 10.0, 20.0]
    geometry = ClipGeometry.identity(1, (24, 40)).resized((48, 80)).cropped(4, 10, (40, 60))
    geometry = geometry.mirrored()
    (moved,) = geometry.polygons(0, [polygon])
    expected = np.kron(drawn(polygon, (24, 40)), np.ones((2, 2), np.uint8))[4:44, 10:70][:, ::-1]
    np.testing.assert_array_equal(drawn(moved.tolist(), (40, 60)), expected)


@pytest.mark.parametrize(('top', 'left'), [(0, 0), (10, 0), (0, 15), (12, 22)])
def test_pixels_outside_the_crop_are_dropped(top, left) -> None:
    """Polygons may end outside of the image, on any side."""
    polygon = [3.0, 2.0, 37.5, 8.0, 28.0, 22.0, 9.0, 19.0]
    (moved,) = (
        ClipGeometry.identity(1, (24, 40)).cropped(top, left, (10, 16)).polygons(0, [polygon])
    )
    whole = drawn(polygon, (24, 40))[top : top + 10, left : left + 16]
    # COCO rounds corners to fifths of a pixel, negative ones towards zero.
    assert (drawn(moved.tolist(), (10, 16)) != whole).sum() <= 1
    assert whole.any()


def test_unchanged_is_true_for_identity() -> None:
    geometry = ClipGeometry.identity(3, (24, 40))
    assert geometry.unchanged
    assert geometry.resized((24, 40)).unchanged
    assert geometry.mirrored().mirrored().unchanged
    assert not geometry.resized((12, 20)).resized((24, 40)).unchanged
    for moved in (
        geometry.mirrored(),
        geometry.resized((12, 20)),
        geometry.cropped(0, 1, (24, 39)),
    ):
        assert not moved.unchanged
