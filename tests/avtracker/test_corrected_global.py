"""Corrections of the defects 41 and 43 to 53 in the docs of AVTracker."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from avis.avtracker.identity.embedding_identity import (
    FaceIdentity,
    JointIdentity,
    SpeakerIdentity,
    cluster,
    cosine_margins,
    group_margins,
)
from avis.avtracker.identity.vlm_identity import VLMIdentity, outline
from avis.avtracker.interfaces import Face, LocalAnswer, LocalQuery
from avis.avtracker.official.identity import group_by_first
from avis.avtracker.tracks import merge_windows, segment_masks
from avis.avtracker.windows import SpeechWindow
from tests.helpers.avtracker_scenes import (
    LEFT,
    RIGHT,
    SIZE,
    Model,
    detections,
    global_reply,
    two_people,
    utterance,
    video,
)

SCENE = two_people(20)


def window(first, rows, index, scene=SCENE):
    frames = tuple(range(first, first + len(rows)))
    query = LocalQuery(index, 'x', (first / 5, frames[-1] / 5), frames)
    return segment_masks(scene, SpeechWindow(query, frames, frames[0]), LocalAnswer(rows))


def persons_of(grouped, *windows):
    counts = Counter()
    persons = merge_windows(SCENE, grouped, windows, counts)
    return {person.name: person for person in persons}, counts


def test_unassigned_window_is_assigned_by_its_object():  # D44, D31
    windows = [window(0, [0, 0], 0), window(4, [1, 1], 1), window(8, [1, 1], 2)]
    persons, counts = persons_of({'person_0': [0], 'person_1': [1]}, *windows)
    assert persons['person_1'].windows == [1, 2]
    assert counts == {'windows_in_no_person': 1}


def test_unassigned_window_is_assigned_to_person_with_most_windows_of_its_object():  # D44
    windows = [window(4 * n, [1, 1], n) for n in range(5)]
    persons, _ = persons_of({'a': [0], 'b': [1, 2]}, *windows)
    assert {name: person.windows for name, person in persons.items()} == {
        'a': [0],
        'b': [1, 2, 3, 4],
    }


def test_unassigned_window_of_new_object_becomes_a_new_person():  # D44
    persons, _ = persons_of({'person_0': [0]}, window(0, [0], 0), window(4, [1], 1))
    assert persons['person_1'].windows == [1]


def test_window_in_several_persons_is_assigned_to_one():  # D45
    windows = [window(0, [0, 0], 0), window(4, [1, 1], 1), window(8, [1, 1], 2)]
    persons, counts = persons_of({'a': [0, 1], 'b': [1, 2]}, *windows)
    assert [persons[name].windows for name in 'ab'] == [[0], [1, 2]]
    assert counts == {'windows_in_several_persons': 1}


def test_persons_never_share_a_mask():  # D45
    windows = [window(0, [0, 0], 0), window(4, [1, 1], 1)]
    persons, _ = persons_of({'a': [0, 1], 'b': [0, 1]}, *windows)
    assert sorted(w for person in persons.values() for w in person.windows) == [0, 1]


def test_person_without_windows_is_kept_unless_it_lost_them():
    windows = [window(0, [0, 0], 0), window(4, [0, 0], 1)]
    persons, _ = persons_of({'a': [0, 1], 'b': [], 'c': [1]}, *windows)
    assert {name: person.windows for name, person in persons.items()} == {'a': [0, 1], 'b': []}


def test_mask_replaces_none():  # D46
    windows = [window(0, [0, 0, 0], 0), window(1, [None, 0], 1)]
    persons, _ = persons_of({'a': [0, 1]}, *windows)
    assert persons['a'].rows == {0: 0, 1: 0, 2: 0}


@pytest.mark.parametrize('order', [[0, 1], [1, 0]])
def test_larger_mask_replaces_smaller(order):  # D46
    scene = video([detections([LEFT, (60, 5, 65, 35)])] * 3)
    windows = [window(0, [0, 0, 0], 0, scene), window(1, [1, 1], 1, scene)]
    (person,) = merge_windows(scene, {'a': order}, windows, Counter())
    assert person.rows == {0: 0, 1: 0, 2: 0}


@pytest.mark.parametrize(
    ('names', 'numbers'),
    [
        (['person_0', 'person_1'], [0, 1]),
        (['person_1', 'person_0'], [1, 0]),
        (['woman in red', 'A'], [0, 1]),
        (['a/b', '..', ''], [0, 1, 2]),
        (['x', 'person_0'], [1, 0]),
        (['person_7', '7'], [7, 0]),
        ([0, 1], [0, 1]),
        (['person_99999999999999999999', 'person_²'], [0, 1]),
    ],
)
def test_persons_are_numbered_by_their_names(names, numbers):  # D48, D53
    windows = [window(2 * n, [0, 0], n) for n in range(len(names))]
    persons, _ = persons_of({name: [n] for n, name in enumerate(names)}, *windows)
    assert [persons[name].number for name in names] == numbers


def test_positions_refer_to_the_windows_shown():  # D43, D41
    windows = [window(4, [1, 1], 3), window(8, [0, 0], 5)]
    persons, _ = persons_of({'a': [0], 'b': [1]}, *windows)
    assert (persons['a'].windows, persons['b'].windows) == ([3], [5])


def test_speaker_is_outlined_in_the_images():  # D45
    model = Model(global_reply(person_0=[0, 1]))
    utterances = [utterance((2, 3), [0, 0]), utterance((6,), [1], 1)]
    VLMIdentity(model=model).group(SCENE, utterances)
    instructions, *images = model.messages[0].parts
    assert 'outlined in red' in instructions
    assert model.frames() == [2, 6]
    red = [(image == (255, 0, 0)).all(axis=-1) for image in images]
    assert red[0][:, :50].any()
    assert not red[0][:, 50:].any()
    assert red[1][:, 50:].any()


def test_outline_does_not_change_pixels_of_the_mask():
    image = np.zeros((20, 20, 3), np.uint8)
    mask = np.zeros((20, 20), bool)
    mask[5:10, 5:10] = True
    marked = outline(image, mask, (9, 9, 9))
    assert not marked[mask].any()
    assert (marked[4, 5:10] == 9).all()
    assert not image.any()


def test_unreadable_grouping_is_requested_again():  # D50
    model = Model('no idea', global_reply(a=[1, 0]))
    answer = VLMIdentity(model=model).group(SCENE, [utterance((2,), [0]), utterance((6,), [1], 1)])
    assert answer.persons == {'a': [1, 0]}
    assert [message.attempt for message in model.messages] == [0, 1]


def test_failed_grouping_falls_back_to_object_ids():  # D50
    utterances = [utterance((0,), [0]), utterance((4,), [1], 1), utterance((8,), [0], 2)]
    answer = VLMIdentity(model=Model('no', TimeoutError()), retries=1).group(SCENE, utterances)
    assert answer.persons == {'person_0': [0, 2], 'person_1': [1]}
    assert 'so by object ids' in answer.reason
    assert answer.record['by_object_ids'] is True


def test_max_images_shows_each_object_once():
    small = detections([(10, 5, 20, 35), RIGHT])
    scene = video([small, *[detections([LEFT, RIGHT])] * 9])
    utterances = [utterance((n,), [n % 2], n) for n in range(6)]
    model = Model(global_reply(a=[1], b=[0]))
    answer = VLMIdentity(model=model, max_images=5).group(scene, utterances)
    assert model.frames() == [2, 1]  # object 0 is larger in frame 2 than in frame 0
    assert answer.persons == {'a': [1, 3, 5], 'b': [0, 2, 4]}
    few = Model(global_reply(a=[0]))
    utterances.append(utterance((6,), [1], 6))
    answer = VLMIdentity(model=few, max_images=1).group(scene, utterances)
    assert (few.frames(), answer.persons) == (
        [1],
        {'a': [1, 3, 5, 6]},
    )  # the object that speaks most
    many = Model(global_reply(a=[0]))
    VLMIdentity(model=many, max_images=7).group(scene, utterances)
    assert len(many.frames()) == 7


def test_unknown_color_is_refused():
    with pytest.raises(ValueError, match=r"color must be one of .*red.*got 'pink'"):
        VLMIdentity(model=Model(), color='pink')


class Faces:
    """Faces of the left and the right person, and of a poster between them."""

    threshold = 0.5

    def __init__(self, *vectors):
        self.vectors = vectors

    def faces(self, image):
        poster = Face((40, 0, 50, 5), np.array([0, 0, 1.0]))
        people = [
            Face((box[0] + 5, box[1], box[2] - 5, box[1] + 10), np.array(vector, float))
            for box, vector in zip((LEFT, RIGHT), self.vectors, strict=False)
            if vector is not None
        ]
        return [poster, *people]


def test_faces_of_other_people_are_ignored():  # D51, D52
    identity = FaceIdentity(encoder=Faces([1, 0, 0], [0, 1, 0]))
    utterances = [utterance((0,), [0]), utterance((4,), [1], 1), utterance((8,), [0], 2)]
    assert identity.group(SCENE, utterances).persons == {0: [0, 2], 1: [1]}


def test_speaker_without_face_is_in_no_group():  # D52
    identity = FaceIdentity(encoder=Faces([1, 0, 0]))
    answer = identity.group(SCENE, [utterance((0,), [0]), utterance((4,), [1], 1)])
    assert answer.persons == {0: [0]}
    assert answer.record['faces'] == [True, False]


def test_face_needs_half_its_area_inside_the_mask():  # D52
    class Neighbor:
        threshold = 0.5

        def __init__(self, *box):
            self.box = box

        def faces(self, image):
            return [Face(self.box, np.ones(2))]

    for box, groups in (((26, 5, 36, 15), {}), ((23, 5, 33, 15), {0: [0]})):
        answer = FaceIdentity(encoder=Neighbor(*box)).group(SCENE, [utterance((0,), [0])])
        assert answer.persons == groups
    # A face box of the whole image belongs to the speaker.
    whole = FaceIdentity(encoder=Neighbor(0, 0, *SIZE[::-1]))
    assert whole.group(SCENE, [utterance((0,), [0])]).persons == {0: [0]}


def test_clustering_compares_with_all_members():  # D52
    # The first is similar to both others, which are not similar to each other.
    vectors = [np.array([np.cos(angle), np.sin(angle)]) for angle in (0.9, 0.0, 1.8)]
    assert group_by_first(vectors, 0.5) == {0: [0, 1, 2]}
    assert cluster(cosine_margins(vectors, 0.5)) == [[0, 1], [2]]


def test_clustering_of_600_utterances():  # D52
    # Six people with a hundred windows each, half of the pairs unknown.
    rng = np.random.default_rng(0)
    people = np.arange(600) % 6
    margins = np.where(people[:, None] == people, 0.5, -0.5) + 0.1 * rng.random((600, 600))
    unknown = np.triu(rng.random((600, 600)) < 0.5, 1)
    margins[unknown | unknown.T] = np.nan
    assert [people[group].tolist() for group in cluster(margins)] == [[n] * 100 for n in range(6)]


def test_clustering_leaves_out_unknown_margins():
    margins = np.array([[1, np.nan, 0.5], [np.nan, np.nan, np.nan], [0.5, np.nan, 1]])
    assert cluster(margins) == [[0, 2]]
    assert cluster(np.zeros((0, 0))) == []


def test_clusters_equal_average_linkage_of_all_pairs_in_each_step():
    rng = np.random.default_rng(0)
    for _ in range(200):
        vectors = rng.normal(size=(int(rng.integers(1, 12)), 2))
        margins = vectors @ vectors.T
        unknown = np.triu(rng.random(margins.shape) < 0.3, 1)
        margins[unknown | unknown.T] = np.nan
        assert cluster(margins) == naive_clusters(margins)


def naive_clusters(margins):
    groups = [[n] for n in range(len(margins))]
    while True:
        pairs = {}
        for one, other in combinations(range(len(groups)), 2):
            known = margins[np.ix_(groups[one], groups[other])]
            if not np.isnan(known).all():
                pairs[one, other] = np.nanmean(known)
        if not pairs or max(pairs.values()) < 0:
            return sorted(sorted(group) for group in groups)
        one, other = max(pairs, key=pairs.get)
        groups[one] += groups.pop(other)


def test_margins_of_utterances_to_their_group_and_the_next():
    nan = np.nan
    margins = np.array([[1, 0.5, -0.5, nan], [0.5, 1, nan, nan], [-0.5, nan, 1, nan], [nan] * 4])
    assert group_margins(margins, [[0, 1], [2]]) == {
        'own_margins': [0.75, 0.75, 1.0, None],
        'next_margins': [-0.5, None, -0.5, None],
    }


class TimedEncoder:
    sample_rate = 16000

    def embed(self, waveform):
        if len(waveform.samples) < 1600:
            raise ValueError('too short')
        return np.array([1.0, 0.0]) if waveform.start < 1.0 else np.array([0.0, 1.0])


def test_speaker_embeddings_separate_persons():
    utterances = [utterance((n,), [0], n) for n in (0, 3, 6, 9)]
    answer = SpeakerIdentity(encoder=TimedEncoder()).group(two_people(10), utterances)
    assert answer.persons == {0: [0, 1], 1: [2, 3]}
    silent = SpeakerIdentity(encoder=TimedEncoder()).group(two_people(10, seconds=0.0), utterances)
    assert silent.persons == {}


def test_identity_threshold_defaults_to_that_of_the_encoder():
    class SimilarSpeakers(TimedEncoder):
        threshold = 0.7

        def embed(self, waveform):
            angle = 0.9 * (waveform.start >= 1.0)  # a cosine of 0.62
            return np.array([np.cos(angle), np.sin(angle)])

    utterances = [utterance((n,), [0], n) for n in (0, 6)]
    own = SpeakerIdentity(encoder=SimilarSpeakers()).group(two_people(), utterances)
    assert own.persons == {0: [0], 1: [1]}
    encoder = SimilarSpeakers()
    given = SpeakerIdentity(encoder=encoder, threshold=0.5).group(two_people(), utterances)
    assert given.persons == {0: [0, 1]}


def test_joint_identity_averages_face_and_speaker_margins():
    # All faces are similar; the voices change after one second.
    face = FaceIdentity(encoder=Faces([1, 0, 0], [1, 0, 0]))
    voice = SpeakerIdentity(encoder=TimedEncoder(), threshold=0.9)
    utterances = [utterance((n,), [0], n) for n in (0, 6)]
    assert face.group(two_people(), utterances).persons == {0: [0, 1]}
    joint = JointIdentity(parts=[face, voice])
    assert joint.group(two_people(), utterances).persons == {0: [0], 1: [1]}
    # Where no face is known the voice alone decides.
    blind = JointIdentity(parts=[FaceIdentity(encoder=Faces()), voice])
    assert blind.group(two_people(), utterances).persons == {0: [0], 1: [1]}
    with pytest.raises(ValueError, match='at least one part'):
        JointIdentity(parts=[])


def test_scene_frames_have_the_stated_size():
    assert two_people().frames[0].shape == (*SIZE, 3)
