"""What is seen and what is heard belong together."""

import numpy as np
import pytest

from avis.synthetic.casting import layout_cast
from avis.synthetic.recipe import LAYOUTS, Recipe
from avis.synthetic.scene import MIN_PIXELS, Path
from avis.synthetic.schedule import sounding_time
from avis.synthetic.voices import CONTROL_RATE, LEVEL
from tests.helpers.synthetic_scenes import stages

RATE = 16000


@pytest.mark.parametrize('layout', LAYOUTS)
def test_masked_sources_are_exactly_the_seen_ones_that_audio(layout):
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
                    continue  # the rim of a turn
                assert (number in masks) == (loud and pixels >= MIN_PIXELS)
                seen, masked = seen + 1, masked + (number in masks)
    assert 0.2 * seen < masked < seen  # both cases were met


def test_masks_are_where_the_figure_is_drawn():
    """Without the actor the image differs inside of its silhouette, not elsewhere."""
    for stage in stages('avsbench_ms3', videos=4, size=(96, 96)):
        image, owner = stage.draw(0.5)
        for number, actor in enumerate(stage.scene.actors):
            if actor.identity.kind == 'car':
                continue  # its exhaust is outside
            actor.visible = False
            without, _ = stage.draw(0.5)
            actor.visible = True
            changed = (without != image).any(axis=2)
            own = owner == number + 1
            assert changed[own].mean() > 0.9
            # Anti-aliased rims reach one pixel further.
            rim = sum(np.roll(own, shift, (0, 1)) for shift in ((0, 1), (1, 0), (0, -1), (-1, 0)))
            assert np.count_nonzero(changed & ~own & (rim == 0)) <= 0.03 * own.sum()


def test_masks_do_not_overlap_and_keep_the_shape():
    for stage in stages('avtrack', challenges={'multiple_instances': 1.0}, seconds=6):
        for second in range(6):
            image, owner = stage.draw(second + 0.5)
            assert image.shape == (64, 96, 3)
            assert image.dtype == np.uint8
            masks = stage.masks(owner, second)
            together = np.sum([np.zeros((64, 96), int), *masks.values()], axis=0)
            assert together.max() == (1 if masks else 0)


def test_silent_sources_of_ms3_move_as_speakers_do():
    """The image must not tell who sounds: movement is as strong aloud as in silence."""
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


def test_ms3_varies_who_sounds():
    """All of two or three sources sounding is the exception; a look alone cannot solve it."""
    counts = {'none': 0, 'some': 0, 'all': 0}
    for stage in stages('avsbench_ms3', videos=40):
        actors = stage.scene.actors
        assert 2 <= len(actors) <= 3
        assert len({actor.identity for actor in actors}) == len(actors)
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


def test_an_identity_is_the_same_in_every_set_and_its_pool_is_shared_by_all_splits():
    recipe = Recipe(layout='avsbench_ms3', videos=30, seed=0, identities=6)
    other = Recipe(layout='avsbench_ms3', videos=30, seed=7, identities=6)
    assert layout_cast(recipe) == layout_cast(other)
    used = {
        actor.identity
        for stage in stages('avsbench_ms3', videos=30, identities=6)
        for actor in stage.scene.actors
    }
    assert used == set(layout_cast(recipe))


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('count', [2, 5, 12])
def test_the_pool_has_the_asked_size_and_no_twins(layout, count):
    pool = layout_cast(Recipe(layout=layout, identities=count))
    assert len(pool) == count
    assert len({(i.look, i.voice) for i in pool}) == count


@pytest.mark.parametrize('layout', LAYOUTS)
def test_a_cast_of_people_only(layout):
    pool = layout_cast(Recipe(layout=layout, people_only=True))
    assert len(pool) == 8
    assert all(identity.is_person for identity in pool)
    assert (layout == 'avtrack') == (pool == layout_cast(Recipe(layout=layout)))


def test_stereo_hears_the_side():
    (stage,) = stages('aviseg', videos=1, seconds=4)
    left = stage.scene.actors[0]
    for other in stage.scene.actors[1:]:
        other.turns = []
    for x, louder in ((0.1, 0), (1.4, 1)):
        left.path = Path([0.0], [(x, 0.4, 0.3)])
        audio = stage.audio(RATE, 2)
        assert audio.shape == (4 * RATE, 2)
        power = (audio**2).sum(axis=0)
        assert power[louder] > 1.5 * power[1 - louder]


def test_the_mixture_never_clips():
    for stage in stages('avtrack', challenges={'multiple_instances': 1.0}, seconds=5):
        assert np.abs(stage.audio(RATE)).max() <= 0.981


def test_a_path_is_constant_outside_and_linear_inside():
    path = Path([1.0, 2.0], [(0.0, 0.0, 1.0), (1.0, 0.0, 3.0)])
    assert path.at(0.0).tolist() == [0, 0, 1]
    assert path.at(1.5).tolist() == [0.5, 0, 2]
    assert path.at(9.0).tolist() == [1, 0, 3]
