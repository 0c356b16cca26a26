"""Slow packages are imported when they are used, and then work as usual."""

import json
from functools import cache

import pytest

from avis.utils.compat.deferred_imports import StandIn, stand_in
from tests.helpers.subprocess_python import run_python

SLOW = ('transformers', 'sklearn', 'matplotlib', 'trackeval', 'torch.distributed.fsdp')


class Base:
    value = 3

    def __init__(self, size: int = 1) -> None:
        self.size = size


@pytest.fixture
def lazy():
    """A stand-in for :class:`Base`, and how often it was loaded."""
    loads = []

    def load():
        loads.append(1)
        return Base

    return stand_in('Base', load, lambda: bool(loads)), loads


def test_inspecting_a_stand_in_loads_nothing(lazy) -> None:
    base, loads = lazy
    assert isinstance(base, type)
    assert base is not None
    assert not isinstance(Base(), base)  # not loaded, so no instance exists
    assert not hasattr(base, '__wrapped__')
    assert loads == []


def test_stand_in_behaves_like_the_object(lazy) -> None:
    base, _ = lazy
    made = base(size=2)
    assert type(made) is Base
    assert made.size == 2
    assert base.value == 3
    assert isinstance(made, base)
    assert issubclass(Base, base)


def test_subclass_of_a_stand_in_inherits_from_the_object(lazy) -> None:
    base, _ = lazy

    class Child(base):
        def __init__(self) -> None:
            super().__init__(size=5)

    assert Child.__mro__[1] is Base
    assert not isinstance(Child, StandIn)
    assert Child().size == 5


# Releases of transformers that have no such function are unknown to mmdet's fusion layers.
OLD_NAME = """
from transformers import modeling_utils
if not hasattr(modeling_utils, 'apply_chunking_to_forward'):
    modeling_utils.apply_chunking_to_forward = None
"""
FIRST = {
    'avis first': 'import avis',
    'slow packages first': f'import sklearn, matplotlib, torch.distributed.fsdp, avis{OLD_NAME}',
}
# The order counts: each part imports more than the one before.
PARTS = {
    'import function': """
import builtins
import mmdet.models
assert builtins.__import__ is IMPORT
""",
    'model': f"""
import sys
from avis.apis import init_model
init_model('configs/avis/demo_avism_synthetic.py')
loaded = [name for name in {SLOW} if name in sys.modules]
assert not loaded, loaded
""",
    'mmengine': """
import inspect
import sys
import torch
from mmengine.model import MMFullyShardedDataParallel, is_model_wrapper
from mmengine.optim import ZeroRedundancyOptimizer
from mmengine.registry import MODEL_WRAPPERS, OPTIMIZERS, STRATEGIES
import mmengine.runner

assert not is_model_wrapper(torch.nn.Linear(1, 1))
before = 'torch.distributed.fsdp' in sys.modules
assert before == ('slow' in NAME)
assert STRATEGIES.get('FSDPStrategy').load_checkpoint
from mmengine._strategy import FSDPStrategy, DDPStrategy
assert issubclass(sys.modules['mmengine._strategy.fsdp'].FSDPStrategy, DDPStrategy)


class Wrapper(MMFullyShardedDataParallel):
    pass


from torch.distributed.fsdp import FullyShardedDataParallel
assert issubclass(Wrapper, FullyShardedDataParallel)
assert issubclass(MODEL_WRAPPERS.get('MMFullyShardedDataParallel'), FullyShardedDataParallel)
import torch.distributed as dist
from torch.distributed.optim import ZeroRedundancyOptimizer as Real
assert next(iter(inspect.signature(ZeroRedundancyOptimizer).parameters)) == 'params'
dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
weights = [torch.nn.Parameter(torch.ones(2))]
for build in (ZeroRedundancyOptimizer, OPTIMIZERS.get('ZeroRedundancyOptimizer')):
    assert isinstance(build(params=weights, optimizer_type='SGD', lr=0.1), Real)
""",
    'mmdet': f"""
import pickle
import mmdet.models, mmdet.utils.mot_error_visualize as errors
from mmdet.models.dense_heads import paa_head
from mmdet.models.language_models import bert
from mmdet.models.task_modules.tracking import interpolation
from mmdet.models.utils import BertEncoderLayer, VLFuse, vlfuse_helper
from mmengine.registry import OPTIMIZERS
import torch
{OLD_NAME}
config = bert.BertConfig(hidden_size=8, num_attention_heads=2, intermediate_size=8)
layer = BertEncoderLayer(config)
from transformers import Adafactor, BertConfig, BertPreTrainedModel
assert type(config) is BertConfig
assert isinstance(layer, BertPreTrainedModel) and isinstance(layer, BertEncoderLayer)
assert type(layer) is vlfuse_helper.BertEncoderLayer
assert vlfuse_helper.VLFuse is VLFuse
assert type(pickle.loads(pickle.dumps(layer))) is type(layer)
assert paa_head.skm.GaussianMixture(2).n_components == 2
assert errors.plt.rcParams and errors.Rectangle((0, 0), 1, 2).get_height() == 2
assert interpolation.RBF(2.0).length_scale == 2
optimizer = OPTIMIZERS.build(dict(type='Adafactor', params=[torch.zeros(1, requires_grad=True)]))
assert type(optimizer) is Adafactor
""",
}


@cache
def errors_of(name: str) -> dict[str, str]:
    """The error of each part, empty without one, of all parts run in one process."""
    code = f"""
import builtins, json, traceback
before, errors = builtins.__import__, {{}}
{FIRST[name]}
for part, text in {PARTS!r}.items():
    try:
        exec(text, {{'NAME': {name!r}, 'IMPORT': before, '__name__': '__main__'}})
        errors[part] = ''
    except BaseException:
        errors[part] = traceback.format_exc()
print(json.dumps(errors))
"""
    return json.loads(run_python(code).splitlines()[-1])


def test_import_function_is_restored() -> None:
    assert errors_of('avis first')['import function'] == ''


def test_building_a_model_imports_no_slow_package() -> None:
    assert errors_of('avis first')['model'] == ''


@pytest.mark.parametrize('first', FIRST)
def test_classes_of_mmengine_are_real_when_they_are_used(first: str) -> None:
    assert errors_of(first)['mmengine'] == ''


@pytest.mark.parametrize('first', FIRST)
def test_names_are_real_when_they_are_used(first: str) -> None:
    assert errors_of(first)['mmdet'] == ''


def test_missing_package_is_none_as_in_mmdet() -> None:
    code = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'transformers':
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
import avis
from mmdet.models.language_models import bert
assert bert.AutoTokenizer is None
"""
    run_python(code)
