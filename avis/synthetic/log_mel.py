"""Log-mel examples of AVSBench in NumPy, and their pickle, written without torch.

The official set stores one pickled ``torch.Tensor`` (N, 1, 96, 64) per video. ``pickle.dump`` of a
tensor is not reproducible (it contains a memory address), so the same bytes are assembled here.
"""

import io
import pickle
import struct
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from avis.synthetic.canvas import Array

MEL_SAMPLE_RATE = 16000
_FRAME, _HOP, _FFT = 400, 160, 512  # 25 ms, 10 ms
_BANDS, _LOW, _HIGH = 64, 125.0, 7500.0
_OFFSET = 0.01
_ROWS = 96  # mel frames of one example


def log_mel_examples(samples: Array, count: int) -> Array:
    """Log-mel examples of a mono clip.

    Args:
        samples: Shape (S,), int16 at 16 kHz.
        count: Examples to return; the last one is repeated if the clip has fewer.

    Returns:
        Shape (count, 1, 96, 64), float32.
    """
    wave = samples / 32768.0
    frames = np.lib.stride_tricks.sliding_window_view(wave, _FRAME)[::_HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)
    magnitude = np.abs(np.fft.rfft(frames * window, _FFT))  # (F, 257)
    # A sparse product adds in a fixed order; BLAS may not, with another number of threads.
    mel = (_mel_matrix() @ magnitude.T).T  # (F, 64)
    log_mel = np.log(mel + _OFFSET).astype(np.float32)
    examples = log_mel[: len(log_mel) // _ROWS * _ROWS].reshape(-1, 1, _ROWS, _BANDS)
    if len(examples) == 0:
        raise ValueError(f'a clip of {len(samples)} samples is too short for one 0.96 s example')
    return examples[np.minimum(np.arange(count), len(examples) - 1)]


@lru_cache(maxsize=1)
def _mel_matrix() -> csr_array:
    """Triangles (64, 257), linear in mel."""
    edges = np.linspace(_to_mel(_LOW), _to_mel(_HIGH), _BANDS + 2)
    bins = _to_mel(np.linspace(0, MEL_SAMPLE_RATE / 2, _FFT // 2 + 1))
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    weights = np.clip(np.minimum(rising, falling), 0, None)
    weights[:, 0] = 0
    return csr_array(weights)


def _to_mel(hertz: Array | float) -> Array:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def save_torch_pickle(path: Path, array: Array) -> None:
    """Write the pickle of a float32 ``torch.Tensor`` with the values of ``array``."""
    path.write_bytes(torch_pickle(array))


def torch_pickle(array: Array) -> bytes:
    """Bytes that ``pickle.load`` turns into a float32 CPU tensor (torch installed)."""
    values = np.ascontiguousarray(array, np.float32)
    strides = [step // values.itemsize for step in values.strides]
    return b''.join(
        [
            pickle.PROTO + b'\x03',
            _name('torch._utils', '_rebuild_tensor_v2'),
            pickle.MARK,
            _name('torch.storage', '_load_from_bytes'),
            _bytes(_storage(values)),
            pickle.TUPLE1 + pickle.REDUCE,
            _integer(0),  # offset in the storage
            _integers(values.shape),
            _integers(strides),
            pickle.NEWFALSE,  # requires_grad
            _name('collections', 'OrderedDict') + pickle.EMPTY_TUPLE + pickle.REDUCE,
            pickle.TUPLE + pickle.REDUCE + pickle.STOP,
        ]
    )


def _storage(values: Array) -> bytes:
    """A storage as ``torch.save`` wrote it before the zip format: four pickles, then the values."""
    size, key = values.size, '0'
    info = {
        'protocol_version': 1001,
        'little_endian': True,
        'type_sizes': {'short': 2, 'int': 4, 'long': 4},
    }
    persistent = b''.join(
        [
            pickle.PROTO + b'\x02',
            pickle.MARK,
            _text('storage'),
            _name('torch', 'FloatStorage'),
            _text(key) + _text('cpu') + _integer(size) + pickle.NONE,
            pickle.TUPLE + pickle.BINPERSID + pickle.STOP,
        ]
    )
    out = io.BytesIO()
    pickle.dump(0x1950A86A20F9469CFC6C, out, 2)  # torch's magic number
    pickle.dump(1001, out, 2)
    pickle.dump(info, out, 2)
    out.write(persistent)
    pickle.dump([key], out, 2)
    out.write(struct.pack('<q', size))
    out.write(values.astype('<f4').tobytes())
    return out.getvalue()


def _name(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f'{module}\n{name}\n'.encode()


def _text(value: str) -> bytes:
    return pickle.BINUNICODE + struct.pack('<I', len(value)) + value.encode()


def _bytes(value: bytes) -> bytes:
    return pickle.BINBYTES + struct.pack('<I', len(value)) + value


def _integer(value: int) -> bytes:
    return pickle.BININT + struct.pack('<i', value)


def _integers(values: tuple[int, ...] | list[int]) -> bytes:
    return pickle.MARK + b''.join(map(_integer, values)) + pickle.TUPLE
