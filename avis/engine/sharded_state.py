"""Weights and optimizer states that are divided among the processes of a run: FSDP and ZeRO.

``model_wrapper_cfg = dict(type=FullyShardedModel)`` shards weights, gradients and the state of the
optimizer; an optimizer of type ``ZeroRedundancyOptimizer`` of mmengine shards its state alone. A
checkpoint is one file like that of any other run, which one process, or another number of
processes, can load and resume.

Sources: Rajbhandari et al., *ZeRO*, SC 2020 (arXiv:1910.02054); Zhao et al., *PyTorch FSDP*, VLDB
2023 (arXiv:2304.11277).
"""

import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import broadcast, get_world_size
from mmengine.registry import MODEL_WRAPPERS
from torch import nn
from torch.optim import Optimizer


@MODEL_WRAPPERS.register_module()
class FullyShardedModel:
    """Shards a model by PyTorch's ``fully_shard``; the model itself is returned, not an instance.

    Each process keeps a part of every weight, of its gradient and of the state of the optimizer.
    The whole weights are gathered for a training step and released after it: methods of a model
    besides ``forward`` use the weights of all of its parts, so parts are not gathered one by one.

    Args:
        module: The model, on its device.

    Raises:
        ImportError: PyTorch is older than 2.6.
    """

    def __new__(cls, module: nn.Module) -> nn.Module:  # type: ignore[misc]
        """Shard the model."""
        try:
            from torch.distributed.fsdp import fully_shard
        except ImportError as error:
            raise ImportError(
                f'FullyShardedModel: expected PyTorch 2.6 or later, got {torch.__version__}; '
                f'use ZeroRedundancyOptimizer instead'
            ) from error
        from torch.distributed.device_mesh import init_device_mesh

        initialize = getattr(module, 'init_weights', None)
        if initialize is not None:  # it needs whole weights
            initialize()
        for value in module.state_dict().values():
            broadcast(value)
        fully_shard(module, mesh=init_device_mesh(get_device(), (get_world_size(),)))
        module.register_load_state_dict_pre_hook(_shard_loaded)
        return module


def is_fully_sharded(model: nn.Module) -> bool:
    """Whether the weights of a model are sharded; does not import FSDP."""
    kind = getattr(sys.modules.get('torch.distributed.fsdp'), 'FSDPModule', None)
    return kind is not None and isinstance(model, kind)


def own_part(value: torch.Tensor) -> torch.Tensor:
    """The part of a weight that this process has; all of it if it is not sharded."""
    part: torch.Tensor = value.to_local() if hasattr(value, 'to_local') else value
    return part


@contextmanager
def whole_weights(model: nn.Module) -> Iterator[None]:
    """Gather the weights of a sharded model, so that all of its methods can be called.

    All processes must enter the block together. Changes of the weights are lost.
    """
    if not is_fully_sharded(model):
        yield
        return
    sharded: Any = model
    sharded.unshard()
    try:
        yield
    finally:
        sharded.reshard()


@contextmanager
def gathered_state(model: nn.Module, optimizer: Any) -> Iterator[None]:
    """Let ``state_dict`` of a model and its optimizer return the whole state in process 0.

    All processes must enter the block together.

    Args:
        model: The model, with its wrapper.
        optimizer: An optimizer of its parameters; None for several, which are left as they are.
    """
    with ExitStack() as stack:
        if is_fully_sharded(model):
            from torch.distributed.checkpoint import state_dict as gather

            options = gather.StateDictOptions(full_state_dict=True, cpu_offload=True)
            # An OrderedDict can have the attribute _metadata, which mmengine sets.
            weights = OrderedDict(gather.get_model_state_dict(model, options=options))
            state = gather.get_optimizer_state_dict(model, optimizer, options=options)
            stack.enter_context(_returns(model, weights))
            stack.enter_context(_returns(optimizer, _by_position(model, optimizer, state)))
        elif hasattr(optimizer, 'consolidate_state_dict'):  # ZeRO, whose state_dict gathers
            stack.enter_context(_returns(optimizer, optimizer.state_dict()))
        yield


@contextmanager
def loads_whole_state(model: nn.Module, optimizer: Any) -> Iterator[None]:
    """Let the next ``load_state_dict`` of the optimizer take the state of a whole model.

    All processes must load the state together.

    Args:
        model: The model, with its wrapper.
        optimizer: As for :func:`gathered_state`.
    """
    if not is_fully_sharded(model):
        yield
        return

    def load(state: Mapping[str, Any]) -> None:
        from torch.distributed.checkpoint import state_dict as scatter

        del optimizer.load_state_dict  # the function below calls it
        named = _by_name(model, optimizer, state)
        options = scatter.StateDictOptions(full_state_dict=True)
        scatter.set_optimizer_state_dict(model, optimizer, named, options=options)

    optimizer.load_state_dict = load
    try:
        yield
    finally:
        vars(optimizer).pop('load_state_dict', None)


@contextmanager
def _returns(owner: Any, state: Mapping[str, Any]) -> Iterator[None]:
    """Let ``owner.state_dict()`` return a state."""
    owner.state_dict = lambda: state
    try:
        yield
    finally:
        del owner.state_dict


def _shard_loaded(model: nn.Module, state_dict: dict[str, Any], *_: Any) -> None:
    """Shard the weights that a model is about to load; those of other shapes are left as they are.

    A hook of :meth:`torch.nn.Module.load_state_dict`.
    """
    from torch.distributed.tensor import DTensor, distribute_tensor

    for name, weight in model.named_parameters():
        value = state_dict.get(name)
        if isinstance(weight, DTensor) and value is not None and value.shape == weight.shape:
            state_dict[name] = distribute_tensor(
                value.to(weight.device), weight.device_mesh, weight.placements
            )


def _names(model: nn.Module, optimizer: Optimizer) -> list[str]:
    """Name of each parameter of an optimizer, in its order."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    return [names[id(weight)] for group in optimizer.param_groups for weight in group['params']]


def _by_position(model: nn.Module, optimizer: Optimizer, state: Any) -> dict[str, Any]:
    """The state of an optimizer with positions of parameters, as torch stores it, for names."""
    positions = {name: position for position, name in enumerate(_names(model, optimizer))}
    return _renamed(state, positions) if state.get('param_groups') else {}


def _by_name(model: nn.Module, optimizer: Optimizer, state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of an optimizer with names of parameters for their positions."""
    return _renamed(state, dict(enumerate(_names(model, optimizer))))


def _renamed(state: Mapping[str, Any], names: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        'state': {names[key]: dict(value) for key, value in state['state'].items()},
        'param_groups': [
            {**group, 'params': [names[key] for key in group['params']]}
            for group in state['param_groups']
        ],
    }
