"""What is said at a time, as a band of text with the name of the speaker in their color."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from avis.structures.video_result import TrackResult, Utterance
from avis.visualization.text import draw_text, line_height, text_width, wrap_text

BACKGROUND = (22, 24, 28)
FOREGROUND = (236, 236, 236)
_UNKNOWN_SPEAKER = (160, 160, 160)
_LINES = 2


class Captions:
    """The captions of a video; each image has the same size.

    A text that does not fit is shown page by page, each for its share of the utterance.

    Args:
        utterances: What is said.
        tracks: The speakers, for their names.
        colors: RGB by id of a track.
        width: Width of the images in pixels.
        size: Font size.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        tracks: Sequence[TrackResult],
        colors: Mapping[int, Sequence[int]],
        *,
        width: int,
        size: int,
    ) -> None:
        self.utterances = sorted(utterances, key=lambda utterance: utterance.start)
        self.names = {track.id: track.name for track in tracks}
        self.colors = colors
        self.width, self.size, self.pad = width, size, max(size // 2, 4)
        self.line = line_height(size)
        self.height = _LINES * self.line + self.pad
        self._shown: tuple[tuple[int, int, int], ...] | None = None
        self._image = self._blank()

    def render(self, time: float) -> NDArray[np.uint8]:
        """Return the band at a time, (H, W, 3); do not change it."""
        active = [k for k, one in enumerate(self.utterances) if one.start <= time < one.end]
        active = active[-_LINES:]  # those that began last, if more speak than lines exist
        count = max(_LINES // len(active), 1) if active else 0
        shown = tuple((k, self._page(k, count, time), count) for k in active)
        if shown != self._shown:
            self._shown, self._image = shown, self._blank()
            for row, (k, page, lines) in enumerate(shown):
                self._draw(k, page, lines, self.pad // 2 + row * lines * self.line)
        return self._image

    def _blank(self) -> NDArray[np.uint8]:
        return np.full((self.height, self.width, 3), BACKGROUND, np.uint8)

    def _lines(self, index: int) -> tuple[str, int, list[str]]:
        """Name of the speaker, indent of the text behind it, and the lines of the text."""
        utterance = self.utterances[index]
        name = self.names.get(utterance.track_id or 0, '')
        indent = text_width(f'{name}  ', self.size) if name else 0
        if indent > self.width // 3:
            name = name[: max(len(name) * self.width // (3 * indent) - 1, 1)] + '…'
            indent = text_width(f'{name}  ', self.size)
        return (
            name,
            indent,
            wrap_text(utterance.text, self.size, self.width - indent - 2 * self.pad),
        )

    def _page(self, index: int, count: int, time: float) -> int:
        utterance = self.utterances[index]
        pages = -(-len(self._lines(index)[2]) // count)
        progress = (time - utterance.start) / (utterance.end - utterance.start)
        return min(int(progress * pages), max(pages - 1, 0))

    def _draw(self, index: int, page: int, count: int, top: int) -> None:
        name, indent, lines = self._lines(index)
        color = self.colors.get(self.utterances[index].track_id or 0, _UNKNOWN_SPEAKER)
        if name:
            draw_text(self._image, name, self.pad, top, size=self.size, color=color)
        for row, line in enumerate(lines[page * count : (page + 1) * count]):
            left = self.pad + indent
            height = top + row * self.line
            draw_text(self._image, line, left, height, size=self.size, color=FOREGROUND)
