"""Audio of a clip: read it for the chosen frames, or mute it."""

from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.readers.audio import NoAudioError, Resampling, audio_info, read_audio
from avis.datasets.readers.errors import broken_data_error
from avis.datasets.readers.tensors import read_features, read_log_mel
from avis.datasets.transforms.clip import clip_name, frame_ids_of, loaded_audio, refuse_loaded
from avis.registry import TRANSFORMS
from avis.structures.media_time import frame_time, num_samples

_SILENT_LOG_MEL = float(np.log(0.01))  # VGGish takes log(mel + 0.01)


@TRANSFORMS.register_module()
class LoadAudio(BaseTransform):
    """Read the audio of the chosen frames: that of frame k lasts from k / fps to (k + 1) / fps.

    Reads ``audio`` (a path), ``audio_track`` or ``features``, ``frame_ids``, ``fps`` and ``start``,
    the second of the file at which the audio of frame 0 starts, 0 if missing. Writes
    ``audio`` (an array) and ``sample_rate``. An audio or video file is read as a waveform float32
    (S,), mono, resampled, with S = T / fps * sample_rate; a ``.pkl`` as log-mel examples
    (T, 96, 64); ``features`` as rows (T, D).

    Args:
        sample_rate: Samples per second of the waveform.
        source: 'audio', or 'features' for precomputed rows.
        max_padding: Seconds of silence that may be appended if the audio ends before the last
            frame, because encoders drop some samples. A file that needs more is broken. None
            appends nothing, however much is missing: S is smaller, and
            :class:`~avis.models.audio_encoders.vggish.VGGish` fills the missing examples.
        resampling: Filter for files of other sample rates, see
            :func:`~avis.datasets.readers.audio.read_audio`; AVSBench used 'kaiser_best'.
        missing: For a video without audio: 'error' raises, 'silence' returns zeros as waveform or
            features.
        feature_width: D of the zeros for a video without features.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 16000,
        source: Literal['audio', 'features'] = 'audio',
        max_padding: float | None = 0.1,
        resampling: Resampling = 'hann',
        missing: Literal['error', 'silence'] = 'error',
        feature_width: int = 128,
    ) -> None:
        for name, value, known in (
            ('source', source, ('audio', 'features')),
            ('missing', missing, ('error', 'silence')),
            ('resampling', resampling, get_args(Resampling)),
        ):
            if value not in known:
                raise ValueError(f'LoadAudio: {name} must be one of {known}, got {value!r}')
        self.sample_rate = sample_rate
        self.source = source
        self.max_padding = max_padding
        self.resampling = resampling
        self.missing = missing
        self.feature_width = feature_width

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        refuse_loaded(results, 'audio', 'LoadAudio')
        frame_ids, path = frame_ids_of(results), results.get(self.source)
        if self.source == 'features':
            audio = self._rows(results, path, read_features, frame_ids)
        elif path is not None and path.endswith('.pkl'):
            audio = self._rows(results, path, read_log_mel, frame_ids)
        else:
            audio = self._waveform(results, path, frame_ids)
        return {**results, 'audio': audio, 'sample_rate': self.sample_rate}

    def _rows(
        self, results: dict[str, Any], path: str | None, read: Any, frame_ids: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Read one row of precomputed audio per frame."""
        if path is None:
            if self.missing == 'silence':
                return np.zeros((len(frame_ids), self.feature_width), np.float32)
            raise ValueError(
                f'{clip_name(results)} has no precomputed features, but LoadAudio has '
                f"source='features'. Set source='audio', or feature_dir of the data set."
            )
        if self.source == 'features' and not Path(path).is_file():
            raise FileNotFoundError(
                f'{path} does not exist. Create it with tools/dataset_tools/'
                f"extract_audio_features.py, or set source='audio' of LoadAudio."
            )
        rows: NDArray[np.float32] = read(path)
        length = results['length']
        # Features have one row per frame of the video; log-mel files may have more.
        if len(rows) < length or (self.source == 'features' and len(rows) != length):
            raise broken_data_error(
                path, f'has {len(rows)} rows of audio for a clip of {length} frames'
            )
        return rows[frame_ids]

    def _waveform(
        self, results: dict[str, Any], path: str | None, frame_ids: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Read each run of consecutive frames at once and concatenate them, shape (S,)."""
        try:
            if path is None:
                raise NoAudioError(
                    f"{clip_name(results)} has no audio file. LoadAudio(missing='silence') uses "
                    f'silence instead.'
                )
            breaks = np.flatnonzero(np.diff(frame_ids) != 1) + 1
            edges = [0, *breaks.tolist(), len(frame_ids)]
            runs = [frame_ids[a:b] for a, b in pairwise(edges)]
            parts = [self._read_run(results, path, run, last=run is runs[-1]) for run in runs]
            return np.concatenate(parts)
        except NoAudioError:
            if self.missing == 'error':
                raise
            return np.zeros(
                num_samples(len(frame_ids), results['fps'], self.sample_rate), np.float32
            )

    def _read_run(
        self, results: dict[str, Any], path: str, run: NDArray[np.int64], *, last: bool
    ) -> NDArray[np.float32]:
        """Read the audio of the frames ``run[0]`` to ``run[-1]``."""
        fps, rate = results['fps'], self.sample_rate
        start, count = num_samples(int(run[0]), fps, rate), num_samples(len(run), fps, rate)
        start += round(results.get('start', 0.0) * rate)
        track = results.get('audio_track')
        audio = read_audio(
            path,
            sample_rate=rate,
            start=start,
            num_samples=count,
            resampling=self.resampling,
            track=track,
        )
        missing = max(count - len(audio), 0)
        if self.max_padding is None:
            # Runs before the last one keep in step with their frames.
            missing = 0 if last else missing
        elif missing > self.max_padding * self.sample_rate:
            clip_seconds = frame_time(results['length'], fps)
            seconds = audio_info(path, track).seconds
            raise broken_data_error(
                path,
                f'lasts {seconds:.2f} s, but the clip of {results["length"]} '
                f'frames lasts {clip_seconds:.2f} s',
                f'Fetch the file again, or raise LoadAudio.max_padding ({self.max_padding} s) to '
                f'append silence.',
            )
        return np.pad(audio, (0, missing))


@TRANSFORMS.register_module()
class MuteAudio(BaseTransform):
    """Replace the audio by silence, to measure how a model performs without audio.

    Reads and writes ``audio``: zeros for a waveform (S,), log(0.01) for log-mel examples
    (T, 96, 64).

    Args:
        features: What to do with features (T, D), because those of silence are unknown here:
            'zeros' replaces them by zeros, 'error' raises.
    """

    def __init__(self, *, features: Literal['error', 'zeros'] = 'error') -> None:
        if features not in ('error', 'zeros'):
            raise ValueError(f"MuteAudio: features must be 'error' or 'zeros', got {features!r}")
        self.features = features

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        audio = loaded_audio(results, 'MuteAudio')
        if audio.ndim == 2 and self.features == 'error':
            raise ValueError(
                f'{clip_name(results)}: MuteAudio cannot know the features of silence. Load a '
                f"waveform or log-mel examples with LoadAudio(source='audio'), or set "
                f"MuteAudio(features='zeros')."
            )
        silence = _SILENT_LOG_MEL if audio.ndim == 3 else 0
        return {**results, 'audio': np.full_like(audio, silence)}
