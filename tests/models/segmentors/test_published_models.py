"""Official AVSBench models, loaded by converter and init_model, equal the recordings.

All six are compared by ``python -m tests.parity``, with all their cases; these two have both
backbones, binary masks and classes, padding frames, images that are not square and the matching
loss.
"""

import pytest

from tests.helpers.golden import load_golden
from tests.parity import avsbench
from tests.parity.comparison import Comparison


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'cases'),
    [('avsbench_s4_r50', ['eval', 'train']), ('avsbench_avss_pvt', ['eval_pad', 'train'])],
)
def test_every_recorded_value_is_equal(name, cases) -> None:
    golden = load_golden(f'models/{name}')
    comparison = Comparison(golden, cases)
    avsbench.compare(name, golden, comparison)
    comparison.check()
