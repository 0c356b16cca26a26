"""The eight challenging conditions of AVTrack, each with a strength in 0..1.

Each function changes a finished scene in place and draws from a random stream of its own, so that
one condition leaves everything else unchanged. Multiple instances and multi-turn sounding are
applied earlier, in ``casting``, where the sources and their turns are chosen.
"""

from collections.abc import Callable, Mapping

import numpy as np

from avis.synthetic.backgrounds import BACKGROUNDS
from avis.synthetic.canvas import Shape, box, ellipse, shade, smooth
from avis.synthetic.cast import hue_color, make_person
from avis.synthetic.casting import Job
from avis.synthetic.recipe import CHALLENGES
from avis.synthetic.scene import Actor, Occluder, Scene, Shot, Trajectory
from avis.synthetic.schedule import complement, plan_dialogue

_OFF_SCREEN_INDEX = 1000  # off-screen voices are persons of no cast


def apply_challenges(scene: Scene, strengths: Mapping[str, float], job: Job) -> Scene:
    """Apply all requested challenges, always in the same order; returns the same scene."""
    for number, name in enumerate(CHALLENGES):
        strength = strengths.get(name, 0.0)
        if strength > 0 and name in _APPLY:
            _APPLY[name](scene, strength, job.rng(100 + number))
    return scene


def add_occluders(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Obstacles partly hide the sources, and boards pass in front of all."""
    aspect = scene.width / scene.height
    for actor in scene.actors:
        x, y, scale = actor.trajectory.at(0.0)
        side = float(rng.choice([-1.0, 1.0]))
        middle = 0.9 if actor.character.is_person else 0.0
        reach = 1.3 * strength * scale  # at most half of the 2.6 that a figure is wide
        trajectory = Trajectory(
            [0.0], [(x + side * (1.3 * scale - reach / 2), y + middle * scale, reach)]
        )
        scene.occluders.append(
            Occluder(trajectory, _OBSTACLES[int(rng.integers(len(_OBSTACLES)))](rng))
        )
    passes = max(1, round(strength * scene.seconds / 5))
    width = 0.15 + 0.25 * strength
    for start in np.sort(rng.uniform(0, scene.seconds * 0.8, passes)):
        ends = [-width, aspect + width]
        if rng.random() < 0.5:
            ends.reverse()
        trajectory = Trajectory(
            [float(start), float(start) + 3.0],
            [(ends[0], 0.5, width), (ends[1], 0.5, width)],
        )
        scene.occluders.append(Occluder(trajectory, _board(rng)))


def exchange_positions(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Sources exchange positions; a single one walks across the image."""
    aspect = scene.width / scene.height
    moves = max(1, round(strength * scene.seconds / 4))
    times = (np.arange(moves) + rng.uniform(0.1, 0.6, moves)) * scene.seconds / moves
    for time in times.tolist():
        if len(scene.actors) < 2:
            actor = scene.actors[0]
            _walk(actor, time, aspect - float(actor.trajectory.at(time)[0]))
            continue
        first, second = (scene.actors[i] for i in rng.permutation(len(scene.actors))[:2])
        goals = float(second.trajectory.at(time)[0]), float(first.trajectory.at(time)[0])
        _walk(first, time, goals[0])
        _walk(second, time, goals[1])


def _walk(actor: Actor, start: float, goal: float, duration: float = 0.9) -> None:
    """Walk to x = ``goal`` from ``start`` on, at constant height and size."""
    here = actor.trajectory.at(start)
    kept = [k for k, time in enumerate(actor.trajectory.times) if time < start]
    times = [actor.trajectory.times[k] for k in kept] or [0.0]
    values = [actor.trajectory.values[k] for k in kept] or [actor.trajectory.values[0]]
    there = (goal, float(here[1]), float(here[2]))
    actor.trajectory = Trajectory(
        [*times, start, start + duration], [*values, tuple(here.tolist()), there]
    )


def switch_background(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Cut to other backgrounds."""
    cuts = max(1, round(strength * scene.seconds / 3))
    times = (np.arange(1, cuts + 1) - rng.uniform(0.0, 0.6, cuts)) * scene.seconds / (cuts + 0.5)
    for time in times.tolist():
        others = [style for style in BACKGROUNDS if style != scene.shots[-1].style]
        style = others[int(rng.integers(len(others)))]
        scene.shots.append(Shot(time, style, int(rng.integers(1 << 16))))


def move_camera(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Pan, tilt and zoom, with the tremor of a hand-held camera."""
    aspect = scene.width / scene.height
    times = np.arange(0.0, scene.seconds + 0.2, 0.2)
    rates, offsets = rng.uniform(0.12, 0.3, (3, 1)), rng.random((3, 1))
    sweeps = np.sin(2 * np.pi * (rates * times + offsets))
    tremor = 0.008 * strength * rng.standard_normal((2, len(times)))
    x = aspect / 2 + 0.16 * strength * sweeps[0] + tremor[0]
    y = 0.5 + 0.07 * strength * sweeps[1] + tremor[1]
    zoom = 1.0 + 0.25 * strength * (0.6 + sweeps[2])
    scene.camera = Trajectory(
        times.tolist(), list(zip(x.tolist(), y.tolist(), zoom.tolist(), strict=True))
    )


def vary_scale(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Sources approach and recede."""
    grid = np.arange(0.0, scene.seconds + 1.5, 1.5)
    for actor in scene.actors:
        # Alternately near and far: both sizes occur even in a short clip.
        swing = np.where(np.arange(len(grid)) % 2, 1.0, -1.0) * float(rng.choice([-1.0, 1.0]))
        logs = 0.75 * strength * swing * rng.uniform(0.7, 1.0, len(grid))
        times = np.union1d(grid, actor.trajectory.times)
        values = []
        for time, log in zip(times.tolist(), np.interp(times, grid, logs).tolist(), strict=True):
            x, y, scale = actor.trajectory.at(time).tolist()
            values.append((x, y, scale * float(np.exp(log))))
        actor.trajectory = Trajectory(times.tolist(), values)


def add_inconsistency(scene: Scene, strength: float, rng: np.random.Generator) -> None:
    """Off-screen voices, and silent persons who move their mouths."""
    for actor in scene.actors:
        gaps = complement(actor.turns, scene.seconds, rest=0.1)
        actor.gestures = [gap for gap in gaps if rng.random() < 0.3 + 0.7 * strength]
    voices = 1 + int(strength > 0.6)
    length = 1.0 + 2.0 * strength
    talk = plan_dialogue(voices, scene.seconds, rng, length, overlap=0.0)
    for number, turns in enumerate(talk):
        kept = [turn for turn in turns if rng.random() < 0.4 + 0.6 * strength] or turns[:1]
        scene.actors.append(
            Actor(
                character=make_person(_OFF_SCREEN_INDEX + int(rng.integers(100)) * 2 + number),
                trajectory=Trajectory([0.0], [(0.0, 0.0, 0.0)]),
                turns=kept,
                visible=False,
                seed=int(rng.integers(1 << 31)),
            )
        )


def _plant(rng: np.random.Generator) -> list[Shape]:
    """A pot plant, one unit wide."""
    green = hue_color(0.3 + 0.1 * float(rng.random()), 0.6, 0.5)
    leaves = []
    for angle in np.linspace(-1.2, 1.2, 9):
        tip = np.array([0.5 * np.sin(angle), -0.15 - 0.75 * np.cos(angle)])
        leaf = [(0.0, 0.35), tuple(tip * 0.5 + [0.1, 0.1]), tuple(tip), tuple(tip * 0.5 - [0.1, 0])]
        leaves.append(Shape(smooth(leaf), shade(green, 0.8 + 0.4 * abs(angle) / 1.2)))
    pot = np.array([[-0.34, 0.3], [0.34, 0.3], [0.24, 3.0], [-0.24, 3.0]])
    return [*leaves, Shape(pot, (176, 92, 60)), Shape(box(-0.38, 0.24, 0.38, 0.4), (196, 108, 72))]


def _pillar(rng: np.random.Generator) -> list[Shape]:
    """A pillar, one unit wide and taller than the image."""
    stone = hue_color(0.1, 0.08, 0.6 + 0.25 * float(rng.random()))
    flutes = [Shape(box(x, -9, x + 0.08, 9), shade(stone, 0.85)) for x in (-0.3, -0.04, 0.22)]
    return [Shape(box(-0.5, -9, 0.5, 9), stone), *flutes]


def _board(rng: np.random.Generator) -> list[Shape]:
    """A board that is carried past, one unit wide."""
    color = hue_color(float(rng.random()), 0.35, 0.8)
    lines = [Shape(box(-0.36, y, 0.36, y + 0.12), shade(color, 0.6)) for y in (-0.5, -0.2, 0.1)]
    return [
        Shape(box(-0.04, 0.5, 0.04, 9), (110, 84, 60)),
        Shape(box(-0.5, -0.8, 0.5, 0.6, 0.08), color),
        *lines,
        Shape(ellipse(0, 0.42, 0.08, 0.08), shade(color, 0.6)),
    ]


_OBSTACLES: tuple[Callable[[np.random.Generator], list[Shape]], ...] = (_plant, _pillar)
_APPLY: dict[str, Callable[[Scene, float, np.random.Generator], None]] = {
    'visual_occlusion': add_occluders,
    'relative_position_change': exchange_positions,
    'background_switch': switch_background,
    'camera_motion_change': move_camera,
    'instance_scale_dynamics': vary_scale,
    'audio_visual_inconsistency': add_inconsistency,
}
