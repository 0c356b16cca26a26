"""The local stage by a vision-language model: which detection speaks in each frame of a window."""

import functools
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any

from avis.avtracker.boxes import iou, official_match, to_pixels
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
from avis.avtracker.official.replies import boxes_of_window, parse_reply
from avis.avtracker.vlm.corrected_replies import rationale_of, read_boxes
from avis.avtracker.vlm.prompts.templates import fill, load_prompt
from avis.avtracker.vlm.queries import log_fallback, query_with_retries
from avis.avtracker.windows import official_entries, row_of
from avis.registry import MODELS


@MODELS.register_module()
class VLMGrounding:
    """Ask a vision-language model for the speaker's box, take the detection that it hits.

    Args:
        model: The chat model, as config or built.
        prompt: Name or path of a prompt file; None for our own words.
        iou_threshold: Least overlap of a box with its detection (corrected protocol).
        bbox_scale: What the model calls the full width or height.
        max_new_tokens: Longest reply.
        retries: How often an unreadable reply is asked for again (corrected protocol).
        vote: Give a frame to the window's main object where that overlaps enough too, so that
            the mask does not jump between people standing close (corrected protocol).
    """

    protocol = 'corrected'
    max_frames = 30  # most frames in one question, as the prompt tells; AVTracker sets both

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
                f'VLMGrounding: iou_threshold is 0 to 1 and bbox_scale above 0, got '
                f'{iou_threshold} and {bbox_scale}'
            )
        fill(
            load_prompt(prompt, 'local'), frames=1, max_frames=1, scale=bbox_scale
        )  # that it can be
        self.model: ChatModel = build_part(model, method='chat', where='VLMGrounding: model')
        self.prompt = prompt
        self.iou_threshold = iou_threshold
        self.bbox_scale = bbox_scale
        self.max_new_tokens = max_new_tokens
        self.retries = retries
        self.vote = vote

    def ground(self, video: VideoContext, questions: Iterable[LocalQuery]) -> Iterator[LocalAnswer]:
        """See :class:`~avis.avtracker.interfaces.Grounding`.

        Raises:
            Exception: With the official protocol whatever an odd reply leads to (D40).
        """
        asked: deque[LocalQuery] = deque()

        def messages() -> Iterator[Message]:
            for question in questions:
                asked.append(question)
                yield self._message(video, question, attempt=0)

        answer = self._official if self.protocol == 'official' else self._corrected
        for reply in self.model.chat(messages()):
            yield answer(video, asked.popleft(), reply)

    def content_key(self, name: str) -> str:
        """Changes with the words of the prompt."""
        return digest(self._template())

    def _template(self) -> str:
        return load_prompt(
            self.prompt, 'local_official' if self.protocol == 'official' else 'local'
        )

    def _message(self, video: VideoContext, question: LocalQuery, *, attempt: int) -> Message:
        instructions = fill(
            self._template(),
            frames=len(question.frame_ids),
            max_frames=self.max_frames,
            scale=self.bbox_scale,
        )
        images = [video.frames[frame] for frame in question.frame_ids]
        return Message(
            parts=(instructions, f'Speech: {question.text}', *images),
            name=f'{video.name}/local/{question.window}',
            attempt=attempt,
            max_new_tokens=self.max_new_tokens,
        )

    def _official(self, video: VideoContext, question: LocalQuery, reply: Reply) -> LocalAnswer:
        """One malformed reply, or a window without frames, ends the video."""
        if reply.error is not None:
            raise reply.error
        parsed = parse_reply(reply.text)
        boxes = boxes_of_window(parsed, len(question.frame_ids))
        if not question.frame_ids:
            raise IndexError(f'window {question.window} has no frame (D33)')
        pixels = [to_pixels(b, scale=self.bbox_scale, size=video.frames.size) for b in boxes]
        entries = official_entries(video)
        rows, boxes_px, ious = [], {}, {}
        for frame, box in zip(question.frame_ids, pixels, strict=True):
            number, found = entries[frame] if any(box) else (frame, None)
            row, values = (None, []) if found is None else official_match(box, found.boxes)
            rows.append(row)
            if values:
                boxes_px[number], ious[number] = box, [round(value, 6) for value in values]
        record = {
            **self._record(question, [reply]),
            'parsed': parsed,
            'boxes_px': boxes_px,
            'ious': ious,
        }
        return LocalAnswer(rows, str(parsed['rationale']), record)

    def _corrected(self, video: VideoContext, question: LocalQuery, first: Reply) -> LocalAnswer:
        def ask(attempt: int) -> Reply:
            if attempt == 0:
                return first
            message = self._message(video, question, attempt=attempt)
            return next(iter(self.model.chat([message])))

        frames = len(question.frame_ids)
        read = functools.partial(read_boxes, frames=frames)
        asked = query_with_retries(ask, read, retries=self.retries)
        record = {**self._record(question, asked.replies), 'faults': asked.faults}
        counts = {'unusable_replies': len(asked.faults)}
        if asked.value is None:
            reason = log_fallback(f'{video.name}/local/{question.window}', asked.faults, 'nobody')
            counts['windows_without_usable_reply'] = 1
            return LocalAnswer([None] * frames, reason, {**record, 'nobody': True}, counts)
        boxes, dropped = asked.value
        rows, matching = self._match(video, question, boxes)
        record |= {'dropped': dropped, **matching}
        counts['boxes_dropped'] = sum(dropped.values())
        return LocalAnswer(rows, rationale_of(asked.replies[-1].text or ''), record, counts)

    def _record(self, question: LocalQuery, replies: list[Reply]) -> dict[str, Any]:
        return {
            'speech': question.text,
            'frames': list(question.frame_ids),
            'max_new_tokens': self.max_new_tokens,
            'replies': [reply.to_record() for reply in replies],
        }

    def _match(
        self, video: VideoContext, question: LocalQuery, boxes: dict[int, list[float]]
    ) -> tuple[list[int | None], dict[str, Any]]:
        """Row per frame, and how it came about."""
        rows: list[int | None] = []
        boxes_px: dict[int, list[float]] = {}
        ious: dict[int, list[float]] = {}
        for place, frame in enumerate(question.frame_ids):
            found, box = video.found(frame), boxes.get(place, [0, 0, 0, 0])
            row = None
            if any(box) and len(found):
                boxes_px[frame] = self._pixels(box, video.frames.size)
                values = iou(boxes_px[frame], found.boxes)
                ious[frame] = [round(float(value), 6) for value in values]
                best = int(values.argmax())
                row = best if values[best] >= self.iou_threshold else None
            rows.append(row)
        voted = self._voted(video, question, rows, ious) if self.vote else rows
        changed = [
            frame
            for frame, row, old in zip(question.frame_ids, voted, rows, strict=True)
            if row != old
        ]
        return voted, {'boxes_px': boxes_px, 'ious': ious, 'voted_frames': changed}

    def _pixels(self, box: list[float], size: tuple[int, int]) -> list[float]:
        """Whole pixels as released; where cutting leaves no area (D39), fractions."""
        cut = to_pixels(box, scale=self.bbox_scale, size=size)
        if cut[0] != cut[2] and cut[1] != cut[3]:
            return list(cut)
        height, width = size
        sides = (width, height, width, height)
        return [value / self.bbox_scale * side for value, side in zip(box, sides, strict=True)]

    def _voted(
        self,
        video: VideoContext,
        question: LocalQuery,
        rows: list[int | None],
        ious: dict[int, list[float]],
    ) -> list[int | None]:
        """The main object of the window wherever it passes the threshold as well."""
        votes: Counter[int] = Counter()
        for frame, row in zip(question.frame_ids, rows, strict=True):
            if row is not None:
                votes[int(video.found(frame).ids[row])] += 1
        if not votes:
            return rows
        main = votes.most_common(1)[0][0]
        voted: list[int | None] = []
        for frame, row in zip(question.frame_ids, rows, strict=True):
            other = None if row is None else row_of(video.found(frame), main)
            fits = other is not None and ious[frame][other] >= self.iou_threshold
            voted.append(other if fits else row)
        return voted
