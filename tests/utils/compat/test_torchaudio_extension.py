from tests.helpers.subprocess_python import run_python, write_package

LOADS = 'import avis, torchaudio._extension as e; print(e._IS_TORCHAUDIO_EXT_AVAILABLE)'
WORKS = {
    'torchaudio/__init__.py': '',
    'torchaudio/_extension/__init__.py': "_IS_TORCHAUDIO_EXT_AVAILABLE = 'compiled'\n",
}
BREAKS = {
    'torchaudio/__init__.py': 'from torchaudio import _extension\n',
    'torchaudio/_extension/__init__.py': "raise OSError('libtorch_cuda.so: not found')\n",
}


def test_loaded_extension_is_unchanged(tmp_path):
    assert run_python(LOADS, write_package(tmp_path, WORKS)).strip() == 'compiled'


def test_failing_extension_is_reported_as_absent(tmp_path):
    code = f"""
{LOADS}
print(e._check_cuda_version(), e._IS_ALIGN_AVAILABLE, e._IS_RNNT_AVAILABLE)
@e.fail_if_no_align
def forced_align():
    return 1
try:
    forced_align()
except RuntimeError as error:
    print(error)
"""
    lines = run_python(code, write_package(tmp_path, BREAKS)).splitlines()
    assert lines[:2] == ['False', 'None False False']
    assert lines[2].startswith('forced_align needs the compiled extension of torchaudio')


def test_import_fails_without_avis(tmp_path):
    code = """
try:
    import torchaudio
except OSError as error:
    print(error)
"""
    printed = run_python(code, write_package(tmp_path, BREAKS))
    assert printed.strip() == 'libtorch_cuda.so: not found'


def test_other_errors_are_not_hidden(tmp_path):
    files = {**BREAKS, 'torchaudio/_extension/__init__.py': 'undefined_name\n'}
    code = """
import avis
try:
    import torchaudio
except NameError as error:
    print(error)
"""
    assert 'undefined_name' in run_python(code, write_package(tmp_path, files))


def test_installed_torchaudio_and_whisper_work():
    code = """
import avis, torch, torchaudio
print(tuple(torchaudio.functional.resample(torch.ones(1, 160), 16000, 8000).shape))
print(tuple(torchaudio.transforms.MelSpectrogram(n_mels=8, n_fft=64)(torch.ones(1, 160)).shape)[:2])
from transformers import WhisperConfig, WhisperModel
config = WhisperConfig(
    d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
    decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, vocab_size=32,
    pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None,
)
model = WhisperModel(config).eval()
features = torch.zeros(1, config.num_mel_bins, 2 * config.max_source_positions)
with torch.no_grad():
    hidden = model(features, decoder_input_ids=torch.tensor([[1]])).last_hidden_state
print(tuple(hidden.shape), bool(hidden.isfinite().all()))
"""
    assert run_python(code).splitlines() == ['(1, 80)', '(1, 8)', '(1, 1, 16) True']
