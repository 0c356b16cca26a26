"""Active speaker detection in whole videos: the faces of a video, and when each speaks audibly."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from mmengine.structures import InstanceData
from pycocotools import mask as coco_mask

from avis.avtracker.face_tracks.face_track import FaceTrack
from avis.avtracker.face_tracks.face_tracker import FaceTracker
from avis.avtracker.face_tracks.speaker_scores import ActiveSpeakerScorer, TrackScores
from avis.avtracker.face_tracks.speaking import check_frame_rate, smooth_scores, speaking_runs
from avis.avtracker.loading import build_part
from avis.avtracker.progress import StageProgress, WatchedFrames
from avis.avtracker.whole_video_model import WholeVideoModel
from avis.registry import MODELS
from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.structures.masks import RLE
from avis.structures.media import FrameSource, Waveform


@MODELS.register_module()
class ActiveSpeakerTracker(WholeVideoModel):
    """Follows every face of a video and finds the frames in which it speaks audibly.

    There is neither speech recognition nor identity: a face that leaves and returns, and a face in
    two shots, are two tracks. Masks are the boxes of the faces.

    Args:
        face_tracker: Follows faces, as config or built.
        scorer: Scores face tracks, as config or built.
    """

    training_hint = 'train an ActiveSpeakerDetector'

    def __init__(
        self,
        *,
        face_tracker: FaceTracker | dict[str, Any],
        scorer: ActiveSpeakerScorer | dict[str, Any],
    ) -> None:
        super().__init__()
        self._face_tracker: FaceTracker = build_part(
            face_tracker, method='track', where='ActiveSpeakerTracker: face_tracker'
        )
        self._scorer: ActiveSpeakerScorer = build_part(
            scorer, method='score', where='ActiveSpeakerTracker: scorer'
        )

    def predict_video(
        self, frames: FrameSource, load_audio: Callable[[], Waveform], sample: AVDataSample
    ) -> None:
        """Add the faces to the sample of a video.

        Args:
            frames: The frames.
            load_audio: Returns the audio, empty if there is none.
            sample: Gets ``pred_tracks``: ``masks`` cover the frames in which a face speaks,
                ``visible_masks`` all in which it is visible, ``scores`` are the mean probability of
                speech in the frames in which it speaks, 0 if it never does.
        """
        tracks, scores = self._track(frames, load_audio())
        sample.pred_tracks = _pred_tracks(frames, tracks, scores)

    def _track(
        self, frames: FrameSource, audio: Waveform
    ) -> tuple[list[FaceTrack], list[TrackScores]]:
        problem = check_frame_rate(frames)
        if problem is not None:
            raise ValueError(f'ActiveSpeakerTracker: {problem}')
        progress = StageProgress(self.on_progress, len(frames))
        watched = cast(FrameSource, WatchedFrames(frames, progress))
        progress.start('vision')
        tracks = self._face_tracker.track(watched)
        progress.start('local')
        scores = self._scorer.score(watched, audio, tracks)
        progress.finish()
        return tracks, scores


def _pred_tracks(
    frames: FrameSource, tracks: Sequence[FaceTrack], scores: Sequence[TrackScores]
) -> InstanceData:
    """One track per face that is inside the image."""
    visible = [_box_masks(track, frames) for track in tracks]
    speaking, means = [], []
    for track, score, masks in zip(tracks, scores, visible, strict=True):
        log_odds = smooth_scores(track, score, frames.fps)
        runs = speaking_runs(log_odds, frames.fps)
        speaks = np.zeros(len(frames), bool)
        for start, stop in runs:
            speaks[track.first + start : track.first + stop] = True
        speaking.append([mask if now else None for mask, now in zip(masks, speaks, strict=True)])
        spoken = log_odds[speaks[track.first : track.stop]]
        means.append(float((1 / (1 + np.exp(-spoken))).mean()) if len(spoken) else 0.0)
    return InstanceData(
        labels=torch.zeros(len(tracks), dtype=torch.long),
        ids=torch.arange(len(tracks)),
        scores=torch.tensor(means),
        masks=[MaskTrack(*frames.size, masks) for masks in speaking],
        visible_masks=[MaskTrack(*frames.size, masks) for masks in visible],
    )


def _box_masks(track: FaceTrack, frames: FrameSource) -> list[RLE | None]:
    """The box of a face in each frame of the video, inside the image; None where it is absent."""
    height, width = frames.size
    masks: list[RLE | None] = [None] * len(frames)
    corners = track.boxes.round().clip(0, [width, height, width, height])
    for frame, (x1, y1, x2, y2) in enumerate(corners.tolist(), start=track.first):
        if x2 > x1 and y2 > y1:
            box = np.array([[x1, y1, x2 - x1, y2 - y1]])
            masks[frame] = coco_mask.frPyObjects(box, height, width)[0]
    return masks
