"""Overfit a small config to four clips, and predict them with and without their audio.

Two boxes cross each clip and one of them sounds: a low tone belongs to the first color, a high tone
to the second. A model with audio must find the sounding box, any other one both. The printed score
is the mean IoU over all frames of each box with the best of as many tracks as there are boxes,
those with the highest scores.

    export PYTHONPATH=projects/acvis
    python benchmarks/overfit.py projects/acvis/configs/demo_acvis_synthetic.py
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # avis of this clone

from avis.apis import load_config
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample

FRAMES, SIDE, BOX, RATE = 4, 64, 20, 16000
COLORS = torch.tensor([[220, 60, 40], [50, 80, 220]], dtype=torch.uint8)
TONES = (300.0, 2000.0)


def make_clip(number: int, *, with_audio: bool) -> dict[str, Any]:
    """One of the four clips: which box sounds, and which of them is on the left."""
    sounding, swapped = number % 2, number // 2
    frames = torch.full((FRAMES, 3, SIDE, SIDE), 120, dtype=torch.uint8)
    masks = torch.zeros(2, FRAMES, SIDE, SIDE, dtype=torch.bool)
    for color in (0, 1):
        left = 34 if color != swapped else 6
        for t in range(FRAMES):
            top = 6 + 8 * t if color else 30 - 8 * t
            masks[color, t, top : top + BOX, left : left + BOX] = True
        frames = torch.where(masks[color][:, None], COLORS[color].view(1, 3, 1, 1), frames)
    kept = [sounding] if with_audio else [0, 1]
    size = (SIDE, SIDE)
    sample = AVDataSample(metainfo={'img_shape': size, 'ori_shape': size, 'seed': (0, number)})
    sample.set_metainfo({'video_id': number, 'video_name': str(number), 'length': FRAMES})
    sample.gt_tracks = InstanceData(
        labels=torch.zeros(len(kept), dtype=torch.long),
        ids=torch.arange(len(kept)),
        masks=masks[kept],
        annotated=torch.ones(len(kept), FRAMES, dtype=torch.bool),
    )
    inputs = {'frames': frames}
    if with_audio:
        seconds = torch.arange(FRAMES * RATE) / RATE
        inputs['audio'] = 0.5 * torch.sin(2 * np.pi * TONES[sounding] * seconds)
    return {'inputs': inputs, 'data_samples': sample}


def train(model: Any, clips: list[dict[str, Any]], iterations: int) -> None:
    """Train on all clips in each iteration."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    model.train()
    for step in range(iterations):
        data = model.data_preprocessor(pseudo_collate(clips), training=True)
        loss = sum(model(**data, mode='loss').values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 19:
            print(f'iteration {step + 1}: loss {loss.item():.3f}', flush=True)


@torch.no_grad()
def mean_iou(model: Any, clips: list[dict[str, Any]]) -> float:
    """Mean IoU of the boxes with the best of the first tracks of each clip."""
    model.eval()
    overlaps = []
    for clip in clips:
        gt = clip['data_samples'].gt_tracks.masks.numpy()
        (sample,) = model(**model.data_preprocessor(pseudo_collate([clip])), mode='predict')
        order = np.argsort(-np.asarray(sample.pred_tracks.scores.cpu()))[: len(gt)]
        tracks = [sample.pred_tracks.masks[int(index)].to_dense() for index in order]
        for mask in gt:
            found = [(mask & track).sum() / (mask | track).sum() for track in tracks]
            overlaps.append(max(found, default=0.0))
    return float(np.mean(overlaps))


def main() -> None:
    """Train, and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config')
    parser.add_argument('--iterations', type=int, default=120)
    args = parser.parse_args()
    init_default_scope('avis')
    torch.manual_seed(0)
    model: Any = MODELS.build(load_config(args.config).model)
    with_audio = model.audio_encoder is not None
    clips = [make_clip(number, with_audio=with_audio) for number in range(4)]
    train(model, clips, args.iterations)
    print(f'IoU {mean_iou(model, clips):.3f}')
    if with_audio:
        for clip in clips:
            clip['inputs']['audio'] = torch.zeros_like(clip['inputs']['audio'])
        print(f'IoU without audio {mean_iou(model, clips):.3f}')


if __name__ == '__main__':
    main()
