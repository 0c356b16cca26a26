"""Audio-visual segmentation in method_comparison.py: data, budget and scores.

Binary masks of what sounds in synthetic clips of five seconds. The models are tested with the audio
of the clip, with muted audio, and with the audio of another clip: a method that reads the audio
loses, one that segments whatever is conspicuous does not.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from demo_training import make_set, shorten
from mmcv.transforms import BaseTransform

from avis.registry import TRANSFORMS

ROOT = Path(__file__).resolve().parents[1]
METHODS = {  # the configs of the stages of training
    'TPAVI': ('configs/avs/demo_tpavi_synthetic.py',),
    'AVSegFormer': ('projects/avsegformer/configs/avsegformer_small_synthetic.py',),
    'COMBO': ('projects/combo/configs/demo_combo_synthetic.py',),
    'AAVS': ('projects/aavs/configs/demo_aavs_synthetic.py',),
}
COLUMNS = ('mIoU', 'F', 'mIoU sounding')
VIDEOS = {'train': 400, 'val': 8, 'test': 80}
SIZE = (64, 64)  # smaller than in the demos, for shorter runs
PRIOR_IMAGES = {'visual_frames': 'pre_SAM_mask'}


@TRANSFORMS.register_module()
class ExchangeAudio(BaseTransform):
    """Give a clip the audio file of the next clip of its split, in the order of their names."""

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Read and write ``audio``, a path."""
        path = Path(results['audio'])
        files = sorted(path.parent.iterdir())
        other = files[(files.index(path) + 1) % len(files)]
        return {**results, 'audio': str(other)}


def make_data(folder: Path, processes: int) -> Path:
    """Generate clips and their prior images, unless that is done; returns the data root."""
    from avis.apis import load_config

    root = make_set(
        'avsbench_ms3',
        folder,
        videos=sum(VIDEOS.values()),
        splits=tuple(VIDEOS.values()),
        size=SIZE,
        seed=0,
        processes=processes,
    )
    config = load_config(ROOT / METHODS['COMBO'][0])
    prepare(config, root, 1)
    tool = import_module('combo.make_prior_images')
    tool.make_prior_images(config, 'regions', splits=('train', 'test'), size=None)
    return root


def prepare(config: Any, data: Path, iterations: int) -> None:
    """Set data and iterations of a training, which the configs count in epochs."""
    for split in VIDEOS:
        dataset = config[f'{split}_dataloader'].dataset
        dataset.data_root = str(data)
        dataset.pipeline.resize.size = SIZE
        if 'load_priors' in dataset.pipeline:  # made once instead of in each epoch
            dataset.pipeline.load_priors.update(generator=None, replace=PRIOR_IMAGES)
    if 'mask_size' in config.model:
        config.model.mask_size = SIZE
    config.train_cfg = {'type': 'IterBasedTrainLoop'}
    config.param_scheduler[-1].update(by_epoch=False, convert_to_iter_based=False)
    config.default_hooks.checkpoint.by_epoch = False
    config.log_processor.by_epoch = False
    shorten(config, iterations)


def score(config: Any, checkpoint: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Test a model with the audio of the clip, without audio, and with that of another clip."""
    from avis.apis.runner import test

    config.test_evaluator = {'type': 'AVSMetric', 'protocol': 'corrected'}
    steps = dict(config.test_dataloader.dataset.pipeline)
    pipelines = {
        'with audio': steps,
        'muted': {**steps, 'mute_audio': {'type': 'MuteAudio'}},
        'exchanged': {'exchange_audio': {'type': 'ExchangeAudio'}, **steps},
    }
    scores = {}
    for name, pipeline in pipelines.items():
        config.test_dataloader.dataset.pipeline = pipeline
        found = test(config, checkpoint, work_dir=folder / f'test_{name.replace(" ", "_")}')
        keys = ('miou', 'F_score', 'miou_sounding')
        values = [100 * float(found[f'avs_corrected/{key}']) for key in keys]
        scores[name] = dict(zip(COLUMNS, np.round(values, 2).tolist(), strict=True))
    return scores
