"""A video is predicted in bfloat16 on request, nearly as in float32."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from avis.apis import init_model, predict_video
from tests.helpers.painted import passing, write_video
from tests.helpers.runs import ROOT

CONFIGS = ('avs/demo_tpavi_synthetic.py', 'avis/demo_avism_synthetic.py')


@pytest.fixture(scope='module')
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp('video') / 'video.mp4', passing(6))


def features(model: Any, video: Path, *, amp: bool) -> list[Tensor]:
    """The maps of the backbone that predict a video."""
    found: list[Tensor] = []
    hook = model.backbone.register_forward_hook(lambda *call: found.extend(call[-1]))
    sample = predict_video(model, video, fps=2, amp=amp)
    hook.remove()
    assert sample.pred_tracks.scores.isfinite().all()
    return found


@pytest.mark.parametrize('config', CONFIGS)
def test_layers_compute_in_bfloat16_on_request(config: str, video: Path) -> None:
    torch.manual_seed(0)
    model = init_model(ROOT / 'configs' / config)
    exact, rounded = (features(model, video, amp=amp) for amp in (False, True))
    for one, other in zip(exact, rounded, strict=True):
        assert one.dtype == torch.float32
        assert (other.float() - one).norm() < 0.05 * one.norm()
        assert not torch.equal(other.float(), one)


def test_model_with_networks_of_other_packages_is_refused(video: Path) -> None:
    class WholeVideoModel(nn.Module):
        reads_whole_videos = True

    with pytest.raises(ValueError, match='predict without amp'):
        predict_video(WholeVideoModel(), video, amp=True)
