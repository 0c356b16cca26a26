"""Each condition changes what it says, and nothing else."""

from itertools import pairwise

import numpy as np
import pytest

from avis.synthetic.recipe import CHALLENGES
from avis.synthetic.voices import CONTROL_RATE
from tests.helpers.synthetic_scenes import stages

SECONDS = 12
TIMES = [second + 0.5 for second in range(SECONDS)]


def plain_and_met(name, strength=1.0, layout='avtrack', **options):
    options = {'seconds': SECONDS, **options}
    return zip(
        stages(layout, **options),
        stages(layout, challenges={name: strength}, **options),
        strict=True,
    )


def owners(stage):
    return np.stack([stage.draw(time)[1] for time in TIMES])  # (T, H, W)


def visible_area(stage):
    return np.count_nonzero(owners(stage))


@pytest.mark.parametrize('name', CHALLENGES)
def test_strength_zero_changes_nothing(name):
    for plain, met in plain_and_met(name, strength=0.0, videos=1):
        np.testing.assert_array_equal(plain.draw(3.5)[0], met.draw(3.5)[0])
        np.testing.assert_array_equal(plain.audio(16000), met.audio(16000))


def test_challenges_in_turn_are_those_of_sets_with_one_each():
    names = ['multiple_instances', 'background_switch', 'multi_turn_sounding']
    mixed = stages('avtrack', challenges=dict.fromkeys(names, 1.0), in_turn=True)
    for index, (name, stage) in enumerate(zip(names, mixed, strict=True)):
        alone = stages('avtrack', challenges={name: 1.0})[index]
        np.testing.assert_array_equal(stage.draw(3.5)[0], alone.draw(3.5)[0])
        np.testing.assert_array_equal(stage.audio(16000), alone.audio(16000))


@pytest.mark.parametrize('name', CHALLENGES[:4] + CHALLENGES[5:6])
def test_conditions_of_the_image_leave_the_audio_alone(name):
    for plain, met in plain_and_met(name):
        np.testing.assert_array_equal(plain.audio(16000), met.audio(16000))
        assert [a.turns for a in plain.scene.actors] == [a.turns for a in met.scene.actors]
        assert any((plain.draw(time)[0] != met.draw(time)[0]).any() for time in TIMES)


def test_occlusion_hides_parts_and_more_when_stronger():
    plain, weak, strong = (
        sum(visible_area(stage) for stage in stages('avtrack', seconds=SECONDS, challenges=c))
        for c in ({}, {'visual_occlusion': 0.3}, {'visual_occlusion': 1.0})
    )
    assert strong < 0.7 * plain
    assert strong < weak < 0.95 * plain
    assert strong > 0.15 * plain  # somebody is still seen


def test_positions_change_places():
    def orders(stage):
        """Order of the actors from left to right at each time."""
        found = set()
        for owner in owners(stage):
            middles = [np.flatnonzero((owner == k).any(axis=0)).mean() for k in (1, 2)]
            found.add(middles[0] < middles[1])
        return found

    for plain, met in plain_and_met('relative_position_change', identities=2):
        assert len(orders(plain)) == 1
        assert len(orders(met)) == 2


def test_a_single_source_walks_across():
    for plain, met in plain_and_met('relative_position_change', layout='avsbench_s4', videos=6):
        if len(met.scene.actors) > 1:
            continue
        travel = [
            np.ptp([stage.scene.actors[0].path.at(time)[0] for time in TIMES])
            for stage in (plain, met)
        ]
        assert travel[0] == 0
        assert travel[1] > 0.01


def test_the_background_switches_at_cuts():
    def places(stage):
        """Number of different images of the top corner, where nobody stands."""
        return len({stage.draw(time)[0][:6, :6].tobytes() for time in TIMES})

    for plain, met in plain_and_met('background_switch'):
        assert len(plain.scene.shots) == 1
        assert len(met.scene.shots) == 1 + SECONDS // 3
        assert places(plain) == 1
        assert places(met) >= 3
        styles = [shot.style for shot in met.scene.shots]
        assert all(a != b for a, b in pairwise(styles))


def test_the_camera_moves_the_background():
    for plain, met in plain_and_met('camera_motion_change'):
        for stage, moving in ((plain, False), (met, True)):
            images, owner = zip(*(stage.draw(time) for time in TIMES), strict=True)
            free = (np.stack(owner) == 0).all(axis=0)
            change = np.abs(np.diff(np.stack(images).astype(int), axis=0))[:, free].mean()
            # The rims of figures that sway touch a few pixels even with a resting camera.
            assert (change > 2) == moving


@pytest.mark.parametrize('layout', ['avsbench_s4', 'avsbench_ms3', 'aviseg', 'avtrack'])
def test_there_are_more_instances(layout):
    for plain, met in plain_and_met('multiple_instances', layout=layout):
        assert len(met.scene.actors) >= len(plain.scene.actors) + 3
        seen = set(np.unique(owners(met)))
        assert len(seen - {0}) >= len(plain.scene.actors) + 2


def test_more_instances_with_more_strength():
    counts = [
        len(stages('avtrack', videos=1, challenges={'multiple_instances': s})[0].scene.actors)
        for s in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert counts == [counts[0] + extra for extra in range(5)]


def test_scales_vary():
    for plain, met in plain_and_met('instance_scale_dynamics'):
        ratios = []
        for stage in (plain, met):
            areas = (owners(stage) == 1).sum(axis=(1, 2))
            ratios.append(areas.max() / max(1, areas.min()))
        assert ratios[0] < 1.3
        assert ratios[1] > 1.6


@pytest.mark.parametrize('layout', ['avsbench_s4', 'avsbench_ms3', 'aviseg', 'avtrack'])
def test_there_are_more_turns(layout):
    totals = np.zeros(2)
    for pair in plain_and_met('multi_turn_sounding', layout=layout, videos=6):
        totals += [sum(len(actor.turns) for actor in stage.scene.actors) for stage in pair]
    assert totals[1] > 1.25 * totals[0]


def test_voices_come_from_outside_and_silent_mouths_move():
    for plain, met in plain_and_met('audio_visual_inconsistency'):
        hidden = [actor for actor in met.scene.actors if not actor.visible]
        assert hidden
        assert all(actor.visible for actor in plain.scene.actors)
        people = {actor.identity for actor in met.scene.actors if actor.visible}
        assert not people & {actor.identity for actor in hidden}
        assert all(actor.turns for actor in hidden)
        number = met.scene.actors.index(hidden[0])
        assert np.abs(met.stem(number, 16000)).max() > 0.05
        for time in TIMES:
            _, owner = met.draw(time)
            assert number + 1 not in owner
            assert number not in met.masks(owner, int(time))
        assert silent_movement(plain) < silent_movement(met)


def silent_movement(stage):
    """Mean opening of mouths outside of their own turns."""
    times = np.arange(SECONDS * CONTROL_RATE) / CONTROL_RATE
    values = []
    for actor, (opening, _) in zip(stage.scene.actors, stage.movements, strict=True):
        silent = np.ones(len(times), bool)
        for start, end in actor.turns:
            silent &= (times < start - 0.1) | (times > end + 0.1)
        if actor.visible:
            values.append(opening[silent])
    return np.concatenate(values).mean()


def test_all_conditions_go_together():
    (stage,) = stages('aviseg', videos=1, challenges=dict.fromkeys(CHALLENGES, 1.0), seconds=6)
    for second in range(6):
        image, _ = stage.draw(second + 0.5)
        assert image.std() > 5
    assert np.abs(stage.audio(44100, 2)).max() > 0.05
