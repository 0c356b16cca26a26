"""The recorded cases of the official AVTracker, see tests/data/golden/avtracker/README.md."""

import functools
import json
import math
import zipfile
from typing import Any

import numpy as np

from avis.avtracker.asr.segments import sample_range
from tests.helpers.golden import DATA


@functools.cache
def load(kind: str) -> dict[str, Any]:
    """All files of 'pipeline' or 'units' by name."""
    with zipfile.ZipFile(DATA / 'avtracker' / f'{kind}.zip') as archive:
        return {
            name.removesuffix('.json'): json.loads(archive.read(name))
            for name in archive.namelist()
        }


def differences(want: Any, got: Any, where: str = '', atol: float = 2e-6) -> list[str]:
    """Where two JSON values differ; numbers by more than ``atol``."""
    plain = (int, float)
    if isinstance(want, plain) and isinstance(got, plain) and type(want) is not bool:
        return [] if abs(want - got) <= atol else [f'{where}: {want} != {got}']
    if type(want) is not type(got):
        return [f'{where}: {want!r} != {got!r}']
    if isinstance(want, dict):
        if set(want) != set(got):
            return [f'{where}: keys {sorted(set(want) ^ set(got))} on one side only']
        return [line for key in want for line in differences(want[key], got[key], f'{where}/{key}')]
    if isinstance(want, list):
        if len(want) != len(got):
            return [f'{where}: {len(want)} entries != {len(got)}: {want} != {got}']
        pairs = enumerate(zip(want, got, strict=True))
        return [line for n, (a, b) in pairs for line in differences(a, b, f'{where}/{n}')]
    return [] if want == got else [f'{where}: {want!r} != {got!r}']


class RecordedSpeech:
    """The waveform and the speaker encoder of a case of ``compress``."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.samples = np.zeros(case['num_samples'], np.float32)
        for first, last, speaker in case['speaker_timeline']:
            self.samples[first:last] = (speaker + 1) / 64
        self.vectors = np.array(case['speaker_vectors'], float)
        self.min_samples = max(1, case['encoder_min_samples'])
        self.calls: list[dict[str, Any]] = []

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.samples) / 16000

    def similarity(self, one: Any, other: Any) -> float:
        """Cosine of two spans; records the call."""
        ranges = [
            sample_range(*span, samples=len(self.samples), sample_rate=16000)
            for span in (one, other)
        ]
        call: dict[str, Any] = {'a': list(ranges[0]), 'b': list(ranges[1]), 'value': None}
        self.calls.append(call)
        a, b = (self._embed(*span) for span in ranges)
        call['value'] = float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))
        return float(call['value'])

    def _embed(self, first: int, last: int) -> Any:
        if last - first < self.min_samples:
            raise ValueError('too short')
        speakers = np.round(64 * self.samples[first:last]).astype(int) - 1
        return self.vectors[speakers].mean(axis=0)
