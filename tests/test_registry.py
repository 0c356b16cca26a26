import inspect

import pytest
from mmengine.registry import Registry
from mmengine.utils import ManagerMixin

from avis import registry
from tests.helpers.subprocess_python import run_python

REGISTRIES = {
    name: value
    for name, value in vars(registry).items()
    if isinstance(value, Registry) and value.scope == 'avis' and value.parent is not None
}


def registered_classes() -> list[tuple[str, type]]:
    """Every class that a module of avis registers, with the name of its registry."""
    found = []
    for name, own in REGISTRIES.items():
        own.import_from_location()
        classes = (c for c in own.module_dict.values() if c.__module__.startswith('avis.'))
        found += [(name, cls) for cls in classes]
    return found


CLASSES = registered_classes()
EACH_CLASS = pytest.mark.parametrize(
    ('name', 'cls'), CLASSES, ids=[f'{name}-{cls.__name__}' for name, cls in CLASSES]
)


@pytest.mark.parametrize('name', REGISTRIES)
def test_each_registry_is_a_child_of_mmdets(name):
    own = REGISTRIES[name]
    assert own.parent.scope == 'mmdet'
    assert own.name == own.parent.name


@EACH_CLASS
def test_strings_and_classes_resolve(name, cls):
    for string in (cls.__name__, f'avis.{cls.__name__}'):
        assert REGISTRIES[name].get(string) is cls


@EACH_CLASS
def test_arguments_are_keyword_only(name, cls):
    if '__init__' not in vars(cls):
        return
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if issubclass(cls, ManagerMixin):
        positional.remove('name')  # mmengine requires it
    assert not positional, f'{cls.__name__}: put a * before {positional}'


@EACH_CLASS
def test_arguments_are_documented(name, cls):
    if '__init__' not in vars(cls):
        return
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    text = ''.join(base.__doc__ or '' for base in cls.__mro__)
    missing = [name for name in named if f'{name}:' not in text]
    assert not missing, f'{cls.__name__}: its docstring has no Args entry for {missing}'


def test_strings_are_found_without_an_import():
    code = """
import sys, avis
from avis.registry import DATASETS
before = 'avis.datasets.avsbench' in sys.modules
print(before, DATASETS.get('AVSBenchS4').__module__)
"""
    assert run_python(code).split() == ['False', 'avis.datasets.avsbench']


@pytest.mark.parametrize('name', ['ResNet', 'mmdet.ResNet'])
def test_classes_of_mmdet_resolve_in_our_scope(name):
    assert registry.MODELS.get(name).__module__ == 'mmdet.models.backbones.resnet'


def test_unknown_names_raise():
    with pytest.raises(KeyError, match=r'TPAVY is not in the avis::model registry'):
        registry.MODELS.build({'type': 'TPAVY'})


def test_class_and_string_build_the_same():
    cls = registry.TRANSFORMS.get('PackAVInputs')
    for kind in (cls, 'PackAVInputs'):
        assert type(registry.TRANSFORMS.build({'type': kind})) is cls


def test_unknown_arguments_raise():
    with pytest.raises(TypeError, match='chanels'):
        registry.MODELS.build({'type': 'TPAVI', 'chanels': 256})


def test_second_class_of_the_same_name_is_rejected():
    with pytest.raises(KeyError, match='TPAVI is already registered'):
        registry.MODELS.register_module(module=type('TPAVI', (), {}))
