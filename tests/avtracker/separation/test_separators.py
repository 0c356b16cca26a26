import sys
import types

import numpy as np
import pytest
import torch
import torchaudio

from avis.avtracker.separation.separators import ConvTasNet, MossFormer2, SepFormer
from avis.structures.media import Waveform

RATE = 8000
SMALL = {
    'num_sources': 2,
    'enc_num_feats': 16,
    'msk_num_feats': 8,
    'msk_num_hidden_feats': 8,
    'msk_num_layers': 2,
    'msk_num_stacks': 1,
}
SEPFORMER = """
num_spks: 2
encoder: !new:speechbrain.lobes.models.dual_path.Encoder
    kernel_size: 16
    out_channels: 16
block: !new:speechbrain.lobes.models.dual_path.SBTransformerBlock
    num_layers: 1
    d_model: 16
    nhead: 2
    d_ffn: 16
    dropout: 0
    use_positional_encoding: True
    norm_before: True
masknet: !new:speechbrain.lobes.models.dual_path.Dual_Path_Model
    num_spks: !ref <num_spks>
    in_channels: 16
    out_channels: 16
    num_layers: 1
    K: 50
    intra_model: !ref <block>
    inter_model: !ref <block>
    norm: ln
    linear_layer_after_inter_intra: False
    skip_around_intra: True
decoder: !new:speechbrain.lobes.models.dual_path.Decoder
    in_channels: 16
    out_channels: 1
    kernel_size: 16
    stride: 8
    bias: False
modules:
    encoder: !ref <encoder>
    masknet: !ref <masknet>
    decoder: !ref <decoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables: {}
"""


def conv_tas_net(tmp_path):
    torch.manual_seed(0)
    network = torchaudio.models.ConvTasNet(**SMALL)
    torch.save(network.state_dict(), tmp_path / 'weights.pth')
    return ConvTasNet(weights=str(tmp_path / 'weights.pth'), network=SMALL)


def sep_former(tmp_path):
    (tmp_path / 'hyperparams.yaml').write_text(SEPFORMER)
    return SepFormer(model=str(tmp_path))


def moss_former(tmp_path, monkeypatch):
    """A fake of the pipeline of ModelScope, with its scaling and output format."""
    calls = []

    class Pipeline:
        def __call__(self, data):
            mixture = np.frombuffer(data, np.float32)
            calls.append(mixture)
            with np.errstate(invalid='ignore'):
                sources = [half / np.abs(half).max() * 0.5 for half in (mixture, -mixture)]
                return {
                    'output_pcm_list': [(s * 32768).astype(np.int16).tobytes() for s in sources]
                }

    module = types.ModuleType('modelscope.pipelines')
    module.pipeline = lambda task, **kwargs: calls.append((task, kwargs)) or Pipeline()
    monkeypatch.setitem(sys.modules, 'modelscope', types.ModuleType('modelscope'))
    monkeypatch.setitem(sys.modules, 'modelscope.pipelines', module)
    return MossFormer2(model='folder', device='cuda:1'), calls


@pytest.fixture(params=['conv_tas_net', 'sep_former', 'moss_former'])
def separator(request, tmp_path, monkeypatch):
    if request.param == 'moss_former':
        return moss_former(tmp_path, monkeypatch)[0]
    return {'conv_tas_net': conv_tas_net, 'sep_former': sep_former}[request.param](tmp_path)


def noise(samples):
    rng = np.random.default_rng(0)
    return Waveform(rng.normal(0, 0.1, samples).astype(np.float32), RATE, 'video', 3.5)


@pytest.mark.parametrize('samples', [8000, 8001, 200])
def test_returns_two_sources_as_long_as_the_mixture(separator, samples):
    sources = separator.separate(noise(samples))
    assert [source.samples.shape for source in sources] == [(samples,), (samples,)]
    assert all(source.samples.dtype == np.float32 for source in sources)
    assert all((s.sample_rate, s.name, s.start) == (RATE, 'video', 3.5) for s in sources)
    assert all(source.samples.any() for source in sources)
    assert not np.array_equal(sources[0].samples, sources[1].samples)


@pytest.mark.parametrize('samples', [np.zeros(0), np.zeros(800), np.ones(30)])
def test_silent_or_short_mixture_returns_silence(separator, samples):
    sources = separator.separate(Waveform(samples.astype(np.float32), RATE))
    assert len(sources) == 2
    assert all(len(s.samples) == len(samples) and not s.samples.any() for s in sources)


def test_other_sample_rate_is_rejected(separator):
    with pytest.raises(ValueError, match='8000 Hz, got a waveform of shape'):
        separator.separate(Waveform(np.zeros(100, np.float32), 16000))


def test_modelscope_gets_the_audio_from_memory(tmp_path, monkeypatch):
    separator, calls = moss_former(tmp_path, monkeypatch)
    mixture = noise(1000)
    one, other = separator.separate(mixture)
    assert calls[0] == ('speech-separation', {'model': 'folder', 'device': 'gpu:1'})
    np.testing.assert_array_equal(calls[1], mixture.samples)
    assert np.abs(one.samples).max() == pytest.approx(0.5, abs=1e-3)
    np.testing.assert_allclose(one.samples, -other.samples, atol=1e-4)


@pytest.mark.parametrize(
    ('separator', 'package', 'said'),
    [
        (MossFormer2(), 'modelscope.pipelines', r"pip install 'avis\[modelscope\]'"),
        (SepFormer(), 'speechbrain.inference.separation', r"pip install 'avis\[speechbrain\]'"),
    ],
)
def test_missing_library_raises_import_error_on_first_use(separator, package, said, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=said):
        separator.separate(noise(1000))
