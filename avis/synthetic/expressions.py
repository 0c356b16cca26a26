"""Expressions: sentences that name one source of a scene, or nothing in it.

Start reading at :func:`describe`. Some sentences can be understood from the image alone (kind,
color, position), the others need the audio as well (who sounds, first, last, longest, after whom).
"""

import colorsys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avis.synthetic.cast import OBJECTS, PERSONS, Character
from avis.synthetic.scene import Actor, Scene

_LONGER = 0.5  # seconds by which a source is first, last or the longest
_COLORED_OBJECTS = ('bell', 'car')  # the others are brown
_POSITIONS: dict[int, tuple[str, ...]] = {
    2: ('on the left', 'on the right'),
    3: ('on the left', 'in the middle', 'on the right'),
}
# Upper end of the hue of each color, in degrees.
_COLORS = (
    (20, 'red'),
    (40, 'orange'),
    (70, 'yellow'),
    (165, 'green'),
    (200, 'cyan'),
    (255, 'blue'),
    (290, 'purple'),
    (340, 'pink'),
    (360, 'red'),
)
COLOR_NAMES = tuple(dict.fromkeys(name for _, name in _COLORS))


@dataclass(frozen=True)
class Expression:
    """One sentence.

    Attributes:
        text: The sentence.
        actor: Index of the actor that it names; None if it names nothing in the scene.
        needs_audio: Whether the image alone does not tell which actor it names.
    """

    text: str
    actor: int | None
    needs_audio: bool = False


def describe_scene(scene: Scene, rng: np.random.Generator) -> list[Expression]:
    """Sentences that name exactly one visible actor each: all that need audio, and another one.

    Args:
        scene: The scene, after its challenges.
        rng: Random generator, for the choice of the other one.
    """
    visible = [number for number, actor in enumerate(scene.actors) if actor.visible]
    visual = describe_appearance(scene)
    chosen = [visual[int(rng.integers(len(visual)))]] if visual else []
    if any(actor.turns for actor in scene.actors if not actor.visible):
        return chosen  # the first, the only or the last one to sound may be off screen
    return chosen + _by_audio(scene, visible)


def describe_appearance(scene: Scene) -> list[Expression]:
    """All sentences by kind, color and position that name exactly one visible actor each."""
    visible = [number for number, actor in enumerate(scene.actors) if actor.visible]
    return _by_appearance(scene, visible) + _by_position(scene, visible)


def describe_absent(scene: Scene, rng: np.random.Generator, count: int) -> list[Expression]:
    """Null references: sentences that name a kind or a color that the scene does not have."""
    characters = [actor.character for actor in scene.actors if actor.visible]
    kinds = {character.kind for character in characters}
    colors = {color_name(character) for character in characters if character.is_person}
    absent = [f'The {kind}.' for kind in (*PERSONS, *OBJECTS) if kind not in kinds]
    absent += [f'The person in {name} clothes.' for name in COLOR_NAMES if name not in colors]
    absent += [
        f'The object that makes a sound after the {kind}.' for kind in OBJECTS if kind not in kinds
    ]
    return [Expression(absent[i], None) for i in rng.permutation(len(absent))[:count].tolist()]


def owner_value(expression: Expression) -> int:
    """The value of the named actor in the image of owners that ``Stage.draw`` returns."""
    if expression.actor is None:
        raise ValueError(f'{expression.text!r} names nothing in the scene')
    return expression.actor + 1


def color_name(character: Character) -> str:
    """Color of the clothes of a person or of the body of an object.

    >>> from avis.synthetic.cast import make_person
    >>> [color_name(make_person(index)) for index in range(4)]
    ['yellow', 'purple', 'green', 'red']
    """
    red, green, blue = (value / 255 for value in character.appearance.main)
    hue = 360 * colorsys.rgb_to_hsv(red, green, blue)[0]
    return next(name for end, name in _COLORS if hue <= end)


def _by_appearance(scene: Scene, visible: Sequence[int]) -> list[Expression]:
    """The kind alone where it is unique, and the color where kind and color are."""
    texts: list[tuple[str, int]] = []
    for number in visible:
        character = scene.actors[number].character
        color = color_name(character)
        texts.append((f'The {character.kind}.', number))
        if character.is_person:
            texts.append((f'The person in {color} clothes.', number))
        elif character.kind in _COLORED_OBJECTS:
            texts.append((f'The {color} {character.kind}.', number))
    counts = Counter(text for text, _ in texts)
    return [Expression(text, number) for text, number in texts if counts[text] == 1]


def _by_position(scene: Scene, visible: Sequence[int]) -> list[Expression]:
    """From left to right, if the order stays the same and is not in two rows."""
    words = _POSITIONS.get(len(visible))
    if words is None:
        return []
    orders = {
        tuple(sorted(visible, key=lambda n: float(scene.actors[n].trajectory.at(time)[0])))
        for time in np.arange(0.0, scene.seconds + 0.5, 0.5).tolist()
    }
    if len(orders) > 1:
        return []
    (order,) = orders
    return [
        Expression(f'The object {word}.', number) for word, number in zip(words, order, strict=True)
    ]


def _by_audio(scene: Scene, visible: Sequence[int]) -> list[Expression]:
    """Who sounds and who does not, the first, the last, the longest, who follows whom."""
    actors = scene.actors
    sounding = sorted((n for n in visible if actors[n].turns), key=lambda n: _start(actors[n]))
    silent = [number for number in visible if not actors[number].turns]
    found: list[tuple[str, int]] = []
    if len(sounding) == 1 and silent:
        found.append(('The object that makes a sound.', sounding[0]))
    if len(silent) == 1:
        found.append(('The object that makes no sound.', silent[0]))
    if len(sounding) < 2:
        return [Expression(text, number, needs_audio=True) for text, number in found]
    for text, values in (
        ('The first object to make a sound.', [-_start(actors[n]) for n in sounding]),
        ('The last object to make a sound.', [actors[n].turns[-1][1] for n in sounding]),
        ('The object that makes the longest sound.', [_duration(actors[n]) for n in sounding]),
    ):
        second, best = np.argsort(values)[-2:].tolist()
        if values[best] - values[second] >= _LONGER:
            found.append((text, sounding[best]))
    found += _followers(scene, sounding)
    return [Expression(text, number, needs_audio=True) for text, number in found]


def _followers(scene: Scene, sounding: Sequence[int]) -> list[tuple[str, int]]:
    """Who sounds directly after a source of a unique kind, if each source has one turn."""
    actors = scene.actors
    kinds = Counter(actor.character.kind for actor in actors)
    if any(len(actors[number].turns) > 1 for number in sounding):
        return []
    return [
        (f'The object that makes a sound after the {actors[before].character.kind}.', after)
        for before, after in pairwise(sounding)
        if kinds[actors[before].character.kind] == 1
        and _start(actors[after]) >= actors[before].turns[-1][1]
    ]


def _start(actor: Actor) -> float:
    return actor.turns[0][0]


def _duration(actor: Actor) -> float:
    return sum(end - start for start, end in actor.turns)
