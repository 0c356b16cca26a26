"""The table of all models on the page of the model zoo, from the metafiles.

``python -m tests.helpers.model_zoo`` counts the parameters of the models in the table and stores
them in docs/model_parameters.json.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / 'docs' / 'model_zoo.md'
PARAMETERS = ROOT / 'docs' / 'model_parameters.json'
MARK = '<!-- table of models -->\n'
_BACKBONES = {
    'r50': 'ResNet-50',
    'r101': 'ResNet-101',
    'swinb': 'Swin-B',
    'swinl': 'Swin-L',
    'pvtv2b5': 'PVTv2-B5',
}
_HEADER = (
    '| method | config | backbone | data | published | re-measured | verified | parameters |',
    '|---|---|---|---|---|---|---|---|',
)


def model_entries() -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield collection and model of every entry, those of avis first."""
    for folder in ('configs', 'projects'):
        for path in sorted((ROOT / folder).rglob('metafile.yml')):
            content = yaml.safe_load(path.read_text())
            collections = {entry['Name']: entry for entry in content['Collections']}
            for model in content['Models']:
                yield collections[model['In Collection']], model


def markdown_table() -> str:
    """Return one row per model and result; models without published results are left out."""
    parameters = json.loads(PARAMETERS.read_text())
    rows = list(_HEADER)
    for collection, model in model_entries():
        metadata = collection.get('Metadata', {}) | model.get('Metadata', {})
        count = parameters.get(model['Name'])
        parts = model['Name'].split('_')
        backbone = next((name for key, name in _BACKBONES.items() if key in parts), '')
        for result in model.get('Results', ()):
            cells = (
                collection['Name'],
                f'`{model["Name"]}`',
                backbone,
                result['Dataset'],
                _scores(result['Metrics']),
                _scores(result.get('Measured', {})) or 'no',
                metadata.get('Verified', 'runs'),
                f'{count / 1e6:.1f} M' if count else '',
            )
            rows.append(f'| {" | ".join(cells)} |')
    return '\n'.join([*rows, ''])


def _scores(metrics: Mapping[str, float]) -> str:
    return ', '.join(f'{name} {value:g}' for name, value in metrics.items())


def insert_table(page: str) -> str:
    """Return the text of the page with the table in place of its mark."""
    before, after = page.split(MARK)
    return f'{before}{markdown_table()}{after}'


def count_parameters() -> dict[str, int]:
    """Count the parameters of the models with published results, without weights or memory."""
    from mmengine.registry import init_default_scope

    from avis.apis import load_config
    from tests.helpers.small_configs import build_without_memory

    sys.path[:0] = [str(path) for path in (ROOT / 'projects').iterdir()]
    init_default_scope('avis')
    counts = {}
    for _, model in model_entries():
        if model.get('Results'):
            config = load_config(ROOT / model['Config'])
            built = build_without_memory(config.model)
            counts[model['Name']] = sum(weight.numel() for weight in built.parameters())
    # AVTracker opens its networks later.
    return {name: count for name, count in counts.items() if count > 1000}


if __name__ == '__main__':
    PARAMETERS.write_text(json.dumps(count_parameters(), indent=1) + '\n')
