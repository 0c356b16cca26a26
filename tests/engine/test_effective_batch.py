import pytest

from avis.engine.effective_batch import EffectiveBatch, batch_warning


@pytest.mark.parametrize(
    ('batch', 'base', 'settings'),
    [
        ((4, 4, 1), 4, 'train_dataloader.batch_size=1'),
        ((2, 2, 1), 2, 'train_dataloader.batch_size=1'),
        ((1, 1, 1), 4, 'train_dataloader.batch_size=4'),
        ((4, 1, 2), 4, 'train_dataloader.batch_size=2'),
        ((4, 1, 3), 4, 'train_dataloader.batch_size=4 optim_wrapper.accumulative_counts=1'),
        ((4, 8, 1), 4, '4 process(es) with train_dataloader.batch_size=1'),
        ((1, 3, 1), 4, '2 process(es) with train_dataloader.batch_size=2'),
        (
            (4, 3, 8),
            4,
            '2 process(es) with train_dataloader.batch_size=2 optim_wrapper.accumulative_counts=1',
        ),
    ],
)
def test_warning_names_settings_of_the_published_batch(batch, base, settings) -> None:
    warning = batch_warning(EffectiveBatch(*batch), base)
    assert warning is not None
    assert f'For {base}: {settings}; or scale' in warning


@pytest.mark.parametrize('batch', [(4, 1, 1), (1, 4, 1), (2, 1, 2)])
def test_published_batch_has_no_warning(batch) -> None:
    assert batch_warning(EffectiveBatch(*batch), 4) is None
