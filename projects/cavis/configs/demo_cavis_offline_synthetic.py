"""A small CAVIS offline model on synthetic people, for two CPU cores; see _base_/cavis_small.py."""

from mmengine.config import read_base

with read_base():
    from avis.configs._base_.datasets.synthetic_aviseg import *
    from avis.configs._base_.iteration_runtime import *
    from avis.configs._base_.schedules.adamw_linear_1400 import *

    from ._base_.cavis_small import *

from cavis import CAVISOfflineTracker, TubeSetLoss

sizes = dict(num_classes=num_classes, channels=channels, hidden_channels=hidden_channels)
model.tracker = dict(
    type=CAVISOfflineTracker,
    head=dict(**sizes, num_layers=2),
    refiner=dict(**sizes, num_layers=2),
    loss_set=dict(type=TubeSetLoss, num_classes=num_classes, num_points=2048),
    segmenter_iters=700,
    late_class=True,
)
model.frozen = ['backbone', 'frame_head', 'tracker.head']
load_from = 'work_dirs/demo_cavis_online_synthetic/iter_1400.pth'

for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.dataset.pipeline.load_audio = None
default_hooks.checkpoint.update(interval=350, save_best='aviseg_corrected/HOTA')
