"""Official AVSBench models, loaded by converter and init_model, equal the recordings.

All six are compared by ``python -m tests.parity``; these two have both backbones, binary masks and
classes, padding frames and the matching loss.
"""

import pytest

from tests.helpers.golden import load_golden
from tests.parity import avsbench
from tests.parity.comparison import Comparison


@pytest.mark.slow
@pytest.mark.parametrize('name', ['avsbench_s4_r50', 'avsbench_avss_pvt'])
def test_every_recorded_value_is_equal(name) -> None:
    golden = load_golden(f'models/{name}')
    comparison = Comparison(golden)
    avsbench.compare(name, golden, comparison)
    comparison.check()
