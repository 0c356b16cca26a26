"""Compare what surrounds the networks of LR-ASD and Light-ASD with recorded values.

MFCCs, alignment, noise, augmentation, scores, tracks and crops of the demo, and the evaluation.
"""

from typing import Any

import cv2
import numpy as np
import torch

from avis.avtracker.face_tracks.official import crop_windows, cut_face, link_faces, resize_cut
from avis.datasets.transforms.face_augmentation import augment_faces
from avis.evaluation.functional.active_speaker import SPEAKING, average_precision
from avis.models.audio_encoders.mfcc import align_rows, mel_filters, mfcc
from avis.models.data_preprocessors.track_noise import mix_noise
from avis.models.speaker_detectors.active_speaker_detector import ActiveSpeakerDetector
from avis.models.speaker_detectors.scoring import demo_scores, smooth_demo_scores
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.asd_inputs import (
    RATE,
    check_bytes,
    face_clip,
    mfcc_input,
    mouth,
    voice,
    waveform,
)
from tests.helpers.golden import Golden, generator
from tests.parity.asd import load_detector
from tests.parity.comparison import DESCRIPTIONS, Comparison

_FPS = 25
_KINDS = {'orig': 'none'}  # name in the official code -> name in avis
_FACE_SIZE = 112


def compare(name: str, golden: Golden, comparison: Comparison) -> None:
    """Compare every part that the golden has."""
    for part, run in PARTS.items():
        if part in golden.meta:
            run(golden.meta[part], golden, comparison)


def _mfcc(meta: dict[str, Any], golden: Golden, comparison: Comparison) -> None:
    for index, case in enumerate(meta['cases']):
        samples = mfcc_input(case)
        check_bytes(samples, case['int16_crc32'])
        rows = mfcc(waveform(samples), fps=case['fps'], sample_rate=case['rate'])
        comparison.tensor(f'mfcc/{index}', rows)
    for name in golden.arrays:
        if name.startswith('mfcc/filters_') and not name.endswith(DESCRIPTIONS):
            filters = mel_filters(int(name.removeprefix('mfcc/filters_'))).T
            comparison.tensor(name, filters, atol=1e-12)


def _align(meta: dict[str, Any], golden: Golden, comparison: Comparison) -> None:
    for index, case in enumerate(meta['cases']):
        opening = mouth(case['frames'] + 2, case['mouth_seed'])
        samples = voice(case['samples'], RATE, opening, case['fps'], case['wave_seed'])
        check_bytes(samples, case['int16_crc32'])
        rows = mfcc(waveform(samples), fps=case['fps'])
        assert len(rows) == case['mfcc_rows']
        comparison.tensor(f'align/{index}', align_rows(rows, case['frames']))


def _overlap(meta: dict[str, Any], golden: Golden, comparison: Comparison) -> None:
    for index, case in enumerate(meta['cases']):
        seeds = case['seeds']
        clean = voice(case['clean'], RATE, mouth(20, seeds[0]), _FPS, seeds[1])
        noise = voice(case['noise'], RATE, mouth(20, seeds[2]), _FPS, seeds[3]).astype(np.int64)
        noise = np.clip(noise * case['noise_gain'], -32768, 32767).astype(np.int16)
        check_bytes(clean, case['clean_crc32'])
        check_bytes(noise, case['noise_crc32'])
        mixed = mix_noise(
            torch.from_numpy(clean), torch.from_numpy(noise), case['snr_db'], wrap=True
        )
        comparison.tensor(f'overlap/{index}', mixed)


def _faces(meta: dict[str, Any], golden: Golden, comparison: Comparison) -> None:
    seed, *shape = _numbers(meta['input'])
    images = generator(seed).integers(0, 256, shape).astype(np.uint8)
    check_bytes(images, meta['crc32'])
    gray = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in images]
    faces = np.stack([cv2.resize(image, (_FACE_SIZE, _FACE_SIZE)) for image in gray])
    for index, case in enumerate(meta['cases']):
        kind = _KINDS.get(case['augmentation'], case['augmentation'])
        side = int(_FACE_SIZE * case['u'])
        changed = augment_faces(
            faces, kind, side=side, row=case['y'], column=case['x'], angle=case['angle']
        )
        comparison.tensor(f'faces/{index}', changed)


def _numbers(text: str) -> list[int]:
    """Seed and shape of ``PCG64(seed).integers(0,256,(...))``."""
    seed, shape = text.split('PCG64(')[1].split(').integers(0,256,(')
    return [int(seed), *(int(side) for side in shape.split(')')[0].split(','))]


def _demo(meta: dict[str, Any], golden: Golden, comparison: Comparison) -> None:
    for index, case in enumerate(meta['cases']):
        frames, samples, seed = case['frames'], case['samples'], case['seed']
        opening = mouth(max(frames, samples // 640 + 1), seed)
        faces = face_clip(opening[:frames], seed + 1)
        audio = voice(samples, RATE, opening, _FPS, seed + 2)
        check_bytes(faces, case['faces_crc32'])
        check_bytes(audio, case['sound_crc32'])
        model = load_detector('lr_asd', case['weights'], golden.folder)
        rows = mfcc(waveform(audio))
        try:
            scores = demo_scores(model, torch.from_numpy(faces).float(), rows)
        except ValueError:
            comparison.value(f'demo/{index}/raises', float('raises' not in case))
            continue
        comparison.value(f'demo/{index}/raises', float('raises' in case))
        comparison.tensor(f'demo/{index}/per_duration', scores.per_duration)
        comparison.tensor(f'demo/{index}/mean', scores.mean)
        comparison.tensor(f'demo/{index}/rounded', scores.rounded, atol=1e-6)
        smoothed = smooth_demo_scores(scores.rounded, case['track_frames'])
        recorded = golden.arrays[f'demo/{index}/smoothed']
        nan = np.isnan(recorded)
        same = smoothed.shape == recorded.shape and np.array_equal(np.isnan(smoothed), nan)
        difference = np.abs(smoothed - recorded)[~nan].max(initial=0.0) if same else np.inf
        comparison.value(f'demo/{index}/smoothed', difference, 1e-5)


def _tracks(meta: dict[str, Any], golden: Golden, comparison: Comparison) -> None:
    for index, case in enumerate(meta['cases']):
        tracks = link_faces(detections(case), first=case['first'])
        spans = [[track.first, track.stop - 1] for track in tracks]
        comparison.value(f'tracks/{index}/spans', float(spans != case['track_first_last']))
        for number, track in enumerate(tracks[: case['tracks']]):
            comparison.tensor(f'tracks/{index}/{number}', track.boxes, atol=1e-9)


def detections(case: dict[str, Any]) -> list[np.ndarray]:
    """Faces that wander and are sometimes missed: boxes (N, 4) of each frame."""
    rng, count = generator(case['seed']), case['faces']
    position, size = rng.uniform(30, 200, (count, 2)), rng.uniform(16, 40, count)
    gap = range(*case['gap']) if case['gap'] else range(0)
    frames = []
    for frame in range(case['frames']):
        position = position + rng.normal(0, case['step'], (count, 2))
        size = np.clip(size + rng.normal(0, 0.5, count), 12, 60)
        kept = rng.random(count) >= case['miss']
        boxes = [
            [x - s, y - s, x + s, y + 1.2 * s]
            for face, ((x, y), s) in enumerate(zip(position, size, strict=True))
            if kept[face] and not (face == 0 and frame in gap)
        ]
        frames.append(np.round(np.array(boxes, float).reshape(-1, 4), 3))
    return frames


def _crops(meta: dict[str, Any], golden: Golden, comparison: Comparison) -> None:
    for index, case in enumerate(meta['cases']):
        source = golden.meta['tracks']['cases'][case['tracks_case']]
        track = link_faces(detections(source), first=source['first'])[case['track']]
        shape = (case['height'], case['width'], 3)
        base = generator(case['seed']).integers(0, 256, shape).astype(np.uint8)
        windows = crop_windows(track)
        cuts = [
            cut_face(np.roll(base, track.first + row, axis=1), half_size=size, x=x, y=y)
            for row, (size, x, y) in enumerate(
                zip(windows.half_sizes, windows.x, windows.y, strict=True)
            )
        ]
        prefix = f'crops/{index}'
        for name, values in (('s', windows.half_sizes), ('x', windows.x), ('y', windows.y)):
            comparison.tensor(f'{prefix}/{name}', values, atol=1e-9)
        sizes = np.array([cut.shape[:2] for cut in cuts])
        comparison.tensor(f'{prefix}/cut_sizes', sizes, atol=0)
        images = np.stack([resize_cut(cut) for cut in cuts])
        (name,) = (  # the images, (F, 224, 224, 3)
            key.removesuffix('/shape')
            for key, shape in golden.arrays.items()
            if key.startswith(f'{prefix}/') and key.endswith('/shape') and len(shape) == 4
        )
        comparison.tensor(name, images.astype(int), atol=0)


def _ava(meta: dict[str, Any], golden: Golden, comparison: Comparison) -> None:
    """Scores of whole tracks, joined to the rows of the csv by order."""
    kind, weights = meta['weights'].split()
    model = load_detector(kind, weights, golden.folder)
    scores = np.concatenate(
        [_track_scores(model, meta['seed'] + 3 * t, n) for t, n in enumerate(meta['lengths'])]
    )
    (gt,) = (key for key in golden.arrays if key.startswith('ava/') and key != 'ava/result_csv')
    comparison.skip(gt, 'read as input')
    header, *lines = (str(line).split(',') for line in golden.arrays[gt])
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    speaking = np.array([row['label_id'] == '1' for row in rows])
    value = 100 * average_precision(scores.astype(np.float64), speaking)
    comparison.value('ava/average_precision', abs(value - meta['average_precision']), 1e-9)
    comparison.value('ava/printed', abs(float(f'{value:2.2f}') - meta['printed']))
    titles, *recorded = (str(line).split(',') for line in golden.arrays['ava/result_csv'])
    written = [
        {**row, 'label': SPEAKING, 'score': score} for row, score in zip(rows, scores, strict=True)
    ]
    difference = max(
        (
            _difference(str(ours[title]), cell)
            for ours, line in zip(written, recorded, strict=True)
            for title, cell in zip(titles, line, strict=True)
        ),
        default=np.inf,
    )
    comparison.value('ava/result_csv', difference, 1e-4)


def _track_scores(model: ActiveSpeakerDetector, seed: int, length: int) -> np.ndarray:
    """Probabilities of one forward pass of a whole track, as validation predicts them."""
    opening = mouth(length, seed)
    audio = voice(640 * length, RATE, opening, _FPS, seed + 2)
    batch = {
        'inputs': {
            'faces': [torch.from_numpy(face_clip(opening, seed + 1))],
            'audio': [waveform(audio)],
        },
        'data_samples': [AVDataSample(metainfo={'fps': float(_FPS)})],
    }
    with torch.no_grad():
        (sample,) = model.test_step(batch)
    return sample.pred_speaking.numpy()


def _difference(ours: str, recorded: str) -> float:
    """Of two numbers; of two texts 0 if they are equal."""
    try:
        return abs(float(ours) - float(recorded))
    except ValueError:
        return 0.0 if ours == recorded else np.inf


PARTS = {
    'mfcc': _mfcc,
    'align': _align,
    'overlap': _overlap,
    'faces': _faces,
    'demo': _demo,
    'tracks': _tracks,
    'crops': _crops,
    'ava': _ava,
}
