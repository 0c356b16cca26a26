from pathlib import Path

import pytest

pytest.importorskip('gradio')

from avis.app.prediction import Models, OwnModel
from avis.app.server import serve
from avis.app.uploads import UploadLimits
from tests.helpers.painted import CONFIG, passing, write_video

LIMITS = UploadLimits(megabytes=1, seconds=3)


@pytest.fixture(scope='session')
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp('upload') / 'two boxes.mp4', passing(9))


@pytest.fixture(scope='session')
def served():
    """Address of a page with the painted model, and its folder."""
    with serve(Models(OwnModel(str(CONFIG), None), 'cpu'), LIMITS) as page:
        yield page
    assert not page[1].exists()
