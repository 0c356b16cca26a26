"""What ``avis doctor`` tries: each check uses a part of avis on a tiny input that it makes."""

import contextlib
import functools
import importlib.metadata
import importlib.util
import io
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MIN_FREE_GB = 1.0
RATE = 16_000


class Check(NamedTuple):
    """A part of avis.

    Attributes:
        name: What works if it passes.
        packages: Packages that it imports.
        probe: Uses the part and returns a detail; raises an error if it does not work.
        remedy: What to do if it fails.
        required: Whether avis is of little use without it.
    """

    name: str
    packages: tuple[str, ...]
    probe: Callable[[], str]
    remedy: str
    required: bool = False


class Finding(NamedTuple):
    """The result of a check.

    Attributes:
        name: Of the check.
        status: ``ok``, ``not installed`` (an optional part) or ``problem``.
        versions: Version by distribution.
        detail: What was found, or the error.
        remedy: What to do; empty if nothing is wrong.
    """

    name: str
    status: str
    versions: dict[str, str]
    detail: str
    remedy: str


def run_check(check: Check) -> Finding:
    """Run one check; nothing is printed and no error leaves it."""
    missing = [name for name in check.packages if importlib.util.find_spec(name) is None]
    versions = _versions(set(check.packages).difference(missing))
    if missing:
        status = 'problem' if check.required else 'not installed'
        return Finding(check.name, status, versions, f'without {", ".join(missing)}', check.remedy)
    try:
        with _quiet():
            detail = check.probe()
    except Exception as error:
        text = ' '.join(f'{type(error).__name__}: {error}'.split())
        return Finding(check.name, 'problem', versions, text, check.remedy)
    return Finding(check.name, 'ok', versions, detail, '')


def _versions(packages: Iterable[str]) -> dict[str, str]:
    """Version by distribution of some packages."""
    owners = _distributions()
    names = (name for package in sorted(packages) for name in owners.get(package, ()))
    return {name: importlib.metadata.version(name) for name in names}


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """Distributions by the package that they install."""
    return importlib.metadata.packages_distributions()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Drop what packages print and warn about."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter('ignore')
        yield


def _torch() -> str:
    import torch

    square = torch.ones(2, 2) @ torch.ones(2, 2)
    if square.sum() != 8:
        raise RuntimeError(f'expected 8 from a product of matrices, got {square.sum()}')
    return f'{torch.get_num_threads()} threads'


def _mmdet() -> str:
    owners = sorted(set(_distributions()['mmcv']))
    if len(owners) > 1:
        raise RuntimeError(f'{" and ".join(owners)} are installed over each other')
    import mmdet.models  # noqa: F401

    return 'components of mmdet can be imported'


def _models() -> str:
    from avis.apis import init_model, list_configs

    config = next(path for path in list_configs() if path.stem == 'demo_tpavi_synthetic')
    model = init_model(config)
    count = sum(parameter.numel() for parameter in model.parameters())
    return f'demo_tpavi_synthetic built, {count:,} parameters'


def _attention() -> str:
    import torch

    from avis.ops.deformable_attention import deformable_attention, deformable_attention_pytorch
    from avis.ops.deformable_kernels import choose_kernel

    sampled = deformable_attention(
        torch.ones(1, 4, 1, 2),
        [(2, 2)],
        torch.full((1, 1, 1, 1, 1, 2), 0.5),
        torch.ones(1, 1, 1, 1, 1),
    )
    if not torch.allclose(sampled, torch.ones(1, 1, 2)):
        raise RuntimeError(f'expected ones, got {sampled.flatten().tolist()}')
    kernel = choose_kernel('auto', torch.device('cpu'), deformable_attention_pytorch)
    return 'compiled kernel' if kernel else 'in PyTorch; no compiled operator is needed'


def _video() -> str:
    from avis.datasets.readers.audio import read_audio
    from avis.datasets.readers.video import read_video_frames
    from avis.visualization.video_writer import write_clip

    frames = np.zeros((4, 64, 64, 3), np.uint8)
    frames[2:] = 255
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'clip.mp4'
        write_clip(path, frames, fps=2, audio=_tone(2), sample_rate=RATE)
        read = read_video_frames(path, [0.25, 1.75])
        samples = read_audio(path, sample_rate=RATE)
    levels = [float(frame.mean()) for frame in read]
    if levels[0] > 16 or levels[1] < 239 or len(samples) < RATE:
        raise RuntimeError(f'expected a black and a white frame with audio, got {levels}')
    return 'MP4 written and read with audio; ffmpeg is not needed'


def _audio() -> str:
    import torch
    import torchaudio

    resample = torchaudio.transforms.Resample(48_000, RATE)
    samples = resample(torch.zeros(1, 4800))
    if samples.shape != (1, 1600):
        raise RuntimeError(f'expected 1600 samples, got {tuple(samples.shape)}')
    return 'resampled'


def _evaluation() -> str:
    from pycocotools import mask
    from scipy.optimize import linear_sum_assignment

    rle = mask.encode(np.asfortranarray(np.eye(4, dtype=np.uint8)))
    pairs = linear_sum_assignment(1 - np.eye(2))[1].tolist()
    if mask.area(rle) != 4 or pairs != [0, 1]:
        raise RuntimeError(f'expected 4 pixels and pairs [0, 1], got {mask.area(rle)} and {pairs}')
    return 'masks encoded and matched'


def _cuda() -> str:
    import torch

    if not torch.cuda.is_available():
        if shutil.which('nvidia-smi') and torch.version.cuda is None:
            raise RuntimeError('there is an NVIDIA driver, but torch was built without CUDA')
        if shutil.which('nvidia-smi'):
            raise RuntimeError(f'torch with CUDA {torch.version.cuda} cannot use the GPU')
        return 'no GPU: everything runs on the CPU'
    found = []
    for index in range(torch.cuda.device_count()):
        (torch.ones(2, 2, device=f'cuda:{index}') @ torch.ones(2, 2, device=f'cuda:{index}')).sum()
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        found.append(f'{name}, {free / 2**30:.0f} of {total / 2**30:.0f} GB free')
    return '; '.join(found)


def _disk() -> str:
    folders = {'current folder': Path.cwd(), 'temporary files': Path(tempfile.gettempdir())}
    free = {name: shutil.disk_usage(folder).free / 2**30 for name, folder in folders.items()}
    text = ', '.join(f'{gigabytes:.0f} GB free for {name}' for name, gigabytes in free.items())
    if min(free.values()) < MIN_FREE_GB:
        raise RuntimeError(text)
    return text


def _transformers() -> str:
    import torch
    import transformers

    # What the components of AVTracker load by name.
    names = ('AutoModelForImageTextToText', 'Sam2VideoModel', 'Sam3VideoModel')
    lacking = [name for name in names if not hasattr(transformers, name)]
    if lacking:
        raise RuntimeError(f'transformers has no {", ".join(lacking)}')
    config = transformers.WhisperConfig(
        vocab_size=32, d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=1,
        decoder_attention_heads=1, encoder_ffn_dim=8, decoder_ffn_dim=8, max_source_positions=10,
        max_target_positions=10, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1,
    )  # fmt: skip
    with torch.no_grad():
        network = transformers.WhisperModel(config).eval()
        network(torch.zeros(1, 80, 20), decoder_input_ids=torch.ones(1, 2, dtype=torch.long))
    return 'a tiny Whisper ran; SAM 2, SAM 3 and vision-language models are known'


def _silero() -> str:
    from avis.avtracker.asr.silero_vad import SileroVAD

    return f'{len(SileroVAD().transcribe(_waveform()))} segments in a tone'


def _webrtc() -> str:
    from avis.avtracker.asr.webrtc_vad import WebRTCVAD

    return f'{len(WebRTCVAD().transcribe(_waveform()))} segments in a tone'


def _resemblyzer() -> str:
    import torch

    from avis.avtracker.speaker_encoders.resemblyzer import Resemblyzer

    _, encoder = Resemblyzer(device='cpu')._encoder
    with torch.no_grad():
        embedding = encoder(torch.zeros(1, 160, 40))
    return f'embedding of {embedding.shape[-1]} values'


def _speechbrain() -> str:
    import torch
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    network = ECAPA_TDNN(8, lin_neurons=4, channels=[8] * 5, attention_channels=4, se_channels=4)
    with torch.no_grad():
        embedding = network.eval()(torch.zeros(1, 20, 8))
    return f'a tiny ECAPA ran, {embedding.shape[-1]} values'


def _modelscope() -> str:
    from modelscope.pipelines import pipeline

    return f'{pipeline.__name__} can be imported'


def _faces() -> str:
    from avis.avtracker.face_detection.face_detector import FaceDetector

    return f'{len(FaceDetector()(np.zeros((192, 192, 3), np.uint8)))} faces in a black image'


def _dlib() -> str:
    import dlib

    detect = dlib.get_frontal_face_detector()
    return f'{len(detect(np.zeros((64, 64), np.uint8)))} faces in a black image'


def _tensorboard() -> str:
    from torch.utils.tensorboard import SummaryWriter

    with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
        writer.add_scalar('loss', 1.0)
        writer.flush()
        if not list(Path(folder).iterdir()):
            raise RuntimeError('no event file was written')
    return 'event file written'


def _page() -> str:
    os.environ.setdefault('GRADIO_ANALYTICS_ENABLED', 'False')
    import gradio

    with gradio.Blocks(analytics_enabled=False) as page:
        video = gradio.Video()
    if video._id not in page.blocks:
        raise RuntimeError('the page lacks its video')
    return 'page built'


def _tone(seconds: float) -> Any:
    return (0.1 * np.sin(np.arange(int(seconds * RATE)) * 0.2)).astype(np.float32)


def _waveform() -> Any:
    from avis.structures.media import Waveform

    return Waveform(_tone(1), RATE)


_REINSTALL = "install avis again in a new environment: pip install -e '.[all]'"
_MEDIAPIPE = 'pip install --no-deps mediapipe==0.10.21 (Python 3.12 or older)'
CHECKS = (
    Check('PyTorch', ('torch',), _torch, 'install torch: https://pytorch.org', required=True),
    Check(
        'mmengine and mmdet',
        ('mmcv', 'mmdet', 'mmengine'),
        _mmdet,
        'pip uninstall mmcv mmcv-lite, then pip install mmcv-lite==2.1.0',
        required=True,
    ),
    Check('deformable attention', (), _attention, _REINSTALL, required=True),
    Check('models and configs', (), _models, _REINSTALL, required=True),
    Check('video files', ('av',), _video, 'pip install --force-reinstall av', required=True),
    Check(
        'audio',
        ('torchaudio', 'librosa', 'soundfile'),
        _audio,
        'install the torchaudio of the index from which torch comes',
        required=True,
    ),
    Check('evaluation', ('pycocotools', 'scipy', 'numpy'), _evaluation, _REINSTALL, required=True),
    Check('TensorBoard', ('tensorboard',), _tensorboard, 'pip install tensorboard'),
    Check('web page', ('gradio',), _page, "pip install 'avis[app]'"),
    Check('GPU', (), _cuda, 'install the torch build for the driver, or update the driver'),
    Check('disk', (), _disk, f'free at least {MIN_FREE_GB:.0f} GB'),
    Check(
        'Whisper, SAM and VLMs', ('transformers',), _transformers, "pip install 'avis[speech,vlm]'"
    ),
    Check('speech: silero-vad', ('silero_vad',), _silero, "pip install 'avis[speech]'"),
    Check('speech: WebRTC', ('webrtcvad',), _webrtc, "pip install 'avis[offline]'"),
    Check(
        'speakers: Resemblyzer',
        ('resemblyzer',),
        _resemblyzer,
        'pip install --no-deps resemblyzer==0.1.4',
    ),
    Check(
        'speakers: ECAPA, SepFormer',
        ('speechbrain',),
        _speechbrain,
        "pip install 'avis[speechbrain]'",
    ),
    Check(
        'separation: MossFormer2', ('modelscope',), _modelscope, "pip install 'avis[modelscope]'"
    ),
    Check('faces: MediaPipe networks', ('ai_edge_litert', 'mediapipe'), _faces, _MEDIAPIPE),
    Check('faces: dlib', ('dlib',), _dlib, "pip install 'avis[offline]'"),
)
