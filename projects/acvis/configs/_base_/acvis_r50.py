"""ACVIS with ResNet-50 for 26 classes, trained and tested on AVISeg, as published.

Initial weights, made by `avis convert`: `torchvision_resnet` for data/pretrained/resnet50.pth, and
`vggish` for data/pretrained/vggish_pca.pth, see the README.
"""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.aviseg import *
    from avis.configs._base_.iteration_runtime import *
    from avis.configs._base_.models.avism_r50 import *
    from avis.configs._base_.schedules.adamw_48k import *

from acvis import ACVISFrameHead, AudioCentricQueries, OrdinalCountLoss
from avis.datasets.transforms import LoadAudio
from avis.models import VGGish

# The rate of the files. Some audio files end before their last frame and are padded with silence.
sample_rate = 44100
load_waveform = dict(type=LoadAudio, source='audio', sample_rate=sample_rate, max_padding=1.0)
train_dataloader.dataset.pipeline.load_audio = load_waveform
val_dataloader.dataset.pipeline.load_audio = load_waveform
test_dataloader.dataset.pipeline.load_audio = load_waveform

# The authors do not freeze VGGish. Quantization stops its gradient, which is 0, not missing: weight
# decay still shrinks the weights. frozen=True keeps them.
model.audio_encoder = dict(
    type=VGGish,
    frozen=False,
    postprocess=True,
    framing='per_second',
    sample_rate=sample_rate,
    weights='data/pretrained/vggish_pca.pth',
)
model.frame_head = dict(
    type=ACVISFrameHead,
    num_classes=num_classes,
    num_queries=num_queries,
    pixel_decoder=pixel_decoder,
    query_generation=dict(type=AudioCentricQueries, audio_dim=audio_dim),
    loss_set=loss_set,
    loss_count=dict(type=OrdinalCountLoss),
)
optim_wrapper.paramwise_cfg.custom_keys.update(
    audio_encoder=dict(lr_mult=0.1), count_token=dict(decay_mult=0.0)
)
