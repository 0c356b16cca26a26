"""A scene: sources with places, turns and gestures, a camera, shots; drawn and heard at any time.

World units: frame heights, x to the right from 0 to the aspect ratio, y down from 0 to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from avis.synthetic import canvas as cv
from avis.synthetic.backgrounds import paint_place
from avis.synthetic.canvas import Array, Canvas, Shape
from avis.synthetic.cast import Identity
from avis.synthetic.noises import background, make_noise, strike
from avis.synthetic.people import Pose, draw_person
from avis.synthetic.schedule import Turns, is_sounding
from avis.synthetic.things import draw_thing
from avis.synthetic.voices import CONTROL_RATE, Performance, articulate, speak

MIN_PIXELS = 12  # a smaller rest of a figure behind others is not annotated


@dataclass
class Path:
    """Keyframes of a motion, joined by straight lines, constant outside.

    ``values`` has shape (K, D): for an actor x, y, scale; for a camera x, y, zoom.
    """

    times: Sequence[float]
    values: Sequence[tuple[float, ...]]

    def at(self, time: float) -> Array:
        """The D values at this time."""
        if len(self.times) == 1:
            return np.asarray(self.values[0], float)
        table = np.asarray(self.values, float)
        return np.array([np.interp(time, self.times, column) for column in table.T])


@dataclass
class Actor:
    """One source of a scene.

    Args:
        identity: Who it is.
        path: Place of the head (or of the middle of a thing) and size of a head.
        turns: When it sounds.
        gestures: When it moves its mouth (or strings, or wheels) without a sound.
        visible: False: heard from outside the image.
        seed: Of its performance and habits in this scene.
    """

    identity: Identity
    path: Path
    turns: Turns
    gestures: Turns = field(default_factory=list)
    visible: bool = True
    seed: int = 0


@dataclass
class Occluder:
    """A thing without a name or a sound in front of the sources."""

    path: Path
    shapes: list[Shape]


@dataclass
class Shot:
    """From ``start`` on, the scene is set in this place."""

    start: float
    style: str
    seed: int


@dataclass
class Scene:
    """Everything about one video.

    Args:
        seconds: Length; one annotated frame per second.
        height: Of the frames.
        width: Of the frames.
        actors: Sources; the larger stand in front of the smaller.
        shots: Places with their start times; the first starts at 0.
        camera: Center and zoom over time.
        occluders: Drawn over the actors.
        backdrop: Kind and level (RMS) of the background sound.
        seed: Of everything that is not an actor's.
    """

    seconds: int
    height: int
    width: int
    actors: list[Actor]
    shots: list[Shot]
    camera: Path
    occluders: list[Occluder] = field(default_factory=list)
    backdrop: tuple[str, float] = ('noise', 0.002)
    seed: int = 0


class Stage:
    """A scene with its performances worked out, ready to be drawn and mixed.

    Attributes:
        scene: As given.
        scores: What each actor does aloud.
        movements: Opening and rounding (N,) of each actor as seen, at ``CONTROL_RATE``.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.scores = [self._perform(actor, actor.turns, 0) for actor in scene.actors]
        self.movements = [
            self._movement(actor, score)
            for actor, score in zip(scene.actors, self.scores, strict=True)
        ]
        self._habits = [_Habits(actor.seed, scene.seconds) for actor in scene.actors]
        self._backdrops: dict[tuple[int, bytes], Array] = {}

    def _perform(self, actor: Actor, turns: Turns, salt: int) -> Performance:
        rng = np.random.default_rng([actor.seed, salt])
        voice, kind = actor.identity.voice, actor.identity.kind
        if actor.identity.is_person:
            return articulate(voice, turns, self.scene.seconds, rng)
        return strike(kind, voice, turns, self.scene.seconds, rng)

    def _movement(self, actor: Actor, score: Performance) -> tuple[Array, Array]:
        """Opening and rounding (N,) of what is seen: the own turns and the silent gestures."""
        if not actor.gestures:
            return score.opening, score.rounding
        fake = self._perform(actor, actor.gestures, 1)
        silent = fake.opening > score.opening
        return np.maximum(fake.opening, score.opening), np.where(
            silent, fake.rounding, score.rounding
        )

    def draw(self, time: float) -> tuple[Array, Array]:
        """The image at a time.

        Returns:
            Image (H, W, 3) uint8 RGB, and owners (H, W) uint8: k + 1 where actor k is seen.
        """
        camera = self._camera_matrix(time)
        canvas = Canvas(self._background(time, camera))
        for number in self._from_back_to_front(time):
            identity, pose = self.scene.actors[number].identity, self._pose(number, time, camera)
            if identity.is_person:
                draw_person(canvas, identity.look, pose)
            else:
                draw_thing(canvas, identity.kind, identity.look, pose)
            canvas.finish(number + 1)
        for occluder in self.scene.occluders:
            x, y, scale = occluder.path.at(time)
            matrix = cv.inside(camera, cv.place(x, y, scale))
            for shape in occluder.shapes:
                canvas.draw_shape(shape, matrix)
            canvas.finish(0)
        return canvas.image, canvas.owner

    def _from_back_to_front(self, time: float) -> list[int]:
        """Numbers of the visible actors: who is larger is nearer."""
        actors = self.scene.actors
        seen = [number for number, actor in enumerate(actors) if actor.visible]
        return sorted(seen, key=lambda number: float(actors[number].path.at(time)[2]))

    def masks(self, owner: Array, second: int) -> dict[int, Array]:
        """Masks (H, W) bool of the actors that sound in this second and are seen, by number."""
        found = {}
        for number, actor in enumerate(self.scene.actors):
            if actor.visible and is_sounding(actor.turns, second):
                mask = owner == number + 1
                if np.count_nonzero(mask) >= MIN_PIXELS:
                    found[number] = mask
        return found

    def audio(self, rate: int, channels: int = 1) -> Array:
        """The mixture, float64 in [-1, 1]: shape (S,), or (S, channels) with sources panned."""
        scene = self.scene
        samples = scene.seconds * rate
        mix = np.zeros((samples, channels))
        for number, actor in enumerate(scene.actors):
            mix += self.stem(number, rate)[:, None] * self._panning(actor, channels)
        kind, level = scene.backdrop
        rng = np.random.default_rng([scene.seed, 3])
        mix += background(kind, scene.seconds, rate, level, rng)[:samples, None]
        mix /= max(1.0, float(np.abs(mix).max()) / 0.98)
        return mix[:, 0] if channels == 1 else mix

    def stem(self, number: int, rate: int) -> Array:
        """The sound of one actor alone, shape (S,)."""
        actor, score = self.scene.actors[number], self.scores[number]
        rng = np.random.default_rng([actor.seed, 2])
        voice, kind = actor.identity.voice, actor.identity.kind
        if actor.identity.is_person:
            wave = speak(voice, score, rate, rng)
        else:
            wave = make_noise(kind, voice, score, rate, rng)
        return wave[: self.scene.seconds * rate]

    def _panning(self, actor: Actor, channels: int) -> Array:
        if channels == 1:
            return np.ones(1)
        aspect = self.scene.width / self.scene.height
        side = float(np.clip(actor.path.values[0][0] / aspect, 0, 1)) if actor.visible else 0.5
        angle = np.pi / 2 * (0.2 + 0.6 * side)
        return np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])

    def _camera_matrix(self, time: float) -> Array:
        x, y, zoom = self.scene.camera.at(time)
        scale = zoom * self.scene.height
        return np.array(
            [
                [scale, 0.0, self.scene.width / 2 - x * scale],
                [0.0, scale, self.scene.height / 2 - y * scale],
            ]
        )

    def _background(self, time: float, camera: Array) -> Array:
        """A fresh copy of the place as the camera sees it; a resting camera warps only once."""
        scene = self.scene
        shot = max((s for s in scene.shots if s.start <= time), key=lambda s: s.start)
        key = (scene.shots.index(shot), camera.tobytes())
        if key not in self._backdrops:
            self._backdrops.clear()
            image, to_image = paint_place(
                shot.style, shot.seed, scene.height, round(scene.width / scene.height, 4)
            )
            back = cv.inside(camera, _inverse(to_image))
            self._backdrops[key] = cv2.warpAffine(
                image,
                back,
                (scene.width, scene.height),
                None,
                cv2.INTER_LINEAR,
                cv2.BORDER_REPLICATE,
            )
        return self._backdrops[key].copy()

    def _pose(self, number: int, time: float, camera: Array) -> Pose:
        actor, habits = self.scene.actors[number], self._habits[number]
        x, y, scale = actor.path.at(time)
        opening, rounding = self.movements[number]
        step = min(len(opening) - 1, int(time * CONTROL_RATE))
        zoom = camera[0, 0]
        sway, nod = habits.sway(time)
        return Pose(
            x=zoom * (x + 0.03 * scale * sway) + camera[0, 2],
            y=zoom * (y + 0.02 * scale * nod) + camera[1, 2],
            scale=zoom * scale * actor.identity.look.size,
            opening=float(opening[step]),
            rounding=float(rounding[step]),
            tilt=0.07 * sway if actor.identity.is_person else 0.0,
            turn=habits.turn(time),
            blink=habits.blink(time),
            smile=habits.smile,
            brow=float(0.5 * nod + 0.5 * opening[step]),
            phase=habits.phase(time),
        )


class _Habits:
    """Small movements that mean nothing: sway, blinks, glances."""

    def __init__(self, seed: int, seconds: int) -> None:
        rng = np.random.default_rng([seed, 4])
        self.smile = float(rng.random())
        self._offsets = rng.random(4)
        self._rates = rng.uniform(0.15, 0.6, 4)
        self._blinks = np.cumsum(rng.uniform(1.5, 5.0, seconds + 2))

    def sway(self, time: float) -> tuple[float, float]:
        waves = np.sin(2 * np.pi * (self._rates[:2] * time + self._offsets[:2]))
        return float(waves[0]), float(waves[1])

    def turn(self, time: float) -> float:
        return float(np.sin(2 * np.pi * (self._rates[2] * 0.6 * time + self._offsets[2])))

    def phase(self, time: float) -> float:
        return float((self._rates[3] * time + self._offsets[3]) % 1)

    def blink(self, time: float) -> float:
        return float(np.abs(self._blinks - time).min() < 0.08)


def _inverse(matrix: Array) -> Array:
    """Inverse of a 2 x 3 matrix."""
    turn = np.linalg.inv(matrix[:, :2])
    return np.column_stack([turn, -turn @ matrix[:, 2]])
