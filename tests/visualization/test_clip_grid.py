"""Masks tint exactly their pixels; rows and columns stand where they should."""

import numpy as np
import pytest

from avis.visualization.clip_grid import COLORS, clip_grid, overlay_masks


def test_only_masked_pixels_are_tinted() -> None:
    frames = np.full((2, 2, 2, 3), 100, np.uint8)
    labels = np.zeros((2, 2, 2), int)
    labels[1, 0, 1] = 1
    labels[0, 1, 1] = len(COLORS) + 1  # colours repeat
    drawn = overlay_masks(frames, labels)
    tint = [(100 + channel) // 2 for channel in COLORS[0]]
    assert drawn[1, 0, 1].tolist() == tint
    assert drawn[0, 1, 1].tolist() == tint
    assert (drawn[labels == 0] == 100).all()
    assert (frames == 100).all()


def test_a_palette_gives_the_colours() -> None:
    frames = np.zeros((1, 1, 2, 3), np.uint8)
    drawn = overlay_masks(frames, np.array([[[0, 1]]]), palette=[(9, 9, 9), (20, 40, 60)])
    assert drawn[0, 0].tolist() == [[0, 0, 0], [10, 20, 30]]


def test_frames_and_labels_must_belong_together() -> None:
    with pytest.raises(ValueError, match=r'\(1, 2, 2, 3\) and labels \(2, 2, 2\)'):
        overlay_masks(np.zeros((1, 2, 2, 3), np.uint8), np.zeros((2, 2, 2), int))


def test_the_grid_has_a_row_per_name_and_a_column_per_frame() -> None:
    clip = np.stack([np.full((40, 60, 3), value, np.uint8) for value in (10, 20, 30)])
    grid = clip_grid({'input': clip, 'truth': clip + 100}, gap=4)
    assert grid.shape == (2 * 44, 3 * 64, 3)
    assert grid[30, 64 + 30].tolist() == [20] * 3
    assert grid[44 + 30, 2 * 64 + 30].tolist() == [130] * 3
    assert (grid[40:44] == 255).all()
    assert (grid[:20, :60] != 10).any()  # the name
    with pytest.raises(ValueError, match='clips of one shape'):
        clip_grid({'a': clip, 'b': clip[:1]})
