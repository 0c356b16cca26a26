import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avis.evaluation.functional.clear import CLEARCounts, count_clear
from avis.evaluation.functional.counts import (
    Counts,
    MaskCounts,
    OfficialEvaluatorError,
    average_classes,
    count_masks,
)
from avis.evaluation.functional.fsla import FSLACounts, count_fsla
from avis.evaluation.functional.hota import HOTACounts, count_hota
from avis.evaluation.functional.identity import IdentityCounts, count_identity
from tests.helpers.small_videos import draw_video, seeds

KINDS = {
    HOTACounts: count_hota,
    CLEARCounts: count_clear,
    IdentityCounts: count_identity,
    MaskCounts: count_masks,
    FSLACounts: lambda video: count_fsla(video, protocol='corrected'),
}


@pytest.mark.parametrize('kind', KINDS)
@settings(max_examples=20)
@given(seed=seeds, cut=st.integers(0, 4))
def test_any_split_sums_to_the_same_scores(kind: type[Counts], seed: int, cut: int) -> None:
    counts = [KINDS[kind](draw_video(seed + number).overlap()) for number in range(4)]
    whole = kind.total(counts).scores()
    parts = pickle.loads(pickle.dumps([kind.total(counts[cut:]), kind.total(counts[:cut])]))
    for name, value in kind.total(parts).scores().items():
        np.testing.assert_allclose(value, whole[name], rtol=0, atol=1e-12, err_msg=name)


def test_masks_and_tracks_are_counted() -> None:
    video = draw_video(1)
    counts = count_masks(video.overlap())
    assert counts.gt_dets == video.gt_present.sum() > 0
    assert counts.pred_dets == video.pred_present.sum() > 0
    assert counts.pred_ids == video.pred_present.any(axis=1).sum()


def test_average_without_classes_is_empty() -> None:
    assert average_classes([]) == {}


def test_base_class_does_not_define_scores() -> None:
    with pytest.raises(NotImplementedError, match='Counts does not define scores'):
        Counts().scores()


def test_official_evaluator_error_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(OfficialEvaluatorError('video 7', 'IndexError: 2')))
    assert (str(error), error.cause) == ('video 7 [IndexError: 2]', 'IndexError: 2')
