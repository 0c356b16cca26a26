"""AVISM, ResNet-50, started from VITA trained on COCO, AVISeg.

Target: FSLA 44.42, HOTA 64.52, mAP 45.04. Status: not run yet. Train it in two processes, see
avism_r50_in_aviseg.py. Starts from the public vita_r50_coco.pth of VITA, converted by
`convert_checkpoint.py avism`: backbone, frame head and clip head. The audio modules, which VITA
does not have, and the class layers are initialized at random. The authors do not name their file;
they state that their class was renamed so that existing weights fit, and its names are VITA's.
Deviates from the authors:

- torch resizes the frames, Pillow theirs: mostly less than 1 in 500 values differs, by 1 of 255.
- Tests run in float32, theirs in float16: `test_cfg.fp16=True`. The effect is small.
- They never validate, and test the last checkpoint. Validation here does not change the training.
- Of a video of one frame, the clip is that frame repeated; theirs stops the training.
"""

from mmengine.config import read_base

with read_base():
    from ..._base_.datasets.aviseg import *
    from ..._base_.iteration_runtime import *
    from ..._base_.models.avism_r50 import *
    from ..._base_.schedules.adamw_48k import *

model.backbone.init_cfg = None
load_from = 'data/pretrained/vita_r50_coco.pth'
