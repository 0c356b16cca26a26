"""Clips of a data set are written raw and as the model sees them."""

import html.parser
from pathlib import Path

import av
import cv2
import pytest

from avis.apis.browsing import browse_dataset
from avis.apis.config import load_config
from tests.helpers import painted
from tests.helpers.runs import ROOT
from tests.helpers.tiny_sets import write_audio, write_ms3

CONFIG = ROOT / 'configs' / 'avs' / 'demo_tpavi_synthetic.py'


class Sources(html.parser.HTMLParser):
    """Collects the files that a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.files: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.files += [value for name, value in attrs if name in ('src', 'href', 'poster')]


@pytest.fixture(scope='module')
def ms3(tmp_path_factory):
    root = write_ms3(tmp_path_factory.mktemp('ms3'), {'train': 2, 'val': 1, 'test': 3}, (32, 64))
    for index in range(2):
        write_audio(root / f'ms3_data/audio_wav/train/train{index}.wav', 5)
    return load_config(CONFIG, {'train_dataloader.dataset.data_root': str(root)})


def test_page_has_the_clips_raw_and_after_the_pipeline(ms3, tmp_path: Path) -> None:
    page = browse_dataset(ms3, tmp_path / 'new', number=1)
    names = sorted(path.name for path in page.parent.iterdir() if path != page)
    assert [name.rsplit('_', 1)[1] for name in names] == [
        'input.mp4',
        'input.png',
        'raw.mp4',
        'raw.png',
    ]
    text = page.read_text()
    assert set(Sources(text).files) == set(names)
    assert '64 x 32, 5.0 s of audio' in text  # raw
    assert '96 x 96' in text  # as the model sees it
    with av.open(str(page.parent / names[2])) as video:
        assert video.streams.audio
        stream = video.streams.video[0]
        assert stream.width > 2 * 448  # frame and ground truth, enlarged seven times
    image = cv2.imread(str(page.parent / names[1]))
    assert image.shape[1] > 5 * 288


def test_indices_and_stages_select(ms3, tmp_path: Path) -> None:
    page = browse_dataset(ms3, tmp_path, indices=[1], stages=['raw'], max_frames=2)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name[:6] for name in names[:-1]] == ['00001_', '00001_']
    assert '2 frames of' in page.read_text()
    with pytest.raises(ValueError, match=r'expected indices from 0 to 1, got \[7\]'):
        browse_dataset(ms3, tmp_path, indices=[1, 7])


def test_instances_are_drawn(tmp_path: Path) -> None:
    root = painted.write_data(tmp_path / 'data', {'<b>': painted.passing(3)})
    cfg = load_config(painted.CONFIG, {'test_dataloader.dataset.data_root': str(root)})
    cfg.test_dataloader.dataset.pipeline[1].sample_rate = 16000  # AAC has no 1600 Hz
    page = browse_dataset(cfg, tmp_path / 'out', split='test', stages=['raw'])
    assert '&lt;b&gt;' in page.read_text()
    assert '<b>' not in page.read_text()
    (image,) = (tmp_path / 'out').glob('*.png')
    assert cv2.imread(str(image)).shape[0] > 2 * 224
    with pytest.raises(ValueError, match='expected train_dataloader, got nothing'):
        browse_dataset(cfg, tmp_path / 'out')
