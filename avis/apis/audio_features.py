"""Precompute the audio features of a data set: one VGGish embedding per frame."""

import functools
import io
import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from numpy.typing import NDArray
from rich.console import Console

from avis.datasets.mixed_dataset import parts_of_splits
from avis.datasets.readers.audio import audio_info, read_audio
from avis.datasets.readers.errors import BrokenDataError, broken_data_error
from avis.datasets.readers.tensors import read_features
from avis.models.audio_encoders.vggish import VGGish
from avis.models.audio_encoders.vggish_front_end import VGGishFrontEnd
from avis.registry import DATASETS
from avis.structures.video_record import VideoRecord
from avis.utils.atomic import write_atomic
from avis.utils.parallel import map_in_workers, show_progress

_CHUNK = 64  # seconds in memory at a time, whatever the length of a video


@dataclass
class FeatureReport:
    """Result of :func:`extract_audio_features`.

    Attributes:
        made: Paths of the files that were written.
        kept: Number of videos whose file existed and was complete.
        silent: Names of the videos without audio.
        problems: One line for each video that failed.
    """

    made: list[str] = field(default_factory=list)
    kept: int = 0
    silent: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Job:
    """One video: its audio file, its output file, and the number and rate of its frames."""

    audio: str
    out: str
    length: int
    fps: float


def extract_audio_features(
    cfg: Config,
    *,
    weights: str | Path,
    splits: Sequence[str] | None = None,
    processes: int = 1,
    overwrite: bool = False,
) -> FeatureReport:
    """Write the ``features`` files of the data sets of a config, as in the training of AVISM.

    Row k of a file is the embedding of the second that starts at frame k, at the sample rate of the
    audio file; a second with less than 0.975 s of audio is treated as missing. Files are written
    atomically, and complete ones are kept, so an interrupted run can be resumed.

    Args:
        cfg: A config with ``train_dataloader`` and so on.
        weights: Path of the weights of VGGish.
        splits: Some of 'train', 'val' and 'test'; defaults to all that the config has.
        processes: Number of videos at a time; each process loads the network, 0.3 GB.
        overwrite: Write all files again.

    Raises:
        FileNotFoundError: The weights or the data do not exist.
        ValueError: The config lacks a split, or its data set has no ``feature_dir``.

    Returns:
        The report; a failed video is among its problems and does not stop the others.
    """
    if not Path(weights).is_file():
        raise FileNotFoundError(
            f'{weights} does not exist. Download vggish-10086976.pth from '
            f'https://github.com/harritaylor/torchvggish/releases; it is read as it is.'
        )
    if processes < 1:
        raise ValueError(f'processes must be positive, got {processes}')
    report, jobs = FeatureReport(), []
    for part in parts_of_splits(cfg, splits).values():
        jobs += _jobs(_records(part), report, overwrite)
    if not jobs:
        return report
    threads = max((os.cpu_count() or 1) // processes, 1)
    done = map_in_workers(
        _make, jobs, processes=processes, start=_start, start_args=(str(weights), threads)
    )
    for path, problem in show_progress(done, 'Audio features', len(jobs), console=Console()):
        if problem:
            report.problems.append(problem)
        else:
            report.made.append(path)
    return report


def embed_seconds(
    path: str | Path,
    num_frames: int,
    fps: float,
    encoder: VGGish,
    *,
    start: float = 0.0,
    track: int | None = None,
) -> NDArray[np.float32]:
    """Compute the embeddings of the seconds that start at the frames of a video.

    Args:
        path: Path of an audio file, or of a container with audio.
        num_frames: Number of frames T.
        fps: Frames per second.
        encoder: VGGish with ``framing='per_second'``.
        start: Second of the file at which frame 0 is shown.
        track: Index among the audio streams of the file; None for its default track.

    Returns:
        Shape (T, 128).
    """
    rate = audio_info(path, track).sample_rate
    front_end = _front_end(rate)
    rows = []
    for first in range(0, num_frames, _CHUNK):
        frames = np.arange(first, min(first + _CHUNK, num_frames))
        starts = np.round(frames * rate / fps + start * rate).astype(np.int64)
        count = int(starts[-1] - starts[0]) + rate
        audio = read_audio(
            path, sample_rate=rate, start=int(starts[0]), num_samples=count, track=track
        )
        offsets = starts - starts[0]
        present = np.clip(len(audio) - offsets, 0, rate)
        padded = np.pad(audio, (0, count - len(audio)))
        seconds = np.stack([padded[offset : offset + rate] for offset in offsets])
        with torch.inference_mode():
            examples = front_end(torch.from_numpy(seconds), 1, torch.from_numpy(present))
            rows.append(encoder(examples, 1)[:, 0].numpy())  # (N, 1, 96, 64) to (N, 128)
    return np.concatenate(rows)


@functools.cache
def _front_end(rate: int) -> VGGishFrontEnd:
    """Return the front end; it resamples each second separately, as the authors did."""
    return VGGishFrontEnd(framing='per_second', sample_rate=rate)


def _records(cfg: Any) -> list[VideoRecord]:
    dataset = DATASETS.build({**cfg, 'pipeline': []})
    return [dataset.record(index) for index in range(len(dataset))]


def _jobs(records: list[VideoRecord], report: FeatureReport, overwrite: bool) -> list[_Job]:
    """Return the videos to process, and count the others in the report."""
    jobs = []
    for record in records:
        out = record.get('features')
        if out is None:
            raise ValueError(
                f'video {record["video_name"]!r}: expected a path of its features, got None; set '
                f'feature_dir of the data set'
            )
        if record['audio'] is None:
            report.silent.append(record['video_name'])
        elif not overwrite and _is_complete(out, record['length']):
            report.kept += 1
        else:
            jobs.append(_Job(record['audio'], out, record['length'], record['fps']))
    return jobs


def _is_complete(path: str, length: int) -> bool:
    try:
        return read_features(path).shape == (length, VGGish.out_channels)
    except (OSError, BrokenDataError):
        return False


_encoder: VGGish | None = None  # of this worker


def _start(weights: str, threads: int) -> None:
    global _encoder
    torch.set_num_threads(threads)
    _encoder = VGGish(weights=weights, framing='per_second')


def _make(job: _Job) -> tuple[str, str]:
    """Process one video; return the path of its features, and the problem or an empty string."""
    if _encoder is None:
        raise RuntimeError('expected _start to run before _make in each worker')
    try:
        rows = embed_seconds(job.audio, job.length, job.fps, _encoder)
        if not np.isfinite(rows).all():
            raise broken_data_error(job.audio, 'has NaN or infinite embeddings')
        buffer = io.BytesIO()
        np.save(buffer, rows)
        write_atomic(job.out, buffer.getvalue())
    except (BrokenDataError, OSError) as error:
        return job.out, str(error)
    except Exception:  # one video must not end the others
        return job.out, f'{job.audio}: {traceback.format_exc()}'
    return job.out, ''
