"""Slow packages that mmengine and mmdet import although most programs never use them.

Reason: mmdet 3.3 imports transformers, scikit-learn, Matplotlib, TrackEval and parts of SciPy at
the top of modules, for a few of their functions; mmengine 0.10.7 imports transformers to register
one optimizer, and FSDP to define its wrappers. Together they take half of the time in which a small
model is built (``benchmarks/startup.py``). In these modules, and nowhere else, a stand-in takes the
place of each name until it is first used.
Ends with: releases of mmdet and mmengine that import these packages where they use them.
"""

import builtins
import functools
import importlib
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from avis.utils.compat.import_hook import around_import

# Modules that use a package in functions only.
_IN_FUNCTIONS = {
    'mmdet.datasets.transforms.text_transformers': 'transformers',
    'mmdet.evaluation.metrics.mot_challenge_metric': 'trackeval',
    'mmdet.models.dense_heads.atss_vlfusion_head': 'transformers',
    'mmdet.models.dense_heads.paa_head': 'sklearn',
    'mmdet.models.language_models.bert': 'transformers',
    'mmdet.models.task_modules.assigners.hungarian_assigner': 'scipy',
    'mmdet.models.task_modules.assigners.topk_hungarian_assigner': 'scipy',
    'mmdet.models.task_modules.tracking.aflink': 'scipy',
    'mmdet.models.task_modules.tracking.kalman_filter': 'scipy',
    'mmdet.models.task_modules.tracking.interpolation': 'sklearn',
    'mmdet.utils.mot_error_visualize': 'matplotlib',
    'mmengine.optim.optimizer.builder': 'transformers',
}
# Modules of one class that inherits from a class of the package, and the registry of that class.
_ONE_CLASS = {
    'mmengine.optim.optimizer.zero_optimizer': ('ZeroRedundancyOptimizer', 'OPTIMIZERS'),
    'mmengine.model.wrappers.fully_sharded_distributed': (
        'MMFullyShardedDataParallel',
        'MODEL_WRAPPERS',
    ),
    'mmengine._strategy.fsdp': ('FSDPStrategy', 'STRATEGIES'),
}
_SOME_CLASSES = 'mmdet.models.utils.vlfuse_helper'
_BERT_CLASSES = (
    'BertEncoderLayer',
    'BertAttention',
    'BertSelfAttention',
    'BertIntermediate',
    'BertOutput',
)


class StandIn(type):
    """Type of the stand-ins: a call, a subclass or an attribute of one imports the object.

    They are classes, so that registries, annotations and ``isinstance`` accept them.
    """

    def __new__(
        mcs, name: str, bases: tuple[Any, ...], namespace: dict[str, Any], **options: Any
    ) -> Any:
        """A stand-in, or a subclass of the object behind one."""
        if not bases:
            return super().__new__(mcs, name, bases, namespace)
        real = tuple(base.load() if isinstance(base, mcs) else base for base in bases)
        return types.new_class(name, real, options, lambda content: content.update(namespace))

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the object."""
        return cls.load()(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith('__'):  # inspection of the stand-in, not use
            raise AttributeError(name)
        return getattr(cls.load(), name)

    @property
    def __signature__(cls) -> inspect.Signature:
        """Signature of the object; mmengine reads the arguments of optimizers."""
        return inspect.signature(cls.load())

    def __instancecheck__(cls, instance: Any) -> bool:
        return cls.is_loaded() and isinstance(instance, cls.load())

    def __subclasscheck__(cls, subclass: type) -> bool:
        return subclass is cls or (cls.is_loaded() and issubclass(subclass, cls.load()))


def stand_in(name: str, load: Callable[[], Any], is_loaded: Callable[[], bool]) -> Any:
    """Stand-in for a class, function or module.

    Args:
        name: Its name.
        load: Imports and returns the object.
        is_loaded: Whether an instance of it can exist.
    """
    functions = {'load': staticmethod(load), 'is_loaded': staticmethod(is_loaded)}
    return StandIn(name, (), functions)


class _LazyModule:
    """What an import statement gets: each name that it takes is a stand-in."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        module = self._name
        return stand_in(name, lambda: _import_name(module, name), lambda: module in sys.modules)


def _import_name(module: str, name: str) -> Any:
    """Result of ``from module import name``."""
    found = importlib.import_module(module)
    if hasattr(found, name):
        return getattr(found, name)
    return importlib.import_module(f'{module}.{name}')


def _not_now(name: str) -> Any:
    raise ImportError(f'{name} is imported later')


def _is_cheap(package: str) -> bool:
    """Whether an import costs nothing: it was done already, or will fail."""
    try:
        return package in sys.modules or importlib.util.find_spec(package) is None
    except ImportError:
        return True


@contextmanager
def _replaced_imports(
    module: ModuleType, package: str, answer: Callable[[str], Any]
) -> Iterator[None]:
    """Let ``answer(name)`` do the imports from a package in the body of one module.

    Other modules, also those that the body imports, are not affected.
    """
    original = builtins.__import__

    def replaced(
        name: str,
        globals: Any = None,  # noqa: A002 - names of the original
        locals: Any = None,  # noqa: A002
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        if globals is module.__dict__ and level == 0 and name.split('.')[0] == package:
            return answer(name if fromlist else package)
        return original(name, globals, locals, fromlist, level)

    builtins.__import__ = replaced
    try:
        yield
    finally:
        builtins.__import__ = original


def _defer_names(package: str) -> Callable[[Callable[[ModuleType], None], ModuleType], None]:
    """Let a module take stand-ins from a package."""

    def around(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        if _is_cheap(package):
            execute(module)
            return
        with _replaced_imports(module, package, _LazyModule):
            execute(module)

    return around


def _defer_body(
    name: str, registry_name: str
) -> Callable[[Callable[[ModuleType], None], ModuleType], None]:
    """Execute a module of one registered class when the class is first used."""

    def around(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        if 'torch.distributed.fsdp' in sys.modules:
            execute(module)
            return
        registry = getattr(importlib.import_module('mmengine.registry'), registry_name)
        entries = registry.module_dict

        def is_loaded() -> bool:
            return vars(module)[name] is not deferred

        def load() -> Any:
            if not is_loaded():
                del entries[name]  # the body registers the class
                try:
                    execute(module)
                except BaseException:
                    entries[name] = deferred
                    raise
            return vars(module)[name]

        deferred = stand_in(name, load, is_loaded)
        setattr(module, name, deferred)
        entries[name] = deferred

    return around


def _defer_bert(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    """Create the classes that inherit from transformers when the first of them is used.

    mmdet defines them without their base classes where transformers is not installed. The body is
    executed a second time, into a module of its own, and these classes are taken from there.
    """
    if _is_cheap('transformers'):
        execute(module)
        return
    with _replaced_imports(module, 'transformers', _not_now):
        execute(module)

    def is_loaded() -> bool:
        return not isinstance(vars(module)[_BERT_CLASSES[0]], StandIn)

    def load(name: str) -> Any:
        if not is_loaded():
            complete = ModuleType(module.__name__)
            complete.__dict__.update({k: v for k, v in vars(module).items() if k[:2] == '__'})
            execute(complete)
            for each in _BERT_CLASSES:
                setattr(module, each, getattr(complete, each))
        return vars(module)[name]

    for name in _BERT_CLASSES:
        setattr(module, name, stand_in(name, functools.partial(load, name), is_loaded))


def install() -> None:
    """Wait for the imports of these modules."""
    for importer, package in _IN_FUNCTIONS.items():
        around_import(importer, _defer_names(package))
    for importer, (name, registry) in _ONE_CLASS.items():
        around_import(importer, _defer_body(name, registry))
    around_import(_SOME_CLASSES, _defer_bert)
