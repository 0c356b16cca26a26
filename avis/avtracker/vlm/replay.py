"""A chat model that says what was recorded: to look into a run again, to test without weights."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from avis.avtracker.interfaces import Message, Reply
from avis.registry import MODELS
from avis.utils.file_names import safe_file_name


@MODELS.register_module()
class ReplayChat:
    """Answer each message by its name.

    Args:
        replies: Texts by the name of the message, ``<video>/local/<window>`` or
            ``<video>/global``, one per attempt (the last is repeated); or the folder of the
            records of an earlier run (``AVTracker(record_dir=...)``).

    A message without a recorded reply gets a ``Reply`` with an error.
    """

    def __init__(self, *, replies: Mapping[str, Sequence[str | None]] | str | Path) -> None:
        self.replies = replies

    def chat(self, messages: Iterable[Message]) -> Iterator[Reply]:
        """See :class:`~avis.avtracker.interfaces.ChatModel`."""
        for message in messages:
            yield self._reply(message)

    def _reply(self, message: Message) -> Reply:
        if isinstance(self.replies, Mapping):
            texts = self.replies.get(message.name, ())
        else:
            texts = _recorded(Path(self.replies), message.name)
        if not texts:
            return Reply(None, LookupError(f'no reply to {message.name} was recorded'))
        text = texts[min(message.attempt, len(texts) - 1)]
        error = None if text is not None else LookupError(f'{message.name} had no reply')
        return Reply(text, error, {'replayed': True})


def _recorded(folder: Path, name: str) -> list[Any]:
    """Replies in the record of a video."""
    video, _, place = name.partition('/local/')
    video = video.removesuffix('/global')
    path = folder / f'{safe_file_name(video)}.json'
    if not path.is_file():
        raise FileNotFoundError(f'ReplayChat: no record {path} of an earlier run')
    record = json.loads(path.read_text(encoding='utf-8'))
    if not place:
        entry = record['grouping'] or {}
    else:
        windows = record['windows']
        entry = windows[int(place)] if int(place) < len(windows) else {}
    return [reply['text'] for reply in entry.get('record', {}).get('replies', [])]
