"""Score stored data samples with both metrics in a process group; not a test itself.

Run with ``python -m torch.distributed.run``; arguments: SAMPLES.pt OUT.json True|False (round up).
"""

import json
import sys
from pathlib import Path

import torch
from mmengine.dataset import DefaultSampler
from mmengine.dist import barrier, get_rank, init_dist
from mmengine.evaluator import Evaluator

import avis  # noqa: F401  (lets mmengine start gloo without CUDA)
from avis.evaluation.metrics.avs_metric import AVSMetric
from avis.evaluation.metrics.avss_metric import AVSSMetric


def main(samples_file: str, out_file: str, round_up: str) -> None:
    init_dist('pytorch', backend='gloo')
    samples = torch.load(samples_file, weights_only=True)
    sampler = DefaultSampler(samples, shuffle=False, round_up=round_up == 'True')
    metrics = [
        metric(protocol=protocol)
        for metric in (AVSMetric, AVSSMetric)
        for protocol in ('official', 'corrected')
    ]
    evaluator = Evaluator(metrics)
    for index in sampler:
        evaluator.process([samples[index]])
    scores = evaluator.evaluate(len(samples))
    Path(f'{out_file}.{get_rank()}').write_text(json.dumps({'n': len(sampler), 'scores': scores}))
    barrier()
    torch.distributed.destroy_process_group()  # one process must not exit before the other is done


if __name__ == '__main__':
    main(*sys.argv[1:])
