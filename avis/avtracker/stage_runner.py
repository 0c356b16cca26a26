"""Runs a stage of a video, or reads the results that it returned before.

The stages themselves know nothing of files: :class:`StageRunner` wraps the function of a stage,
measures it, and stores its results while they come.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from avis.avtracker.cache import Journal, StageCache, digest, file_keys
from avis.avtracker.tracked_video import TrackedVideo
from avis.structures.media import FrameSource, Waveform

Stored = TypeVar('Stored')


@dataclass(frozen=True)
class StageSpec(Generic[Stored]):
    """How the results of a stage are stored.

    Args:
        name: speech, vision, local or global; part of file names and records.
        encode: A result as JSON-ready value.
        decode: The result from that value.
        relevant: The JSON-ready part of a result on which later stages depend.
        resumable: Results are stored one by one, and an interrupted stage goes on after the last.
    """

    name: str
    encode: Callable[[Stored], Any]
    decode: Callable[[Any], Stored]
    relevant: Callable[[Stored], Any] | None = None
    resumable: bool = False

    def is_row(self, value: Any) -> bool:
        """Whether a parsed line is one that this stage wrote."""
        try:
            encoded = self.encode(self.decode(value))
        except Exception:  # whatever foreign values cause
            return False
        return bool(json.loads(json.dumps(encoded)) == value)


@dataclass(frozen=True)
class StageRunner:
    """Wraps the stages of a tracker.

    Args:
        cache: Where results are stored; None stores nothing.
        settings: Settings of each stage, JSON-ready.
        protocol: Name of the strategy; part of every key.
    """

    cache: StageCache | None
    settings: Mapping[str, Any]
    protocol: str

    def run(
        self,
        stage: StageSpec[Stored],
        work: Callable[[], Iterable[Stored]],
        done: TrackedVideo,
        *,
        components: Mapping[str, Sequence[Any]],
        frames: FrameSource | None = None,
        audio: Waveform | None = None,
    ) -> Iterator[Stored]:
        """Yield the results of a stage: stored ones first, then those of ``work`` as they come.

        Args:
            stage: The stage.
            work: Returns the results that are not stored; called after the stored ones have been
                yielded, and not at all for a finished stage that is not resumable.
            done: The video; its profiler and digests are updated.
            components: The components on which the results depend, by stage.
            frames: The frames, if the results depend on them.
            audio: The audio, if the results depend on it.
        """
        with done.profiler.measure(stage.name) as entry:
            if self.cache is None:
                for result in work():
                    yield stage.decode(stage.encode(result))
                return
            path = self._path(self.cache, stage, done, components, frames, audio)
            total = hashlib.blake2b(digest_size=16)
            new = _encoded(stage, work)
            if stage.resumable:
                lines = _resume(self.cache.journal(path, stage.is_row), new, entry)
            else:
                lines = _load_or_save(self.cache, path, new, entry)
            for line in lines:
                result = stage.decode(json.loads(line))
                relevant = line if stage.relevant is None else json.dumps(stage.relevant(result))
                total.update(relevant.encode())
                yield result
            done.digests[stage.name] = total.hexdigest()

    def _path(
        self,
        cache: StageCache,
        stage: StageSpec[Stored],
        done: TrackedVideo,
        components: Mapping[str, Sequence[Any]],
        frames: FrameSource | None,
        audio: Waveform | None,
    ) -> Path:
        """File of the results, named by all settings and inputs on which they depend.

        That includes the results of the stages before: repeated on a GPU, they may differ.
        """
        parts = itertools.chain.from_iterable(components.values())
        files = [key for part in parts for key in file_keys(part, done.name)]
        before = {name: done.digests[name] for name in components if name in done.digests}
        inputs = [
            None if audio is None else audio_key(audio),
            None if frames is None else frames_key(frames),
            [done.fps, before] if before else None,
        ]
        settings = [self.settings[name] for name in components]
        return cache.path(done.name, stage.name, digest(settings, files, inputs, self.protocol))


def _encoded(stage: StageSpec[Stored], work: Callable[[], Iterable[Stored]]) -> Iterator[str]:
    """The results of a stage as lines of JSON; the work starts with the first one."""
    for result in work():
        yield json.dumps(stage.encode(result))


def _load_or_save(
    cache: StageCache, path: Path, new: Iterator[str], entry: dict[str, Any]
) -> Iterator[str]:
    known = cache.load(path)
    entry['cached'] = known is not None
    yield from cache.save(path, new) if known is None else known


def _resume(journal: Journal, new: Iterator[str], entry: dict[str, Any]) -> Iterator[str]:
    known = journal.lines()
    yield from known
    entry['cached'] = bool(known)
    for line in new:
        entry['cached'] = False
        journal.add(line)
        yield line


def audio_key(audio: Waveform) -> str:
    """Hash of the samples."""
    total = hashlib.blake2b(digest_size=16)
    for block in audio.blocks():
        total.update(np.ascontiguousarray(block.samples, np.float32).data)
    return f'{total.hexdigest()}@{audio.sample_rate}'


def frames_key(frames: FrameSource) -> str:
    """The source's own key, else the hash of all its pixels."""
    own = getattr(frames, 'content_key', None)
    if callable(own):
        return str(own())
    total = hashlib.blake2b(digest_size=16)
    for index in range(len(frames)):
        total.update(np.ascontiguousarray(frames[index]).data)
    return total.hexdigest()
