"""Prepared benchmarks equal the layouts of the synthetic data byte for byte."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from avis.apis.audio_features import FeatureReport
from avis.apis.preparation import prepare_benchmark
from avis.datasets.preparation.benchmarks import plan_vggss
from avis.datasets.preparation.clips import LastOfSixteen
from avis.datasets.preparation.files import RawVideos
from avis.datasets.preparation.running import run_preparation
from avis.datasets.readers.video import VideoInfo
from avis.registry import DATASETS
from avis.synthetic.generator import make_dataset
from tests.helpers.raw_videos import (
    content_of,
    numbered_frames,
    ramp,
    write_lossless,
    write_raw_videos,
)

SMALL = {'videos': 1, 'size': (64, 96)}
FRAMES_OF_SECOND = 16
# Layout, benchmark, folders that are prepared, options of the data, of the videos, of the command.
LAYOUTS = {
    'avsbench_s4': ('avsbench', ['s4_data/[!g]*'], {'videos': 1}, {}, {}),
    'avsbench_ms3': ('avsbench', ['ms3_data/[!g]*'], {'videos': 1}, {}, {}),
    'avss': ('avss', ['*/*/frames', '*/*/audio.wav'], SMALL, {}, {}),
    'aviseg': (
        *('aviseg', ['*/JPEGImages', '*/WAVAudios'], {**SMALL, 'seconds': 2}),
        *({'rate': 44100, 'channels': 2}, {'phase': 0.5}),
    ),
    'avtrack': ('avtrack', ['Images', 'Audios'], {**SMALL, 'seconds': 2}, {}, {'phase': 0.5}),
    'ava': (
        *('ava', ['clips_videos', 'clips_audios'], {**SMALL, 'seconds': 2, 'video_fps': 10}),
        *({'fps': 10}, {}),
    ),
}


def remove(root: Path, patterns: list[str]) -> None:
    for path in [path for pattern in patterns for path in root.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize('layout', LAYOUTS)
def test_prepared_layout_equals_the_synthetic_one(layout: str, tmp_path: Path) -> None:
    name, prepared, options, video_options, settings = LAYOUTS[layout]
    root = make_dataset(layout=layout, out=tmp_path / 'data', **options).root
    expected = content_of(root)
    remove(root, prepared)
    assert content_of(root).keys() < expected.keys()
    videos = tmp_path / 'raw'
    write_raw_videos(videos, layout=layout, **{'fps': FRAMES_OF_SECOND, **video_options, **options})
    report = prepare_benchmark(name, videos, root, **settings)
    assert (len(report.made), report.problems) == (1, 0)
    assert content_of(root) == expected
    again = prepare_benchmark(name, videos, root, **settings)
    assert (again.made, again.kept) == ([], 1)
    assert json.loads((root / 'preparation_report.json').read_text())['kept'] == 1


def test_frame_of_a_second_is_the_last_of_sixteen_samples() -> None:
    info = VideoInfo(16, 16, 25.0, 4.2, has_audio=True, pixel_aspect=1)
    frames = np.rint(np.array(LastOfSixteen().seconds(info, 5)) * 25).tolist()
    assert frames == [23, 48, 73, 98, 104]  # the video has 105 frames


def vggss_root(tmp_path: Path, *names: str) -> Path:
    entries = [{'file': name, 'class': 'dog', 'bbox': []} for name in names]
    (tmp_path / 'vggss.json').write_text(json.dumps(entries))
    return tmp_path


def test_clip_is_cut_out_of_a_whole_video_at_its_start(tmp_path: Path) -> None:
    root = vggss_root(tmp_path, '-abc_def_gh_000004')
    samples = ramp(16)
    video = tmp_path / 'raw' / 'whole' / '-abc_def_gh.mp4'
    write_lossless(video, numbered_frames(64), samples, fps=4, rate=16000)
    report = prepare_benchmark('vggss', tmp_path / 'raw', root)
    assert report.made == ['-abc_def_gh_000004']
    rate, audio = wavfile.read(root / 'audio' / '-abc_def_gh_000004.wav')
    assert rate == 16000
    np.testing.assert_array_equal(audio, samples[64000:224000])
    image = np.asarray(Image.open(root / 'frames' / '-abc_def_gh_000004.jpg'))
    assert np.abs(image.astype(int) - 4 * 9).max() <= 1  # the frame at 9 s


def test_broken_and_missing_videos_are_named_and_leave_nothing(tmp_path: Path) -> None:
    names = ['whole_000000', 'cut_000000', 'text_000000', 'mute_000000', 'gone_000000']
    root, raw = vggss_root(tmp_path, *names[:-1]), tmp_path / 'raw'
    (root / 'vggss_train.csv').write_text('gone_000000\n')
    frames = numbered_frames(24)
    whole = write_lossless(raw / 'whole_000000.mp4', frames, ramp(12), fps=2, rate=16000)
    write_lossless(raw / 'mute_000000.mp4', frames, None, fps=2, rate=16000)
    data = whole.read_bytes()
    (raw / 'cut_000000.mp4').write_bytes(data[: len(data) // 2])
    (raw / 'text_000000.mp4').write_text('no video')
    report = prepare_benchmark('vggss', raw, root)
    assert (report.made, report.missing) == (['whole_000000'], ['gone_000000'])
    assert report.broken.keys() == {'cut_000000', 'text_000000', 'mute_000000'}
    assert 'has no audio' in report.broken['mute_000000']
    assert str(raw / 'text_000000.mp4') in report.broken['text_000000']
    assert sorted(path.name for path in (root / 'frames').iterdir()) == ['whole_000000.jpg']
    assert sorted(path.name for path in (root / 'audio').iterdir()) == ['whole_000000.wav']


def test_killed_run_resumes_to_the_same_files(tmp_path: Path) -> None:
    root, raw = vggss_root(tmp_path, 'a_000000', 'b_000000'), tmp_path / 'raw'
    for name in ('a', 'b'):
        video = raw / f'{name}_000000.mp4'
        write_lossless(video, numbered_frames(24), ramp(12), fps=2, rate=16000)
    jobs = plan_vggss(root, RawVideos(raw))
    run_preparation(jobs)
    expected = content_of(root)
    # What a kill leaves: one file of a clip, and a temporary file of a process that has ended.
    (root / 'audio' / 'b_000000.wav').unlink()
    (root / 'frames' / 'a_000000.jpg').unlink()
    (root / 'frames' / 'a_000000.jpg.999999999.part').write_bytes(b'half')
    report = run_preparation(jobs)
    assert report.made == ['a_000000', 'b_000000']
    assert content_of(root) == expected


def test_features_are_extracted_for_the_splits_of_the_data_set(tmp_path: Path, monkeypatch) -> None:
    options = {'videos': 2, 'splits': (1, 0, 1), 'seconds': 2, 'size': (64, 96)}
    root = make_dataset(layout='aviseg', out=tmp_path / 'data', **options).root
    video = tmp_path / 'raw' / 'a.mp4'
    write_lossless(video, numbered_frames(2), None, fps=1, rate=16000)

    def extract(cfg, *, weights, processes):
        splits = [cfg[f'{name}_dataloader']['dataset'] for name in ('train', 'test')]
        paths = [DATASETS.build(split).record(0)['features'] for split in splits]
        assert ('val_dataloader' in cfg, weights, processes) == (False, 'vggish.pth', 1)
        return FeatureReport(problems=paths)

    monkeypatch.setattr('avis.apis.preparation.extract_audio_features', extract)
    report = prepare_benchmark('aviseg', video.parent, root, phase=0.5, vggish='vggish.pth')
    assert (report.kept, report.problems) == (2, 2)
    assert [Path(path).parents[1].name for path in report.features] == ['train', 'test']


@pytest.mark.slow
def test_two_processes_write_the_same_files(tmp_path: Path) -> None:
    raw, names = tmp_path / 'raw', ('a_000000', 'b_000000', 'c_000000')
    for name in names[:2]:
        write_lossless(raw / f'{name}.mp4', numbered_frames(24), ramp(12), fps=2, rate=16000)
    content = []
    for processes in (1, 2):
        (tmp_path / str(processes)).mkdir()
        root = vggss_root(tmp_path / str(processes), *names)
        report = run_preparation(plan_vggss(root, RawVideos(raw)), processes=processes)
        assert (report.made, report.missing) == (list(names[:2]), ['c_000000'])
        content.append(content_of(root))
    assert content[0] == content[1]


def test_names_in_annotations_cannot_leave_the_data_set(tmp_path: Path) -> None:
    options = {'videos': 2, 'splits': (1, 0, 1), 'seconds': 2, 'size': (64, 96)}
    root = make_dataset(layout='aviseg', out=tmp_path / 'data', **options).root
    path = root / 'train.json'
    content = json.loads(path.read_text())
    (entry,) = content['videos']
    name = entry['file_names'][0].split('/')[0]
    entry['file_names'] = [f'{name}/../../../../frame{k}.jpg' for k in range(2)]
    path.write_text(json.dumps(content))
    write_lossless(tmp_path / 'raw' / f'{name}.mp4', numbered_frames(4), ramp(2), fps=2, rate=16000)
    with pytest.raises(ValueError, match='leads out of it'):
        prepare_benchmark('aviseg', tmp_path / 'raw', root, phase=0.5)
    assert not list(tmp_path.glob('frame*'))


def test_unknown_moment_of_frames_must_be_stated(tmp_path: Path) -> None:
    write_lossless(tmp_path / 'a.mp4', numbered_frames(2), None, fps=1, rate=16000)
    with pytest.raises(ValueError, match='does not state which moment'):
        prepare_benchmark('aviseg', tmp_path, tmp_path)


def test_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='expected a folder with videos'):
        RawVideos(tmp_path)


def test_second_video_of_a_name_is_reported(tmp_path: Path, caplog) -> None:
    for folder in ('one', 'two'):
        write_lossless(tmp_path / folder / 'a.mp4', numbered_frames(1), None, fps=1, rate=16000)
    assert RawVideos(tmp_path).find('a') == (str(tmp_path / 'one' / 'a.mp4'), 0.0)
