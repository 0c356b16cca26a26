"""The pool of characters: kind, appearance and voice of each.

A character depends on its index alone, never on a seed: all synthetic sets contain the same people.
Low-discrepancy sequences separate neighbors: the first few characters differ in pitch, vocal tract,
hair, clothes and skin at once.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from avis.synthetic.canvas import RGB

PERSONS = ('man', 'woman')
OBJECTS = ('guitar', 'dog', 'bell', 'car', 'violin')
SOURCE_KINDS = (*PERSONS, *OBJECTS)
HAIR_STYLES = ('short', 'long', 'parted', 'bun', 'curly', 'bob', 'bald', 'tails')

_GOLDEN = 0.6180339887
_PLASTIC = 0.7548776662  # second low-discrepancy step, independent of the golden one
_SKINS: tuple[RGB, ...] = (
    (241, 201, 169),
    (141, 93, 62),
    (225, 178, 140),
    (94, 60, 42),
    (198, 145, 104),
    (250, 216, 190),
)
_HAIRS: tuple[RGB, ...] = (
    (45, 34, 30),
    (201, 150, 72),
    (112, 62, 32),
    (24, 22, 26),
    (164, 74, 38),
    (176, 172, 170),
)
_MEN_STYLES = ('short', 'parted', 'bald', 'curly')
_WOMEN_STYLES = ('long', 'bun', 'bob', 'tails', 'curly')


@dataclass(frozen=True)
class Appearance:
    """Colors and proportions; persons use all fields, objects the first two and ``size``."""

    main: RGB  # clothes, body
    accent: RGB
    size: float  # relative to others of its kind
    skin: RGB = (225, 178, 140)
    hair: RGB = (45, 34, 30)
    style: str = 'short'
    head_width: float = 0.38  # half width, head height is 1
    jaw: float = 0.8  # 0.6 pointed .. 1 square
    shoulders: float = 0.95  # half width
    top: str = 'shirt'
    glasses: bool = False
    beard: bool = False


@dataclass(frozen=True)
class Voice:
    """Parameters of a voice; objects use pitch, brightness and rate."""

    pitch: float  # Hz, middle of the range
    tract: float  # factor on all formants: a short vocal tract is above 1
    rate: float  # syllables (strokes, barks) per second
    breath: float  # share of noise in the excitation
    brightness: float  # slope of the harmonics: amplitude k ** -brightness
    style: str = 'speech'  # or 'song'


@dataclass(frozen=True)
class Character:
    """One source: a person or an object with a fixed appearance and voice."""

    kind: str  # one of SOURCE_KINDS
    index: int  # among its own sort: persons and each kind of object are numbered separately
    appearance: Appearance
    voice: Voice

    @property
    def is_person(self) -> bool:
        """Whether this is a man or a woman."""
        return self.kind in PERSONS


@cache
def make_person(index: int, style: str = 'speech') -> Character:
    """The person with this index: even ones are men, odd ones women."""
    rng = np.random.default_rng([2207, index])
    spread, second = (index * _GOLDEN + 0.13) % 1, (index * _PLASTIC + 0.31) % 1
    man = index % 2 == 0
    styles = _MEN_STYLES if man else _WOMEN_STYLES
    appearance = Appearance(
        main=hue_color(spread, 0.75, 0.85),
        accent=hue_color((spread + 0.45) % 1, 0.45, 0.95),
        size=0.9 + 0.2 * second,
        skin=_SKINS[index % len(_SKINS)],
        hair=_HAIRS[(index + index // len(_HAIRS)) % len(_HAIRS)],
        style=styles[(index // 2) % len(styles)],
        head_width=(0.37 if man else 0.35) + 0.05 * rng.random(),
        jaw=(0.78 if man else 0.66) + 0.16 * rng.random(),
        shoulders=(1.0 if man else 0.84) + 0.12 * rng.random(),
        top=('shirt', 'stripes', 'jacket', 'plain')[int(rng.integers(4))],
        glasses=bool(rng.random() < 0.3),
        beard=man and bool(rng.random() < 0.45),
    )
    low, high = (82.0, 150.0) if man else (185.0, 330.0)
    voice = Voice(
        pitch=float(low * (high / low) ** ((spread + 0.5 * (index % 4 > 1)) % 1)),
        tract=float((0.86 if man else 1.06) + 0.2 * second),
        rate=float(2.6 + 3.2 * ((index * 0.3028 + 0.7) % 1)),
        breath=float(0.02 + 0.25 * rng.random() ** 2),
        brightness=float(0.7 + 0.9 * rng.random()),
        style=style,
    )
    return Character('man' if man else 'woman', index, appearance, voice)


# kind: (pitch in Hz, spread of pitch over the indices, strokes per second, brightness)
_OBJECT_VOICES = {
    'guitar': (110.0, 1.9, 3.2, 1.1),
    'dog': (260.0, 2.2, 2.4, 0.8),
    'bell': (880.0, 1.8, 2.2, 1.0),
    'car': (34.0, 1.8, 1.0, 0.6),
    'violin': (330.0, 1.8, 1.6, 0.9),
}


@cache
def make_object(kind: str, index: int) -> Character:
    """The object of this kind with this index."""
    pitch, octave, rate, brightness = _OBJECT_VOICES[kind]
    spread, second = (index * _GOLDEN) % 1, (index * _PLASTIC + 0.2) % 1
    hue = (spread + 0.07 + 0.19 * OBJECTS.index(kind)) % 1
    appearance = Appearance(
        main=hue_color(hue, *_OBJECT_TONES[kind]), accent=(60, 48, 40), size=1.0
    )
    voice = Voice(
        pitch=float(pitch * octave ** (spread - 0.5)),
        tract=float(0.9 + 0.2 * second),
        rate=float(rate * (0.8 + 0.4 * second)),
        breath=0.1,
        brightness=brightness,
    )
    if kind in _OBJECT_HUES:  # wood and fur have their own colors
        low, high = _OBJECT_HUES[kind]
        color = hue_color(low + (high - low) * second, *_OBJECT_TONES[kind])
        appearance = Appearance(main=color, accent=(60, 48, 40), size=0.92 + 0.16 * spread)
    return Character(kind, index, appearance, voice)


_OBJECT_HUES = {'guitar': (0.06, 0.11), 'dog': (0.06, 0.1), 'violin': (0.01, 0.06)}
_OBJECT_TONES = {
    'guitar': (0.65, 0.85),
    'dog': (0.5, 0.72),
    'bell': (0.6, 0.9),
    'car': (0.75, 0.8),
    'violin': (0.75, 0.6),
}


def make_mixed_cast(count: int) -> list[Character]:
    """``count`` characters, alternately persons and objects."""
    cast = []
    for index in range(count):
        half, odd = divmod(index, 2)
        if odd:
            cast.append(make_object(OBJECTS[half % len(OBJECTS)], half // len(OBJECTS)))
        else:
            cast.append(make_person(half))
    return cast


def make_persons(count: int) -> list[Character]:
    """``count`` persons."""
    return [make_person(index) for index in range(count)]


def hue_color(hue: float, saturation: float, value: float) -> RGB:
    """RGB color 0..255 from hue, saturation and value in 0..1."""
    steps = (np.array([5.0, 3.0, 1.0]) + hue * 6) % 6
    rgb = value - value * saturation * np.clip(np.minimum(steps, 4 - steps), 0, 1)
    r, g, b = (int(v) for v in np.rint(rgb * 255))
    return r, g, b
