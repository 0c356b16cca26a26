"""Videos of any length, cut into windows that a data loader reads one after the other.

Start reading at :class:`WindowDataset`. :class:`VideoSampler` assigns whole videos to the processes
of a distributed run and keeps the windows of each video in order.
"""

import logging
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info
from mmengine.logging import print_log
from torch.utils.data import Dataset, Sampler

from avis.datasets.readers.errors import UNUSABLE_FILE
from avis.registry import DATASETS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.video_record import VideoRecord
from avis.structures.windows import WindowSpec, cut_windows
from avis.utils.shares import share_videos


@DATASETS.register_module()
class WindowDataset(Dataset):
    """The windows of the videos of a data set, video by video.

    Each item is the output of the pipeline of the data set for the frames of one window: only
    these are decoded, with their audio and ground truth. The metainfo of the data sample has
    ``window``, a :class:`~avis.structures.windows.WindowSpec`. With ``skip_broken`` of the data
    set, a window that cannot be read has ``broken=True`` and no inputs.

    Args:
        dataset: Data set of videos, an :class:`~avis.datasets.av_dataset.AVDataset`, or its config.
            Its pipeline must not choose frames.
        size: Number of frames of a window; None for whole videos.
        overlap: Number of frames that neighboring windows share, see
            :func:`~avis.structures.windows.cut_windows`.
        record_errors: An error of a window is not raised: the window has ``broken=True``, the
            traceback as ``failure``, and no inputs.

    Attributes:
        windows: The :class:`~avis.structures.windows.WindowSpec` of each item.
    """

    def __init__(
        self,
        *,
        dataset: Any,
        size: int | None = None,
        overlap: int = 0,
        record_errors: bool = False,
    ) -> None:
        self.record_errors = record_errors
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        self.dataset.full_init()
        self.windows = [
            WindowSpec(video, start, stop, length)
            for video, length in enumerate(self._lengths())
            for start, stop in cut_windows(length, size, overlap)
        ]

    def _lengths(self) -> list[int]:
        return [self.record(video)['length'] for video in range(self.num_videos)]

    @property
    def metainfo(self) -> dict[str, Any]:
        """Metadata of the data set."""
        metainfo: dict[str, Any] = self.dataset.metainfo
        return metainfo

    @property
    def num_videos(self) -> int:
        """Number of videos; each has at least one window."""
        return len(self.dataset)

    def record(self, video: int) -> VideoRecord:
        """Return the annotations of one video."""
        record: VideoRecord = self.dataset.get_data_info(video)
        return record

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        window = self.windows[index]
        record = self.record(window.video)
        frame_ids = np.arange(window.start, window.stop)
        try:
            item: dict[str, Any] = self.dataset.pipeline({**record, 'frame_ids': frame_ids})
        except Exception as error:
            if isinstance(error, UNUSABLE_FILE) and getattr(self.dataset, 'skip_broken', False):
                return _broken(record, window, error)
            if not self.record_errors:
                raise
            return _without_inputs(record, window, failure=traceback.format_exc())
        sample = item['data_samples']
        if not np.array_equal(sample.get('frame_ids', frame_ids), frame_ids):
            raise ValueError(
                f'{record["video_id"]!r}: the pipeline chose other frames than those of the window '
                f'{window.start} to {window.stop}. Remove SampleFrames and PadFrames from it.'
            )
        sample.set_metainfo({'window': window})
        return item


def _broken(record: VideoRecord, window: WindowSpec, error: Exception) -> dict[str, Any]:
    """Return an item without inputs for a window that cannot be read."""
    print_log(
        f'Video {record["video_id"]!r} is broken and skipped. {error}',
        logger='current',
        level=logging.WARNING,
    )
    return _without_inputs(record, window)


def _without_inputs(record: VideoRecord, window: WindowSpec, **more: str) -> dict[str, Any]:
    """Return an item whose window is not predicted."""
    names = {'video_id': record['video_id'], 'video_name': record['video_name']}
    sample = AVDataSample(metainfo={**names, 'window': window, 'broken': True, **more})
    return {'inputs': {}, 'data_samples': sample}


class VideoSampler(Sampler):
    """The windows of whole videos in order; all processes get about the same number of frames.

    Args:
        dataset: A :class:`WindowDataset`, or a wrapper that forwards its attributes.
        seed: Not used, because nothing is random; mmengine passes it to every sampler.
    """

    def __init__(self, dataset: Any, seed: int | None = None) -> None:
        rank, world_size = get_dist_info()
        windows = dataset.windows
        lengths = [window.length for window in windows if window.is_last]
        own = set(share_videos(lengths, world_size)[rank])
        self.indices = [index for index, window in enumerate(windows) if window.video in own]

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)
