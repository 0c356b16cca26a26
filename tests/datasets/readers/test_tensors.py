import io
import os
import pickle

import numpy as np
import pytest
import torch

from avis.datasets.readers.errors import BrokenDataError
from avis.datasets.readers.tensors import read_features, read_log_mel


def write(path, value, protocol=pickle.HIGHEST_PROTOCOL):
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize('protocol', [0, 2, 4, 5])
@pytest.mark.parametrize('shape', [(5, 1, 96, 64), (10, 96, 64)])
def test_pickled_tensor_is_read(tmp_path, protocol, shape) -> None:
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    got = read_log_mel(write(tmp_path / 'a.pkl', tensor, protocol))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, tensor.reshape(-1, 96, 64))


def test_view_of_a_larger_storage_and_gradients_are_read(tmp_path) -> None:
    whole = torch.arange(10 * 96 * 64).double().view(10, 1, 96, 64)
    part = whole[2:7].requires_grad_()
    np.testing.assert_array_equal(
        read_log_mel(write(tmp_path / 'a.pkl', part)), whole[2:7, 0].float()
    )


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


class EvilStorage(Evil):
    """Contains the same in the bytes of a storage, which torch itself would unpickle."""

    def __reduce__(self):
        buffer = io.BytesIO()
        torch.save(Evil(self.path), buffer, _use_new_zipfile_serialization=False)
        return torch.storage._load_from_bytes, (buffer.getvalue(),)


@pytest.mark.parametrize('evil', [Evil, EvilStorage])
def test_pickle_cannot_run_code(tmp_path, evil) -> None:
    trace = tmp_path / 'trace'
    path = write(tmp_path / 'a.pkl', [torch.zeros(5, 1, 96, 64), evil(trace)])
    with pytest.raises(BrokenDataError, match=r'a\.pkl: .* it was not run\. Do not trust'):
        read_log_mel(path)
    assert not trace.exists()
    pickle.loads(path.read_bytes())  # the trap is real
    assert trace.exists()


@pytest.mark.parametrize(
    'payload',
    [
        b'cbuiltins\neval\n(S"1"\ntR.',
        b'cos\nsystem\n(S"true"\ntR.',
        b'ctorch\nload\n(S"x"\ntR.',
        b'ctorch._utils\n__builtins__\n.',
        b'ctorch.storage\nio.open\n.',
        b'c_codecs\nencode\n(Vab\nVrot13\ntR.',
    ],
)
def test_pickle_with_other_globals_is_an_error(tmp_path, payload) -> None:
    (tmp_path / 'a.pkl').write_bytes(payload)
    with pytest.raises(BrokenDataError, match='is a pickle that calls'):
        read_log_mel(tmp_path / 'a.pkl')


@pytest.mark.parametrize(
    ('value', 'problem'),
    [
        (torch.zeros(5, 1, 64, 96), r'shape \(5, 1, 64, 96\), expected \(T, 1, 96, 64\)'),
        (torch.zeros(5, 2, 96, 64), r'shape \(5, 2, 96, 64\)'),
        (torch.zeros(96, 64), r'shape \(96, 64\)'),
        (
            torch.zeros(5, 1, 96, 64, dtype=torch.int32),
            'contains torch.int32, expected',
        ),
        ([1, 2], 'contains list, expected'),
        (torch.full((5, 1, 96, 64), torch.nan), 'NaN or infinite'),
    ],
)
def test_log_mel_of_wrong_type_or_shape_is_an_error(tmp_path, value, problem) -> None:
    with pytest.raises(BrokenDataError, match=problem):
        read_log_mel(write(tmp_path / 'a.pkl', value))


@pytest.mark.parametrize(
    'content',
    [b'', b'hello', pickle.dumps(torch.zeros(5, 1, 96, 64))[:999]],
    ids=['empty', 'text', 'truncated'],  # the bytes of a storage differ from process to process
)
def test_damaged_pickle_is_an_error(tmp_path, content) -> None:
    (tmp_path / 'a.pkl').write_bytes(content)
    with pytest.raises(BrokenDataError, match=r'a\.pkl: is not a pickled tensor'):
        read_log_mel(tmp_path / 'a.pkl')


def test_features_are_read(tmp_path) -> None:
    rows = np.random.default_rng(0).normal(size=(5, 128))
    np.save(tmp_path / 'a.npy', rows)
    got = read_features(tmp_path / 'a.npy')
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, rows, rtol=1e-6)


@pytest.mark.parametrize(
    ('rows', 'problem'),
    [
        (np.zeros((5, 2, 3)), r'shape \(5, 2, 3\), expected floats \(T, D\)'),
        (np.zeros((5, 2), int), 'contains int64'),
        (np.full((5, 2), np.inf), '10 NaN or infinite'),
        (np.array([Evil('never')], dtype=object), 'not a readable .npy'),
    ],
)
def test_features_of_wrong_type_or_shape_are_an_error(tmp_path, rows, problem) -> None:
    np.save(tmp_path / 'a.npy', rows, allow_pickle=True)
    with pytest.raises(BrokenDataError, match=problem):
        read_features(tmp_path / 'a.npy')


@pytest.mark.parametrize('read', [read_log_mel, read_features])
def test_missing_file_is_an_error_with_its_path(tmp_path, read) -> None:
    with pytest.raises(FileNotFoundError, match=r'a\.x does not exist'):
        read(tmp_path / 'a.x')


def test_small_file_cannot_claim_a_large_tensor(tmp_path) -> None:
    path = write(tmp_path / 'bomb.pkl', torch.zeros(1).expand(100_000_000, 1, 96, 64))
    assert path.stat().st_size < 10_000
    with pytest.raises(BrokenDataError, match=r'bomb\.pkl: .* bytes are too few'):
        read_log_mel(path)
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000)}\n"
    path = tmp_path / 'bomb.npy'
    path.write_bytes(b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header)
    with pytest.raises(BrokenDataError, match=r'bomb\.npy is not|bomb\.npy: is not a readable'):
        read_features(path)
