"""Checkpoints load strictly, and foreign checkpoints are converted by registered converters."""

import os
import pickle
import re
import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from avis.apis import convert_checkpoint, init_model
from avis.apis.checkpoint import available_converters, load_weights, state_dict_of
from avis.apis.runner import check_checkpoint
from tests.helpers.warm_python import run_warm

TOOL = Path(__file__).parents[2] / 'tools' / 'model_converters' / 'convert_checkpoint.py'
BUILT_IN = ('avism', 'avsbench', 'mask2former', 'pvt_v2', 'swin', 'torchvision_resnet', 'vggish')
CONFIG = {
    'model': {'type': 'mmdet.ResNet', 'depth': 18, 'base_channels': 8, 'stem_channels': 8},
    'default_scope': 'avis',
}


@pytest.fixture
def model() -> torch.nn.Module:
    return init_model(Config(CONFIG))


def test_saved_model_loads_strictly(tmp_path: Path, model) -> None:
    path = tmp_path / 'model.pth'
    with torch.no_grad():
        model.conv1.weight.fill_(0.5)
    torch.save({'state_dict': {f'module.{k}': v for k, v in model.state_dict().items()}}, path)
    loaded = init_model(Config(CONFIG), path)
    assert not loaded.training
    torch.testing.assert_close(loaded.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_checkpoint_of_another_model_is_rejected_with_first_keys(tmp_path: Path, model) -> None:
    weights = model.state_dict()
    weights['conv1.weight'] = torch.zeros(16, 3, 7, 7)
    weights['head.weight'] = weights.pop('bn1.weight')
    torch.save(weights, tmp_path / 'other.pth')
    pattern = (
        r'other\.pth does not fit ResNet: 1 keys of another shape \(conv1\.weight: file '
        r'\(16, 3, 7, 7\), model \(8, 3, 7, 7\)\), 1 keys missing in the file \(bn1\.weight\), '
        r'1 keys unknown to the model \(head\.weight\)'
    )
    with pytest.raises(ValueError, match=pattern):
        load_weights(model, tmp_path / 'other.pth')


def test_truncated_file_is_rejected_with_its_name(tmp_path: Path, model) -> None:
    path = tmp_path / 'truncated.pth'
    torch.save(model.state_dict(), path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r'truncated\.pth cannot be read'):
        load_weights(model, path)


def test_pickled_code_is_not_executed(tmp_path: Path, model) -> None:
    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / 'executed',)

    with (tmp_path / 'evil.pth').open('wb') as file:
        pickle.dump({'state_dict': Evil()}, file)
    with pytest.raises(ValueError, match=r'evil\.pth'):
        load_weights(model, tmp_path / 'evil.pth')
    assert not (tmp_path / 'executed').exists()


def test_file_without_weights_is_rejected_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x\.pth: expected a tensor for 'epoch', got int"):
        state_dict_of({'epoch': 3}, tmp_path / 'x.pth')


@pytest.mark.parametrize(
    ('change', 'problem'),
    [
        (lambda w: w.fill_(float('nan')), r'has \d+ of \d+ values that are NaN or infinite'),
        (lambda w: w.view(-1)[0].fill_(float('inf')), r'has 1 of \d+ values that are NaN'),
        (lambda w: w.long(), 'is int64, expected float32'),
        (lambda w: w.bool(), 'is bool, expected float32'),
        (lambda w: w.to(torch.complex64), 'is complex64, expected float32'),
        (lambda w: w.to_sparse(), 'is no dense tensor'),
    ],
)
def test_values_that_are_no_weights_are_rejected_with_their_key(
    tmp_path: Path, model, change, problem: str
) -> None:
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    key = next(key for key, value in weights.items() if value.is_floating_point())
    changed = change(weights[key])
    weights[key] = weights[key] if changed.numel() != weights[key].numel() else changed
    path = tmp_path / 'odd.pth'
    torch.save({'state_dict': weights}, path)
    with pytest.raises(ValueError, match=rf'odd\.pth has 1 unusable entry \({key} {problem}'):
        load_weights(model, path)
    with pytest.raises(ValueError, match=key):
        check_checkpoint(model, path, strict=False)


def test_half_precision_weights_load(tmp_path: Path, model) -> None:
    weights = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    torch.save({'state_dict': weights}, tmp_path / 'half.pth')
    load_weights(model, tmp_path / 'half.pth')


def test_failed_conversion_writes_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='unknown kind'):
        convert_checkpoint('resnet', tmp_path / 'a', tmp_path / 'b')
    torch.save({'not.a.vggish.key': torch.zeros(1)}, tmp_path / 'foreign.pth')
    for kind in BUILT_IN:
        with pytest.raises(ValueError, match=r'not\.a\.vggish\.key'):
            convert_checkpoint(kind, tmp_path / 'foreign.pth', tmp_path / 'out.pth')
    assert sorted(p.name for p in tmp_path.iterdir()) == ['foreign.pth']


def run_tool(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the tool in a folder from which only its own modules are found."""
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    return run_warm([TOOL, *arguments], cwd, environment)


def test_project_outside_the_clone_registers_its_converter(tmp_path: Path) -> None:
    package = tmp_path / 'own_pkg'
    package.mkdir()
    (package / '__init__.py').touch()
    (package / 'converter.py').write_text(
        'from avis.registry import CONVERTERS\n\n\n'
        "@CONVERTERS.register_module(name='own_resnet')\n"
        'def convert_own_resnet(state_dict):\n'
        "    kept = {k: v for k, v in state_dict.items() if not k.startswith('fc.')}\n"
        "    renamed = {f'backbone.{k}': v for k, v in kept.items()}\n"
        '    return renamed, [k for k in state_dict if k not in kept]\n'
    )
    torch.save({'conv1.weight': torch.ones(2), 'fc.bias': torch.ones(1)}, tmp_path / 'src.pth')

    arguments = ('own_resnet', 'src.pth', 'out/dst.pth')
    refused = run_tool(*arguments, cwd=tmp_path)
    assert refused.returncode == 2
    assert re.search("invalid choice: 'own_resnet' .*'avsbench'", refused.stderr)

    done = run_tool(*arguments, '--custom-imports', 'own_pkg.converter', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'out/dst.pth written; 1 entries' in done.stdout
    assert 'dropped fc.bias' in done.stdout
    content = torch.load(tmp_path / 'out' / 'dst.pth', weights_only=True)
    assert content['meta'] == {'converted_from': 'own_resnet'}
    assert content['state_dict'].keys() == {'backbone.conv1.weight'}


def test_help_of_the_tool_lists_all_built_in_converters(tmp_path: Path) -> None:
    assert set(BUILT_IN) <= set(available_converters())
    done = run_tool('--help', cwd=tmp_path)
    assert done.returncode == 0
    text = ' '.join(done.stdout.split())
    assert ', '.join(BUILT_IN) in text
