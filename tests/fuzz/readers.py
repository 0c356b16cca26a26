"""The readers, each with small valid files."""

import gzip
import io
import json
import pickle
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import soundfile
import torch
from mmengine.config import Config
from PIL import Image

from avis.apis import evaluate
from avis.apis.batch_inference import find_videos
from avis.apis.config_files import config_files
from avis.apis.config_overrides import apply_overrides
from avis.apis.video_records import video_record
from avis.avtracker.asr.transcript_file import TranscriptFile
from avis.avtracker.cache import Journal, StageCache
from avis.datasets.readers.audio import audio_info, read_audio
from avis.datasets.readers.images import read_image, read_label_colors, read_label_values
from avis.datasets.readers.tensors import read_features, read_log_mel
from avis.datasets.readers.video import read_video_frames
from avis.datasets.vis import read_vis
from avis.engine.changed_settings import changed_settings
from avis.engine.resume import check_training_state, is_complete
from avis.structures.media import Waveform
from avis.utils.arguments import parse_cfg_options
from avis.utils.ava_csv import read_face_rows
from avis.utils.compat.checkpoint_loading import load_file
from avis.utils.png import read_png, read_png_mask, read_png_runs
from avis.utils.tables import read_table
from tests.helpers import tiny_vis

SENTINEL = 'executed'
"""Name of the file that the code hidden in some seeds would create beside the input."""


@dataclass(frozen=True)
class Reader:
    """A reader with its valid files.

    Args:
        seeds: Content of the files by name; the suffix chooses the mutations.
        read: Reads a file. Bad files raise ``ValueError`` or ``OSError``.
        names_file: Whether these errors name the file.
    """

    seeds: Mapping[str, bytes]
    read: Callable[[Path], Any]
    names_file: bool = True


class WrongResultError(Exception):
    """A reader returned something else than the reference."""


class _Payload:
    """Pickled code that creates the sentinel in the working directory."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (SENTINEL, 'w'))


def all_readers() -> dict[str, Reader]:
    """Every reader by name."""
    images, audio = _images(), _audio()
    return {
        'png': Reader(_pngs(images), _read_png),
        'image': Reader(images, lambda path: read_image(path)),
        'label map': Reader(
            images, lambda path: (read_label_values(path), read_label_colors(path))
        ),
        'audio': Reader(audio, _read_audio),
        'video': Reader(_videos(), _read_video),
        'features': Reader(_features(), read_features),
        'log-mel': Reader(_log_mels(), read_log_mel),
        'transcript': Reader(_transcripts(), _read_transcript),
        'checkpoint': Reader(_checkpoints(), _read_checkpoint),
        'stage cache': Reader(_stages(), _read_stage, names_file=False),
        'csv': Reader({'a.csv': b'name,split\nx,train\ny,test\n'}, _read_csv),
        'face rows': Reader(
            {'a.csv': b'v,1.04,0.1,0.2,0.3,0.4,NOT_SPEAKING,v:1,0.5\n' * 2}, read_face_rows
        ),
        'annotations': Reader(_annotations(), read_vis),
        'results': Reader(_results(), _evaluate),
        'config': Reader(_configs(), lambda path: list(config_files(path))),
        'overrides': Reader(_overrides(), _override, names_file=False),
    }


def _images() -> dict[str, bytes]:
    image = np.zeros((20, 30, 3), np.uint8)
    image[5:12, 8:20] = (200, 30, 90)
    found = {
        f'a{suffix}': cv2.imencode(suffix, image)[1].tobytes()
        for suffix in ('.png', '.jpg', '.bmp', '.webp', '.ppm', '.tiff')
    }
    return {**found, 'b.png': cv2.imencode('.png', image[..., 0])[1].tobytes()}


def _pngs(images: Mapping[str, bytes]) -> dict[str, bytes]:
    found = {name: data for name, data in images.items() if name.endswith('.png')}
    mask = Image.fromarray(np.eye(16, 23, dtype=np.uint8))
    for mode in ('1', 'P', 'LA', 'RGBA', 'I;16'):
        buffer = io.BytesIO()
        mask.convert(mode).save(buffer, 'PNG')
        found[f'{mode}.png'] = buffer.getvalue()
    return found


def _read_png(path: Path) -> None:
    """Compare with Pillow: its refusals are refused, and the values are equal."""
    try:
        with Image.open(io.BytesIO(path.read_bytes()), formats=['PNG']) as image:
            expected = np.asarray(image)
    except Exception:
        expected = None
    values = read_png(path)
    read_png_mask(path)
    read_png_runs(path)
    if expected is None:
        raise WrongResultError('read_png read a file that Pillow refuses')
    if not np.array_equal(values, expected):
        raise WrongResultError('read_png and Pillow read other values')


def _read_label_map(path: Path) -> None:
    read_label_values(path)
    read_label_colors(path)


def _tone(rate: int, seconds: float = 0.4) -> np.ndarray:
    return np.sin(np.arange(int(rate * seconds)) * 0.2).astype(np.float32) / 2


def _audio() -> dict[str, bytes]:
    found = {}
    for kind, rate in (('WAV', 16000), ('FLAC', 22050), ('OGG', 16000), ('MP3', 32000)):
        buffer = io.BytesIO()
        soundfile.write(buffer, _tone(rate), rate, format=kind)
        found[f'a.{kind.lower()}'] = buffer.getvalue()
    buffer = io.BytesIO()
    with wave.open(buffer, 'wb') as file:
        file.setparams((2, 2, 8000, 0, 'NONE', ''))
        file.writeframes(bytes(4000))
    return {**found, 'b.wav': buffer.getvalue()}


def _read_audio(path: Path) -> None:
    audio_info(path)
    read_audio(path, sample_rate=16000)
    read_audio(path, sample_rate=16000, start=2000, num_samples=1000)


def _videos() -> dict[str, bytes]:
    found = {}
    for kind, codec in (
        ('mp4', 'mpeg4'),
        ('matroska', 'mpeg4'),
        ('avi', 'mpeg4'),
        ('mpegts', 'mpeg2video'),
    ):
        buffer = io.BytesIO()
        with av.open(buffer, 'w', format=kind) as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 32, 32, 'yuv420p'
            stream.codec_context.thread_count = 1
            for level in range(8):
                frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 30 * level, np.uint8))
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        found[f'a.{kind}'] = buffer.getvalue()
    return found


def _read_video(path: Path) -> None:
    ((_, found),) = find_videos([path])
    record = video_record(found)
    read_video_frames(path, np.arange(min(record['length'], 20)) / record['fps'])


def _features() -> dict[str, bytes]:
    buffers = [io.BytesIO() for _ in range(2)]
    np.save(buffers[0], np.ones((5, 4), np.float32))
    np.save(buffers[1], np.array([_Payload()], object), allow_pickle=True)
    return {f'{n}.npy': buffer.getvalue() for n, buffer in enumerate(buffers)}


def _log_mels() -> dict[str, bytes]:
    value = torch.zeros(2, 1, 96, 64)
    return {
        'a.pkl': pickle.dumps(value),
        'b.pkl': pickle.dumps(_Payload()),
        'c.pkl': pickle.dumps([value[:, :, :1, :1], _Payload()]),
    }


def _transcripts() -> dict[str, bytes]:
    times = '00:00:01.000 --> 00:00:02.500'
    segments = [{'text': 'a', 'start': 0, 'end': 1.5, 'speaker': 'x'}, {'timestamp': [1, None]}]
    return {
        'a.srt': f'1\n{times}\n<i>Hi</i>\nyou\n\n2\n{times}\nBye\n'.replace('.', ',').encode(),
        'a.vtt': f'WEBVTT\n\nNOTE x\n\nid\n{times} line:0\n<v Ann>Hi <c>all</c> &amp;\n'.encode(),
        'a.rttm': ''.join(
            f'SPEAKER {name} 1 1.0 2.0 <NA> <NA> ann <NA> <NA>\n' for name in ('a', 'b c')
        ).encode(),
        'a.json': json.dumps({'segments': segments}).encode(),
    }


def _read_transcript(path: Path) -> None:
    waveform = Waveform(np.zeros(160_000, np.float32), 16_000, 'a')
    TranscriptFile(path=str(path)).transcribe(waveform)


def _checkpoints() -> dict[str, bytes]:
    state = {
        'meta': {'epoch': 1, 'iter': 4, 'seed': 3, 'cfg': "optim_wrapper = dict(lr=0.1, t='x')\n"},
        'state_dict': {'weight': torch.zeros(3)},
        'message_hub': {'log_scalars': {}, 'runtime_info': {}, 'resumed_keys': {}},
        'optimizer': {'state': {}, 'param_groups': []},
    }
    buffers = [io.BytesIO() for _ in range(2)]
    torch.save(state, buffers[0])
    torch.save({**state, 'code': _Payload()}, buffers[1])
    return {f'{n}.pth': buffer.getvalue() for n, buffer in enumerate(buffers)}


def _read_checkpoint(path: Path) -> None:
    is_complete(path)
    meta = check_training_state(load_file(path), path)
    changed_settings(meta.get('cfg', ''), 'optim_wrapper = dict(lr=0.2)')


def _stages() -> dict[str, bytes]:
    rows = ''.join(json.dumps({'frame': n, 'ids': [1]}) + '\n' for n in range(4))
    text = rows + '{"rows": 4, "hash": ""}'
    return {'a.gz': gzip.compress(text.encode()), 'local.txt': rows.encode()}


def _read_stage(path: Path) -> None:
    if path.suffix == '.gz':
        if StageCache(path.parent).load(path) is not None:
            raise WrongResultError('a stage file without the right hash was accepted')
    else:
        Journal(path, lambda value: isinstance(value, dict) and 'frame' in value).lines()


def _read_csv(path: Path) -> None:
    for by_name in (True, False):
        read_table(path, ('name', 'split'), by_name=by_name)


def _annotations() -> dict[str, bytes]:
    return {'a.json': json.dumps(tiny_vis.content()).encode()}


def _results() -> dict[str, bytes]:
    mask = tiny_vis.rle(tiny_vis.box_mask())
    rows = [
        {'video_id': n, 'category_id': 1, 'score': 0.5, 'segmentations': [mask, None, mask]}
        for n in (1, 2)
    ]
    return {'results.json': json.dumps(rows).encode()}


def _evaluate(path: Path) -> None:
    gt = path.with_name('gt.json')
    if not gt.exists():
        gt.write_text(json.dumps(tiny_vis.content()))
    evaluate('youtube_vis', gt, path, protocol='corrected')


def _configs() -> dict[str, bytes]:
    text = 'from mmengine.config import read_base\n\nwith read_base():\n    from .b import *\n'
    return {'a.py': f'{text}\nx = dict(a=[1])\n'.encode(), 'b.py': b'y = (1, {"a": 2})\n'}


def _overrides() -> dict[str, bytes]:
    lines = ('model.a=0.5', 'model.b.0.c=[1,2]', 'model.d="x"', 'list.1=(1,(2,3))', 'new.key=None')
    return {f'{n}.txt': line.encode() for n, line in enumerate(lines)}


def _override(path: Path) -> None:
    words = path.read_text(errors='replace').split()
    config = Config({'model': {'a': 1.0, 'b': [{'c': [1]}], 'd': None}, 'list': [1, 2]})
    apply_overrides(config, parse_cfg_options(words))
