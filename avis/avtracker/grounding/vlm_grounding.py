"""The local stage by a vision-language model: which detection speaks in each frame of a window."""

import functools
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any

from avis.avtracker.boxes import iou, to_pixels
from avis.avtracker.cache import digest
from avis.avtracker.interfaces import (
    ChatModel,
    LocalAnswer,
    LocalQuery,
    Message,
    Reply,
    VideoContext,
)
from avis.avtracker.loading import build_part
from avis.avtracker.vlm.corrected_replies import rationale_of, read_boxes
from avis.avtracker.vlm.prompts.templates import fill, load_prompt
from avis.avtracker.vlm.queries import log_fallback, query_with_retries
from avis.avtracker.windows import row_of
from avis.registry import MODELS


@MODELS.register_module()
class VLMGrounding:
    """Ask a vision-language model for the box of the speaker, and match it with the detections.

    Args:
        model: The chat model, as config or built.
        prompt: Name or path of a prompt file; None for ``default_prompt``.
        iou_threshold: Least overlap of a box with its detection.
        bbox_scale: Value by which the model denotes the full width or height.
        max_new_tokens: Longest reply.
        retries: How often the query is repeated after an unreadable reply.
        vote: Assign a frame to the window's main object where that overlaps enough too, so that
            the mask does not jump between people standing close.
    """

    default_prompt = 'local'

    def __init__(
        self,
        *,
        model: ChatModel | dict[str, Any],
        prompt: str | None = None,
        iou_threshold: float = 0.3,
        bbox_scale: float = 1000,
        max_new_tokens: int = 2048,
        retries: int = 2,
        vote: bool = True,
    ) -> None:
        if not 0 <= iou_threshold <= 1 or bbox_scale <= 0:
            raise ValueError(
                f'VLMGrounding: expected iou_threshold from 0 to 1 and bbox_scale above 0, got '
                f'{iou_threshold} and {bbox_scale}'
            )
        # A prompt that cannot be filled is refused here, before any work.
        fill(load_prompt(prompt, 'local'), frames=1, max_frames=1, scale=bbox_scale)
        self.model: ChatModel = build_part(model, method='chat', where='VLMGrounding: model')
        self.prompt = prompt
        self.iou_threshold = iou_threshold
        self.bbox_scale = bbox_scale
        self.max_new_tokens = max_new_tokens
        self.retries = retries
        self.vote = vote

    def ground(self, video: VideoContext, queries: Iterable[LocalQuery]) -> Iterator[LocalAnswer]:
        """See :class:`~avis.avtracker.interfaces.Grounding`."""
        asked: deque[LocalQuery] = deque()

        def messages() -> Iterator[Message]:
            for query in queries:
                asked.append(query)
                yield self._message(video, query, attempt=0)

        for reply in self.model.chat(messages()):
            yield self._answer(video, asked.popleft(), reply)

    def content_key(self, name: str) -> str:
        """Changes with the text of the prompt."""
        return digest(self._template())

    def _template(self) -> str:
        return load_prompt(self.prompt, self.default_prompt)

    def _message(self, video: VideoContext, query: LocalQuery, *, attempt: int) -> Message:
        instructions = fill(
            self._template(),
            frames=len(query.frame_ids),
            max_frames=query.max_frames,
            scale=self.bbox_scale,
        )
        images = [video.frames[frame] for frame in query.frame_ids]
        return Message(
            parts=(instructions, f'Speech: {query.text}', *images),
            name=f'{video.name}/local/{query.window}',
            attempt=attempt,
            max_new_tokens=self.max_new_tokens,
        )

    def _answer(self, video: VideoContext, query: LocalQuery, first: Reply) -> LocalAnswer:
        def ask(attempt: int) -> Reply:
            if attempt == 0:
                return first
            message = self._message(video, query, attempt=attempt)
            return next(iter(self.model.chat([message])))

        frames = len(query.frame_ids)
        read = functools.partial(read_boxes, frames=frames)
        parsed = query_with_retries(ask, read, retries=self.retries)
        record = {**self._record(query, parsed.replies), 'faults': parsed.faults}
        counts = {'unusable_replies': len(parsed.faults)}
        if parsed.value is None:
            reason = log_fallback(f'{video.name}/local/{query.window}', parsed.faults, 'nobody')
            counts['windows_without_usable_reply'] = 1
            return LocalAnswer([None] * frames, reason, {**record, 'nobody': True}, counts)
        boxes, dropped = parsed.value
        rows, matching = self._match(video, query, boxes)
        record |= {'dropped': dropped, **matching}
        counts['boxes_dropped'] = sum(dropped.values())
        return LocalAnswer(rows, rationale_of(parsed.replies[-1].text or ''), record, counts)

    def _record(self, query: LocalQuery, replies: list[Reply]) -> dict[str, Any]:
        return {
            'speech': query.text,
            'frames': list(query.frame_ids),
            'max_new_tokens': self.max_new_tokens,
            'replies': [reply.to_record() for reply in replies],
        }

    def _match(
        self, video: VideoContext, query: LocalQuery, boxes: dict[int, list[float]]
    ) -> tuple[list[int | None], dict[str, Any]]:
        """Row per frame, and its overlaps for the record."""
        rows: list[int | None] = []
        boxes_px: dict[int, list[float]] = {}
        ious: dict[int, list[float]] = {}
        for index, frame in enumerate(query.frame_ids):
            found, box = video.found(frame), boxes.get(index, [0, 0, 0, 0])
            row = None
            if any(box) and len(found):
                boxes_px[frame] = self._pixels(box, video.frames.size)
                values = iou(boxes_px[frame], found.boxes)
                ious[frame] = [round(float(value), 6) for value in values]
                best = int(values.argmax())
                row = best if values[best] >= self.iou_threshold else None
            rows.append(row)
        voted = self._voted(video, query, rows, ious) if self.vote else rows
        changed = [
            frame
            for frame, row, old in zip(query.frame_ids, voted, rows, strict=True)
            if row != old
        ]
        return voted, {'boxes_px': boxes_px, 'ious': ious, 'voted_frames': changed}

    def _pixels(self, box: list[float], size: tuple[int, int]) -> list[float]:
        """Whole pixels; where rounding leaves no area, fractions of pixels."""
        cut = to_pixels(box, scale=self.bbox_scale, size=size)
        if cut[0] != cut[2] and cut[1] != cut[3]:
            return list(cut)
        height, width = size
        sides = (width, height, width, height)
        return [value / self.bbox_scale * side for value, side in zip(box, sides, strict=True)]

    def _voted(
        self,
        video: VideoContext,
        query: LocalQuery,
        rows: list[int | None],
        ious: dict[int, list[float]],
    ) -> list[int | None]:
        """The main object of the window in all frames in which it passes the threshold as well."""
        votes: Counter[int] = Counter()
        for frame, row in zip(query.frame_ids, rows, strict=True):
            if row is not None:
                votes[int(video.found(frame).ids[row])] += 1
        if not votes:
            return rows
        main = votes.most_common(1)[0][0]
        voted: list[int | None] = []
        for frame, row in zip(query.frame_ids, rows, strict=True):
            other = None if row is None else row_of(video.found(frame), main)
            fits = other is not None and ious[frame][other] >= self.iou_threshold
            voted.append(other if fits else row)
        return voted
