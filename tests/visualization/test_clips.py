import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData, PixelData

from avis.structures.av_data_sample import AVDataSample
from avis.structures.mask_track import MaskTrack
from avis.visualization.clips import clip_size, draw_clip, frame_titles
from avis.visualization.instances import instance_colors

FRAMES = np.full((3, 40, 60, 3), 128, np.uint8)


def semantic_sample(**metainfo) -> AVDataSample:
    """A predicted square, and a gt square to the right of it; frame 1 has no ground truth."""
    labels = torch.zeros(2, 3, 40, 60, dtype=torch.uint8)
    labels[0, :, 10:30, 5:25] = 1
    labels[1, :, 10:30, 30:50] = 1
    sample = AVDataSample(metainfo={'fps': 1.0, 'frame_ids': np.arange(3), **metainfo})
    sample.pred_sem_seg, sample.gt_sem_seg = (PixelData(sem_seg=part) for part in labels)
    sample.labeled_frames = torch.tensor([True, False, True])
    return sample


def tracks_at(*boxes: tuple[int, int]) -> InstanceData:
    """Tracks with squares of 10 pixels at left and top; ids from 5."""
    masks = np.zeros((len(boxes), 3, 40, 60), bool)
    for mask, (left, top) in zip(masks, boxes, strict=True):
        mask[:, top : top + 10, left : left + 10] = True
    return InstanceData(
        ids=torch.arange(5, 5 + len(boxes)),
        labels=torch.zeros(len(boxes), dtype=torch.long),
        masks=[MaskTrack.from_dense(mask) for mask in masks],
    )


def test_gt_is_drawn_on_labeled_frames_and_padding_is_left_out() -> None:
    sample = semantic_sample()
    drawn = draw_clip(FRAMES, sample, metainfo={})
    assert [image is None for image in drawn.rows['ground truth']] == [False, True, False]
    assert [image is None for image in drawn.rows['prediction']] == [False] * 3
    assert drawn.legend == {}
    sample.valid_frames = torch.tensor([True, True, False])
    drawn = draw_clip(FRAMES, sample, metainfo={})
    assert len(drawn.frames) == len(drawn.rows['ground truth']) == 2
    assert drawn.titles == ['0 s', '1 s']
    assert len(drawn.video()) == 2


def test_titles_without_fps_are_frame_ids() -> None:
    assert frame_titles(AVDataSample(), 2) == ['frame 0', 'frame 1']


def test_gt_or_prediction_can_be_left_out() -> None:
    sample = semantic_sample()
    assert list(draw_clip(FRAMES, sample, metainfo={}, draw_gt=False).rows) == ['prediction']
    assert list(draw_clip(FRAMES, sample, metainfo={}, draw_pred=False).rows) == ['ground truth']


def test_padded_labels_are_cropped_to_the_frames() -> None:
    sample = semantic_sample()
    expected = draw_clip(FRAMES, sample, metainfo={})
    padded = torch.nn.functional.pad(sample.gt_sem_seg.sem_seg, (0, 4, 0, 24))
    sample.gt_sem_seg = PixelData(sem_seg=padded)
    found = draw_clip(FRAMES, sample, metainfo={})
    np.testing.assert_array_equal(found.rows['ground truth'][0], expected.rows['ground truth'][0])


@pytest.mark.parametrize(
    ('given', 'scale_factor', 'expected'),
    [
        ((40, 60), (1.0, 1.0), (240, 360)),  # enlarged six times
        ((300, 400), (1.0, 1.0), (300, 400)),
        ((224, 224), (224 / 640, 224 / 360), (224, 398)),  # squeezed from 640 x 360
        ((224, 224), (224 / 360, 224 / 640), (398, 224)),
        ((96, 96), (1.5, 0.75), (576, 288)),
    ],
)
def test_clip_has_the_aspect_ratio_of_the_file_and_a_least_size(
    given, scale_factor, expected
) -> None:
    sample = AVDataSample(metainfo={'scale_factor': scale_factor})
    assert clip_size(sample, *given) == expected
    frames = np.zeros((1, *given, 3), np.uint8)
    assert draw_clip(frames, sample, metainfo={}).frames.shape == (1, *expected, 3)


def test_one_thing_has_one_color_in_gt_and_prediction() -> None:
    sample = AVDataSample()
    sample.pred_tracks = tracks_at((40, 20), (0, 0), (21, 11))
    assert instance_colors(sample) == {'pred_tracks': [0, 1, 2]}
    sample.gt_tracks = tracks_at((20, 10), (40, 22))
    assert instance_colors(sample) == {'gt_tracks': [0, 1], 'pred_tracks': [1, 2, 0]}
    sample.pred_tracks = tracks_at()
    assert instance_colors(sample) == {'gt_tracks': [0, 1], 'pred_tracks': []}


def test_dense_masks_of_training_are_drawn_as_tracks_are() -> None:
    sample = AVDataSample()
    sample.pred_tracks = tracks_at((40, 20), (0, 0))
    sample.gt_tracks = tracks_at((0, 1), (39, 20))
    expected = draw_clip(FRAMES, sample, metainfo={'classes': ('person',)})
    dense = torch.stack([torch.from_numpy(track.to_dense()) for track in sample.gt_tracks.masks])
    sample.gt_tracks = InstanceData(
        ids=torch.tensor([5, 6]), labels=torch.zeros(2).long(), masks=dense
    )
    found = draw_clip(FRAMES, sample, metainfo={'classes': ('person',)})
    for name in ('ground truth', 'prediction'):
        np.testing.assert_array_equal(found.rows[name], expected.rows[name])


def test_classes_of_the_palette_have_a_legend() -> None:
    metainfo = {'palette': [[0, 0, 0], [9, 200, 9], [1, 1, 1]], 'classes': ('none', 'dog', 'cat')}
    drawn = draw_clip(FRAMES, semantic_sample(), metainfo=metainfo)
    assert drawn.legend == {'dog': [9, 200, 9]}
    assert len(drawn.grid()) > 3 * 240
