"""Names of videos like those of the real sets."""

import string

from avis.synthetic.casting import Job

# As in real ids, names may begin with '-' or '_': readers and command lines must accept it.
_ALPHABET = string.ascii_letters + string.digits + '-_'


def platform_id(job: Job) -> str:
    """Eleven characters like those of a video platform, unique by the index at the end."""
    rng = job.rng(9)
    letters = ''.join(_ALPHABET[i] for i in rng.integers(len(_ALPHABET), size=7))
    return f'{letters}{job.index:04d}'


def start_second(job: Job) -> int:
    """Start of the clip in a hypothetical longer video."""
    return job.index % 90


def timed_id(job: Job) -> str:
    """Id, start and end in milliseconds."""
    start = start_second(job)
    return f'{platform_id(job)}_{1000 * start}_{1000 * (start + job.seconds)}'
