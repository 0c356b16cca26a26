"""Try every part of avis and say what is installed, what works, and what to do if it does not.

Parts that are not installed are no problems. The exit status is 1 if a part has a problem.
"""

from collections.abc import Sequence
from typing import Any

from avis.utils.arguments import ToolParser, parse_arguments

EXAMPLES = ('', '--json')


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    parser.add_argument('--json', action='store_true', help='print JSON for programs')


def main(parser: ToolParser, words: Sequence[str]) -> int:
    """Run all checks; returns 1 if one found a problem."""
    args = parse_arguments(parser, words)

    import json
    import platform

    import avis
    from avis.cli.health_checks import CHECKS, run_check

    findings = [run_check(check) for check in CHECKS]
    problems = [finding for finding in findings if finding.status == 'problem']
    if args.json:
        report: dict[str, Any] = {'avis': avis.__version__, 'python': platform.python_version()}
        report |= {'system': platform.platform(), 'ok': not problems}
        report['checks'] = [finding._asdict() for finding in findings]
        print(json.dumps(report, indent=2))
    else:
        system = f'Python {platform.python_version()}, {platform.platform()}'
        print(f'avis {avis.__version__}, {system}\n')
        for finding in findings:
            versions = ', '.join(f'{name} {text}' for name, text in finding.versions.items())
            texts = '; '.join(text for text in (versions, finding.detail) if text)
            print(f'{finding.status:13}  {finding.name}: {texts}')
            if finding.remedy:
                print(f'{"":13}  -> {finding.remedy}')
        count = len(problems) or 'no'
        print(f'\n{count} problem{"" if count == 1 else "s"}')
    return int(bool(problems))
