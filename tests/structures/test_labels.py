import numpy as np
import pytest

from avis.structures.labels import (
    AVSBENCH_CATEGORIES,
    AVSS_CLASSES,
    voc_colors_to_classes,
    voc_palette,
)


def test_class_lists_have_the_published_lengths():
    assert len(set(AVSBENCH_CATEGORIES)) == len(AVSBENCH_CATEGORIES) == 23
    assert len(set(AVSS_CLASSES)) == len(AVSS_CLASSES) == 71
    assert AVSS_CLASSES[0] == 'background'


def test_palette_colors_are_unique():
    colors = voc_palette(256)
    assert colors.dtype == np.uint8
    assert len(np.unique(colors, axis=0)) == 256
    # Pascal VOC: aeroplane, person, and the color of the void label.
    assert colors[[1, 15, 255]].tolist() == [[128, 0, 0], [192, 128, 128], [224, 224, 192]]
    np.testing.assert_array_equal(voc_palette(71), colors[:71])


@pytest.mark.parametrize('count', [0, 257])
def test_palette_has_at_most_256_colors(count):
    with pytest.raises(ValueError, match=rf'1 to 256 classes, got num_classes={count}'):
        voc_palette(count)


def test_every_palette_color_maps_to_its_class():
    palette = voc_palette(256)
    np.testing.assert_array_equal(voc_colors_to_classes(palette, 256), np.arange(256))
