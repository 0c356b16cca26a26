"""From a recipe to the scene of each video: who is in it, where, and who sounds when."""

from dataclasses import dataclass, replace

import numpy as np

from avis.synthetic.backgrounds import PLACES
from avis.synthetic.cast import THINGS, Identity, mixed_cast, people
from avis.synthetic.recipe import DEFAULT_SECONDS, LAYOUTS, Recipe
from avis.synthetic.scene import Actor, Path, Scene, Shot
from avis.synthetic.schedule import Turns, broken, complement, dialogue, second_grid

# AVISeg has no class for bells.
_KINDS = {'aviseg': ('man', 'woman', 'guitar', 'dog', 'car', 'violin')}
_ALL_KINDS = ('man', 'woman', *THINGS)
_MORE_INSTANCES = 4  # that the strongest `multiple_instances` adds


@dataclass(frozen=True)
class Job:
    """One video to make: its place in the data set and its own source of chance."""

    index: int
    split: str
    seconds: int
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
        seconds = recipe.seconds or DEFAULT_SECONDS[subset or recipe.layout]
        jobs.append(Job(index, split, seconds, (recipe.seed, layout, index), subset))
    return jobs


def layout_cast(recipe: Recipe) -> list[Identity]:
    """The pool of a layout: ``recipe.identities`` identities of the kinds it has classes for."""
    if recipe.people_only or recipe.layout == 'avtrack':
        return people(recipe.identities)
    kinds = _KINDS.get(recipe.layout, _ALL_KINDS)
    pool = mixed_cast(4 * recipe.identities)
    return [identity for identity in pool if identity.kind in kinds][: recipe.identities]


def build_scene(recipe: Recipe, job: Job) -> Scene:
    """The scene of one video.

    Of the challenges, only those that decide who is there and who sounds when are met here:
    multiple instances and multi-turn sounding. The others change a finished scene.
    """
    rng = job.rng(0)
    if recipe.layout in ('aviseg', 'avtrack'):
        identities, turns, gestures = _conversation(recipe, job, rng)
    elif recipe.layout == 'avsbench_s4' or job.subset == 'v1s':
        identities, turns, gestures = _single_source(recipe, job, rng)
    else:
        identities, turns, gestures = _clip(recipe, job, rng)
    return _arrange(recipe, job, identities, list(zip(turns, gestures, strict=True)))


def _single_source(
    recipe: Recipe, job: Job, rng: np.random.Generator
) -> tuple[list[Identity], list[Turns], list[Turns]]:
    """One source that sounds all the time; in some clips a silent figure stands beside it."""
    pool = layout_cast(recipe)
    # Walk through the pool within each split, so that every class occurs early everywhere.
    main = pool[job.index % len(pool)]
    others = int(rng.random() < 0.3) + _extra(recipe)
    bystanders = [identity for identity in _draw(pool, len(pool), rng) if identity != main]
    if main.kind == 'woman' and recipe.layout == 'avsbench_s4':
        main = replace(main, voice=replace(main.voice, style='song'))
    turns: Turns = [(0.0, float(job.seconds))]
    if multi_turn := recipe.challenges.get('multi_turn_sounding', 0.0):
        turns = broken(turns, 0.4 + 0.2 * rng.random(), 2.6 - 1.6 * multi_turn)
    silent = bystanders[:others]
    gestures = [complement([], job.seconds) for _ in silent]
    return [main, *silent], [turns, *([] for _ in silent)], [[], *gestures]


def _clip(
    recipe: Recipe, job: Job, rng: np.random.Generator
) -> tuple[list[Identity], list[Turns], list[Turns]]:
    """Two or three possible sources; which of them sound only the sound can tell.

    A silent source always moves its mouth, strings or wheels as if it sounded.
    """
    pool = layout_cast(recipe)
    identities = _draw(pool, 2 + int(rng.random() < 0.5) + _extra(recipe), rng)
    stay = 0.55 * (1 - recipe.challenges.get('multi_turn_sounding', 0.0))
    turns = second_grid(len(identities), job.seconds, rng, stay)
    return identities, turns, [complement(own, job.seconds) for own in turns]


def _conversation(
    recipe: Recipe, job: Job, rng: np.random.Generator
) -> tuple[list[Identity], list[Turns], list[Turns]]:
    """Two or three sources take turns; perhaps a silent one moves its mouth throughout."""
    pool = layout_cast(recipe)
    identities = _draw(pool, 2 + int(rng.random() < 0.4) + _extra(recipe), rng)
    silent = int(len(identities) > 2 and rng.random() < 0.5)
    length = 4.5 - 3.3 * recipe.challenges.get('multi_turn_sounding', 0.0)
    turns = dialogue(len(identities) - silent, job.seconds, rng, length)
    gestures: list[Turns] = [[] for _ in turns]
    for _ in range(silent):
        turns.append([])
        gestures.append(complement([], job.seconds))
    return identities, turns, gestures


def _extra(recipe: Recipe) -> int:
    return int(np.ceil(_MORE_INSTANCES * recipe.challenges.get('multiple_instances', 0.0)))


def _draw(pool: list[Identity], count: int, rng: np.random.Generator) -> list[Identity]:
    """``count`` different identities, or all if there are fewer."""
    return [pool[i] for i in rng.permutation(len(pool))[:count]]


def _arrange(
    recipe: Recipe, job: Job, identities: list[Identity], doings: list[tuple[Turns, Turns]]
) -> Scene:
    """Put the identities side by side in a random order, in a random place."""
    rng = job.rng(1)
    height, width = recipe.size
    aspect = width / height
    spots = _spots(len(identities), aspect, rng)
    actors = [
        Actor(
            identity=identity,
            path=_stand(identity, *spot, rng),
            turns=turns,
            gestures=gestures,
            seed=int(rng.integers(1 << 31)),
        )
        for identity, spot, (turns, gestures) in zip(identities, spots, doings, strict=True)
    ]
    place = PLACES[int(rng.integers(len(PLACES)))]
    backdrop = ('music' if rng.random() < 0.25 else 'noise', float(rng.uniform(0.001, 0.004)))
    return Scene(
        seconds=job.seconds,
        height=height,
        width=width,
        actors=actors,
        shots=[Shot(0.0, place, int(rng.integers(1 << 16)))],
        camera=Path([0.0], [(aspect / 2, 0.5, 1.0)]),
        backdrop=backdrop,
        seed=int(rng.integers(1 << 31)),
    )


def _spots(count: int, aspect: float, rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """x, height above the normal line, and width of a place for each; two rows from four on."""
    rows = [count] if count < 4 else [count // 2, count - count // 2]
    spots = []
    for row, members in enumerate(reversed(rows)):
        room = aspect / members
        for slot in range(members):
            x = room * (slot + 0.5 + float(rng.uniform(-0.12, 0.12)))
            spots.append((x, 0.2 * row, room))
    return [spots[i] for i in rng.permutation(count)]


def _stand(
    identity: Identity, x: float, lift: float, room: float, rng: np.random.Generator
) -> Path:
    """A place for a source with ``room`` frame heights of width to itself."""
    scale = float(rng.uniform(0.9, 1.1)) * min(0.34, 0.42 * room) * (1 - lift)
    if identity.is_person:
        return Path([0.0], [(x, float(rng.uniform(0.34, 0.46)) - lift, scale)])
    return Path([0.0], [(x, float(rng.uniform(0.58, 0.68)) - lift, scale * 1.05)])
