import sys

import numpy as np
import pytest

from avis.avtracker.speaker_encoders.ecapa import ECAPA
from avis.avtracker.speaker_encoders.resemblyzer import Resemblyzer, _load
from avis.avtracker.speaker_encoders.x_vector import XVector
from avis.structures.media import Waveform
from tests.helpers.tiny_transformers import save_wavlm

RATE = 16000
ECAPA_HPARAMS = """
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: 20
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: 20
    channels: [16, 16, 16, 16, 48]
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    attention_channels: 8
    res2net_scale: 4
    se_channels: 8
    lin_neurons: 12
classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: 12
    out_neurons: 3
mean_var_norm_emb: !new:speechbrain.processing.features.InputNormalization
    norm_type: global
    std_norm: False
modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    mean_var_norm_emb: !ref <mean_var_norm_emb>
    classifier: !ref <classifier>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables: {}
"""


@pytest.fixture(scope='module')
def ecapa_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ecapa')
    (folder / 'hyperparams.yaml').write_text(ECAPA_HPARAMS)
    return str(folder)


@pytest.fixture(scope='module', params=['ecapa', 'x_vector'])
def encoder(request, ecapa_folder, tmp_path_factory):
    if request.param == 'x_vector':
        return XVector(model=str(save_wavlm(tmp_path_factory.mktemp('models') / 'x_vector')))
    return ECAPA(model=ecapa_folder)


def noise(seconds, seed=0):
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE))
    return Waveform(samples.astype(np.float32), RATE)


def test_embedding_is_finite_and_depends_on_the_audio(encoder):
    one, again, other = (encoder.embed(noise(1.5, seed)) for seed in (0, 0, 1))
    assert one.shape == (12,)
    assert one.dtype == np.float32
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_embedding_of_silence_is_finite(encoder):
    assert np.isfinite(encoder.embed(Waveform(np.zeros(RATE, np.float32), RATE))).all()


@pytest.mark.parametrize('seconds', [0, 0.05])
def test_too_short_audio_raises_value_error(encoder, seconds):
    with pytest.raises(ValueError, match=r'expected at least .* s of audio, got'):
        encoder.embed(noise(seconds))


def test_ecapa_embeds_40_milliseconds_without_a_minimum(ecapa_folder):
    official = ECAPA(model=ecapa_folder, min_seconds=0)
    for seconds in (0.04, 0.099):
        assert np.isfinite(official.embed(noise(seconds))).all()
    # The network refuses less, which the official protocol takes for another speaker.
    with pytest.raises(RuntimeError, match='Padding size'):
        official.embed(noise(0.039))


def test_other_sample_rate_is_rejected(encoder):
    with pytest.raises(ValueError, match='48000 Hz'):
        encoder.embed(Waveform(np.zeros(48000, np.float32), 48000))


@pytest.mark.parametrize(
    ('part', 'package', 'said'),
    [
        (ECAPA(), 'speechbrain.inference.speaker', r"pip install 'avis\[speechbrain\]'"),
        (XVector(), 'transformers', r"pip install 'avis\[speech\]'"),
        (Resemblyzer(), 'resemblyzer', 'pip install --no-deps resemblyzer webrtcvad-wheels'),
    ],
)
def test_missing_library_raises_import_error_on_first_use(part, package, said, monkeypatch):
    _load.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=said):
        part.embed(noise(1.0))
