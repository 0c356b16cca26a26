"""A chat model that repeats recorded replies, to inspect a run or to test without weights."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from avis.avtracker.interfaces import Message, Reply
from avis.registry import MODELS
from avis.utils.file_names import safe_file_name


@MODELS.register_module()
class ReplayVLM:
    """Answers each message with the reply recorded under its name.

    A message without a recorded reply gets a ``Reply`` with an error.

    Args:
        replies: Texts by the name of the message, ``<video>/local/<window>`` or
            ``<video>/global``, one per attempt (the last is repeated); or the folder of the
            records of an earlier run (``AVTracker(record_dir=...)``).
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
            texts = _read_replies(Path(self.replies), message.name)
        if not texts:
            return Reply(None, LookupError(f'no reply to {message.name} was recorded'))
        text = texts[min(message.attempt, len(texts) - 1)]
        error = None if text is not None else LookupError(f'{message.name} had no reply')
        return Reply(text, error, {'replayed': True})


def _read_replies(folder: Path, name: str) -> list[Any]:
    """The replies to one message in the record of its video."""
    video, _, window = name.partition('/local/')
    video = video.removesuffix('/global')
    path = folder / f'{safe_file_name(video)}.json'
    if not path.is_file():
        raise FileNotFoundError(f'ReplayVLM: {path} does not exist; set replies to the record_dir')
    record = json.loads(path.read_text(encoding='utf-8'))
    if not window:
        entry = record['grouping'] or {}
    else:
        windows = record['windows']
        entry = windows[int(window)] if int(window) < len(windows) else {}
    return [reply['text'] for reply in entry.get('record', {}).get('replies', [])]
