import re
import shutil

import numpy as np
import pytest

from avis.apis.config import load_config
from avis.datasets import checking
from avis.datasets.avsbench import AVSBenchSemantic
from avis.datasets.checking import check_dataset
from avis.datasets.readers.images import read_image
from avis.datasets.transforms.audio import LoadAudio
from avis.datasets.transforms.loading import LoadFrames
from avis.synthetic.generator import make_dataset
from tests.helpers.subprocess_python import ROOT
from tests.helpers.tiny_sets import (
    data_config,
    frame_image,
    square,
    truncate,
    write_audio,
    write_avss,
    write_image,
    write_log_mel,
    write_s4,
    write_video,
)
from tests.helpers.tiny_vis import (
    FRAMES,
    NAMES,
    annotation,
    content,
    polygon,
    write_aviseg,
    write_avtrack,
    write_json,
)
from tests.helpers.warm_python import run_warm


@pytest.fixture
def s4(tmp_path):
    return write_s4(tmp_path / 's4')


def row(text: str, split: str) -> list[str]:
    """The cells of one line of the printed table."""
    (line,) = (line for line in text.splitlines() if re.match(rf'. {split} ', line))
    return [cell.strip() for cell in line[1:-1].split('│')]


def test_complete_data_set_has_no_problem(s4, capsys) -> None:
    assert check_dataset(data_config('avsbench_s4', s4, audio='wav')) == 0
    text = capsys.readouterr().out
    assert row(text, 'train') == ['train', '3', '3452', '15', '3', '+0.00 to +0.00', '0']
    assert row(text, 'val') == ['val', '2', '740', '10', '10', '+0.00 to +0.00', '0']
    assert 'AVSBenchS4 test: 2 videos, published are 740.' in text
    assert 'No problems found' in text


def test_every_broken_file_is_reported(s4, capsys) -> None:
    clips = s4 / 's4_data/visual_frames/train/dog_barking'
    masks = s4 / 's4_data/gt_masks/test/dog_barking'
    audio = s4 / 's4_data/audio_wav'
    truncate(clips / 'train0/train0_2.png')
    (clips / 'train0/train0_4.png').unlink()
    write_image(clips / 'train1/train1_5.png', frame_image((64, 60), 0))
    write_image(masks / 'test0/test0_1.png', square((32, 32), 0))
    (masks / 'test1/test1_3.png').write_bytes(b'')
    write_audio(audio / 'val/dog_barking/val0.wav', 3)
    write_audio(audio / 'val/dog_barking/val1.wav', 6)
    (audio / 'test/dog_barking/test1.wav').write_bytes(b'nothing')
    cfg = data_config('avsbench_s4', s4, audio='wav')
    cfg.val_dataloader.dataset.pipeline.load_audio.max_padding = 1.0  # else VGGish fills the end
    assert check_dataset(cfg) == 7
    text = capsys.readouterr().out
    for problem in (
        r'train0_2\.png: is a truncated PNG',
        r'train0_4\.png does not exist\.',
        r'train1_5\.png: is \(64, 60\) \(H, W\), but the first frame is \(64, 64\)',
        r'test0_1\.png: is \(32, 32\) \(H, W\), but its frame is \(64, 64\)',
        r'test1_3\.png: is an empty file',
        r'val0\.wav: lasts 3\.00 s, but the clip of 5 frames lasts 5\.00 s',
        r'test1\.wav: cannot be decoded',
    ):
        assert re.search(problem, text)
    assert row(text, 'train')[3:] == ['13', '3', '+0.00 to +0.00', '3']
    assert row(text, 'val')[3:] == ['10', '10', '+1.00 to +1.00', '1']
    assert row(text, 'test')[3:] == ['10', '9', '+0.00 to +0.00', '3']
    assert 'check_dataset.py' not in text  # no advice to run this tool
    assert '7 problems found' in text


def test_short_log_mel_is_reported(s4, capsys) -> None:
    write_log_mel(s4 / 's4_data/audio_log_mel/val/dog_barking/val0.pkl', examples=3)
    assert check_dataset(data_config('avsbench_s4', s4), splits=['val']) == 1
    text = capsys.readouterr().out
    assert 'val0.pkl: has 3 rows of audio for a clip of 5 frames' in text
    assert row(text, 'val')[5] == '-'
    assert 'train' not in text


def test_rows_that_no_split_uses_are_reported(s4, capsys) -> None:
    table = s4 / 's4_meta_data.csv'
    header, *rows = table.read_text().splitlines()
    table.write_text('\n'.join([header, *rows, '', 'odd,0,dog_barking,tset']) + '\n')
    cfg = data_config('avsbench_s4', s4, audio='wav')
    assert check_dataset(cfg) == 1  # the same in all splits
    line = len(rows) + 3
    text = capsys.readouterr().out
    assert f"{table}: line {line} has split 'tset' and is not used: expected one of" in text
    table.write_text('\n'.join(rows) + '\n')
    assert check_dataset(cfg, splits=['test']) == 1
    text = capsys.readouterr().out
    assert f'{table}: line 1 is a row' in text
    assert 'Add a header.' in text


def test_avss_rows_of_an_unknown_split_are_reported(tmp_path, capsys) -> None:
    root = write_avss(tmp_path)
    table = root / 'metadata.csv'
    table.write_text(table.read_text().replace(',val,', ',valid,'))
    assert check_dataset(data_config('avss', root), splits=['test']) > 0
    assert "has split 'valid' and is not used" in capsys.readouterr().out


def test_avss_prints_that_its_counts_are_uncertain(tmp_path, capsys) -> None:
    assert check_dataset(data_config('avss', write_avss(tmp_path))) == 0
    text = capsys.readouterr().out
    assert 'published are 8498. These counts follow from' in text
    assert row(text, 'train')[3:5] == ['20', '16']


def test_missing_data_root_is_one_problem(tmp_path, capsys) -> None:
    assert check_dataset(data_config('avsbench_ms3', tmp_path / 'nowhere')) == 1
    text = capsys.readouterr().out
    assert text.count('nowhere does not exist') == 1
    assert 'ms3_meta_data.csv' in text
    assert row(text, 'val') == ['val', *'-----', '1']


def test_nan_in_audio_is_reported(s4, capsys) -> None:
    import soundfile

    path = s4 / 's4_data/audio_wav/val/dog_barking/val0.wav'
    soundfile.write(path, np.full(80000, np.nan, np.float32), 16000, 'FLOAT')
    cfg = data_config('avsbench_s4', s4, audio='wav')
    assert check_dataset(cfg, splits=['val'], workers=1) == 1
    assert 'val0.wav: contains 80000 NaN' in capsys.readouterr().out


def test_split_without_data_loader_is_an_error(s4) -> None:
    cfg = data_config('avsbench_s4', s4)
    cfg.pop('val_dataloader')
    with pytest.raises(ValueError, match=r"data loaders for \['train', 'test'\], not for 'val'"):
        check_dataset(cfg, splits=['val'])


def test_wrapped_data_set_is_unwrapped(s4, capsys) -> None:
    cfg = data_config('avsbench_s4', s4)
    cfg.train_dataloader.dataset = {
        'type': 'RepeatDataset',
        'times': 3,
        'dataset': cfg.train_dataloader.dataset,
    }
    assert check_dataset(cfg, splits=['train']) == 0
    assert row(capsys.readouterr().out, 'train')[1] == '3'


@pytest.mark.parametrize(
    ('layout', 'name', 'folder', 'audio'),
    [
        ('avsbench_s4', 'avsbench_s4', 'Single-source', 'log_mel'),
        ('avsbench_ms3', 'avsbench_ms3', 'Multi-sources', 'log_mel'),
        ('avsbench_ms3', 'avsbench_ms3', 'Multi-sources', 'wav'),
        ('avss', 'avss', '', None),
    ],
)
def test_synthetic_data_sets_have_no_problem(tmp_path, layout, name, folder, audio) -> None:
    make_dataset(layout=layout, out=tmp_path, videos=3, size=(64, 64), splits=(1, 1, 1))
    kind = {} if audio is None else {'audio': audio}
    assert check_dataset(data_config(name, tmp_path / folder, **kind)) == 0


def test_synthetic_video_files_match_frames_and_audio(tmp_path) -> None:
    make_dataset(
        layout='avss', out=tmp_path, videos=1, splits=(1, 0, 0), size=(64, 64), with_mp4=True
    )
    record = AVSBenchSemantic(split='train', data_root=str(tmp_path)).record(0)
    (video,) = map(str, (tmp_path / 'videos').glob('*.mp4'))
    # A frame file shows the scene at 15/16 of its second.
    times = {'fps': 16.0, 'frame_ids': 16 * np.arange(record['length']) + 15}
    from_files = LoadFrames().transform(record)['frames'].astype(int)
    from_video = LoadFrames().transform({**record, **times, 'frames': video})['frames'].astype(int)
    assert np.abs(from_files - from_video).mean() < 5
    audio = LoadAudio().transform(record)['audio']
    audio_of_video = LoadAudio().transform({**record, 'audio': video})['audio']
    assert np.corrcoef(audio, audio_of_video)[0, 1] > 0.98


def test_tool_exits_with_one_on_problems(s4) -> None:
    (s4 / 's4_data/gt_masks/val/dog_barking/val1/val1_2.png').unlink()
    tool = ROOT / 'tools/dataset_tools/check_dataset.py'
    splits = ('train', 'val', 'test')
    overrides = [f'{split}_dataloader.dataset.data_root={s4}' for split in splits]
    command = [tool, 'configs/_base_/datasets/avsbench_s4.py', '--cfg-options', *overrides]
    done = run_warm([*command, '--split', 'val'], ROOT)
    assert done.returncode == 1, done.stderr
    assert 'val1_2.png does not exist.' in done.stdout
    assert row(done.stdout, 'val')[-1] == '1'


def test_complete_instance_data_has_no_problem(tmp_path, capsys) -> None:
    assert check_dataset(data_config('aviseg', write_aviseg(tmp_path / 'a'))) == 0
    text = capsys.readouterr().out
    assert row(text, 'train') == ['train', '2', '616', '6', '4', '-', '0']
    assert 'AVISeg val: 2 videos, published are 105. The count of val is 926 minus' in text
    options = {'test_dataloader.dataset.data_root': str(write_avtrack(tmp_path / 'b'))}
    options['test_dataloader.dataset.pipeline.load_audio.source'] = 'audio'
    path = 'configs/_base_/datasets/avtrack.py'
    assert check_dataset(load_config(path, options, check_types=False)) == 0
    assert row(capsys.readouterr().out, 'test')[3:] == ['6', '5', '+0.00 to +0.00', '0']


def test_every_problem_of_instance_data_is_reported(tmp_path, capsys) -> None:
    root = write_aviseg(tmp_path)
    shutil.rmtree(root / 'val/JPEGImages/-a_1')
    shutil.copytree(root / 'val/JPEGImages/10000001', root / 'val/JPEGImages/nobody')
    write_image(root / 'test/JPEGImages/-a_1/00001.jpg', frame_image((24, 48), 0))
    for t in range(FRAMES):
        write_image(root / f'test/JPEGImages/10000001/{t:05d}.jpg', frame_image((48, 64), t))
    np.save(root / 'test/FEATAudios/-a_1.npy', np.zeros((FRAMES + 1, 128), np.float32))
    rows = np.full((FRAMES, 128), np.nan, np.float32)
    np.save(root / 'val/FEATAudios/10000001.npy', rows)
    (root / 'train/FEATAudios/-a_1.npy').unlink()
    lists = content()
    lists['annotations'][1]['category_id'] = 99
    write_json(root / 'train.json', lists)
    assert check_dataset(data_config('aviseg', root), workers=1) == 6
    text = capsys.readouterr().out
    for problem in (
        r'train\.json: annotation 2: category_id is 99, expected one of \[1,',
        r'val/JPEGImages/-a_1 does not exist, so the frames of a video are missing',
        r'val/FEATAudios/10000001\.npy: contains 384 NaN or infinite values',
        r'test/JPEGImages/-a_1/00001\.jpg: is \(24, 48\) .* the first frame is \(24, 32\)',
        r'10000001/00000\.jpg: is \(48, 64\).* the annotation of clip 2 states .* \(24, 32\)',
        r'test/FEATAudios/-a_1\.npy: has 4 rows of audio for a clip of 3 frames',
        r'AVISeg val: 1 videos on disk are in no annotation: nobody',
    ):
        assert re.search(problem, text), problem
    assert row(text, 'train')[-1] == '1'


def test_videos_are_checked_in_chunks(tmp_path, monkeypatch, capsys) -> None:
    root = write_aviseg(tmp_path, splits=('test',))
    for name in NAMES:
        write_video(root / f'test/{name}.mp4', frames=25)
    videos = [{**video, 'height': 64, 'width': 64} for video in content()['videos']]
    masks = [annotation(1, 1, [polygon()] * FRAMES), annotation(2, 2, [polygon()] * FRAMES)]
    write_json(root / 'test.json', content(videos=videos, annotations=masks))
    monkeypatch.setattr('avis.datasets.checking._CHUNK', 2)
    cfg = data_config('aviseg', root)
    cfg.test_dataloader.dataset.video_dir = 'test'
    assert check_dataset(cfg, splits=['test']) == 0
    assert row(capsys.readouterr().out, 'test')[3:5] == ['6', '6']
    write_video(root / f'test/{NAMES[0]}.mp4', frames=12)
    assert check_dataset(cfg, splits=['test']) == 1
    assert '-a_1.mp4: ends at 1.20 s, but a frame at 2.00 s' in capsys.readouterr().out


def test_unexpected_errors_are_problems_of_their_files(s4, capsys, monkeypatch) -> None:
    def fail(path):
        if 'train0_2' in str(path):
            raise PermissionError(13, 'Permission denied', str(path))
        if 'train0_3' in str(path):
            raise ZeroDivisionError('a defect')
        return read_image(path)

    monkeypatch.setattr(checking, 'read_image', fail)
    assert check_dataset(data_config('avsbench_s4', s4, audio='wav')) == 2
    text = capsys.readouterr().out
    assert re.search(r'train0_2\.png: cannot be read: Permission denied', text)
    assert re.search(r'train0_3\.png: ZeroDivisionError: a defect', text)
    assert row(text, 'train')[3:] == ['13', '3', '+0.00 to +0.00', '2']
