"""Score random videos with the track metrics in a process group; not a test itself.

Run with ``python -m torch.distributed.run``; arguments: OUT True|False (round up).
"""

import json
import sys
from pathlib import Path

import torch
from mmengine.dataset import DefaultSampler
from mmengine.dist import barrier, get_rank, init_dist
from mmengine.evaluator import Evaluator

import avis  # noqa: F401  (lets mmengine start gloo without CUDA)
from avis.evaluation.metrics.track_metrics import AVISegMetric, AVTrackMetric, YouTubeVISMetric
from tests.helpers.track_samples import META, make_samples


def main(out: str, round_up: str) -> None:
    init_dist('pytorch', backend='gloo')
    samples = make_samples(7, disjoint=True)
    sampler = DefaultSampler(samples, shuffle=False, round_up=round_up == 'True')
    metrics = [
        AVISegMetric(out=f'{out}/aviseg.json'),
        AVISegMetric(protocol='corrected'),
        YouTubeVISMetric(out=f'{out}/youtube_vis.json'),
        AVTrackMetric(out=f'{out}/avtrack', protocol='corrected', with_jf=True),
    ]
    evaluator = Evaluator(metrics)
    evaluator.dataset_meta = META
    for index in sampler:
        evaluator.process([samples[index]])
    scores = evaluator.evaluate(len(samples))
    Path(f'{out}/{get_rank()}.json').write_text(json.dumps({'n': len(sampler), 'scores': scores}))
    barrier()
    torch.distributed.destroy_process_group()  # one process must not exit before the other is done


if __name__ == '__main__':
    main(*sys.argv[1:])
