import collections
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

from avis.utils.checkpoint import state_dict_of
from avis.utils.compat import checkpoint_loading
from avis.utils.compat.checkpoint_loading import load_file, trusted_checkpoints
from tests.helpers.tiny import TinyDataset, TinyModel

LOADERS = {'own unpickler': False}
if checkpoint_loading._torch_accepts_names():
    LOADERS['weights_only'] = True


@pytest.fixture(params=LOADERS, autouse=True)
def loader(request, monkeypatch):
    """Every test runs the code for old releases of torch, and that for 2.6 and later."""
    monkeypatch.setattr(checkpoint_loading, '_torch_accepts_names', lambda: LOADERS[request.param])


class Evil:
    """Creates a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


class GetAttr:
    """Accesses more than HistoryBuffer's statistics through the replaced getattr."""

    def __init__(self, owner, name) -> None:
        self.args = owner, name

    def __reduce__(self):
        return getattr, self.args


def save(path: Path, content, *, zipped: bool = True) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def history() -> HistoryBuffer:
    buffer = HistoryBuffer()
    for value in (3.0, 1.0):
        buffer.update(value)
    return buffer


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
def test_plain_weights_are_loaded(tmp_path, zipped):
    content = {
        'state_dict': collections.OrderedDict(nn.BatchNorm1d(3).state_dict()),
        'half': torch.arange(3).to(torch.bfloat16),
        'parameter': nn.Parameter(torch.ones(2)),
        'milestones': collections.Counter([8, 8, 11]),
        'meta': {'epoch': 3, 'classes': ('a', 'b'), 'name': None, 'raw': b'x', 'ids': {1, 2}},
    }
    loaded = load_file(save(tmp_path / 'w.pth', content, zipped=zipped), map_location='cpu')
    torch.testing.assert_close(loaded['state_dict'], content['state_dict'], rtol=0, atol=0)
    assert torch.equal(loaded['half'], content['half'])
    assert torch.equal(loaded['parameter'], content['parameter'])
    assert loaded['milestones'] == content['milestones']
    assert loaded['meta'] == content['meta']


def test_histories_and_numpy_values_are_loaded(tmp_path):
    content = {
        'history': history(),
        'array': np.arange(6).reshape(2, 3),
        'mask': np.array([True]),
        'names': np.array(['a', 'bc']),
        'scalars': [np.float64(0.5), np.float32(0.25), np.int64(7), np.bool_(True)],
    }
    loaded = load_file(save(tmp_path / 'n.pth', content))
    buffer = loaded['history']
    assert [buffer.statistics(name) for name in ('min', 'max', 'current', 'mean')] == [1, 3, 1, 2]
    for key in ('array', 'mask', 'names'):
        np.testing.assert_array_equal(loaded[key], content[key])
    assert loaded['scalars'] == content['scalars']
    assert [type(v) for v in loaded['scalars']] == [type(v) for v in content['scalars']]


@pytest.mark.parametrize('package', ['numpy.core', 'numpy._core'])
def test_globals_of_numpy_1_and_2_are_allowed(package):
    allowed = checkpoint_loading.allowed_globals()
    for name in ('_reconstruct', 'scalar'):
        assert callable(allowed[f'{package}.multiarray.{name}'])


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
def test_pickled_code_does_not_run(tmp_path, zipped):
    trace = tmp_path / 'trace'
    path = save(tmp_path / 'evil.pth', {'state_dict': Evil(trace)}, zipped=zipped)
    with pytest.raises(ValueError, match=r'evil\.pth contains more.*uses posix\.mkdir'):
        load_file(path)
    assert not trace.exists()


def test_pickled_code_in_a_bare_pickle_does_not_run(tmp_path):
    trace, path = tmp_path / 'trace', tmp_path / 'bare.pth'
    path.write_bytes(pickle.dumps(Evil(trace), protocol=2))
    with pytest.raises(ValueError, match=r'bare\.pth'):
        load_file(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ('owner', 'name'),
    [(HistoryBuffer, '__init__'), (HistoryBuffer, 'update'), (np.ndarray, 'mean')],
)
def test_getattr_is_limited_to_the_statistics(tmp_path, owner, name):
    path = save(tmp_path / 'getattr.pth', {'x': GetAttr(owner, name)})
    with pytest.raises(ValueError, match=rf'more than weights.*getattr\(.*{name}'):
        load_file(path)


def test_pickle_of_detectron2_is_a_state_dict(tmp_path):
    path, weight = tmp_path / 'model.pkl', np.arange(6, dtype=np.float32).reshape(2, 3)
    content = {'model': {'stem.weight': weight, 'count': np.array(2)}}
    path.write_bytes(pickle.dumps({**content, '__author__': 'x'}, protocol=2))
    state = state_dict_of(load_file(path), path)
    assert state['stem.weight'].tolist() == weight.tolist()
    assert state['count'].item() == 2
    trace = tmp_path / 'trace'
    path.write_bytes(pickle.dumps({'model': Evil(trace)}, protocol=2))
    with pytest.raises(ValueError, match=r'model\.pkl contains more.*uses posix\.mkdir'):
        load_file(path)
    assert not trace.exists()


def test_mmengine_uses_the_safe_loader(tmp_path):
    trace = tmp_path / 'trace'
    path = save(tmp_path / 'evil.pth', Evil(trace))
    with pytest.raises(ValueError, match='more than weights'):
        CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
    assert not trace.exists()


def test_trusted_files_load_inside_the_block_only(tmp_path):
    trace = tmp_path / 'trace'
    path = save(tmp_path / 'mine.pth', {'made': Evil(trace)})
    with trusted_checkpoints():
        assert load_file(path) == {'made': None}
    assert trace.is_dir()
    with pytest.raises(ValueError, match=r'--trust-checkpoint'):
        load_file(path)


def test_trust_ends_after_an_error(tmp_path):
    with pytest.raises(KeyError), trusted_checkpoints():
        raise KeyError
    with pytest.raises(ValueError, match='more than weights'):
        load_file(save(tmp_path / 'evil.pth', Evil(tmp_path / 'trace')))


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
@pytest.mark.parametrize('kept', [0, 0.5, 0.97])
def test_truncated_files_are_reported(tmp_path, kept, zipped):
    whole = save(tmp_path / 'cut.pth', {'w': torch.ones(500)}, zipped=zipped).read_bytes()
    (tmp_path / 'cut.pth').write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(ValueError, match=r'cut\.pth cannot be read.*truncated.*download'):
        load_file(tmp_path / 'cut.pth')


@pytest.mark.parametrize('content', [b'<html>404</html>', b'\x00\xff' * 400, b'version https'])
def test_other_files_are_reported(tmp_path, content):
    (tmp_path / 'page.pth').write_bytes(content)
    with pytest.raises(ValueError, match=r'page\.pth cannot be read \(UnpicklingError: \w+'):
        load_file(tmp_path / 'page.pth')


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'absent\.pth does not exist'):
        load_file(tmp_path / 'absent.pth')


def test_errors_of_the_device_are_not_changed(tmp_path, monkeypatch):
    def out_of_memory(*args, **kwargs):
        raise RuntimeError('CUDA out of memory')

    path = save(tmp_path / 'w.pth', {'w': torch.ones(1)})
    monkeypatch.setattr(torch, 'load', out_of_memory)
    with pytest.raises(RuntimeError, match=r'^CUDA out of memory$'):
        load_file(path)


def train(work_dir: Path, epochs: int, *, resume: bool) -> Runner:
    """A Runner with everything mmengine saves: histories, best score, schedulers, optimizer."""
    torch.manual_seed(0)  # the model is built before the Runner sets its seed
    loader = {
        'dataset': TinyDataset(length=4),
        'batch_size': 2,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'collate_fn': {'type': 'pseudo_collate'},
    }
    runner = Runner(
        model=TinyModel(),
        work_dir=str(work_dir),
        train_dataloader=loader,
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'Adam', 'lr': 0.01}},
        param_scheduler={'type': 'LinearLR', 'start_factor': 0.1, 'end': 4},
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 1}},
        resume=resume,
        randomness={'seed': 0},
        default_scope='avis',  # it outlives the test
        experiment_name=f'{work_dir.parent.name}_{work_dir.name}_{epochs}',
        log_level='ERROR',
    )
    runner.train()
    return runner


def test_runner_resumes_from_its_checkpoint(tmp_path):
    straight = train(tmp_path / 'straight', 2, resume=False)
    train(tmp_path / 'broken', 1, resume=False)
    resumed = train(tmp_path / 'broken', 2, resume=True)
    assert resumed.iter == straight.iter == 4
    saved = load_file(tmp_path / 'broken/epoch_2.pth')
    losses = saved['message_hub']['log_scalars']['train/loss']
    assert isinstance(losses, HistoryBuffer)
    assert len(losses.data[0]) == 4
    wanted, got = straight.model.state_dict(), resumed.model.state_dict()
    torch.testing.assert_close(got, wanted, rtol=0, atol=0)


def test_archive_that_unpacks_to_more_than_itself_is_refused(tmp_path):
    path = save(tmp_path / 'zeros.pth', {'w': torch.zeros(1 << 20)})
    packed = tmp_path / 'packed.pth'
    with zipfile.ZipFile(path) as stored, zipfile.ZipFile(packed, 'w') as archive:
        for name in stored.namelist():
            archive.writestr(name, stored.read(name), zipfile.ZIP_DEFLATED)
    assert packed.stat().st_size < path.stat().st_size / 50
    with pytest.raises(ValueError, match=r'packed\.pth cannot be read .* unpack to'):
        load_file(packed)


def test_every_scheme_of_mmengine_uses_the_safe_loader(tmp_path, monkeypatch):
    trace = tmp_path / 'trace'
    save(tmp_path / 'evil.pth', Evil(trace))
    monkeypatch.setattr('torch.hub.get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setattr(
        'torch.hub.download_url_to_file', lambda _, to: shutil.copy(tmp_path / 'evil.pth', to)
    )
    models = {'net': 'https://example.com/evil.pth'}
    for name in ('get_external_models', 'get_mmcls_models'):
        monkeypatch.setattr(f'mmengine.runner.checkpoint.{name}', lambda: models)
    monkeypatch.setattr('mmengine.runner.checkpoint.get_torchvision_models', lambda: models)
    for scheme in ('https', 'open-mmlab', 'openmmlab', 'mmcls', 'torchvision', 'modelzoo'):
        url = models['net'] if scheme == 'https' else f'{scheme}://net'
        with pytest.raises(ValueError, match='more than weights'):
            CheckpointLoader.load_checkpoint(url, map_location='cpu')
    assert not trace.exists()
