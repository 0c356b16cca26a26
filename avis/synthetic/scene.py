"""A scene: sources with trajectories, turns and gestures, a camera and shots; its rendering.

World units: frame heights, x to the right from 0 to the aspect ratio, y down from 0 to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from avis.synthetic import canvas as cv
from avis.synthetic.backgrounds import draw_background
from avis.synthetic.canvas import Array, Canvas, Shape
from avis.synthetic.cast import Character
from avis.synthetic.object_audio import make_background_audio, play_strokes, synthesize_object
from avis.synthetic.objects import draw_object
from avis.synthetic.people import Pose, draw_person
from avis.synthetic.schedule import Turns, is_sounding
from avis.synthetic.voices import CONTROL_RATE, Performance, articulate, speak

MIN_PIXELS = 12  # smaller visible parts of a figure are not annotated


@dataclass
class Trajectory:
    """Keyframes of a motion, interpolated linearly, constant outside.

    ``values`` has shape (K, D): for an actor x, y, scale; for a camera x, y, zoom.
    """

    times: Sequence[float]
    values: Sequence[tuple[float, ...]]

    def at(self, time: float) -> Array:
        """The D values at a time."""
        if len(self.times) == 1:
            return np.asarray(self.values[0], float)
        table = np.asarray(self.values, float)
        return np.array([np.interp(time, self.times, column) for column in table.T])


@dataclass
class Actor:
    """One source of a scene.

    Args:
        character: Its appearance and voice.
        trajectory: Position of the head (or of the middle of an object) and size of a head.
        turns: When it sounds.
        gestures: When it moves its mouth (or strings, or wheels) silently.
        visible: Whether it is on screen; if not, it is only audible.
        seed: Of its performance and habits in this scene.
    """

    character: Character
    trajectory: Trajectory
    turns: Turns
    gestures: Turns = field(default_factory=list)
    visible: bool = True
    seed: int = 0


@dataclass
class Occluder:
    """A silent, unannotated shape in front of the sources."""

    trajectory: Trajectory
    shapes: list[Shape]


@dataclass
class Shot:
    """The background from ``start`` on."""

    start: float
    style: str
    seed: int


@dataclass
class Scene:
    """Complete description of one video.

    Args:
        seconds: Length; one annotated frame per second.
        height: Of the frames.
        width: Of the frames.
        actors: Sources; larger ones are in front of smaller ones.
        shots: Backgrounds with their start times; the first starts at 0.
        camera: Center and zoom over time.
        occluders: Drawn over the actors.
        background_audio: Kind and level (RMS) of the background audio.
        seed: Of everything except the actors.
    """

    seconds: int
    height: int
    width: int
    actors: list[Actor]
    shots: list[Shot]
    camera: Trajectory
    occluders: list[Occluder] = field(default_factory=list)
    background_audio: tuple[str, float] = ('noise', 0.002)
    seed: int = 0


class Stage:
    """A scene with the performances of its actors, ready to be drawn and mixed.

    Attributes:
        scene: The scene.
        performances: What each actor does during its turns.
        movements: Visible opening and rounding (N,) of each actor, at ``CONTROL_RATE``.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.performances = [self._perform(actor, actor.turns, 0) for actor in scene.actors]
        self.movements = [
            self._movement(actor, performance)
            for actor, performance in zip(scene.actors, self.performances, strict=True)
        ]
        self._habits = [_Habits(actor.seed, scene.seconds) for actor in scene.actors]
        self._warped: dict[tuple[int, bytes], Array] = {}

    def _perform(self, actor: Actor, turns: Turns, salt: int) -> Performance:
        rng = np.random.default_rng([actor.seed, salt])
        voice, kind = actor.character.voice, actor.character.kind
        if actor.character.is_person:
            return articulate(voice, turns, self.scene.seconds, rng)
        return play_strokes(kind, voice, turns, self.scene.seconds, rng)

    def _movement(self, actor: Actor, performance: Performance) -> tuple[Array, Array]:
        """Opening and rounding (N,) of what is visible: turns and silent gestures."""
        if not actor.gestures:
            return performance.opening, performance.rounding
        gesture = self._perform(actor, actor.gestures, 1)
        silent = gesture.opening > performance.opening
        return np.maximum(gesture.opening, performance.opening), np.where(
            silent, gesture.rounding, performance.rounding
        )

    def draw(self, time: float) -> tuple[Array, Array]:
        """The image at a time.

        Returns:
            Image (H, W, 3) uint8 RGB, and owners (H, W) uint8: k + 1 where actor k is visible.
        """
        camera = self._camera_matrix(time)
        canvas = Canvas(self._background(time, camera))
        for number in self._back_to_front(time):
            character, pose = self.scene.actors[number].character, self._pose(number, time, camera)
            if character.is_person:
                draw_person(canvas, character.appearance, pose)
            else:
                draw_object(canvas, character.kind, character.appearance, pose)
            canvas.finish(number + 1)
        for occluder in self.scene.occluders:
            x, y, scale = occluder.trajectory.at(time)
            matrix = cv.compose(camera, cv.affine(x, y, scale))
            for shape in occluder.shapes:
                canvas.draw_shape(shape, matrix)
            canvas.finish(0)
        return canvas.image, canvas.owner

    def _back_to_front(self, time: float) -> list[int]:
        """Indices of the visible actors; larger ones are nearer."""
        actors = self.scene.actors
        seen = [number for number, actor in enumerate(actors) if actor.visible]
        return sorted(seen, key=lambda number: float(actors[number].trajectory.at(time)[2]))

    def masks(self, owner: Array, second: int) -> dict[int, Array]:
        """Masks (H, W) bool, by index, of the actors that are visible and sound in this second."""
        found = {}
        for number, actor in enumerate(self.scene.actors):
            if actor.visible and is_sounding(actor.turns, second):
                mask = owner == number + 1
                if np.count_nonzero(mask) >= MIN_PIXELS:
                    found[number] = mask
        return found

    def head_box(self, number: int, time: float) -> Array:
        """Corners x1 y1 x2 y2 in pixels of the head of a person, even outside of the frame."""
        pose = self._pose(number, time, self._camera_matrix(time))
        width = self.scene.actors[number].character.appearance.head_width
        half = pose.scale * np.array([1.1 * width, 0.55])
        return np.array([pose.x, pose.y, pose.x, pose.y]) + np.concatenate([-half, half])

    def audio(self, rate: int, channels: int = 1) -> Array:
        """The mixture, float64 in [-1, 1]: shape (S,), or (S, channels) with sources panned."""
        scene = self.scene
        samples = scene.seconds * rate
        mix = np.zeros((samples, channels))
        for number, actor in enumerate(scene.actors):
            mix += self.stem(number, rate)[:, None] * self._panning(actor, channels)
        kind, level = scene.background_audio
        rng = np.random.default_rng([scene.seed, 3])
        mix += make_background_audio(kind, scene.seconds, rate, level, rng)[:samples, None]
        mix /= max(1.0, float(np.abs(mix).max()) / 0.98)
        return mix[:, 0] if channels == 1 else mix

    def stem(self, number: int, rate: int) -> Array:
        """Audio of one actor alone, shape (S,)."""
        actor, performance = self.scene.actors[number], self.performances[number]
        rng = np.random.default_rng([actor.seed, 2])
        voice, kind = actor.character.voice, actor.character.kind
        if actor.character.is_person:
            wave = speak(voice, performance, rate, rng)
        else:
            wave = synthesize_object(kind, voice, performance, rate, rng)
        return wave[: self.scene.seconds * rate]

    def _panning(self, actor: Actor, channels: int) -> Array:
        if channels == 1:
            return np.ones(1)
        aspect = self.scene.width / self.scene.height
        side = (
            float(np.clip(actor.trajectory.values[0][0] / aspect, 0, 1)) if actor.visible else 0.5
        )
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
        """A copy of the background seen by the camera; a resting camera warps only once."""
        scene = self.scene
        shot = max((s for s in scene.shots if s.start <= time), key=lambda s: s.start)
        key = (scene.shots.index(shot), camera.tobytes())
        if key not in self._warped:
            self._warped.clear()
            image, to_image = draw_background(
                shot.style, shot.seed, scene.height, round(scene.width / scene.height, 4)
            )
            back = cv.compose(camera, _inverse(to_image))
            self._warped[key] = cv2.warpAffine(
                image,
                back,
                (scene.width, scene.height),
                None,
                cv2.INTER_LINEAR,
                cv2.BORDER_REPLICATE,
            )
        return self._warped[key].copy()

    def _pose(self, number: int, time: float, camera: Array) -> Pose:
        actor, habits = self.scene.actors[number], self._habits[number]
        x, y, scale = actor.trajectory.at(time)
        opening, rounding = self.movements[number]
        step = min(len(opening) - 1, int(time * CONTROL_RATE))
        zoom = camera[0, 0]
        sway, nod = habits.sway(time)
        return Pose(
            x=zoom * (x + 0.03 * scale * sway) + camera[0, 2],
            y=zoom * (y + 0.02 * scale * nod) + camera[1, 2],
            scale=zoom * scale * actor.character.appearance.size,
            opening=float(opening[step]),
            rounding=float(rounding[step]),
            tilt=0.07 * sway if actor.character.is_person else 0.0,
            turn=habits.turn(time),
            blink=habits.blink(time),
            smile=habits.smile,
            brow=float(0.5 * nod + 0.5 * opening[step]),
            phase=habits.phase(time),
        )


class _Habits:
    """Small idle movements: sway, blinks, glances."""

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
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])
