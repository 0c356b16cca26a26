import json

import cv2
import numpy as np
import pytest

from avis.datasets import vis
from avis.datasets.avtrack import AVTrack
from avis.datasets.transforms import tracks as tracks_module
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.loading import LoadFrames
from avis.datasets.transforms.packing import PackAVInputs
from avis.datasets.transforms.tracks import LoadTracks
from avis.datasets.transforms.whole_video import OpenVideo, PackVideo
from avis.evaluation.metrics.sample_tracks import tracks_of
from avis.synthetic.generator import make_dataset
from tests.helpers.tiny_vis import NAMES, SIZE, content, write_avtrack, write_json

PIPELINE = (LoadFrames(), LoadAudio(), LoadTracks(form='tracks'), PackAVInputs())


@pytest.fixture
def root(tmp_path):
    return write_avtrack(tmp_path)


@pytest.fixture
def lines(monkeypatch):
    """Logged messages."""
    lines = []
    for module in (vis, tracks_module):
        monkeypatch.setattr(module, 'print_log', lambda line, **_: lines.append(line))
    return lines


def test_record_from_merged_images(root, lines) -> None:
    dataset = AVTrack(data_root=str(root))
    record = dataset.record(0)
    assert record['frames'][1] == str(root / 'Images/-a_1/frame_00001.jpg')
    assert record['audio'] == str(root / 'Audios/-a_1.wav')
    assert record['instance_maps'][2] == str(root / 'Instance_Masks_merged/-a_1/frame_00002.png')
    assert record['attributes'] == {'scene': 'Speaking'}
    assert dataset.metainfo['classes'] == ('person',)
    assert lines == []


@pytest.mark.parametrize('masks', ['merged', 'persons'])
def test_gt_of_persons_and_merged_images_agree(root, masks) -> None:
    data = AVTrack(data_root=str(root), masks=masks, pipeline=PIPELINE)
    gt = data[0]['data_samples'].gt_tracks
    assert gt.labels.tolist() == [0, 0]
    assert gt.ids.tolist() == ([60, 120] if masks == 'merged' else [0, 1])
    assert [track.areas.tolist() for track in gt.masks] == [[64, 64, 64], [0, 64, 64]]
    assert len(data[1]['data_samples'].gt_tracks) == 0


@pytest.mark.parametrize('meta', ['avtract_meta.json', 'avtrack_meta.json'])
def test_both_spellings_of_the_metadata_file(tmp_path, meta) -> None:
    assert len(AVTrack(data_root=str(write_avtrack(tmp_path, meta=meta)))) == 2


def test_json_without_masks_is_an_error_that_names_images(root) -> None:
    with pytest.raises(ValueError, match=r"avtrack_meta\.json.*segmentations.*masks='merged'"):
        AVTrack(data_root=str(root), masks='json')


def test_frames_without_gt_image_are_not_scored(root, lines) -> None:
    (root / 'Instance_Masks_merged/-a_1/frame_00001.png').unlink()
    sample = AVTrack(data_root=str(root), pipeline=PIPELINE)[0]['data_samples']
    assert '1 x video whose ground truth has other frames than the metadata' in lines[0]
    assert sample.labeled_frames.tolist() == [True, False, True]
    assert [track.areas.tolist() for track in sample.gt_tracks.masks] == [[64, 0, 64], [0, 0, 64]]
    scored = {'pred_tracks': {'masks': [], 'labels': [], 'scores': []}, **sample.to_dict()}
    assert tracks_of(scored).frames.tolist() == [True, False, True]


def test_video_without_gt_is_not_scored(root, lines) -> None:
    folder = root / 'Instance_Masks_merged/10000001'
    for path in folder.iterdir():
        path.unlink()
    dataset = AVTrack(data_root=str(root), pipeline=PIPELINE)
    assert '1 x video without ground truth' in lines[0]
    assert str(folder) in lines[0]
    assert 'gt_tracks' not in dataset[1]['data_samples']


def test_videos_without_annotation_are_marked(root) -> None:
    pipeline = [OpenVideo(), PackVideo()]
    samples = AVTrack(data_root=str(root), pipeline=pipeline)
    assert [sample['data_samples'].annotated for sample in samples] == [True, False]
    # A file without any annotation says nothing about its videos.
    meta = root / 'avtrack_meta.json'
    write_json(meta, {**json.loads(meta.read_text()), 'annotations': []})
    samples = AVTrack(data_root=str(root), pipeline=pipeline)
    assert [sample['data_samples'].annotated for sample in samples] == [True, True]


def test_void_level_is_not_loaded_and_warned_once(tmp_path, lines) -> None:
    data = AVTrack(data_root=str(write_avtrack(tmp_path, levels=(60, 255))), pipeline=PIPELINE)
    assert data[0]['data_samples'].gt_tracks.ids.tolist() == [60]
    (line,) = lines
    assert 'Instance_Masks_merged/-a_1: gray level 255 is not loaded as an instance' in line


def test_gt_image_of_wrong_size_is_an_error_with_path(root) -> None:
    path = root / 'Instance_Masks_merged/-a_1/frame_00002.png'
    cv2.imwrite(str(path), np.zeros((9, 9), np.uint8))
    with pytest.raises(ValueError, match=r'frame_00002\.png: is \(9, 9\).*its frame is \(24, 32\)'):
        AVTrack(data_root=str(root), pipeline=PIPELINE)[0]
    path.write_bytes(b'no image')
    with pytest.raises(ValueError, match=r'frame_00002\.png: is not a readable PNG'):
        AVTrack(data_root=str(root), pipeline=PIPELINE)[0]


def test_colors_of_equal_channels_are_gray_levels(root) -> None:
    path = root / 'Instance_Masks_merged/-a_1/frame_00000.png'
    cv2.imwrite(str(path), np.full((*SIZE, 3), 7, np.uint8))
    gt = AVTrack(data_root=str(root), pipeline=PIPELINE)[0]['data_samples'].gt_tracks
    assert gt.ids.tolist() == [7, 60, 120]


def test_options_are_checked(root) -> None:
    with pytest.raises(ValueError, match='expected masks to be one of'):
        AVTrack(data_root=str(root), masks='color')
    with pytest.raises(ValueError, match=r"split must be one of \('test',\), got 'train'"):
        AVTrack(data_root=str(root), split='train')
    (root / 'avtrack_meta.json').unlink()
    with pytest.raises(FileNotFoundError, match=r'(?s)avtrack_meta\.json does not exist.*Images/'):
        AVTrack(data_root=str(root))


def test_annotation_needs_only_video_id(root, lines) -> None:
    whole = content(annotations=[{'video_id': 1, 'voice': 'low'}, {'video_id': 7}])
    del whole['categories']
    write_json(root / 'avtrack_meta.json', whole)
    assert AVTrack(data_root=str(root)).record(0)['video_name'] == NAMES[0]
    assert '1 x annotation of a video that is not listed: annotations[1]' in lines[0]


def test_all_forms_of_the_synthetic_gt_agree(tmp_path) -> None:
    make_dataset(layout='avtrack', out=tmp_path, videos=1, size=(48, 64), seconds=4)
    gts = [
        AVTrack(data_root=str(tmp_path), masks=masks, pipeline=PIPELINE)[0]['data_samples']
        for masks in ('merged', 'persons', 'json')
    ]
    areas = [[track.areas.tolist() for track in gt.gt_tracks.masks] for gt in gts]
    assert areas[0] == areas[1] == areas[2]
    assert areas[0]
