import re
from pathlib import Path

import pytest

from tests.helpers.warm_python import run_warm

BENCHMARK = Path(__file__).parents[2] / 'benchmarks' / 'data_loading.py'


@pytest.mark.slow
@pytest.mark.parametrize('form', [[], ['--rle']])
def test_both_loaders_return_the_same_clips(form, tmp_path) -> None:
    options = [
        '--size',
        '144x256',
        '--videos',
        '2',
        '--frames',
        '3',
        '--clips',
        '4',
        '--rounds',
        '1',
    ]
    done = run_warm([BENCHMARK, *options, *form], tmp_path)
    assert done.returncode == 0, done.stderr
    for title in ('training clips', 'test videos'):
        for name in ('plain', 'avis'):
            line = re.search(rf'{title} +{name} +(\S+) images/s +(\S+) clips/s', done.stdout)
            assert float(line[1]) > float(line[2]) > 0
    worst = [int(value) for value in re.findall(r'by at most (\d+) of 255', done.stdout)]
    assert max(worst) <= 2
    assert float(re.search(r'IoU of the masks (\S+)', done.stdout)[1]) > 0.97
    assert 'equal RLEs' in done.stdout
