"""From a recipe to the scene of each video: its sources, their positions and their turns."""

from dataclasses import dataclass, replace

import numpy as np

from avis.synthetic.backgrounds import BACKGROUNDS
from avis.synthetic.cast import OBJECTS, Character, make_mixed_cast, make_persons
from avis.synthetic.recipe import DEFAULT_SECONDS, LAYOUTS, Recipe
from avis.synthetic.scene import Actor, Scene, Shot, Trajectory
from avis.synthetic.schedule import (
    Turns,
    choose_audible,
    complement,
    plan_dialogue,
    plan_full_seconds,
    plan_one_after_another,
    split_turns,
)

# AVISeg has no class for bells.
_LAYOUT_KINDS = {'aviseg': ('man', 'woman', 'guitar', 'dog', 'car', 'violin')}
_ALL_KINDS = ('man', 'woman', *OBJECTS)
# Kinds that only test_u of Ref-AVS contains.
UNSEEN_KINDS = ('car', 'violin')
_REFAVS_TESTS = ('test_s', 'test_u', 'test_n')
_OFF_SCREEN = 0.25  # share of AVA's videos of several persons in which one is off screen
_MAX_EXTRA_INSTANCES = 4  # that the strongest `multiple_instances` adds


@dataclass(frozen=True)
class Job:
    """One video to generate: its index in the data set and its own random streams."""

    index: int
    split: str
    seconds: int
    seed: tuple[int, int, int]
    subset: str = ''  # v1s, v1m or v2 of AVSS; test_s, test_u or test_n of Ref-AVS
    fps: int = 25  # of its MP4 file

    def rng(self, salt: int) -> np.random.Generator:
        """An independent stream for each decision: one option does not change the others."""
        return np.random.default_rng([*self.seed, salt])


def plan_jobs(recipe: Recipe) -> list[Job]:
    """All videos of a data set, in order."""
    layout = LAYOUTS.index(recipe.layout)
    jobs: list[Job] = []
    for index, split in enumerate(recipe.split_of_videos()):
        subset = ''
        if recipe.layout == 'avss':
            subset = ('v1s', 'v1m', 'v2')[index % 3]
        elif recipe.layout == 'refavs' and split == 'test':
            subset = _REFAVS_TESTS[sum(job.split == 'test' for job in jobs) % 3]
        kind = subset if recipe.layout == 'avss' else recipe.layout
        seconds = recipe.seconds or DEFAULT_SECONDS[kind]
        jobs.append(
            Job(index, split, seconds, (recipe.seed, layout, index), subset, recipe.video_fps)
        )
    return jobs


def layout_cast(recipe: Recipe) -> list[Character]:
    """``recipe.identities`` characters of the kinds that have a class in the layout."""
    if recipe.people_only or recipe.layout in ('avtrack', 'ava', 'jhmdb'):
        return make_persons(recipe.identities)
    kinds = _LAYOUT_KINDS.get(recipe.layout, _ALL_KINDS)
    pool = make_mixed_cast(4 * recipe.identities)
    return [character for character in pool if character.kind in kinds][: recipe.identities]


def build_scene(recipe: Recipe, job: Job) -> Scene:
    """The scene of one video.

    Of the challenges, only those that determine sources and turns are applied here: multiple
    instances and multi-turn sounding. The others change a finished scene.
    """
    rng = job.rng(0)
    if recipe.layout in ('aviseg', 'avtrack'):
        characters, turns, gestures = _conversation(recipe, job, rng)
    elif recipe.layout == 'ava':
        characters, turns, gestures = _moving_mouths(recipe, job, rng)
    elif recipe.layout == 'refavs':
        characters, turns, gestures = _referred(recipe, job, rng)
    elif recipe.layout in ('avsbench_s4', 'vggss') or job.subset == 'v1s':
        characters, turns, gestures = _single_source(recipe, job, rng)
    else:
        characters, turns, gestures = _clip(recipe, job, rng)
    scene = _arrange(recipe, job, characters, list(zip(turns, gestures, strict=True)))
    if recipe.layout == 'ava' and job.rng(2).random() < _OFF_SCREEN:
        scene.actors[-1].visible = len(scene.actors) == 1
    return scene


def _single_source(
    recipe: Recipe, job: Job, rng: np.random.Generator
) -> tuple[list[Character], list[Turns], list[Turns]]:
    """One source that sounds throughout; some clips have a silent source beside it, VGG-SS all."""
    pool = layout_cast(recipe)
    # Cycle through the pool within each split, so that every class occurs early in each.
    main = pool[job.index % len(pool)]
    others = int(rng.random() < 0.3 or recipe.layout == 'vggss') + _extra(recipe)
    bystanders = [character for character in _sample(pool, len(pool), rng) if character != main]
    if main.kind == 'woman' and recipe.layout == 'avsbench_s4':
        main = replace(main, voice=replace(main.voice, style='song'))
    turns: Turns = [(0.0, float(job.seconds))]
    if multi_turn := recipe.challenges.get('multi_turn_sounding', 0.0):
        turns = split_turns(turns, 0.4 + 0.2 * rng.random(), 2.6 - 1.6 * multi_turn)
    silent = bystanders[:others]
    gestures = [complement([], job.seconds) for _ in silent]
    return [main, *silent], [turns, *([] for _ in silent)], [[], *gestures]


def _clip(
    recipe: Recipe, job: Job, rng: np.random.Generator
) -> tuple[list[Character], list[Turns], list[Turns]]:
    """Two or three sources, of which only the audio tells the sounding ones.

    A silent source always moves its mouth, strings or wheels as if it were sounding.
    """
    pool = layout_cast(recipe)
    characters = _sample(pool, 2 + int(rng.random() < 0.5) + _extra(recipe), rng)
    stay = 0.55 * (1 - recipe.challenges.get('multi_turn_sounding', 0.0))
    turns = plan_full_seconds(len(characters), job.seconds, rng, stay)
    return characters, turns, [complement(own, job.seconds) for own in turns]


def _referred(
    recipe: Recipe, job: Job, rng: np.random.Generator
) -> tuple[list[Character], list[Turns], list[Turns]]:
    """Two or three sources: one sounds and the others do not, or they sound one after another.

    A silent source always moves, so that only the audio tells who sounds. Of the kinds that are
    unseen in training, test_u has one in each video, and the other splits have none.
    """
    pool = layout_cast(recipe)
    unseen = [character for character in pool if character.kind in UNSEEN_KINDS]
    seen = [character for character in pool if character.kind not in UNSEEN_KINDS]
    characters = _sample(seen, 2 + int(rng.random() < 0.5) + _extra(recipe), rng)
    if job.subset == 'test_u' and unseen:
        characters[-1:] = _sample(unseen, 1, rng)
    turns: list[Turns] = [[] for _ in characters]
    if rng.random() < 0.5:
        turns[0] = [(0.0, float(job.seconds))]
    else:
        turns = plan_one_after_another(len(characters), job.seconds, rng)
    return characters, turns, [complement(own, job.seconds) for own in turns]


def _conversation(
    recipe: Recipe, job: Job, rng: np.random.Generator
) -> tuple[list[Character], list[Turns], list[Turns]]:
    """Two or three sources take turns; a silent one may move its mouth throughout."""
    pool = layout_cast(recipe)
    characters = _sample(pool, 2 + int(rng.random() < 0.4) + _extra(recipe), rng)
    silent = int(len(characters) > 2 and rng.random() < 0.5)
    length = 4.5 - 3.3 * recipe.challenges.get('multi_turn_sounding', 0.0)
    turns = plan_dialogue(len(characters) - silent, job.seconds, rng, length)
    gestures: list[Turns] = [[] for _ in turns]
    for _ in range(silent):
        turns.append([])
        gestures.append(complement([], job.seconds))
    return characters, turns, gestures


def _moving_mouths(
    recipe: Recipe, job: Job, rng: np.random.Generator
) -> tuple[list[Character], list[Turns], list[Turns]]:
    """One to three persons move their mouths in short turns, of which some are silent.

    A person's own motion says nothing about which of its turns are audible: only the audio, and
    its synchrony with the mouth, tells who speaks.
    """
    count = int(rng.choice([1, 2, 3], p=[0.3, 0.5, 0.2])) + _extra(recipe)
    characters = _sample(layout_cast(recipe), count, rng)
    length = 2.0 - 1.2 * recipe.challenges.get('multi_turn_sounding', 0.0)
    motions = [plan_dialogue(1, job.seconds, rng, length)[0] for _ in characters]
    turns = choose_audible(motions, rng)
    gestures = [
        [turn for turn in motion if turn not in audible]
        for motion, audible in zip(motions, turns, strict=True)
    ]
    return characters, turns, gestures


def _extra(recipe: Recipe) -> int:
    return int(np.ceil(_MAX_EXTRA_INSTANCES * recipe.challenges.get('multiple_instances', 0.0)))


def _sample(pool: list[Character], count: int, rng: np.random.Generator) -> list[Character]:
    """``count`` different characters, or all if there are fewer."""
    return [pool[i] for i in rng.permutation(len(pool))[:count]]


def _arrange(
    recipe: Recipe, job: Job, characters: list[Character], activities: list[tuple[Turns, Turns]]
) -> Scene:
    """Place the characters side by side in a random order, before a random background."""
    rng = job.rng(1)
    height, width = recipe.size
    aspect = width / height
    spots = _positions(len(characters), aspect, rng)
    actors = [
        Actor(
            character=character,
            trajectory=_standing_trajectory(character, *spot, rng),
            turns=turns,
            gestures=gestures,
            seed=int(rng.integers(1 << 31)),
        )
        for character, spot, (turns, gestures) in zip(characters, spots, activities, strict=True)
    ]
    style = BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))]
    background_audio = (
        'music' if rng.random() < 0.25 else 'noise',
        float(rng.uniform(0.001, 0.004)),
    )
    return Scene(
        seconds=job.seconds,
        height=height,
        width=width,
        actors=actors,
        shots=[Shot(0.0, style, int(rng.integers(1 << 16)))],
        camera=Trajectory([0.0], [(aspect / 2, 0.5, 1.0)]),
        background_audio=background_audio,
        seed=int(rng.integers(1 << 31)),
    )


def _positions(
    count: int, aspect: float, rng: np.random.Generator
) -> list[tuple[float, float, float]]:
    """x, height above the base line and available width of each; two rows from four on."""
    rows = [count] if count < 4 else [count // 2, count - count // 2]
    spots = []
    for row, members in enumerate(reversed(rows)):
        width = aspect / members
        for slot in range(members):
            x = width * (slot + 0.5 + float(rng.uniform(-0.12, 0.12)))
            spots.append((x, 0.2 * row, width))
    return [spots[i] for i in rng.permutation(count)]


def _standing_trajectory(
    character: Character, x: float, lift: float, width: float, rng: np.random.Generator
) -> Trajectory:
    """Constant position of a source that has ``width`` frame heights of width."""
    scale = float(rng.uniform(0.9, 1.1)) * min(0.34, 0.42 * width) * (1 - lift)
    if character.is_person:
        return Trajectory([0.0], [(x, float(rng.uniform(0.34, 0.46)) - lift, scale)])
    return Trajectory([0.0], [(x, float(rng.uniform(0.58, 0.68)) - lift, scale * 1.05)])
