"""Choose the frames of a clip, and pad short clips."""

from typing import Any, Literal, get_args

import numpy as np
from mmcv.transforms import BaseTransform
from numpy.typing import NDArray

from avis.datasets.transforms.clip import clip_name, frame_ids_of, loaded_frames, worker_random
from avis.registry import TRANSFORMS

SampleMode = Literal['all', 'first', 'uniform', 'window']


@TRANSFORMS.register_module()
class SampleFrames(BaseTransform):
    """Choose frames before anything is decoded; the loaders read only these.

    Reads ``length``. Writes ``frame_ids`` (T,). ``LoadAudio`` reads the audio of each chosen frame,
    so T frames always have T / fps seconds.

    Args:
        mode: 'all' frames; the 'first' n; n 'uniform' over the video (the centers of n equal
            parts); a 'window' of n consecutive frames at a random position.
        num_frames: n; a shorter video keeps all of its frames. Not used by 'all'.
    """

    def __init__(self, *, mode: SampleMode = 'all', num_frames: int | None = None) -> None:
        if mode not in get_args(SampleMode):
            raise ValueError(
                f'SampleFrames: mode must be one of {get_args(SampleMode)}, got {mode!r}'
            )
        if (num_frames is None) != (mode == 'all') or (num_frames is not None and num_frames < 1):
            raise ValueError(
                f"SampleFrames: expected no num_frames with mode='all', and a positive one with "
                f'every other mode, got mode={mode!r} and num_frames={num_frames!r}'
            )
        self.mode = mode
        self.num_frames = num_frames

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        _refuse_loaded(results, type(self).__name__)
        length = results['length']
        count = length if self.num_frames is None else min(self.num_frames, length)
        start = 0
        if self.mode == 'window':
            start = int(worker_random().randint(length - count + 1))
        frame_ids = start + np.arange(count)
        if self.mode == 'uniform':
            frame_ids = ((np.arange(count) + 0.5) * length / count).astype(np.int64)
        return {**results, 'frame_ids': frame_ids}


@TRANSFORMS.register_module()
class SampleAroundReference(BaseTransform):
    """Choose a random reference frame and others near it, as in the training of AVISM.

    Reads ``length``. Writes ``frame_ids`` (T,), ascending; a frame drawn twice is contained twice.

    A video of one frame, which stops the training of the authors with an error, is T times that
    frame here.

    Args:
        num_frames: T.
        max_distance: Greatest distance of a frame from the reference, in frames.
        replace: True: draw the other frames with replacement, but never the reference again.
            False: draw different frames; only if there are fewer than T, random ones are repeated.
    """

    def __init__(
        self, *, num_frames: int = 5, max_distance: int = 20, replace: bool = True
    ) -> None:
        if num_frames < 1 or max_distance < 0:
            raise ValueError(
                f'SampleAroundReference: expected num_frames > 0 and max_distance >= 0, got '
                f'{num_frames} and {max_distance}'
            )
        self.num_frames = num_frames
        self.max_distance = max_distance
        self.replace = replace

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        _refuse_loaded(results, type(self).__name__)
        length = results['length']
        reference, others = self.draw_frames(length)
        chosen = self.neighbors(reference, length)[others]
        return {**results, 'frame_ids': np.sort(np.append(chosen, reference))}

    def neighbors(self, reference: int, length: int) -> NDArray[np.int64]:
        """Return the frames that may be drawn, ascending, and the reference as the last one."""
        first = max(reference - self.max_distance, 0)
        near = np.arange(first, min(reference + self.max_distance + 1, length), dtype=np.int64)
        return np.append(near[near != reference], reference)

    def draw_frames(self, length: int) -> tuple[int, NDArray[np.int64]]:
        """Draw the reference, and T - 1 indices of its :meth:`neighbors`."""
        random = worker_random()
        reference = int(random.randint(length))
        others, near = self.num_frames - 1, len(self.neighbors(reference, length)) - 1
        if self.replace:
            return reference, random.choice(max(near, 1), others)
        if others <= near:
            return reference, random.choice(near, others, replace=False)
        return reference, np.append(np.arange(near), random.choice(near + 1, others - near))


@TRANSFORMS.register_module()
class PadFrames(BaseTransform):
    """Pad a clip to a fixed number of frames, so that clips of several lengths form a batch.

    Reads and writes ``frames`` and ``prior_images`` (black images, which ``AVDataPreprocessor``
    sets to zero after normalization), ``audio`` (silence for a waveform, zero rows for log-mel
    examples and features, as AVSS does), ``gt_sem_seg`` (class 0), dense ``gt_tracks`` (absent),
    ``labeled_frames`` (False) and ``frame_ids`` (-1). Writes ``valid_frames`` (T,) bool, False for
    padding.

    Args:
        num_frames: T of the result.
        pad_waveform: Append silence to a waveform. False leaves it as long as its file, so that
            :class:`~avis.models.audio_encoders.vggish.VGGish` with ``framing='clip_zeros'`` sees
            where the audio ends, as in AVSS.
    """

    def __init__(self, *, num_frames: int, pad_waveform: bool = True) -> None:
        self.num_frames = num_frames
        self.pad_waveform = pad_waveform

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """See the class docstring for the keys."""
        loaded_frames(results, 'PadFrames')
        frame_ids = frame_ids_of(results)
        missing = self.num_frames - len(frame_ids)
        if missing < 0:
            raise ValueError(
                f'{clip_name(results)}: PadFrames expected at most {self.num_frames} frames, got '
                f'{len(frame_ids)}. Choose frames with SampleFrames first, or raise num_frames.'
            )
        padded = dict(results)
        padded['frame_ids'] = np.append(frame_ids, np.full(missing, -1))
        padded['valid_frames'] = padded['frame_ids'] >= 0
        for key in {'frames', 'prior_images', 'gt_sem_seg', 'labeled_frames'} & set(results):
            padded[key] = _pad(results[key], missing)
        if 'gt_tracks' in results:
            tracks = dict(results['gt_tracks'])
            for key in {'masks', 'annotated'} & set(tracks):  # (N, T, H, W) and (N, T)
                rest = [(0, 0)] * (tracks[key].ndim - 2)
                tracks[key] = np.pad(tracks[key], [(0, 0), (0, missing), *rest])
            padded['gt_tracks'] = tracks
        audio = results.get('audio')
        if isinstance(audio, np.ndarray) and (audio.ndim > 1 or self.pad_waveform):
            rows = missing
            if audio.ndim == 1:
                rows = round(self.num_frames * results['sample_rate'] / results['fps']) - len(audio)
            padded['audio'] = _pad(audio, rows)
        return padded


def _refuse_loaded(results: dict[str, Any], name: str) -> None:
    """Raise ValueError if something is loaded already: frames are chosen before decoding."""
    loaded = sorted({'gt_sem_seg', 'gt_tracks'} & set(results))
    loaded += [key for key in ('frames', 'audio') if isinstance(results.get(key), np.ndarray)]
    if loaded:
        raise ValueError(
            f'{clip_name(results)}: {name} must come before the loaders in the pipeline, found '
            f'{loaded} loaded already'
        )


def _pad(values: np.ndarray, rows: int) -> np.ndarray:
    """Append zeros along the first axis."""
    return np.concatenate([values, np.zeros((rows, *values.shape[1:]), values.dtype)])
