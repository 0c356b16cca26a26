# Names that the package exports; see tests/test_exports.py.
from .hooks.checkpoint_hook import AtomicCheckpointHook as AtomicCheckpointHook
from .hooks.loss_hook import LossHook as LossHook
from .hooks.progress_hook import ProgressHook as ProgressHook
from .hooks.run_info_hook import RunInfoHook as RunInfoHook
from .hooks.seed_hook import SeedHook as SeedHook
from .hooks.visualization_hook import AVVisualizationHook as AVVisualizationHook
from .loops import OffsetValTrainLoop as OffsetValTrainLoop
from .loops import VideoTestLoop as VideoTestLoop
from .loops import VideoValLoop as VideoValLoop
from .optim_wrapper import BFloat16OptimWrapper as BFloat16OptimWrapper
from .runner import AVRunner as AVRunner
from .sharded_state import FullyShardedModel as FullyShardedModel
