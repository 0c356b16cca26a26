"""Frames and audio of a scene agree."""

import numpy as np
import pytest

from avis.synthetic.casting import layout_cast
from avis.synthetic.recipe import LAYOUTS, Recipe
from avis.synthetic.scene import MIN_PIXELS, Trajectory
from avis.synthetic.schedule import sounding_time
from avis.synthetic.voices import CONTROL_RATE, LEVEL
from tests.helpers.synthetic_scenes import stages

RATE = 16000


@pytest.mark.parametrize('layout', LAYOUTS)
def test_masks_exist_exactly_for_visible_sounding_sources(layout):
    seen, masked = 0, 0
    for stage in stages(layout, videos=10):
        stems = [stage.stem(k, RATE) for k in range(len(stage.scene.actors))]
        for second in range(stage.scene.seconds):
            _, owner = stage.draw(second + 0.5)
            masks = stage.masks(owner, second)
            for number, actor in enumerate(stage.scene.actors):
                part = stems[number][second * RATE : (second + 1) * RATE]
                loud = np.sqrt(np.mean(part**2)) > 0.25 * LEVEL
                pixels = np.count_nonzero(owner == number + 1)
                time = sounding_time(actor.turns, second, second + 1)
                if 0.0 < time < 0.5:
                    continue  # the start or end of a turn
                assert (number in masks) == (loud and pixels >= MIN_PIXELS)
                seen, masked = seen + 1, masked + (number in masks)
    assert 0.2 * seen < masked < seen  # both cases occurred


def test_masks_cover_the_drawn_figures():
    """Without the actor, the image differs inside its silhouette only."""
    for stage in stages('avsbench_ms3', videos=4, size=(96, 96)):
        image, owner = stage.draw(0.5)
        for number, actor in enumerate(stage.scene.actors):
            if actor.character.kind == 'car':
                continue  # its exhaust is outside
            actor.visible = False
            without, _ = stage.draw(0.5)
            actor.visible = True
            changed = (without != image).any(axis=2)
            own = owner == number + 1
            assert changed[own].mean() > 0.9
            # Anti-aliased edges reach one pixel further.
            rim = sum(np.roll(own, shift, (0, 1)) for shift in ((0, 1), (1, 0), (0, -1), (-1, 0)))
            assert np.count_nonzero(changed & ~own & (rim == 0)) <= 0.03 * own.sum()


def test_masks_do_not_overlap():
    for stage in stages('avtrack', challenges={'multiple_instances': 1.0}, seconds=6):
        for second in range(6):
            image, owner = stage.draw(second + 0.5)
            assert image.shape == (64, 96, 3)
            assert image.dtype == np.uint8
            masks = stage.masks(owner, second)
            together = np.sum([np.zeros((64, 96), int), *masks.values()], axis=0)
            assert together.max() == (1 if masks else 0)


def test_silent_sources_of_ms3_move_like_sounding_ones():
    """The image must not reveal the sounding sources: motion is equally strong in silence."""
    aloud, silent = [], []
    for stage in stages('avsbench_ms3', videos=40):
        for number, actor in enumerate(stage.scene.actors):
            opening, _ = stage.movements[number]
            for second in range(stage.scene.seconds):
                sample = opening[int((second + 15 / 16) * CONTROL_RATE)]
                sounding = sounding_time(actor.turns, second, second + 1) > 0
                (aloud if sounding else silent).append(sample)
    assert len(aloud) > 100
    assert len(silent) > 100
    assert np.mean(silent) == pytest.approx(np.mean(aloud), rel=0.2)
    levels = [0.25, 0.5, 0.75]
    np.testing.assert_allclose(np.quantile(silent, levels), np.quantile(aloud, levels), atol=0.12)


def test_ms3_varies_the_sounding_sources():
    """All sources sound together only rarely, so that the image alone is not sufficient."""
    counts = {'none': 0, 'some': 0, 'all': 0}
    for stage in stages('avsbench_ms3', videos=40):
        actors = stage.scene.actors
        assert 2 <= len(actors) <= 3
        assert len({actor.character for actor in actors}) == len(actors)
        for second in range(stage.scene.seconds):
            loud = sum(sounding_time(a.turns, second, second + 1) > 0 for a in actors)
            counts['none' if not loud else 'all' if loud == len(actors) else 'some'] += 1
    assert counts['some'] > 0.75 * sum(counts.values())
    assert counts['none'] > 0


def test_s4_has_one_source_that_sounds_in_every_second():
    for stage in stages('avsbench_s4', videos=8):
        loud = [actor for actor in stage.scene.actors if actor.turns]
        assert len(loud) == 1
        assert all(sounding_time(loud[0].turns, s, s + 1) > 0.25 for s in range(5))


def test_characters_are_shared_by_all_sets_and_splits():
    recipe = Recipe(layout='avsbench_ms3', videos=30, seed=0, identities=6)
    other = Recipe(layout='avsbench_ms3', videos=30, seed=7, identities=6)
    assert layout_cast(recipe) == layout_cast(other)
    used = {
        actor.character
        for stage in stages('avsbench_ms3', videos=30, identities=6)
        for actor in stage.scene.actors
    }
    assert used == set(layout_cast(recipe))


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('count', [2, 5, 12])
def test_pool_has_the_requested_size_without_duplicates(layout, count):
    pool = layout_cast(Recipe(layout=layout, identities=count))
    assert len(pool) == count
    assert len({(i.appearance, i.voice) for i in pool}) == count


@pytest.mark.parametrize('layout', LAYOUTS)
def test_people_only_pool_contains_persons(layout):
    pool = layout_cast(Recipe(layout=layout, people_only=True))
    assert len(pool) == 8
    assert all(character.is_person for character in pool)
    assert (layout in ('avtrack', 'ava', 'jhmdb')) == (pool == layout_cast(Recipe(layout=layout)))


def test_stereo_follows_the_side_of_the_source():
    (stage,) = stages('aviseg', videos=1, seconds=4)
    left = stage.scene.actors[0]
    for other in stage.scene.actors[1:]:
        other.turns = []
    for x, louder in ((0.1, 0), (1.4, 1)):
        left.trajectory = Trajectory([0.0], [(x, 0.4, 0.3)])
        audio = stage.audio(RATE, 2)
        assert audio.shape == (4 * RATE, 2)
        power = (audio**2).sum(axis=0)
        assert power[louder] > 1.5 * power[1 - louder]


def test_mixture_does_not_clip():
    for stage in stages('avtrack', challenges={'multiple_instances': 1.0}, seconds=5):
        assert np.abs(stage.audio(RATE)).max() <= 0.981


def test_trajectory_is_linear_inside_and_constant_outside():
    trajectory = Trajectory([1.0, 2.0], [(0.0, 0.0, 1.0), (1.0, 0.0, 3.0)])
    assert trajectory.at(0.0).tolist() == [0, 0, 1]
    assert trajectory.at(1.5).tolist() == [0.5, 0, 2]
    assert trajectory.at(9.0).tolist() == [1, 0, 3]
