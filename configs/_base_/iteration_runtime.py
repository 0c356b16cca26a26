"""Runtime settings that all iteration-based runs share: hooks, logs, seed, processes."""

from mmengine.hooks import DistSamplerSeedHook, IterTimerHook, LoggerHook, ParamSchedulerHook
from mmengine.hooks import SyncBuffersHook
from mmengine.runner import LogProcessor
from mmengine.visualization import LocalVisBackend, TensorboardVisBackend

from avis.engine import (
    AtomicCheckpointHook,
    AVVisualizationHook,
    LossHook,
    ProgressHook,
    RunInfoHook,
    SeedHook,
)
from avis.visualization import AVVisualizer

default_scope = 'avis'

# The seed of the AVSBench scripts.
randomness = dict(seed=123)
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),  # gloo without a GPU
)

default_hooks = dict(
    run_info=dict(type=RunInfoHook),
    seed=dict(type=SeedHook),
    loss=dict(type=LossHook),
    timer=dict(type=IterTimerHook),
    logger=dict(type=LoggerHook, interval=10),
    param_scheduler=dict(type=ParamSchedulerHook),
    sampler_seed=dict(type=DistSamplerSeedHook),
    sync_buffers=dict(type=SyncBuffersHook),
    checkpoint=dict(
        type=AtomicCheckpointHook,
        interval=4000,
        by_epoch=False,
        max_keep_ckpts=3,
        save_best='aviseg/HOTA',
        rule='greater',
    ),
    progress=dict(type=ProgressHook),
    visualization=dict(type=AVVisualizationHook),  # draws nothing without arguments
)

log_level = 'INFO'
log_processor = dict(type=LogProcessor, window_size=10, by_epoch=False)
visualizer = dict(
    type=AVVisualizer,
    vis_backends=[dict(type=LocalVisBackend), dict(type=TensorboardVisBackend)],
)

load_from = None
resume = False
