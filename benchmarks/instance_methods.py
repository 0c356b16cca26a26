"""Audio-visual instance segmentation in method_comparison.py: data, budget and scores.

The models have the narrow backbone, the batch, the schedule and the data of the demo
(tools/demo.py): configs/avis/demo_avism_synthetic.py and those in projects/*/configs whose names
begin with demo. CAVIS, which is trained in stages, spends half of the iterations on the segmenter
and half on the online tracker.

Scores are those of the corrected protocol, of the tracks above the threshold of AVISM, because
VITA, LBVQ and CAVIS return ten tracks per video, however unlikely. AVISM, ACVIS and H2S drop the
frames in which the frame head finds no sounding instance.
"""

import json
from pathlib import Path
from typing import Any

from demo_training import shorten, write_json

METHODS = {  # the configs of the stages of training
    'AVISM': ('configs/avis/demo_avism_synthetic.py',),
    'ACVIS': ('projects/acvis/configs/demo_acvis_synthetic.py',),
    'H2S': ('projects/h2s/configs/demo_h2s_synthetic.py',),
    'VITA': ('projects/vita/configs/demo_vita_synthetic.py',),
    'LBVQ': ('projects/lbvq/configs/demo_lbvq_synthetic.py',),
    'CAVIS': (
        'projects/cavis/configs/demo_cavis_segmenter_synthetic.py',
        'projects/cavis/configs/demo_cavis_online_synthetic.py',
    ),
}
COLUMNS = ('HOTA', 'FSLA', 'who', 'where', 'same')
MIN_SCORE = 0.3  # the default of the tracker of AVISM

Scores = dict[str, float]


def make_data(folder: Path, processes: int) -> Path:
    """Generate the videos of the demo, unless that is done; returns the data root."""
    from tools import demo

    return demo.make_data(folder, seed=0, processes=processes)


def prepare(config: Any, data: Path, iterations: int) -> None:
    """Set data and iterations of a stage of training."""
    for split in ('train', 'test'):
        config[f'{split}_dataloader'].dataset.data_root = str(data)
    shorten(config, iterations)
    if 'segmenter_iters' in config.model.tracker:
        config.model.tracker.segmenter_iters = iterations // 2


def score(config: Any, checkpoint: Path, folder: Path) -> dict[str, Scores]:
    """Test a model with and without the audio, if it has any."""
    pipeline = config.test_dataloader.dataset.pipeline
    if pipeline.load_audio is None:
        return {'no audio': _score_model(config, checkpoint, folder / 'test')}
    scores = {'with audio': _score_model(config, checkpoint, folder / 'test')}
    pipeline.mute_audio = {'type': 'MuteAudio'}
    return {**scores, 'muted': _score_model(config, checkpoint, folder / 'test_muted')}


def _score_model(config: Any, checkpoint: Path, folder: Path) -> Scores:
    """Test a model, and score its tracks above the threshold."""
    from avis.apis import evaluate
    from tools.demo import PROTOCOL, write_predictions

    tracks = json.loads(write_predictions(config, checkpoint, folder).read_text())
    scored = folder / 'scored.json'
    write_json(scored, [track for track in tracks if track['score'] > MIN_SCORE])
    gt = Path(config.test_dataloader.dataset.data_root) / 'test.json'
    found = evaluate('aviseg', gt, scored, protocol=PROTOCOL, diagnose=True)
    shares = found['diagnosis']['metrics']['HOTA']['share']
    return {'HOTA': found['summary']['HOTA'], 'FSLA': found['summary']['FA'], **shares}
