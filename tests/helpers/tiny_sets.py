"""Write data sets of a few clips and short media files with known values."""

import csv
import json
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import soundfile
import torch
from mmengine.config import Config
from scipy.io import savemat

from avis.apis.config import load_config
from avis.structures.labels import voc_palette

RATE = 16000


def data_config(name: str, root: Path, **options: Any) -> Config:
    """Load a config of ``configs/_base_/datasets`` whose data sets are in another folder."""
    cfg = load_config(f'configs/_base_/datasets/{name}.py', check_types=False)
    for split in ('train', 'val', 'test'):
        if f'{split}_dataloader' in cfg:
            cfg[f'{split}_dataloader'].dataset.update(data_root=str(root), **options)
    return cfg


def write_image(path: Path, rgb: np.ndarray) -> Path:
    """Write (H, W, 3) or (H, W) to a png or jpg."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 else rgb)
    return path


def write_audio(path: Path, seconds: float, rate: int = RATE, channels: int = 1) -> Path:
    """Write a tone whose amplitude in second k is 0.1 * (k + 1)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * 440 * time) * 0.1 * (np.floor(time) + 1) % 1
    soundfile.write(path, np.repeat(tone[:, None], channels, axis=1), rate)
    return path


def write_log_mel(path: Path, examples: int = 5) -> torch.Tensor:
    """Pickle a log-mel tensor as AVSBench does; all values of example k are k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensor = torch.arange(examples).float().view(-1, 1, 1, 1).expand(-1, 1, 96, 64).contiguous()
    path.write_bytes(pickle.dumps(tensor))
    return tensor


def frame_image(size: tuple[int, int], t: int) -> np.ndarray:
    """RGB (H, W, 3): red encodes the frame, green the row, blue the column."""
    rows, columns = np.indices(size)
    return np.stack([np.full(size, 20 * t + 10), rows, columns], axis=-1).astype(np.uint8)


def square(size: tuple[int, int], t: int) -> np.ndarray:
    """Mask (H, W) with values 0 and 255 of a square that moves right."""
    mask = np.zeros(size, np.uint8)
    mask[8:24, 4 + 4 * t : 20 + 4 * t] = 255
    return mask


def write_s4(root: Path, counts: dict[str, int] | None = None, size=(64, 64)) -> Path:
    """Write the single-source layout with both forms of audio; return the data root."""
    rows = [['video', 'start', 'category', 'split']]
    for split, count in (counts or {'train': 3, 'val': 2, 'test': 2}).items():
        for index in range(count):
            name, category = f'{split}{index}', 'dog_barking'
            rows.append([name, '12', category, split])
            clip = Path(split, category, name)
            for t in range(5):
                file = clip / f'{name}_{t + 1}.png'
                write_image(root / 's4_data/visual_frames' / file, frame_image(size, t))
                if split != 'train' or t == 0:
                    write_image(root / 's4_data/gt_masks' / file, square(size, t))
            write_audio(root / f's4_data/audio_wav/{clip}.wav', 5)
            write_log_mel(root / f's4_data/audio_log_mel/{clip}.pkl')
    return _write_csv(root / 's4_meta_data.csv', rows)


def write_ms3(root: Path, counts: dict[str, int] | None = None, size=(64, 64)) -> Path:
    """Write the official multi-source layout, with log-mel only; return the data root."""
    rows = [['video', 'split']]
    for split, count in (counts or {'train': 2, 'val': 1, 'test': 1}).items():
        for index in range(count):
            name = f'{split}{index}'
            rows.append([name, split])
            for t in range(5):
                frame = f'ms3_data/visual_frames/{name}/{name}.mp4_{t + 1}.png'
                write_image(root / frame, frame_image(size, t))
                mask = f'ms3_data/gt_masks/{split}/{name}/{name}_{t + 1}.png'
                write_image(root / mask, square(size, t))
            write_log_mel(root / f'ms3_data/audio_log_mel/{split}/{name}.pkl')
    return _write_csv(root / 'ms3_meta_data.csv', rows)


def write_avss(root: Path, size=(48, 80)) -> Path:
    """Write one clip per subset and split, with class 17 (dog); return the data root."""
    rows = [['vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label']]
    dog = voc_palette(71)[17]
    for split in ('train', 'val', 'test'):
        for subset, length in (('v1s', 5), ('v1m', 5), ('v2', 10)):
            uid = f'{subset}_{split}'
            rows.append([uid, uid, '0', '0', 'dog', split, subset])
            labeled = 1 if (subset, split) == ('v1s', 'train') else length
            for t in range(length):
                write_image(root / subset / uid / f'frames/{t}.jpg', frame_image(size, t))
                if t < labeled:
                    colors = (square(size, t)[..., None] > 0) * dog
                    write_image(root / subset / uid / f'labels_rgb/{t}.png', colors)
            write_audio(root / subset / uid / 'audio.wav', length, rate=44100, channels=2)
    return _write_csv(root / 'metadata.csv', rows)


def write_ref_avs(root: Path, size=(48, 80)) -> Path:
    """Write the layout of Ref-AVS Bench with one clip per split; return the data root.

    Each clip but that of test_n has two expressions of object 3; train and test_n have null
    references, test_u repeats a uid, and one row belongs to no split.
    """
    rows = [['vid', 'uid', 'split', 'fid', 'exp'], ['-a_0_10000', '-a_0_10000_cat_1', 'TODO']]
    rows[1] += ['3', 'The cat.']
    for split in ('train', 'val', 'test_s', 'test_u', 'test_n'):
        vid = f'-{split.replace("_", "-")}_0_10000'
        if split != 'test_n':
            number = 1 if split == 'test_u' else 2
            rows.append([vid, f'{vid}_hair-dryer_1', split, '3', 'The object on the left.'])
            rows.append([vid, f'{vid}_hair-dryer_{number}', split, '3', 'The "last" one, to sound'])
            _write_ref_avs_clip(root, vid, 3, [square(size, t % 5) for t in range(10)])
        if split in ('train', 'test_n'):
            rows.append([vid, f'null_c-{vid}_null_1', split, '0', 'The blue dog.'])
            _write_ref_avs_clip(root, f'null_c-{vid}', 0, [np.zeros(size, np.uint8)] * 10)
    return _write_csv(root / 'metadata.csv', rows)


def _write_ref_avs_clip(root: Path, clip: str, fid: int, masks: list[np.ndarray]) -> None:
    for t, mask in enumerate(masks):
        write_image(root / f'media/{clip}/frames/{t}.jpg', frame_image(mask.shape, t))
        write_image(root / f'gt_mask/{clip}/fid_{fid}/{t:05d}.png', mask)
    write_audio(root / f'media/{clip}/audio.wav', 10, rate=8000)


VPO_HEADER = ['img_Id', 'ann_Ids', 'cateName', 'vgg_file', 'split', 'audio_pos', 'multi_instance']
VPO_TABLES = {
    'ss': [
        ['7', '21', 'cat', 'meow', 'train', '0.25', ''],
        ['7', '22', 'car', 'motor', 'train', '0.75', ''],
        ['8', '23', 'cat', 'meow', 'val', '0', ''],
        ['9', '24', 'car', 'motor', 'test', '1', ''],
    ],
    'ms': [
        ['5', '31', 'cat', 'meow', 'train', '0.25', ''],
        ['5', '32', 'airplane', 'motor', 'train', '1', ''],
        ['6', '33', 'car', 'motor', 'test', '0.5', ''],
    ],
    'msmi': [
        ['5', '31', 'cat', 'meow', 'train', '0.25', '0'],
        ['4', '41', 'car', 'motor', 'train', '0.5', '1'],
        ['4', '42', 'car', 'meow', 'train', '0', '1'],
        ['3', '43', 'car', 'motor', 'test', '0.5', '1'],
    ],
}


def write_vpo(root: Path, size=(48, 80)) -> Path:
    """Write all sets of VPO with masks of a car (3), an airplane (5) and ignored pixels.

    The sound 'motor' lasts 2 s, 'meow' 10 s; return the data root.
    """
    mask = np.zeros(size, np.uint8)
    mask[8:24, 4:20], mask[8:24, 40:60], mask[40:] = 3, 5, 255
    for subset, rows in VPO_TABLES.items():
        folder = root / 'VPO' / f'VPO-{subset.upper()}'
        for image, annotation, category, *_, several in rows:
            below = f'{category}/' if subset == 'ss' else ''
            name = f'{below}{image.zfill(12)}'
            if several != '0':
                write_image(folder / f'data/{name}.jpg', frame_image(size, int(image)))
                suffix = f'_{annotation.zfill(12)}' if subset == 'ss' else ''
                write_image(folder / f'mask/{name}{suffix}.png', mask)
        (folder / 'data').mkdir(parents=True, exist_ok=True)
        _write_csv(folder / f'vpo_{subset}_data_stereo.csv', [VPO_HEADER, *rows])
    for name, seconds in (('meow', 10), ('motor', 2)):
        write_audio(root / f'vggsound_bench/VGGSound/audios/{name}.wav', seconds)
    return root


def write_youmvos(root: Path, size=(48, 80)) -> Path:
    """Write YouMVOS with one video of 24 frames per second in each split; return the data root.

    Every 4th of 32 frames is annotated but the last one. Person 1 is there throughout, person 3 in
    the second shot; the third shot, from frame 20 on, is not valid and has no person.
    """
    infos = {}
    for split in ('train', 'val', 'test'):
        name = f'movie_trailer_-{split:_<10}'
        infos[name] = {'fps': 24.0, 'num_frame': 32, 'size': list(size)}
        for t in range(7):
            mask = (square(size, t % 5) > 0).astype(np.uint8) * (t < 5)
            mask[30:40, 60:70] = 3 * (2 <= t < 5)
            write_image(root / f'JPEGImages/{name}/{4 * t + 1:05d}.jpg', frame_image(size, t))
            write_image(root / f'Annotations/{name}/{4 * t + 1:05d}.png', mask)
        shots = root / f'Annotations/{name}/shot.txt'
        shots.write_text('0 7 4 0\n8 19 0\n20 31 2\n')
        (root / f'yt_{split}.txt').write_text(f'{name}\n')
        (root / 'videos').mkdir(exist_ok=True)
        write_video(root / f'videos/{name}.mp4', 32, fps=24)
    (root / 'info').mkdir()
    (root / 'info/video.json').write_text(json.dumps(infos))
    return root


VGGSS_BOXES = {
    '-AbcdefghiJ_000010': [[0.0, 0.0, 0.5, 1.0]],
    'Bbcdefghijk_000020': [[0.5, 0.5, -2.88e16, 1.0], [0.25, 0.25, 0.75, 0.75]],
    'Cbcdefghijk_000030': [[0.9, 0.1, 0.2, 0.3]],  # reversed: an empty map
}


def write_vggss(root: Path, size=(48, 80)) -> Path:
    """Write the layout of VGG-SS with three clips, one of which is heard, and one silent pair."""
    rows = [
        {'file': name, 'class': f'class {number}', 'bbox': boxes}
        for number, (name, boxes) in enumerate(VGGSS_BOXES.items())
    ]
    first, *others = VGGSS_BOXES
    for name in [*VGGSS_BOXES, 'Dbcdefghijk_000040']:
        write_image(root / f'frames/{name}.jpg', frame_image(size, 0))
        write_audio(root / f'audio/{name}.wav', 4)
    (root / 'vggss.json').write_text(json.dumps(rows))
    lists = {'test': VGGSS_BOXES, 'heard_test': [first], 'unheard_test': others}
    for name, names in lists.items():
        (root / f'vggss_{name}.csv').write_text(''.join(f'{clip}\n' for clip in names))
    silent = [['video', 'audio', 'label'], [first, 'Dbcdefghijk_000040', 'non-sounding']]
    return _write_csv(root / 'vggss_test_plus_silent.csv', silent)


def write_flickr(root: Path, size=(48, 48)) -> Path:
    """Write the layout of Flickr-SoundNet with one frame and two annotators; return the root."""
    box = '<bbox><id>1</id>{}</bbox>'
    corners = '<xmin>0</xmin><ymin>0</ymin><xmax>{}</xmax><ymax>256</ymax>'
    annotators = ''.join(f'<a>{box.format(corners.format(x))}</a>' for x in (256, 128))
    (root / 'Annotations').mkdir(parents=True)
    (root / 'Annotations/100.xml').write_text(f'<annotation>{annotators}</annotation>')
    (root / 'flickr_test.csv').write_text('100,unused\n')
    write_image(root / 'frames/100.jpg', frame_image(size, 0))
    write_audio(root / 'audio/100.wav', 4)
    return root


def write_jhmdb(root: Path, size=(48, 80)) -> Path:
    """Write the layout of J-HMDB Sentences: two videos with masks of 6 of 7 frames, 3 samples."""
    samples = []
    for video, action, numbers in (('a_(b)!_+@', 'wave', (1, 6)), ('c', 'brush_hair', (3,))):
        inner = f'{action}/{video}'
        for t in range(7):
            path = root / f'Rename_Images/{inner}/{t + 1:05d}.png'
            write_image(path, frame_image(size, t))
        folder = root / f'puppet_mask/{inner}'
        folder.mkdir(parents=True)
        masks = np.stack([square(size, t) > 0 for t in range(6)], axis=-1).astype(np.uint8)
        savemat(folder / 'puppet_mask.mat', {'part_mask': masks})
        for number in numbers:
            frame = f'./jhmdb_sentences/Rename_Images/{inner}/{number:05d}.png'
            file = f'./jhmdb_sentences/puppet_mask/{inner}/puppet_mask.mat'
            samples.append([video, frame, file, 6, 'man in white'])
    (root / 'jhmdb_sentences_samples_metadata.json').write_text(json.dumps(samples))
    return root


def write_video(path: Path, frames: int, fps: int = 10, gop: int = 20, audio: bool = True) -> Path:
    """Write an mp4 whose frame k encodes k (see :func:`number_shown`), and a tone with steps."""
    with av.open(str(path), 'w') as container:
        options = {
            'g': str(gop),
            'bf': '2',
            'sc_threshold': '0',
        }  # no other key frames
        video = container.add_stream('libx264', rate=fps, options=options)
        video.width = video.height = 64
        video.pix_fmt = 'yuv420p'
        audio_stream = container.add_stream('aac', rate=44100, layout='stereo') if audio else None
        for k in range(frames):
            bits = (k >> np.arange(8)) & 1
            image = np.repeat(np.repeat(bits, 8)[None], 64, axis=0)[..., None] * [255, 255, 255]
            frame = av.VideoFrame.from_ndarray(image.astype(np.uint8), format='rgb24')
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio_stream is not None:
            _write_tone(container, audio_stream, frames / fps)
    return path


def _write_tone(container, stream, seconds: float) -> None:
    time = np.arange(round(seconds * 44100)) / 44100
    tone = (np.sin(2 * np.pi * 440 * time) * 0.1 * (np.floor(time) + 1)).astype(np.float32)
    for start in range(0, len(tone), 1024):
        block = np.repeat(tone[None, start : start + 1024], 2, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), 'fltp', 'stereo')
        frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def number_shown(frame: np.ndarray) -> int:
    """Decode the number of a frame of :func:`write_video`."""
    bits = frame[32, 4::8, 0] > 127
    return int((bits << np.arange(8)).sum())


def truncate(path: Path, keep: float = 0.5) -> Path:
    """Truncate a file like an interrupted download."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def _write_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open('w', newline='') as file:
        csv.writer(file).writerows(rows)
    return path.parent
