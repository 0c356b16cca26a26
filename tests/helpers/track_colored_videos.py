"""Track the videos of ``tracker_set``, alone or in a process group; not a test by itself.

Arguments: DATA OUT; uses the process group of ``torch.distributed.run`` if there is one.
"""

import json
import os
import sys
from pathlib import Path

import torch
from mmengine.dist import barrier, get_rank, init_dist

import avis  # noqa: F401  (lets mmengine start gloo without CUDA)
from avis.datasets.samplers.cost_sampler import CostSampler
from tests.helpers.tracker_set import Calls, ColoredVideos, make_tracker


def main(data: str, out: str) -> None:
    if 'RANK' in os.environ:
        init_dist('pytorch', backend='gloo')
    dataset = ColoredVideos(data_root=data)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    calls = Calls(folder / f'calls_{get_rank()}.txt')
    tracker = make_tracker(
        calls, cache_dir=str(folder / 'stages'), record_dir=str(folder / 'records')
    )
    names = []
    for index in CostSampler(dataset):
        name = dataset.get_data_info(index)['video_name']
        sample = tracker.test_step(dataset.batch(name))[0]
        tracks = [
            [None if rle is None else rle['counts'].decode() for rle in mask.rles]
            for mask in sample.pred_tracks.masks
        ]
        (folder / f'{name}.json').write_text(json.dumps(tracks))
        names.append(name)
    (folder / f'names_{get_rank()}.json').write_text(json.dumps(names))
    if 'RANK' in os.environ:
        barrier()
        torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(*sys.argv[1:])
