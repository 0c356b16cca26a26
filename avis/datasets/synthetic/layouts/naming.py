"""Names of videos in the manner of the real sets."""

import string

from avis.datasets.synthetic.casting import Job

# As in real ids, names may begin with '-' or '_': readers and command lines must bear it.
_ALPHABET = string.ascii_letters + string.digits + '-_'


def video_id(job: Job) -> str:
    """Eleven characters like those of a video platform, unique by its index."""
    rng = job.rng(9)
    letters = ''.join(_ALPHABET[i] for i in rng.integers(len(_ALPHABET), size=7))
    return f'{letters}{job.index:04d}'
