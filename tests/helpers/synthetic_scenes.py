"""Small synthetic sets, and listings of their files."""

import hashlib
from pathlib import Path

from avis.synthetic.casting import plan_jobs
from avis.synthetic.generator import make_stage
from avis.synthetic.recipe import Recipe
from avis.synthetic.scene import Stage


def stages(layout: str, videos: int = 3, **options) -> list[Stage]:
    """The stages of a recipe, by default with small frames."""
    recipe = Recipe(layout=layout, videos=videos, **{'size': (64, 96), **options})
    return [make_stage(recipe, job) for job in plan_jobs(recipe)]


def tree(root: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative path."""
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def names(root: Path) -> list[str]:
    """Sorted names of the entries of a folder."""
    return sorted(path.name for path in root.iterdir())
