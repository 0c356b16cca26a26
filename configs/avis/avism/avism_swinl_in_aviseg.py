"""AVISM, Swin-L from ImageNet, AVISeg: 200 queries per frame, short side 448 in testing.

Target: FSLA 49.15, HOTA 68.81, mAP 49.06. Status: not run yet. Train it in two processes, see
avism_r50_in_aviseg.py. Deviates from the authors:

- torch resizes the frames, Pillow theirs: mostly less than 1 in 500 values differs, by 1 of 255.
- Tests run in float32, theirs in float16: `test_cfg.fp16=True`. The effect is small.
- They never validate, and test the last checkpoint. Validation here does not change the training.
- Of a video of one frame, the clip is that frame repeated; theirs stops the training.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.aviseg import *
    from ..._base_.iteration_runtime import *
    from ..._base_.models.avism_swinl import *
    from ..._base_.schedules.adamw_48k import *

from avis.datasets.transforms import ResizeClip

test_resize = dict(type=ResizeClip, short_side=448, max_long_side=1333, rounding='nearest')
optim_wrapper.paramwise_cfg.custom_keys.update(backbone_keys)

val_dataloader.dataset.pipeline.load_frames.resize = test_resize
test_dataloader.dataset.pipeline.load_frames.resize = test_resize
