import cv2
import numpy as np

from avis.visualization.clips import DrawnClip
from avis.visualization.heat_maps import attention_grid, overlay_heat

FRAMES = np.full((2, 40, 60, 3), 100, np.uint8)


def heat_of(level: int) -> np.ndarray:
    color = cv2.applyColorMap(np.array([[level]], np.uint8), cv2.COLORMAP_INFERNO)[0, 0, ::-1]
    return np.rint(0.45 * 100 + 0.55 * color)


def test_colors_span_the_values_of_the_clip() -> None:
    maps = np.zeros((2, 4, 6), np.float32)
    maps[0, :2, :3], maps[1] = -5, 5
    drawn = overlay_heat(FRAMES, maps)
    np.testing.assert_array_equal(drawn[0, 2, 2], heat_of(0))
    np.testing.assert_array_equal(drawn[0, -2, -2], heat_of(127))
    np.testing.assert_array_equal(drawn[1], np.broadcast_to(heat_of(255), (40, 60, 3)))
    constant = overlay_heat(FRAMES, np.ones((2, 4, 6), np.float32))
    np.testing.assert_array_equal(constant[1, 3, 3], heat_of(0))


def test_padding_of_the_input_is_cut_off() -> None:
    maps = np.zeros((2, 4, 6), np.float32)
    maps[:, :, 3:] = 9  # of padding
    drawn = overlay_heat(FRAMES, maps, (1.0, 0.4))
    np.testing.assert_array_equal(drawn, np.broadcast_to(heat_of(0), FRAMES.shape))


def test_figure_has_a_row_per_block() -> None:
    clip = DrawnClip(FRAMES, {}, ['0 s', '1 s'])
    maps = {
        f'fusions.{level}': np.eye(8, dtype=np.float32)[None].repeat(2, 0) for level in range(3)
    }
    assert attention_grid(clip, maps).shape[0] > 4 * 40
