"""Compare VITA: ``python -m tests.parity vita_r50 GOLDEN_DIR --out RESULT.json``."""

from pathlib import Path

from vita import convert_vita

from tests.helpers.golden import Golden, draw_blocks
from tests.parity.comparison import Comparison
from tests.parity.instances import InstanceParity, compare_eval, compare_training
from tests.parity.published import load_model, reference_names

CONFIGS = Path(__file__).parents[1] / 'configs'


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare a golden called ``vita_BACKBONE``, the word of the configs."""
    config = CONFIGS / f'vita_{name.split("_")[1]}_coco_youtube_vis_2019.py'
    model, dropped = load_model(golden, 'vita', config)
    comparison.value('dropped', sum(not entry.endswith('empty_weight') for entry in dropped))
    parity = InstanceParity(
        comparison,
        model,
        reference_names(golden, convert_vita),
        draw_blocks,
        loss_names={'loss_clip_sim': 'loss_vita_sim'},
    )
    for case in comparison.eval_cases():
        compare_eval(parity, case)
    compare_training(parity)
