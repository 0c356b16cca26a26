"""Reject text that must not be committed.

Debuggers, hard-coded devices, paths of one machine, and terms that docs/glossary.md has replaced by
the standard ones of the field.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
MAX_BYTES = 500_000


class Ban(NamedTuple):
    """A pattern, the replacement, and the path prefixes where the pattern is allowed."""

    pattern: re.Pattern[str]
    instead: str
    allowed_in: tuple[str, ...] = ()


RENAMES = ('CHANGELOG.md', 'docs/glossary.md', 'tests/data/')
"""List renamed terms, or describe files whose format is not ours."""


def retired(terms: str, instead: str, *allowed_in: str) -> Ban:
    """Ban whole words in any case; an underscore separates words, as in an identifier."""
    pattern = re.compile(rf'(?<![a-zA-Z])(?:{terms})(?![a-zA-Z])', re.IGNORECASE)
    return Ban(pattern, instead, (*RENAMES, *allowed_in))


GENERATOR = ('avis/synthetic/', 'tests/synthetic/')
"""Draws rooms and animals, so a few retired terms are meant literally there."""


BANS = (
    Ban(re.compile(r'\.cuda\('), 'move to a device given as argument: x.to(device)'),
    Ban(re.compile(r'environ\[[\'"]CUDA'), 'leave the choice of devices to the user'),
    Ban(re.compile(r'import pdb|\bbreakpoint\('), 'remove the debugger'),
    Ban(re.compile(r'np\.random\.seed\('), 'pass np.random.Generator on', ('tests/',)),
    Ban(
        re.compile(r'(?<![\w.>/])/(?:home|root|Users|work|mnt|data\d*|scratch)/\w'),
        'use a path relative to the repository, or an argument',
    ),
    Ban(re.compile(r'\b[A-Z]:\\\\?\w'), 'use a path relative to the repository, or an argument'),
    Ban(re.compile(r'^(?:<{7}|>{7}) '), 'resolve the merge conflict'),
    retired('pictures?', 'image or frame'),
    retired(
        'films?|filmed',
        'video',
        *GENERATOR,
        'tests/evaluation/benchmarks/test_avtrack.py',
        'tests/helpers/small_sets.py',
    ),
    retired('colou?rs?(?<=our|urs)|coloured', 'color'),
    retired(
        'behaviours?|grey|centres?|centred|licences?|labell(?:ed|ing)',
        'American spelling',
        'tests/recipes/avsbench.py',  # keys of recorded files
        'tests/golden_metrics/vpo.py',
    ),
    retired(
        r'(?:recogn|normal|initial|summar|organ|synchron|serial|visual|optim|quant|diar|minim|maxim|'
        r'general|special|random|penal|parametr|character|emphas)is(?:e[drs]?|es|ing|ations?)',
        'American spelling: -ize, -ization',
    ),
    retired('mended|mends?|mending', 'corrected'),
    retired('(?<!ground )(?<!ground-)(?<!ground_)truths?', 'ground truth, gt'),
    retired(
        'hears?|heard|deaf',
        'audio, load_audio, fuse_audio; without audio, muted',
        'projects/acvis/',  # the title of its paper
        # The classes of VGG-SS that occur in training are its split heard.
        'avis/datasets/sound_localization.py',
        'avis/evaluation/benchmarks/sound_localization.py',
        'avis/utils/source_boxes.py',
        'docs/sound_localization.md',
        'projects/ez_vsl/',
        'tests/datasets/test_sound_localization.py',
        'tests/helpers/tiny_sets.py',
    ),
    retired('oddit(?:y|ies)', 'warnings'),
    retired('verdicts?', 'the result by its name'),
    retired('facult(?:y|ies)', 'component: who, where, same'),
    retired('ears?', 'audio encoder', *GENERATOR, 'avis/avtracker/face_detection/'),
    retired('himself|herself', 'themselves'),
    retired('rooms?', 'package, module; space', *GENERATOR, 'tests/utils/compat/test_import_hook'),
    retired(r'(?:stands?|stood) in for', 'replace, fall back, placeholder, mean'),
    retired('hand(?:s|ed|ing)? over', 'pass, return'),
    retired('(?:takes?|taking|taken|tells?|told|telling) apart', 'separate, distinguish'),
    retired('as released|released (?:code|way)', 'official, the official code'),
    retired('enrols?|enrolled', 'register'),
    retired('troubles?', 'troubleshooting, problem'),
    retired('stretches', 'speech segment, run of frames'),
    retired(
        'SpeechChunk|VoiceTurns|VoiceActivity|WebRTCActivity|AudioVisualSync|MouthMeter|OpenMouths|'
        'FaceGuidedPeople|SegmentorTracks|DetectorPeople|FrameLinker|StageClock|RecomputingResNet|'
        'keep_freed_memory|join_launcher|fit_weights|record_of|ask_until_read|sees_all_windows|'
        'write_film|track_film|no_film|write_aside|LoadSound|MuteSound|read_sound|sound_info|imgs',
        'the new name, see CHANGELOG.md',
        'tests/recipes/avism_layout.py',
    ),
)


def check_text(name: str, text: str) -> Iterator[str]:
    """Yield one message per banned text; ``name`` is relative to the repository."""
    for number, line in enumerate(text.splitlines(), 1):
        for ban in BANS:
            found = ban.pattern.search(line)
            if found and not name.startswith(ban.allowed_in):
                yield f'{name}:{number}: {found.group()!r} is banned: {ban.instead}'


def check_file(path: Path, name: str) -> Iterator[str]:
    """Yield the messages of one file: its size, and its text if it is text."""
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        yield f'{name}: {len(content)} bytes, at most {MAX_BYTES} may be committed'
    if b'\0' not in content:
        yield from check_text(name, content.decode('utf-8', errors='replace'))


def committable_files() -> list[str]:
    """Files that git tracks or would add, without this one and its test, which spell the bans."""
    command = ['git', 'ls-files', '--cached', '--others', '--exclude-standard', '-z']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = {name for name in done.stdout.split('\0') if name and (ROOT / name).is_file()}
    return sorted(name for name in names if 'check_banned_text' not in name)


def main() -> int:
    """Check the files named on the command line, or all of the repository."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('files', nargs='*', type=Path, help='default: all files git knows')
    files = [str(file) for file in parser.parse_args().files] or committable_files()
    messages = [message for name in files for message in check_file(ROOT / name, name)]
    print(*messages, f'{len(files)} files, {len(messages)} banned texts', sep='\n')
    return 1 if messages else 0


if __name__ == '__main__':
    sys.exit(main())
