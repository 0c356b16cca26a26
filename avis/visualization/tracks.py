"""Draw instances on frames: each identity has one color in the whole video."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from avis.structures.masks import mask_box
from avis.visualization.colors import identity_color, text_color
from avis.visualization.drawing import Image
from avis.visualization.label_placement import Box, LabelPlacer, head_region
from avis.visualization.text import draw_text, fit_text, line_height, text_width

TrackStyle: TypeAlias = Literal['mask', 'outline', 'box']

_SILENT_LABEL = (45, 48, 54)


def draw_tracks(
    frame: Image,
    masks: Mapping[int, NDArray[np.bool_]],
    labels: Mapping[int, str] | None = None,
    *,
    colors: Mapping[int, Sequence[int]] | None = None,
    silent: Collection[int] = (),
    style: TrackStyle = 'mask',
    opacity: float = 0.2,
    placer: LabelPlacer | None = None,
) -> Image:
    """Draw the instances of one frame, and a label at each that covers no face.

    Sounding instances have a bold outline, a tint and a label in their color; silent ones only a
    thin outline and a dark label.

    Args:
        frame: RGB, shape (H, W, 3).
        masks: Mask (H, W) by identity; blank masks are not drawn.
        labels: Text by identity; None draws no text.
        colors: RGB by identity; None for :func:`~avis.visualization.colors.identity_color`.
        silent: Identities that are visible and make no sound.
        style: ``'mask'`` tints the mask inside its outline, ``'outline'`` does not, ``'box'`` draws
            the box around the mask.
        opacity: Share of the color inside the outline, 0 to 1.
        placer: Places the labels of all frames of a video, so that they move little.

    Returns:
        A new frame.

    Raises:
        ValueError: A mask has another size than the frame.
    """
    drawn, heads = frame.copy(), {}
    colors = colors or {key: identity_color(key) for key in masks}
    # Those that sound come last, over the others.
    for key in sorted(masks, key=lambda key: key not in silent):
        mask = masks[key]
        if mask.shape != frame.shape[:2]:
            raise ValueError(
                f'identity {key}: expected a mask of {frame.shape[:2]}, got {mask.shape}'
            )
        if mask.any():
            heads[key] = head_region(mask)
            sounds = key not in silent
            if style == 'mask' and sounds:
                _tint(drawn, mask, colors[key], opacity)
            _outline(drawn, mask, colors[key], box=style == 'box', bold=sounds)
    if labels:
        _draw_labels(drawn, labels, heads, colors, silent, placer or LabelPlacer())
    return drawn


def check_track_style(style: str, opacity: float) -> None:
    """Check options of :func:`draw_tracks`.

    Raises:
        ValueError: The style is unknown, or the opacity is not from 0 to 1.
    """
    if style not in get_args(TrackStyle):
        raise ValueError(f'expected style as one of {get_args(TrackStyle)}, got {style!r}')
    if not 0 <= opacity <= 1:
        raise ValueError(f'expected an opacity from 0 to 1, got {opacity}')


def _tint(frame: Image, mask: NDArray[np.bool_], color: Sequence[int], opacity: float) -> None:
    left, top, right, bottom = mask_box(mask)
    part, inside = (
        frame[top : bottom + 1, left : right + 1],
        mask[top : bottom + 1, left : right + 1],
    )
    part[inside] = np.rint((1 - opacity) * part[inside] + opacity * np.array(color))


def _outline(
    frame: Image, mask: NDArray[np.bool_], color: Sequence[int], *, box: bool, bold: bool
) -> None:
    """Draw the outline of a mask, or of its box, with a dark edge unless it is one pixel wide."""
    short = min(mask.shape)
    width = max(round(short / (150 if bold else 400)), 1)
    line = cv2.LINE_8 if width == 1 else cv2.LINE_AA
    if box:
        left, top, right, bottom = mask_box(mask)
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        outlines: Sequence[Any] = [np.array(corners, np.int32)[:, None]]
    else:
        binary = mask.astype(np.uint8)
        outlines, _ = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if width > 1:
        cv2.drawContours(frame, outlines, -1, (0, 0, 0), width + 2, line)
    cv2.drawContours(frame, outlines, -1, tuple(map(int, color)), width, line)


def _draw_labels(
    frame: Image,
    labels: Mapping[int, str],
    heads: Mapping[int, Box],
    colors: Mapping[int, Sequence[int]],
    silent: Collection[int],
    placer: LabelPlacer,
) -> None:
    """Write the labels of the instances; those that sound get their place first."""
    height, width = frame.shape[:2]
    size = label_size(height, width)
    pad = max(size // 4, 2)
    keys = sorted((key for key in heads if labels.get(key)), key=lambda key: key in silent)
    texts = {key: fit_text(labels[key], size, width - 2 * pad) for key in keys}
    box_height = line_height(size) + 2 * (pad // 2)
    sizes = {key: (text_width(text, size) + 2 * pad, box_height) for key, text in texts.items()}
    for key, (left, top) in placer.place(sizes, heads, (height, width)).items():
        back = _SILENT_LABEL if key in silent else colors[key]
        cv2.rectangle(
            frame,
            (left, top),
            (left + sizes[key][0] - 1, top + box_height - 1),
            tuple(map(int, back)),
            cv2.FILLED,
        )
        if key in silent:  # its color is a bar at the left
            frame[max(top, 0) : top + box_height, left : left + max(pad // 2, 2)] = colors[key]
        draw_text(frame, texts[key], left + pad, top + pad // 2, size=size, color=text_color(back))


def label_size(height: int, width: int) -> int:
    """Font size of labels in a frame."""
    return int(np.clip(round((height * width) ** 0.5 / 30), 11, 40))
