"""From a recipe to the scene of each video: who is in it, where, and who sounds when."""

from dataclasses import dataclass, replace

import numpy as np

from avis.datasets.synthetic.backgrounds import PLACES
from avis.datasets.synthetic.cast import THINGS, Identity, mixed_cast, people, person, thing
from avis.datasets.synthetic.recipe import LAYOUTS, Recipe
from avis.datasets.synthetic.scene import Actor, Path, Scene, Shot, still
from avis.datasets.synthetic.schedule import Turns, complement, dialogue, second_grid

# Kinds that a layout has a class for; AVISeg knows no bells, AVTrack tracks persons only.
CLASS_KINDS = {
    'avsbench_s4': ('man', 'woman', *THINGS),
    'avsbench_ms3': ('man', 'woman', *THINGS),
    'avss': ('man', 'woman', *THINGS),
    'aviseg': ('man', 'woman', 'guitar', 'dog', 'car', 'violin'),
    'avtrack': ('man', 'woman'),
}


@dataclass(frozen=True)
class Job:
    """One video to make: its place in the data set and its own source of chance."""

    index: int
    split: str
    seed: tuple[int, int, int]
    subset: str = ''  # v1s, v1m or v2 of AVSS

    def rng(self, salt: int) -> np.random.Generator:
        """Independent streams for independent decisions: one option does not move the others."""
        return np.random.default_rng([*self.seed, salt])


def plan_jobs(recipe: Recipe) -> list[Job]:
    """All videos of a data set, in order."""
    layout = LAYOUTS.index(recipe.layout)
    jobs = []
    for index, split in enumerate(recipe.split_of_videos()):
        subset = ('v1s', 'v1m', 'v2')[index % 3] if recipe.layout == 'avss' else ''
        jobs.append(Job(index, split, (recipe.seed, layout, index), subset))
    return jobs


def layout_cast(recipe: Recipe) -> list[Identity]:
    """The pool of a layout: ``recipe.identities`` identities of the kinds it has classes for."""
    if recipe.layout == 'avtrack':
        return people(recipe.identities)
    kinds = CLASS_KINDS[recipe.layout]
    pool = mixed_cast(4 * recipe.identities)
    return [identity for identity in pool if identity.kind in kinds][: recipe.identities]


def build_scene(recipe: Recipe, job: Job, seconds: int) -> Scene:
    """The scene of one video before any challenge."""
    rng = job.rng(0)
    pool = layout_cast(recipe)
    if recipe.layout in ('aviseg', 'avtrack'):
        return _conversation(recipe, pool, seconds, rng)
    if recipe.layout == 'avsbench_s4' or job.subset == 'v1s':
        return _single_source(recipe, pool, job, seconds, rng)
    return _clip(recipe, pool, seconds, rng)


def _single_source(
    recipe: Recipe, pool: list[Identity], job: Job, seconds: int, rng: np.random.Generator
) -> Scene:
    """One source that sounds all the time; in some clips a silent figure stands beside it."""
    main = pool[job.index % len(pool)]
    if main.kind == 'woman' and recipe.layout == 'avsbench_s4':
        main = replace(main, voice=replace(main.voice, style='song'))
    turns: Turns = [(0.0, float(seconds))]
    if rng.random() < 0.3:
        other = pool[(job.index + 1 + int(rng.integers(len(pool) - 1))) % len(pool)]
        identities, all_turns = [main, other], [turns, []]
    else:
        identities, all_turns = [main], [turns]
    return _arrange(recipe, identities, all_turns, seconds, rng)


def _clip(recipe: Recipe, pool: list[Identity], seconds: int, rng: np.random.Generator) -> Scene:
    """Two or three possible sources; which of them sound only the sound can tell.

    A silent source always moves its mouth, strings or wheels as if it sounded.
    """
    count = min(len(pool), 2 + int(rng.random() < 0.5))
    identities = [pool[i] for i in rng.permutation(len(pool))[:count]]
    return _arrange(recipe, identities, second_grid(count, seconds, rng), seconds, rng)


def _conversation(
    recipe: Recipe, pool: list[Identity], seconds: int, rng: np.random.Generator
) -> Scene:
    """Two or three speakers or things take turns; perhaps one of them is silent throughout."""
    count = min(len(pool), 2 + int(rng.random() < 0.4))
    identities = [pool[i] for i in rng.permutation(len(pool))[:count]]
    silent = int(count > 2 and rng.random() < 0.5)
    turns = dialogue(count - silent, seconds, rng) + [[] for _ in range(silent)]
    return _arrange(recipe, identities, turns, seconds, rng)


def _arrange(
    recipe: Recipe,
    identities: list[Identity],
    turns: list[Turns],
    seconds: int,
    rng: np.random.Generator,
) -> Scene:
    """Put the identities side by side in a random order, in a random place."""
    height, width = recipe.size
    aspect, count = width / height, len(identities)
    slots = rng.permutation(count)
    actors = []
    for number, identity in enumerate(identities):
        x = aspect * (slots[number] + 0.5 + float(rng.uniform(-0.12, 0.12))) / count
        actors.append(
            Actor(
                identity=identity,
                path=_standing(identity, x, aspect / count, rng),
                turns=turns[number],
                gestures=complement(turns[number], seconds),
                seed=int(rng.integers(1 << 31)),
            )
        )
    # Whoever is nearer, that is larger, stands in front.
    actors.sort(key=lambda actor: actor.path.values[0][2])
    place = PLACES[int(rng.integers(len(PLACES)))]
    backdrop = ('music' if rng.random() < 0.25 else 'noise', float(rng.uniform(0.001, 0.004)))
    return Scene(
        seconds=seconds,
        height=height,
        width=width,
        actors=actors,
        shots=[Shot(0.0, place, int(rng.integers(1 << 16)))],
        camera=Path([0.0], [(aspect / 2, 0.5, 1.0)]),
        backdrop=backdrop,
        seed=int(rng.integers(1 << 31)),
    )


def _standing(identity: Identity, x: float, room: float, rng: np.random.Generator) -> Path:
    """A place for a source with ``room`` frame heights of width to itself."""
    scale = float(rng.uniform(0.9, 1.1)) * min(0.34, 0.42 * room)
    if identity.is_person:
        return still(x, float(rng.uniform(0.34, 0.46)), scale)
    return still(x, float(rng.uniform(0.58, 0.68)), scale * 1.05)


def narrator(index: int) -> Identity:
    """A voice from outside the picture that belongs to nobody in any cast."""
    return person(1000 + index)


def stranger(kind: str, index: int) -> Identity:
    """A thing that belongs to no cast."""
    return thing(kind, 1000 + index)
