"""Files of VGG-SS and Flickr-SoundNet through ``evaluate``."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from avis.apis import evaluate
from avis.evaluation.benchmarks.problems import EvaluationStopped
from tests.golden_metrics.comparison import read_json
from tests.helpers.instance_goldens import GOLDEN
from tests.helpers.tiny_sets import VGGSS_BOXES, write_flickr, write_vggss

CASE = GOLDEN / 'vggss'
FIRST, WRONG_BOX, EMPTY = VGGSS_BOXES


def golden_root(folder: Path) -> Path:
    """The recorded set as a data root, with its maps as npz files."""
    names, maps = read_json(CASE / 'names.json'), np.load(CASE / 'maps.npz')
    shutil.copy(CASE / 'vggss.json', folder / 'vggss.json')
    shutil.copytree(CASE / 'flickr_annotations', folder / 'Annotations')
    for kind in ('vggss', 'flickr'):
        text = ''.join(f'{name}\n' for name in names[kind])
        (folder / f'{kind}_test.csv').write_text(text)
        np.savez(folder / f'{kind}.npz', **dict(zip(names[kind], maps[kind], strict=True)))
    return folder


@pytest.mark.parametrize('variant', ['lvs', 'ez_vsl'])
def test_scores_of_files_equal_the_recorded_ones(tmp_path, variant) -> None:
    recorded, root = read_json(CASE / 'expected.json'), golden_root(tmp_path)
    for kind, benchmark in (('vggss', 'vggss'), ('flickr', 'flickr_soundnet')):
        expected = recorded[f'{kind}_{variant.replace("_", "")}']
        result = evaluate(benchmark, root, root / f'{kind}.npz', variant=variant)
        summary = result['summary']
        assert summary['cIoU@0.5'] == pytest.approx(expected['cIoU_at_0.5'], abs=1e-9)
        assert summary['AUC'] == pytest.approx(expected['AUC'], abs=1e-9)
        assert summary['mean_cIoU'] == pytest.approx(expected['mean_cIoU'], abs=1e-4)
        for name, values in expected['per_clip'].items():
            assert result['per_video'][name]['cIoU'] == pytest.approx(values[0], abs=1e-4)


@pytest.fixture
def root(tmp_path) -> Path:
    """The tiny set, with maps that are high at the left."""
    write_vggss(tmp_path)
    (tmp_path / 'maps').mkdir()
    for name in VGGSS_BOXES:
        np.save(tmp_path / f'maps/{name}.npy', np.tile(np.linspace(1, 0, 7), (7, 1)))
    return tmp_path


def test_empty_ground_truth_is_zero_or_left_out(root) -> None:
    results = {
        protocol: evaluate('vggss', root, root / 'maps', protocol=protocol)
        for protocol in ('official', 'corrected')
    }
    official, corrected = (result['summary'] for result in results.values())
    # The first box is the left half, the second one a quarter in the center.
    assert (official['clips'], corrected['clips']) == (3, 2)
    assert official['mean_cIoU'] == pytest.approx((1 + 0.125 / 0.625) / 3, abs=0.01)
    assert corrected['mean_cIoU'] == pytest.approx(official['mean_cIoU'] * 1.5, abs=0.01)
    assert results['official']['problem_counts'] == {'bad_box': 3, 'empty_gt': 1}
    assert results['corrected']['skipped'] == [EMPTY]


def test_missing_map_is_left_out_or_zero(root) -> None:
    (root / f'maps/{FIRST}.npy').unlink()
    np.save(root / 'maps/other.npy', np.zeros((2, 2)))
    official = evaluate('vggss', root, root / 'maps')
    assert (official['unpredicted'], official['summary']['clips']) == ([FIRST], 2)
    assert official['problem_counts']['unknown_prediction'] == 1
    corrected = evaluate('vggss', root, root / 'maps', protocol='corrected')
    assert corrected['per_video'][FIRST]['cIoU'] == 0


@pytest.mark.parametrize('broken', [np.full((2, 2), np.nan), np.zeros(3), np.array([['a']])])
def test_broken_map_stops_and_is_named(root, broken) -> None:
    np.save(root / f'maps/{WRONG_BOX}.npy', broken)
    with pytest.raises(EvaluationStopped, match=f'maps: {WRONG_BOX}: expected'):
        evaluate('vggss', root, root / 'maps')


def test_tied_map_is_half_of_the_frame_if_corrected(root) -> None:
    for name in VGGSS_BOXES:
        np.save(root / f'maps/{name}.npy', np.ones((7, 7)))
    scores = [
        evaluate('vggss', root, root / 'maps', protocol=protocol)['per_video'][FIRST]
        for protocol in ('official', 'corrected')
    ]
    assert scores[0]['cIoU'] == scores[0]['whole_image'] == pytest.approx(0.5)
    assert scores[1]['cIoU'] == pytest.approx(0.25 / 0.75)


def test_silent_pairs_need_a_confidence_and_add_detection_scores(root) -> None:
    silent = f'{FIRST}+Dbcdefghijk_000040'
    shutil.copy(root / f'maps/{FIRST}.npy', root / f'maps/{silent}.npy')
    with pytest.raises(FileNotFoundError, match=r'confidence\.csv does not exist'):
        evaluate('vggss', root, root / 'maps', split='extended')
    confidence = dict(zip([*VGGSS_BOXES, silent], (0.9, 0.8, 0.2, 0.1), strict=True))
    text = ''.join(f'{name},{value}\n' for name, value in confidence.items())
    (root / 'maps/confidence.csv').write_text(text)
    options = {'split': 'extended', 'protocol': 'corrected'}
    summary = evaluate('vggss', root, root / 'maps', **options)['summary']
    assert summary['clips'] == 3  # the clip with an empty ground truth is left out
    assert summary['AP@0.5'] == pytest.approx(0.5)  # one of two sounding clips, found first
    assert summary['mean_cIoU'] == pytest.approx(0.6, abs=0.01)
    (root / 'maps/confidence.csv').write_text(text.replace(f'{silent},0.1\n', ''))
    with pytest.raises(EvaluationStopped, match='missing_confidence'):
        evaluate('vggss', root, root / 'maps', split='extended')


def test_boxes_of_annotators_are_read_from_the_data_root(tmp_path) -> None:
    write_flickr(tmp_path)
    np.savez(tmp_path / 'maps.npz', **{'100': np.tile(np.linspace(1, 0, 7), (7, 1))})
    summary = evaluate('flickr_soundnet', tmp_path, tmp_path / 'maps.npz')['summary']
    assert summary['mean_cIoU'] == pytest.approx(1 / 1.5, abs=0.01)


def test_wrong_paths_and_options_are_named(root) -> None:
    with pytest.raises(FileNotFoundError, match=r'has no vggss\.json'):
        evaluate('vggss', root / 'frames', root / 'maps')
    with pytest.raises(FileNotFoundError, match='folder of npy files'):
        evaluate('vggss', root, root / 'none')
    with pytest.raises(ValueError, match=r"variant must be one of .*, got 'avgn'"):
        evaluate('vggss', root, root / 'maps', variant='avgn')
    (root / 'vggss.json').write_text(json.dumps([]))
    with pytest.raises(ValueError, match='expected a list of clips'):
        evaluate('vggss', root / 'vggss.json', root / 'maps')


def test_maps_that_claim_more_than_their_files_have_are_refused(root) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000)}\n"
    claim = b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header
    (root / f'maps/{WRONG_BOX}.npy').write_bytes(claim)
    with zipfile.ZipFile(root / 'claims.npz', 'w') as archive:
        archive.writestr(f'{WRONG_BOX}.npy', claim)
    with zipfile.ZipFile(root / 'zeros.npz', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f'{WRONG_BOX}.npy', bytes(1000))
    packed = (root / 'zeros.npz').read_bytes()  # the size of an entry is stated in the archive
    large = packed.replace((1000).to_bytes(4, 'little'), (1 << 31).to_bytes(4, 'little'))
    (root / 'zeros.npz').write_bytes(large)
    for pred in ('maps', 'claims.npz', 'zeros.npz'):
        with pytest.raises(EvaluationStopped, match=f'{pred}: {WRONG_BOX}: '):
            evaluate('vggss', root, root / pred)
