"""Readers of VGG-SS, Flickr-SoundNet, MUSIC and of frames with audio; traps of their files."""

import json
from pathlib import Path

import numpy as np
import pytest

from avis.apis.config import load_config
from avis.datasets import VGGSS, FlickrSoundNet, FrameAudioPairs, MUSICFrames, sound_localization
from avis.datasets.checking import check_dataset
from tests.helpers.subprocess_python import ROOT
from tests.helpers.tiny_sets import VGGSS_BOXES, truncate, write_flickr, write_vggss

FIRST, WRONG_BOX, EMPTY = VGGSS_BOXES


@pytest.fixture
def vggss(tmp_path) -> Path:
    return write_vggss(tmp_path)


def names(dataset) -> list[str]:
    return [dataset.record(index)['video_name'] for index in range(len(dataset))]


def test_splits_of_vggss_are_those_of_their_lists(vggss) -> None:
    sets = {split: VGGSS(split=split, data_root=str(vggss)) for split in VGGSS.SPLITS}
    assert names(sets['test']) == [*VGGSS_BOXES]
    assert names(sets['heard']) == [FIRST]
    assert names(sets['unheard']) == [WRONG_BOX, EMPTY]
    assert names(sets['extended'])[3:] == [f'{FIRST}+Dbcdefghijk_000040']
    assert [data.published for data in sets.values()] == [5158, 2564, 2575, 10316]
    assert sets['test'].metainfo['published'] == 5158
    record = sets['extended'].record(3)
    assert (Path(record['frames'][0]).stem, record['attributes']) == (FIRST, {'sounding': False})
    assert record['source_boxes'].shape == (0, 4)


def test_boxes_far_outside_are_clipped_and_counted(vggss, monkeypatch) -> None:
    warnings = {}
    monkeypatch.setattr(sound_localization, 'log_warnings', lambda found, _: warnings.update(found))
    data = VGGSS(split='test', data_root=str(vggss))
    clipped = [[0.5, 0.5, 0, 1], [0.25, 0.25, 0.75, 0.75]]
    np.testing.assert_array_equal(data.record(1)['source_boxes'], clipped)
    assert warnings['box outside of the frame, clipped'] == [WRONG_BOX]
    assert warnings['box without area'] == [WRONG_BOX, EMPTY]
    assert [name for kind, name in warnings.items() if kind.startswith('empty')] == [[EMPTY]]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda rows: rows.append(rows[0]), r'\[3\].file: .* is there twice'),
        (lambda rows: rows[1].pop('bbox'), r'\[1\]: expected the fields'),
        (lambda rows: rows[0]['bbox'].append([0, 1]), r'\[0\].bbox\[1\]: expected four numbers'),
        (lambda rows: rows[0].update(bbox=[[0, 0, None, 1]]), r'\[0\].bbox\[0\]: expected four'),
        (lambda rows: rows.pop(), '1 of 3 clips are not in'),
    ],
)
def test_wrong_entries_of_vggss_are_named(vggss, change, message) -> None:
    rows = json.loads((vggss / 'vggss.json').read_text())
    change(rows)
    (vggss / 'vggss.json').write_text(json.dumps(rows))
    with pytest.raises(ValueError, match=message):
        len(VGGSS(split='test', data_root=str(vggss)))


def test_clip_twice_in_a_list_and_a_missing_list_are_named(vggss) -> None:
    (vggss / 'vggss_test.csv').write_text(f'{FIRST}\n{FIRST}\n')
    with pytest.raises(ValueError, match='each clip once'):
        len(VGGSS(split='test', data_root=str(vggss)))
    (vggss / 'vggss_test.csv').unlink()
    with pytest.raises(FileNotFoundError, match=r'vggss_test\.csv does not exist'):
        len(VGGSS(split='test', data_root=str(vggss)))


def check(root: Path) -> int:
    config = load_config(ROOT / 'configs/_base_/datasets/vggss.py')
    config.test_dataloader.dataset.data_root = str(root)
    return check_dataset(config, splits=['test'], workers=1)


def test_check_states_the_share_of_a_partial_set(vggss, capsys) -> None:
    assert check(vggss) == 0
    assert 'a partial set, 3 of 5158 videos are complete (0.1%)' in capsys.readouterr().out
    (vggss / f'audio/{FIRST}.wav').unlink()
    truncate(vggss / f'frames/{EMPTY}.jpg', 0.3)
    assert check(vggss) == 2
    printed = capsys.readouterr().out
    assert '1 of 5158 videos are complete' in printed
    assert f'{FIRST}.wav does not exist' in printed


def test_flickr_boxes_are_those_of_its_annotators(tmp_path) -> None:
    data = FlickrSoundNet(split='test', data_root=str(write_flickr(tmp_path)))
    boxes = data.record(0)['annotator_boxes']
    np.testing.assert_array_equal(boxes, [[0, 0, 1, 1], [0, 0, 0.5, 1]])
    assert data.published == 250


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('<a><b><bbox><id>1</id><x>3</x></bbox></b></a>', 'four whole numbers'),
        ('<a>', 'expected an XML file'),
        (None, '1 of 1 annotations'),
    ],
)
def test_wrong_annotations_of_flickr_are_named(tmp_path, content, message) -> None:
    write_flickr(tmp_path)
    file = tmp_path / 'Annotations/100.xml'
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        len(FlickrSoundNet(split='test', data_root=str(tmp_path)))


def test_boxes_of_music_are_corner_and_size(tmp_path) -> None:
    for folder in ('frames', 'audio'):
        (tmp_path / folder).mkdir()
    duet = {'file': '-_bcdefghij_000_00007', 'class_src1': 'cello', 'class_src2': 'guitar'}
    duet |= {'bbox_src1': [0.5, 0.25, 0.25, 0.5], 'bbox_src2': [0.0, 0.0, 1.0, 0.5]}
    (tmp_path / 'music_duet.json').write_text(json.dumps([duet]))
    data = MUSICFrames(split='duet', data_root=str(tmp_path))
    record = data.record(0)
    expected = [[0.5, 0.25, 0.75, 0.75], [0, 0, 1, 0.5]]
    np.testing.assert_array_equal(record['source_boxes'], expected)
    assert record['audio'] == str(tmp_path / 'audio/-_bcdefghij.wav')
    assert record['attributes'] == {'video': '-_bcdefghij', 'classes': ['cello', 'guitar']}
    assert data.published == 1020


def test_pairs_are_those_of_the_list_or_all_files(vggss) -> None:
    every = names(FrameAudioPairs(data_root=str(vggss)))
    assert every == sorted([*VGGSS_BOXES, 'Dbcdefghijk_000040'])
    (vggss / 'train.txt').write_text(f'{EMPTY}\n')
    assert names(FrameAudioPairs(data_root=str(vggss), ann_file='train.txt')) == [EMPTY]
    for file in (vggss / 'audio').iterdir():
        file.unlink()
    with pytest.raises(ValueError, match='4 frames and 0 audio files'):
        len(FrameAudioPairs(data_root=str(vggss)))
