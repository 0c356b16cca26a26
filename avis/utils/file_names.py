"""One rule for file names made from the names of videos."""

import hashlib
import os

# Most file systems allow 255 bytes; suffixes and the mark of a temporary file are added to it.
_MAX_BYTES = 200


def safe_file_name(name: str) -> str:
    """File name, without suffix, for any name; different names get different file names.

    A name that is a valid file name stays as it is. Of others (separators, a leading dot, more than
    200 bytes, empty) the first 40 valid characters are kept and a hash is appended.

    >>> safe_file_name('talk.v1'), safe_file_name('../talk')
    ('talk.v1', '_talk-772a1849')
    """
    plain = name.replace('/', '_').replace('\\', '_').lstrip('.') or 'video'
    if plain == name and len(os.fsencode(plain)) <= _MAX_BYTES:
        return plain
    key = hashlib.blake2b(os.fsencode(name), digest_size=4).hexdigest()
    return f'{plain[:40]}-{key}'
