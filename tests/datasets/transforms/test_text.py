import pytest

from avis.datasets.transforms.text import BlankExpression


def test_expression_is_removed_and_everything_else_stays() -> None:
    results = {'expression': 'the man', 'length': 3}
    assert BlankExpression().transform(results) == {'expression': None, 'length': 3}
    assert results['expression'] == 'the man'


def test_clip_without_expression_is_an_error() -> None:
    with pytest.raises(ValueError, match='has no expression to remove'):
        BlankExpression().transform({'video_name': 'a', 'video_id': 1})
