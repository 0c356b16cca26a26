"""Each challenge changes its own property and nothing else."""

from itertools import pairwise

import numpy as np
import pytest

from avis.synthetic.recipe import CHALLENGES
from avis.synthetic.voices import CONTROL_RATE
from tests.helpers.synthetic_scenes import stages

SECONDS = 12
TIMES = [second + 0.5 for second in range(SECONDS)]


def stage_pairs(name, strength=1.0, layout='avtrack', **options):
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
    for plain, changed in stage_pairs(name, strength=0.0, videos=1):
        np.testing.assert_array_equal(plain.draw(3.5)[0], changed.draw(3.5)[0])
        np.testing.assert_array_equal(plain.audio(16000), changed.audio(16000))


def test_challenges_in_turn_equal_those_applied_alone():
    names = ['multiple_instances', 'background_switch', 'multi_turn_sounding']
    mixed = stages('avtrack', challenges=dict.fromkeys(names, 1.0), in_turn=True)
    for index, (name, stage) in enumerate(zip(names, mixed, strict=True)):
        alone = stages('avtrack', challenges={name: 1.0})[index]
        np.testing.assert_array_equal(stage.draw(3.5)[0], alone.draw(3.5)[0])
        np.testing.assert_array_equal(stage.audio(16000), alone.audio(16000))


@pytest.mark.parametrize('name', CHALLENGES[:4] + CHALLENGES[5:6])
def test_visual_challenges_do_not_change_the_audio(name):
    for plain, changed in stage_pairs(name):
        np.testing.assert_array_equal(plain.audio(16000), changed.audio(16000))
        assert [a.turns for a in plain.scene.actors] == [a.turns for a in changed.scene.actors]
        assert any((plain.draw(time)[0] != changed.draw(time)[0]).any() for time in TIMES)


def test_stronger_occlusion_hides_more():
    plain, weak, strong = (
        sum(visible_area(stage) for stage in stages('avtrack', seconds=SECONDS, challenges=c))
        for c in ({}, {'visual_occlusion': 0.3}, {'visual_occlusion': 1.0})
    )
    assert strong < 0.7 * plain
    assert strong < weak < 0.95 * plain
    assert strong > 0.15 * plain  # sources remain visible


def test_sources_exchange_positions():
    def orders(stage):
        """Order of the actors from left to right at each time."""
        found = set()
        for owner in owners(stage):
            middles = [np.flatnonzero((owner == k).any(axis=0)).mean() for k in (1, 2)]
            found.add(middles[0] < middles[1])
        return found

    for plain, changed in stage_pairs('relative_position_change', identities=2):
        assert len(orders(plain)) == 1
        assert len(orders(changed)) == 2


def test_single_source_walks_across_the_image():
    for plain, changed in stage_pairs('relative_position_change', layout='avsbench_s4', videos=6):
        if len(changed.scene.actors) > 1:
            continue
        travel = [
            np.ptp([stage.scene.actors[0].trajectory.at(time)[0] for time in TIMES])
            for stage in (plain, changed)
        ]
        assert travel[0] == 0
        assert travel[1] > 0.01


def test_background_switches_at_cuts():
    def num_backgrounds(stage):
        """Number of different images of the top corner, outside all sources."""
        return len({stage.draw(time)[0][:6, :6].tobytes() for time in TIMES})

    for plain, changed in stage_pairs('background_switch'):
        assert len(plain.scene.shots) == 1
        assert len(changed.scene.shots) == 1 + SECONDS // 3
        assert num_backgrounds(plain) == 1
        assert num_backgrounds(changed) >= 3
        styles = [shot.style for shot in changed.scene.shots]
        assert all(a != b for a, b in pairwise(styles))


def test_camera_motion_moves_the_background():
    for plain, changed in stage_pairs('camera_motion_change'):
        for stage, moving in ((plain, False), (changed, True)):
            images, owner = zip(*(stage.draw(time) for time in TIMES), strict=True)
            free = (np.stack(owner) == 0).all(axis=0)
            change = np.abs(np.diff(np.stack(images).astype(int), axis=0))[:, free].mean()
            # The edges of swaying figures change a few pixels even with a resting camera.
            assert (change > 2) == moving


@pytest.mark.parametrize('layout', ['avsbench_s4', 'avsbench_ms3', 'aviseg', 'avtrack'])
def test_multiple_instances_adds_sources(layout):
    for plain, changed in stage_pairs('multiple_instances', layout=layout):
        assert len(changed.scene.actors) >= len(plain.scene.actors) + 3
        seen = set(np.unique(owners(changed)))
        assert len(seen - {0}) >= len(plain.scene.actors) + 2


def test_number_of_instances_grows_with_strength():
    counts = [
        len(stages('avtrack', videos=1, challenges={'multiple_instances': s})[0].scene.actors)
        for s in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert counts == [counts[0] + extra for extra in range(5)]


def test_scale_dynamics_vary_the_areas():
    for plain, changed in stage_pairs('instance_scale_dynamics'):
        ratios = []
        for stage in (plain, changed):
            areas = (owners(stage) == 1).sum(axis=(1, 2))
            ratios.append(areas.max() / max(1, areas.min()))
        assert ratios[0] < 1.3
        assert ratios[1] > 1.6


@pytest.mark.parametrize('layout', ['avsbench_s4', 'avsbench_ms3', 'aviseg', 'avtrack'])
def test_multi_turn_sounding_adds_turns(layout):
    totals = np.zeros(2)
    for pair in stage_pairs('multi_turn_sounding', layout=layout, videos=6):
        totals += [sum(len(actor.turns) for actor in stage.scene.actors) for stage in pair]
    assert totals[1] > 1.25 * totals[0]


def test_inconsistency_adds_off_screen_voices_and_silent_mouth_motion():
    for plain, changed in stage_pairs('audio_visual_inconsistency'):
        hidden = [actor for actor in changed.scene.actors if not actor.visible]
        assert hidden
        assert all(actor.visible for actor in plain.scene.actors)
        people = {actor.character for actor in changed.scene.actors if actor.visible}
        assert not people & {actor.character for actor in hidden}
        assert all(actor.turns for actor in hidden)
        number = changed.scene.actors.index(hidden[0])
        assert np.abs(changed.stem(number, 16000)).max() > 0.05
        for time in TIMES:
            _, owner = changed.draw(time)
            assert number + 1 not in owner
            assert number not in changed.masks(owner, int(time))
        assert silent_movement(plain) < silent_movement(changed)


def silent_movement(stage):
    """Mean opening of mouths outside their own turns."""
    times = np.arange(SECONDS * CONTROL_RATE) / CONTROL_RATE
    values = []
    for actor, (opening, _) in zip(stage.scene.actors, stage.movements, strict=True):
        silent = np.ones(len(times), bool)
        for start, end in actor.turns:
            silent &= (times < start - 0.1) | (times > end + 0.1)
        if actor.visible:
            values.append(opening[silent])
    return np.concatenate(values).mean()


def test_all_challenges_can_be_combined():
    (stage,) = stages('aviseg', videos=1, challenges=dict.fromkeys(CHALLENGES, 1.0), seconds=6)
    for second in range(6):
        image, _ = stage.draw(second + 0.5)
        assert image.std() > 5
    assert np.abs(stage.audio(44100, 2)).max() > 0.05
