from pathlib import Path

import cv2
import numpy as np
import pytest

from avis.visualization.drawing import (
    COLORS,
    class_color,
    image_grid,
    overlay_masks,
    render_text,
    side_by_side,
    upscale,
    write_rgb_png,
)


def square_label(label: int = 1) -> np.ndarray:
    """One label map (1, 9, 9) with a square of 5 x 5 pixels in the middle."""
    labels = np.zeros((1, 9, 9), np.uint8)
    labels[:, 2:7, 2:7] = label
    return labels


def test_masks_are_tinted_inside_and_solid_at_the_outline() -> None:
    frames = np.full((1, 9, 9, 3), 100, np.uint8)
    drawn = overlay_masks(frames, square_label(), opacity=0.5)[0]
    color = np.array(COLORS[0])
    assert (drawn[3:6, 3:6] == np.rint((100 + color) / 2)).all()
    outline = np.ones((5, 5), bool)
    outline[1:4, 1:4] = False
    assert (drawn[2:7, 2:7][outline] == color).all()
    assert (drawn[square_label()[0] == 0] == 100).all()
    assert (frames == 100).all()


def test_image_border_is_not_an_outline() -> None:
    drawn = overlay_masks(np.zeros((1, 4, 4, 3), np.uint8), np.ones((1, 4, 4), int), opacity=0)
    assert not drawn.any()


def test_colors_come_from_the_palette_or_repeat() -> None:
    assert class_color(1) == class_color(1 + len(COLORS)) == COLORS[0]
    palette = [(0, 0, 0), (10, 20, 30), (1, 2, 3)]
    drawn = overlay_masks(np.zeros((1, 9, 9, 3), np.uint8), square_label(2), palette=palette)
    assert drawn[0, 2, 2].tolist() == [1, 2, 3]


def test_frames_and_labels_of_different_sizes_raise() -> None:
    with pytest.raises(ValueError, match=r'\(1, 2, 2, 3\) and labels \(1, 2, 3\)'):
        overlay_masks(np.zeros((1, 2, 2, 3), np.uint8), np.zeros((1, 2, 3), int))


def test_small_images_are_upscaled_by_an_integer_factor() -> None:
    labels = upscale(square_label(), 20, labels=True)
    assert labels.shape == (1, 27, 27)
    assert set(np.unique(labels)) == {0, 1}
    assert labels.sum() == 25 * 9
    frames = np.zeros((2, 30, 40, 3), np.uint8)
    assert upscale(frames, 20) is frames


def test_grid_contains_every_image_at_its_position() -> None:
    clip = [np.full((40, 60, 3), (value, 0, 0), np.uint8) for value in (10, 20, 30)]
    rows = {'frame': clip, 'ground truth': [None, *(image * 5 for image in clip[1:])]}
    grid = image_grid(rows, titles=['0 s', '1 s', '2 s'])
    positions = {}
    for value in (10, 20, 30, 100, 150):
        y, x = np.nonzero((grid == (value, 0, 0)).all(axis=2))
        assert len(y) == 40 * 60
        positions[value] = y.min(), x.min()
    assert (
        positions[10][0]
        == positions[20][0]
        == positions[30][0]
        < positions[100][0]
        == positions[150][0]
    )
    assert (
        positions[10][1]
        < positions[20][1]
        == positions[100][1]
        < positions[30][1]
        == positions[150][1]
    )
    # Names are left of the first column and titles above the first row, dark on white.
    top, left = positions[10]
    assert grid[:top, left:].min() < 100
    assert grid[top:, :left].min() < 100


def test_long_clips_continue_below() -> None:
    clip = [np.full((20, 20, 3), value, np.uint8) for value in (10, 20, 30)]
    wide, wrapped = image_grid({'a': clip}), image_grid({'a': clip}, columns=2)
    assert wrapped.shape[0] == 2 * wide.shape[0]
    assert wrapped.shape[1] == wide.shape[1] - 24
    assert ((wrapped == 30).all(axis=2)).sum() == 400


def test_legend_shows_each_color_and_wraps_lines() -> None:
    rows = {'frame': [np.zeros((30, 60, 3), np.uint8)]}
    legend = {f'class {k}': color for k, color in enumerate(COLORS)}
    plain, with_legend = image_grid(rows), image_grid(rows, legend=legend)
    below = with_legend[len(plain) :]
    assert with_legend.shape[1] == plain.shape[1]
    for color in COLORS:
        assert ((below == color).all(axis=2)).any()


def test_images_of_different_sizes_raise() -> None:
    with pytest.raises(ValueError, match=r'one size, got \[\(2, 2, 3\), \(3, 2, 3\)\]'):
        image_grid({'a': [np.zeros((2, 2, 3), np.uint8), np.zeros((3, 2, 3), np.uint8)]})
    with pytest.raises(ValueError, match='no image'):
        image_grid({'a': [None]})


def test_side_by_side_writes_a_name_above_each_image() -> None:
    left, right = np.full((40, 60, 3), 10, np.uint8), np.full((40, 60, 3), 20, np.uint8)
    image = side_by_side({'ground truth': left, 'prediction': right})
    (y1, x1), (y2, x2) = (np.argwhere((image == v).all(axis=2))[0] for v in (10, 20))
    assert y1 == y2 > 0
    assert x2 > x1 == 0
    assert image[:y1].min() < 100


def test_text_is_anti_aliased_and_cut_to_the_width() -> None:
    text = render_text('prediction', 16)
    assert len(np.unique(text)) > 10
    cut = render_text('prediction' * 9, 16, width=80)
    assert cut.shape == (len(text), 80, 3)
    assert (cut[:, -4:] == 255).all()


def test_write_rgb_png_keeps_channel_order_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    image[..., 0] = 200
    write_rgb_png(tmp_path / 'a.png', image)
    assert cv2.imread(str(tmp_path / 'a.png'))[0, 0].tolist() == [0, 0, 200]  # BGR
    assert [file.name for file in tmp_path.iterdir()] == ['a.png']
