"""Names and colors of classes. NumPy only: shared by models, scorers and the data generator."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The 23 categories of AVSBench-object; folder names of S4.
AVSBENCH_CATEGORIES = (
    *('ambulance_siren', 'baby_laughter', 'cap_gun_shooting', 'cat_meowing', 'chainsawing_trees'),
    *('coyote_howling', 'dog_barking', 'driving_buses', 'female_singing', 'helicopter'),
    *('horse_clip-clop', 'lawn_mowing', 'lions_roaring', 'male_speech', 'mynah_bird_singing'),
    *('playing_acoustic_guitar', 'playing_glockenspiel', 'playing_piano', 'playing_tabla'),
    *('playing_ukulele', 'playing_violin', 'race_car', 'typing_on_computer_keyboard'),
)

# The 71 classes of AVSBench-semantic in the order of their indices, background first.
AVSS_CLASSES = (
    *('background', 'accordion', 'airplane', 'axe', 'baby', 'bassoon', 'bell', 'bird', 'boat'),
    *('boy', 'bus', 'car', 'cat', 'cello', 'clarinet', 'clipper', 'clock', 'dog', 'donkey'),
    *('drum', 'duck', 'elephant', 'emergency-car', 'erhu', 'flute', 'frying-food', 'girl'),
    *('goose', 'guitar', 'gun', 'guzheng', 'hair-dryer', 'handpan', 'harmonica', 'harp'),
    *('helicopter', 'hen', 'horse', 'keyboard', 'leopard', 'lion', 'man', 'marimba'),
    *('missile-rocket', 'motorcycle', 'mower', 'parrot', 'piano', 'pig', 'pipa', 'saw'),
    *('saxophone', 'sheep', 'sitar', 'sorna', 'squirrel', 'tabla', 'tank', 'tiger', 'tractor'),
    *('train', 'trombone', 'truck', 'trumpet', 'tuba', 'ukulele', 'utv', 'vacuum-cleaner'),
    *('violin', 'wolf', 'woman'),
)

# The 26 classes of AVISeg in the order of their ids, which count from 1.
AVISEG_CLASSES = (
    *('person', 'violin', 'guitar', 'cello', 'flute', 'piano', 'ukulele', 'accordion', 'guzheng'),
    *('clarinet', 'cat', 'car', 'saxophone', 'dog', 'lawn_mover', 'tuba', 'banjo', 'pipa'),
    *('bassoon', 'airplane', 'tree_harvester', 'trumpet', 'lion', 'bass', 'erhu', 'horse'),
)

# Id in the mask files of the 21 classes of VPO, in the order of their indices, which count from 1:
# those of COCO, and three for kinds of persons.
VPO_IDS = {
    'airplane': 5,
    'baby': 94,
    'bird': 16,
    'bus': 6,
    'car': 3,
    'cat': 17,
    'cell phone': 77,
    'cow': 21,
    'dog': 18,
    'elephant': 22,
    'female': 93,
    'horse': 19,
    'keyboard': 76,
    'male': 92,
    'motorcycle': 4,
    'mouse': 74,
    'sheep': 20,
    'skateboard': 41,
    'sports ball': 37,
    'tennis racket': 43,
    'zebra': 24,
}
IGNORED_LABEL = 255  # of pixels without ground truth


def voc_palette(num_classes: int) -> NDArray[np.uint8]:
    """Return the colors of Pascal VOC: the bits of the class index go to R, G and B in turn.

    Args:
        num_classes: Number of classes K, at most 256.

    Returns:
        RGB, shape (K, 3).

    >>> voc_palette(4).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    if not 0 < num_classes <= 256:
        raise ValueError(f'voc_palette: expected 1 to 256 classes, got num_classes={num_classes}')
    index = np.arange(num_classes)[:, None]
    colors = np.zeros((num_classes, 3), np.int64)
    for bit in range(8):
        colors |= (index >> (3 * bit + np.arange(3)) & 1) << (7 - bit)
    return colors.astype(np.uint8)


# Classes and colors of the data sets whose samples name one object by a sentence.
REFERRING_METAINFO: dict[str, Any] = {
    'classes': ('background', 'referred_object'),
    'palette': voc_palette(2).tolist(),
}


def voc_colors_to_classes(colors: NDArray[np.uint8], num_classes: int) -> NDArray[np.uint8]:
    """Return the class of each pixel by its color in the palette of Pascal VOC.

    Args:
        colors: RGB, shape (..., 3).
        num_classes: Number of classes; all colors but theirs become class 0.

    Returns:
        Class indices, shape (...).

    >>> voc_colors_to_classes(voc_palette(4)[[3, 0, 1]], 4)
    array([3, 0, 1], dtype=uint8)
    """
    red, green, blue = (colors[..., channel].astype(np.uint32) for channel in range(3))
    classes: NDArray[np.uint8] = _voc_table(num_classes)[red << 16 | green << 8 | blue]
    return classes


@cache
def _voc_table(num_classes: int) -> NDArray[np.uint8]:
    """Class of each of the 2**24 colors; pages of zeros take no memory until they are read."""
    table = np.zeros(1 << 24, np.uint8)
    red, green, blue = voc_palette(num_classes).astype(np.uint32).T
    table[red << 16 | green << 8 | blue] = np.arange(num_classes)
    return table


def vpo_ids_to_classes(ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the class index of each pixel of a mask file of VPO; 0 and 255 (ignored) stay.

    Raises:
        ValueError: An id is not one of VPO's classes.

    >>> vpo_ids_to_classes(np.array([3, 5, 0, 255], np.uint8)).tolist()
    [5, 1, 0, 255]
    """
    table = np.zeros(256, np.uint8)
    table[IGNORED_LABEL] = IGNORED_LABEL
    table[list(VPO_IDS.values())] = np.arange(1, len(VPO_IDS) + 1)
    classes = table[ids]
    unknown = np.unique(ids[(classes == 0) & (ids > 0)]).tolist()
    if unknown:
        raise ValueError(f'expected COCO ids of the classes of VPO, got {unknown}')
    return classes
