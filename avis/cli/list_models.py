"""List the models of avis: name, task, published scores with their source; or their networks."""

import sys
from collections.abc import Sequence
from typing import Any

from avis.utils.arguments import ToolParser

EXAMPLES = ('', 'avism_r50', "'tpavi*' --task avss", "'convnext*' --kind backbone")


def add_arguments(parser: ToolParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        'pattern', nargs='?', metavar='NAME', help='part of a name or alias, or a pattern with *'
    )
    parser.add_argument('--task', help='avs, avss, avis, speaker_tracking or asd')
    parser.add_argument(
        '--kind', help='list the installed networks instead: backbone or audio-encoder'
    )
    parser.add_argument('--json', action='store_true', help='print JSON for programs')


def main(parser: ToolParser, words: Sequence[str]) -> int:
    """Print the models; returns 1 if there is none."""
    args = parser.parse_args(words)

    if args.kind is not None:
        return _list_networks(args.kind, args.pattern, as_json=args.json)
    from avis.apis.models import find_models

    models = find_models(args.pattern, args.task)
    if args.json:
        import dataclasses
        import json

        listed = [{**dataclasses.asdict(model), 'task': model.task} for model in models]
        print(json.dumps(listed, indent=2, default=str))
    else:
        for model in models:
            names = ', '.join((model.name, *model.aliases))
            print(f'{names}  [{model.task}]')
            for result in model.results:
                print(f'    {_scores(result)}')
    if not models:
        print("No model matches: 'avis models' lists all.", file=sys.stderr)
    return int(not models)


def _list_networks(kind: Any, pattern: str | None, *, as_json: bool) -> int:
    """Print the networks of each package; returns 1 if there is none."""
    from avis.apis.installed_networks import describe_source, find_networks

    sources = find_networks(kind, pattern)
    if as_json:
        import dataclasses
        import json

        print(json.dumps([dataclasses.asdict(source) for source in sources], indent=2))
    else:
        for source in sources:
            print(describe_source(source))
    return int(not any(source.names for source in sources))


def _scores(result: dict[str, Any]) -> str:
    """One line of a published result."""
    scores = ', '.join(f'{key} {value}' for key, value in result['Metrics'].items())
    return f'{result["Dataset"]}: {scores} ({result["Source"]})'
