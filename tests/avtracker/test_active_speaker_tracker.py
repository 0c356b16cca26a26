"""Scores and speaking faces of whole videos, with a narrow network of random weights."""

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from avis.apis import load_config
from avis.apis.config_files import list_configs
from avis.avtracker.active_speaker_tracker import ActiveSpeakerTracker
from avis.avtracker.face_tracks.crops import face_crops
from avis.avtracker.face_tracks.face_track import FaceTrack
from avis.avtracker.face_tracks.face_tracker import FaceTracker
from avis.avtracker.face_tracks.speaker_scores import ActiveSpeakerScorer
from avis.avtracker.interfaces import ModelUnavailable
from avis.models.speaker_detectors.scoring import score_track
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.media import Waveform
from tests.avtracker.face_tracks.test_face_tracker import ScriptedDetector, painted
from tests.helpers.people import Frames
from tests.helpers.tiny_asd import tiny_detector

RATE = 16000


@pytest.fixture(scope='module')
def detector():
    return tiny_detector('lr_asd')


def frames(count=60, *, fps=25.0):
    rng = np.random.default_rng(1)
    images = painted([((20, 20), (110, 30 + t % 5)) for t in range(count)])
    images[:, 30:40, 25:45] = rng.integers(0, 255, (count, 10, 20, 3))  # a mouth
    return Frames(images, fps=fps)


def noise(seconds, rate=RATE):
    samples = np.random.default_rng(2).normal(0, 0.1, round(seconds * rate))
    return Waveform(samples.astype(np.float32), rate)


class Audio:
    def __init__(self, waveform):
        self.sample_rate, self.read = waveform.sample_rate, lambda: waveform.samples


TRACKS = [
    FaceTrack(0, np.tile([20.0, 20, 50, 50], (60, 1))),
    FaceTrack(10, np.tile([110.0, 30, 140, 60], (40, 1))),
]


def test_scores_while_reading_equal_those_of_whole_tracks(detector):
    # 139 crops: three chunks, of which the last one is short.
    clip = frames(139)
    tracks = [FaceTrack(0, np.tile([20.0, 20, 50, 50], (139, 1))), TRACKS[1]]
    scores = ActiveSpeakerScorer(model=detector, device='cpu').score(clip, noise(6), tracks)
    for index, (track, found) in enumerate(zip(tracks, scores, strict=True)):
        crops = np.stack(
            [c for i, n, c in face_crops(clip, tracks) for _ in range(n) if i == index]
        )
        start = round(track.first / 25 * RATE)
        audio = Waveform(noise(6).samples[start:], RATE)
        expected = score_track(detector, crops, audio, fps=25)
        np.testing.assert_allclose(found.log_odds, expected, atol=1e-4)
        assert (found.first, len(found.frames)) == (track.first, len(track.boxes))


def test_each_frame_is_read_once_and_in_order(detector):
    clip = frames()
    ActiveSpeakerScorer(model=detector, device='cpu').score(clip, noise(2.4), TRACKS)
    assert clip.read == sorted(set(clip.read))


@pytest.mark.parametrize('audio', [noise(0), noise(0.5), noise(9), noise(2.4, 8000)])
def test_audio_of_another_length_or_rate(detector, audio):
    scores = ActiveSpeakerScorer(model=detector, device='cpu').score(frames(), audio, TRACKS)
    assert [len(each.log_odds) for each in scores] == [60, 40]
    assert all(np.isfinite(each.log_odds).all() for each in scores)


def test_tracks_longer_than_a_minute_are_scored_in_pieces(detector, monkeypatch):
    from avis.avtracker.face_tracks import speaker_scores

    whole = ActiveSpeakerScorer(model=detector, device='cpu').score(frames(), noise(2.4), TRACKS)
    monkeypatch.setattr(speaker_scores, '_PIECE', 25)
    monkeypatch.setattr(speaker_scores, '_MARGIN', 20)
    parts = ActiveSpeakerScorer(model=detector, device='cpu').score(frames(), noise(2.4), TRACKS)
    for one, other in zip(whole, parts, strict=True):
        assert one.log_odds.shape == other.log_odds.shape
        assert np.abs(one.log_odds - other.log_odds).max() < 0.1


def test_weights_are_loaded_and_those_of_another_model_are_named(detector, tmp_path):
    path = str(tmp_path / 'lr_asd.pth')
    scorer = ActiveSpeakerScorer(model=tiny_detector('lr_asd'), weights=path, device='cpu')
    key = scorer.content_key('video')
    with pytest.raises(ModelUnavailable, match='ActiveSpeakerScorer cannot open'):
        scorer.score(frames(), noise(2.4), TRACKS)
    torch.save({'state_dict': tiny_detector('light_asd').state_dict()}, path)
    with pytest.raises(ModelUnavailable, match='does not fit ActiveSpeakerDetector'):
        scorer.score(frames(), noise(2.4), TRACKS)
    torch.save({'state_dict': detector.state_dict()}, path)
    assert scorer.content_key('video') != key
    (one, _) = scorer.score(frames(), noise(2.4), TRACKS)
    (other, _) = ActiveSpeakerScorer(model=detector, device='cpu').score(
        frames(), noise(2.4), TRACKS
    )
    np.testing.assert_array_equal(one.log_odds, other.log_odds)


def tracker(detector):
    return ActiveSpeakerTracker(
        face_tracker=FaceTracker(detector=ScriptedDetector()),
        scorer=ActiveSpeakerScorer(model=detector, device='cpu'),
    )


def predict(clip, detector, audio=None):
    model = tracker(detector)
    audio = noise(len(clip) / clip.fps) if audio is None else audio
    (sample,) = model({'frames': [clip], 'audio': [Audio(audio)]}, [AVDataSample()])
    return sample


def test_every_visible_face_is_a_track_and_speaks_where_its_score_is_high(detector):
    bias = detector.head.bias.detach().clone()
    with torch.no_grad():
        detector.head.bias.copy_(bias + torch.tensor([0.0, 50.0]))
        loud = predict(frames(), detector).pred_tracks
        detector.head.bias.copy_(bias - torch.tensor([0.0, 50.0]))
        quiet = predict(frames(), detector).pred_tracks
        detector.head.bias.copy_(bias)
    assert [int((track.areas > 0).sum()) for track in loud.masks] == [60, 60]
    assert loud.scores.tolist() == pytest.approx([1, 1], abs=1e-3)
    assert [int((track.areas > 0).sum()) for track in quiet.masks] == [0, 0]
    assert [int((track.areas > 0).sum()) for track in quiet.visible_masks] == [60, 60]
    np.testing.assert_allclose(quiet.visible_masks[0].boxes[30], [20, 20, 30, 30], atol=1)


def test_tensors_without_audio_are_a_silent_video(detector):
    images, silence = frames().images, Waveform(np.zeros(0, np.float32), RATE)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    inputs = {'frames': [tensor], 'audio': [None]}
    (sample,) = tracker(detector)(inputs, [AVDataSample(metainfo={'fps': 25.0})])
    expected = predict(frames(), detector, silence)
    assert sample.ori_shape == expected.ori_shape == images.shape[1:3]
    torch.testing.assert_close(sample.pred_tracks.scores, expected.pred_tracks.scores)
    assert [len(track.boxes) for track in sample.pred_tracks.visible_masks] == [60, 60]


def test_videos_without_faces_and_with_few_frames(detector):
    empty = predict(Frames(np.zeros((30, 90, 160, 3), np.uint8), fps=25.0), detector)
    assert len(empty.pred_tracks.masks) == 0
    with pytest.raises(ValueError, match='expected at least 8 frames per second, got 5'):
        predict(frames(20, fps=5.0), detector)


def test_faces_that_leave_the_frame_have_boxes_inside_it(detector):
    positions = [((115 + t // 2, 20), None) for t in range(60)]
    sample = predict(Frames(painted(positions), fps=25.0), detector)
    (track,) = sample.pred_tracks.visible_masks
    assert (track.boxes[:, 0] + track.boxes[:, 2]).max() <= 160


def test_config_builds_the_tracker():
    (path,) = [path for path in list_configs() if path.stem == 'lr_asd_faces']
    init_default_scope('avis')
    assert isinstance(MODELS.build(load_config(path).model), ActiveSpeakerTracker)
