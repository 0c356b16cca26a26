"""The global stage by a vision-language model: which windows show the same person."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avis.avtracker.cache import digest
from avis.avtracker.interfaces import (
    ChatModel,
    GlobalAnswer,
    GroundedUtterance,
    Message,
    Reply,
    VideoContext,
)
from avis.avtracker.loading import build_part
from avis.avtracker.track_ids import group_by_objects, speaker_area, speaker_mask
from avis.avtracker.vlm.corrected_replies import rationale_of, read_persons
from avis.avtracker.vlm.prompts.templates import fill, load_prompt
from avis.avtracker.vlm.queries import log_fallback, query_with_retries
from avis.registry import MODELS
from avis.structures.media import ImageArray

_COLORS = {'red': (255, 0, 0), 'green': (0, 255, 0), 'yellow': (255, 255, 0)}


@MODELS.register_module()
class VLMIdentity:
    """Show a vision-language model one image per window and ask which persons are the same.

    The speaker is outlined in each image. An unreadable reply is requested again; then the object
    ids of the tracker are the fallback. Of a video with more than ``max_images`` windows each
    object is shown once, with its largest mask; of more objects than that, those that speak in most
    windows.

    Args:
        model: The chat model, as config or built.
        prompt: Name or path of a prompt file; None for ``default_prompt``.
        color: Color of the outline: red, green or yellow.
        max_new_tokens: Longest reply.
        retries: How often the query is repeated after an unreadable reply.
        max_images: Most images in one query.
    """

    default_prompt = 'global'

    def __init__(
        self,
        *,
        model: ChatModel | dict[str, Any],
        prompt: str | None = None,
        color: str = 'red',
        max_new_tokens: int = 2048,
        retries: int = 2,
        max_images: int = 100,
    ) -> None:
        if color not in _COLORS:
            raise ValueError(f'VLMIdentity: color must be one of {sorted(_COLORS)}, got {color!r}')
        # A prompt that cannot be filled is refused here, before any work.
        fill(load_prompt(prompt, 'global'), images=1, color=color)
        self.model: ChatModel = build_part(model, method='chat', where='VLMIdentity: model')
        self.prompt = prompt
        self.color = color
        self.max_new_tokens = max_new_tokens
        self.retries = retries
        self.max_images = max_images

    def group(self, video: VideoContext, utterances: Sequence[GroundedUtterance]) -> GlobalAnswer:
        """See :class:`~avis.avtracker.interfaces.IdentityAssociation`."""
        if len(utterances) <= self.max_images:
            return self._group_shown(video, utterances)
        return self._group_objects(video, utterances)

    def _group_shown(
        self, video: VideoContext, utterances: Sequence[GroundedUtterance]
    ) -> GlobalAnswer:
        parsed = query_with_retries(
            lambda attempt: self._ask(video, utterances, attempt=attempt),
            functools.partial(read_persons, count=len(utterances)),
            retries=self.retries,
        )
        record = {**self._record(utterances, parsed.replies), 'faults': parsed.faults}
        counts = {'unusable_replies': len(parsed.faults)}
        if parsed.value is None:
            reason = log_fallback(f'{video.name}/global', parsed.faults, 'by object ids')
            counts['grouped_by_object_ids'] = 1
            persons = group_by_objects(video, utterances)
            return GlobalAnswer(persons, reason, {**record, 'by_object_ids': True}, counts)
        persons, dropped = parsed.value
        counts['positions_dropped'] = sum(dropped.values())
        reason = rationale_of(parsed.replies[-1].text or '')
        return GlobalAnswer(persons, reason, {**record, 'dropped': dropped}, counts)

    def _group_objects(
        self, video: VideoContext, utterances: Sequence[GroundedUtterance]
    ) -> GlobalAnswer:
        """Ask about objects, each with its largest mask; of too many, those that speak most."""
        groups = sorted(group_by_objects(video, utterances).values(), key=len, reverse=True)
        groups = sorted(groups[: self.max_images])  # in order of appearance again
        shown = [max(group, key=lambda p: speaker_area(video, utterances[p])) for group in groups]
        answer = self._group_shown(video, [utterances[position] for position in shown])
        persons = {
            name: [position for index in indices for position in groups[index]]
            for name, indices in answer.persons.items()
        }
        return replace(answer, persons=persons)

    def content_key(self, name: str) -> str:
        """Changes with the text of the prompt."""
        return digest(self._template())

    def _template(self) -> str:
        return load_prompt(self.prompt, self.default_prompt)

    def _ask(
        self, video: VideoContext, utterances: Sequence[GroundedUtterance], *, attempt: int
    ) -> Reply:
        instructions = fill(self._template(), images=len(utterances), color=self.color)
        message = Message(
            parts=(instructions, *self._images(video, utterances)),
            name=f'{video.name}/global',
            attempt=attempt,
            max_new_tokens=self.max_new_tokens,
        )
        return next(iter(self.model.chat([message])))

    def _images(
        self, video: VideoContext, utterances: Sequence[GroundedUtterance]
    ) -> list[ImageArray]:
        return [self._outlined(video, utterance) for utterance in utterances]

    def _outlined(self, video: VideoContext, utterance: GroundedUtterance) -> ImageArray:
        mask = speaker_mask(video, utterance)
        image = video.frames[utterance.key_frame]
        return image if mask is None else outline(image, mask, _COLORS[self.color])

    def _record(
        self, utterances: Sequence[GroundedUtterance], replies: list[Reply]
    ) -> dict[str, Any]:
        return {
            'windows': [utterance.query.window for utterance in utterances],
            'key_frames': [utterance.key_frame for utterance in utterances],
            'max_new_tokens': self.max_new_tokens,
            'replies': [reply.to_record() for reply in replies],
        }


def outline(image: ImageArray, mask: NDArray[np.bool_], color: tuple[int, int, int]) -> ImageArray:
    """Copy of the image (H, W, 3) with a line around the mask (H, W), outside of it."""
    from scipy.ndimage import binary_dilation

    width = max(1, round(min(image.shape[:2]) / 240))
    ring = binary_dilation(mask, iterations=width) & ~mask
    marked = image.copy()
    marked[ring] = color
    return marked
