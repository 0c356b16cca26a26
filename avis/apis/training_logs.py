"""Read the scalars of runs, tabulate them and plot their curves, for analyze_logs.py."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

# Scores of which the least value is the best: losses and error rates.
_FALLING = ('loss', 'FA_', 'error')

Curve = list[tuple[int, float]]  # step and value


def read_curves(run: str | Path) -> dict[str, Curve]:
    """Read the scalars of a run over all its starts; a resumed run replaces what it repeats.

    Args:
        run: Work folder, folder of one start, or a ``scalars.json``.

    Returns:
        Curve by name, in the order of the names in the files. Metrics of a validation have the
        steps of the log: epochs of an epoch-based run, else iterations.

    Raises:
        FileNotFoundError: There is no ``scalars.json``.
        ValueError: A line is no JSON object; the last line of a killed run may be cut off.
    """
    path = Path(run)
    files = [path] if path.is_file() else sorted(path.rglob('vis_data/scalars.json'))
    if not files:
        raise FileNotFoundError(
            f'{run}: expected a scalars.json of a training in it, or in its vis_data folders'
        )
    curves: dict[str, dict[int, float]] = {}
    for file in files:
        lines = file.read_text(encoding='utf-8').splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                step = int(row.pop('step'))
            except (ValueError, KeyError, AttributeError, TypeError) as error:
                if number == len(lines) > 1:
                    continue
                raise ValueError(
                    f'{file}: line {number}: expected a JSON object, {error}'
                ) from error
            for name, value in row.items():
                if isinstance(value, int | float) and name not in ('epoch', 'iter'):
                    curves.setdefault(name, {})[step] = float(value)
    return {name: sorted(curve.items()) for name, curve in curves.items()}


def summarize_curves(runs: Mapping[str, Mapping[str, Curve]], names: Sequence[str]) -> Table:
    """Return a table with the last and the best value of each curve of each run.

    Args:
        runs: Curves by name of the run.
        names: Names of the curves; those that a run does not have are left out.

    Raises:
        ValueError: No run has a curve of that name.
    """
    check_names(runs, names)
    table = Table('run', 'curve')
    for title in ('last', 'step', 'best', 'at step'):
        table.add_column(title, justify='right')
    for run, curves in runs.items():
        for name in (name for name in names if curves.get(name)):
            step, last = curves[name][-1]
            choose = min if any(part in name for part in _FALLING) else max
            best_step, best = choose(curves[name], key=lambda point: point[1])
            table.add_row(run, name, f'{last:.4g}', str(step), f'{best:.4g}', str(best_step))
    return table


def plot_curves(
    runs: Mapping[str, Mapping[str, Curve]], names: Sequence[str], path: str | Path
) -> None:
    """Plot one panel per name with a line per run.

    Args:
        runs: Curves by name of the run.
        names: Names of the curves.
        path: File to write; its suffix is the format: .png, .pdf, .svg.

    Raises:
        ValueError: No run has a curve of that name.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_names(runs, names)
    figure = Figure(figsize=(6, 3 * len(names)), layout='constrained')
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(names), squeeze=False)[:, 0]
    for panel, name in zip(panels, names, strict=True):
        for run, curves in runs.items():
            if curves.get(name):
                steps, values = zip(*curves[name], strict=True)
                style = {'marker': '.'} if len(steps) < 30 else {}
                panel.plot(steps, values, label=run, **style)
        panel.set(ylabel=name)
        panel.grid(alpha=0.3)
    panels[0].legend()
    panels[-1].set(xlabel='step')
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def check_names(runs: Mapping[str, Mapping[str, Curve]], names: Sequence[str]) -> None:
    """Raise ValueError unless each name is a curve of some run."""
    known = {name: None for curves in runs.values() for name in curves}
    for name in names:
        if name not in known:
            raise ValueError(f'expected a curve, one of {", ".join(known)}, got {name!r}')
