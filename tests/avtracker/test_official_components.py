"""Details in which components behave as the official code does, beside its recorded defects."""

import numpy as np
import pytest
import torch
from scipy.signal import resample_poly
from torchaudio.functional import resample

from avis.avtracker.asr.speech_stage import SpeechRecord, SpeechStage
from avis.avtracker.asr.whisper import WhisperASR
from avis.avtracker.corrected import CorrectedStrategy
from avis.avtracker.face_encoders.deep_face import DeepFaceEncoder
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.identity.embedding_identity import FaceIdentity
from avis.avtracker.identity.vlm_identity import VLMIdentity
from avis.avtracker.interfaces import SpeechSegment
from avis.avtracker.official.strategy import OfficialStrategy
from avis.avtracker.speaker_encoders.ecapa import ECAPA
from avis.avtracker.speaker_encoders.x_vector import XVector
from avis.avtracker.strategy import Components
from avis.structures.media import Waveform
from tests.helpers.avtracker_scenes import (
    LEFT,
    Model,
    global_reply,
    local_reply,
    query,
    two_people,
    utterance,
)

STRATEGIES = {'official': OfficialStrategy, 'corrected': CorrectedStrategy}


class Recognizer:
    """Recognizes one sentence in everything, and keeps what it was given."""

    sample_rate = 16_000
    has_words = True

    def __init__(self):
        self.given = []

    def transcribe(self, waveform):
        self.given.append(waveform)
        return [SpeechSegment('Good evening to you.', (0.0, waveform.seconds))]


class Separator:
    """Returns the mixture as the only source, and keeps it."""

    sample_rate = 8000

    def separate(self, waveform):
        self.given = waveform
        return [waveform]


def adapt(protocol, *, speech=None, grounding=None, identity=None):
    """The components as a strategy uses them."""
    strategy = STRATEGIES[protocol](max_frames=30, window_seconds=None)
    return strategy.adapt(
        Components(
            speech=SpeechStage(recognizer=Recognizer()) if speech is None else speech,
            grounding=VLMGrounding(model=Model()) if grounding is None else grounding,
            identity=VLMIdentity(model=Model()) if identity is None else identity,
        )
    )


@pytest.mark.parametrize(
    ('protocol', 'seconds'), [('official', (0, 0)), ('corrected', (0.025, 0.1))]
)
def test_only_the_official_protocol_takes_audio_of_any_length(protocol, seconds):
    speech = SpeechStage(
        recognizer=WhisperASR(model='small', language='en'), encoder=ECAPA(model='mine')
    )
    adapted = adapt(protocol, speech=speech).speech
    assert (adapted.recognizer.min_seconds, adapted.encoder.min_seconds) == seconds
    # The other settings are kept, and the components of the user are not changed.
    assert (adapted.recognizer.model, adapted.recognizer.language) == ('small', 'en')
    assert (adapted.encoder.model, speech.encoder.min_seconds) == ('mine', 0.1)


class FixedWhisper(WhisperASR):
    """A subclass whose arguments are its own."""

    def __init__(self):
        super().__init__(model='mine')


@pytest.mark.parametrize('recognizer', [Recognizer(), FixedWhisper()])
def test_other_recognizers_and_encoders_are_used_as_they_are(recognizer):
    speech = SpeechStage(recognizer=recognizer, encoder=XVector())
    adapted = adapt('official', speech=speech).speech
    assert adapted.recognizer is speech.recognizer
    assert adapted.encoder is speech.encoder


@pytest.mark.parametrize(
    ('kind', 'component'),
    [
        (
            'speech',
            SpeechStage(
                recognizer=Recognizer(),
                separator=Separator(),
                encoder=XVector(),
                threshold=0.4,
                max_gap=1.0,
                max_seconds=9.0,
                separate='overlap',
            ),
        ),
        (
            'grounding',
            VLMGrounding(
                model=Model(),
                prompt='local',
                iou_threshold=0.1,
                bbox_scale=500,
                max_new_tokens=7,
                retries=5,
                vote=False,
            ),
        ),
        (
            'identity',
            VLMIdentity(
                model=Model(), prompt='global', color='green', max_new_tokens=7, max_images=3
            ),
        ),
    ],
)
def test_official_components_have_all_settings_of_the_configured_ones(kind, component):
    adapted = getattr(adapt('official', **{kind: component}), kind)
    assert type(adapted) is not type(component)
    assert vars(adapted) == vars(component)


def test_official_faces_have_the_settings_of_the_configured_ones():
    identity = FaceIdentity(encoder=DeepFaceEncoder(whole_image=True), threshold=0.5)
    adapted = adapt('official', identity=identity).identity
    assert type(adapted) is not FaceIdentity
    assert vars(adapted) == vars(identity)


def separated(protocol, waveform):
    """What separator and recognizer receive of one segment."""
    speech = SpeechStage(recognizer=Recognizer(), separator=Separator())
    stage = adapt(protocol, speech=speech).speech
    stage.run(waveform, SpeechRecord())
    return speech.separator.given, speech.recognizer.given[-1]


@pytest.mark.parametrize('protocol', STRATEGIES)
def test_official_protocol_resamples_with_torchaudio(protocol):
    samples = np.random.default_rng(0).normal(0, 0.1, 16_001).astype(np.float32)
    mixture, source = separated(protocol, Waveform(samples, 16_000, 'noise'))
    if protocol == 'official':
        down = resample(torch.from_numpy(samples), 16_000, 8000)
        up = resample(down, 8000, 16_000).numpy()
        down = down.numpy()
    else:
        down = resample_poly(samples, 1, 2)
        up = resample_poly(down, 2, 1)
    assert (mixture.sample_rate, len(mixture.samples)) == (8000, 8001)
    assert (source.sample_rate, len(source.samples)) == (16_000, 16_002)
    np.testing.assert_allclose(mixture.samples, down, atol=1e-6)
    np.testing.assert_allclose(source.samples, up, atol=1e-6)


def test_both_filters_differ():
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    mixtures = [separated(name, Waveform(samples, 16_000))[0].samples for name in STRATEGIES]
    assert np.abs(mixtures[0] - mixtures[1]).max() > 1e-3


def test_empty_audio_needs_no_resampling():
    stage = adapt('official').speech
    assert len(stage._resample(Waveform(np.zeros(0, np.float32), 16_000), 8000).samples) == 0


@pytest.mark.parametrize(
    ('protocol', 'annotated', 'reason'),
    [
        ('official', True, None),
        ('official', False, 'no_annotation'),
        ('corrected', False, None),
    ],
)
def test_only_the_official_protocol_skips_videos_without_annotation(protocol, annotated, reason):
    strategy = STRATEGIES[protocol](max_frames=30, window_seconds=None)
    assert strategy.reason_to_skip(annotated=annotated) == reason


def ask(folder=None):
    """The messages of both stages under the official protocol, with prompts of a folder."""
    prompt = {} if folder is None else {name: str(folder / f'{name}.txt') for name in ('a', 'b')}
    model = Model(local_reply(LEFT, LEFT), global_reply(person_0=[0]))
    components = adapt(
        'official',
        grounding=VLMGrounding(model=model, prompt=prompt.get('a')),
        identity=VLMIdentity(model=model, prompt=prompt.get('b')),
    )
    scene = two_people()
    list(components.grounding.ground(scene, [query((0, 1), text=' Good evening.')]))
    components.identity.group(scene, [utterance((0, 1), [0, 0])])
    return [message.parts for message in model.messages]


def test_local_prompt_has_the_structure_of_the_official_one():
    (text, speech, *frames), _ = ask()
    assert speech == 'Speech:  Good evening.'
    assert len(frames) == 2
    statements = ['step by step', 'Red\nboxes', '[0, 0, 0, 0]', 'bullet points', '30', 'in circles']
    places = [text.index(words) for words in [*statements, '"rationale"', '"boxes"']]
    assert places == sorted(places)
    boxes = [line for line in text.splitlines() if '"frame_id"' in line]
    assert ['[0, 0, 0, 0]' in line for line in boxes] == [False, True, False]


def test_global_prompt_has_the_structure_of_the_official_one():
    _, (text, *frames) = ask()
    assert len(frames) == 1
    statements = ['same individual', 'number 0', 'person_0', 'several', 'bullet points']
    statements += ['frame numbers', 'no more than those shown', 'in circles', '"persons": {']
    places = [text.index(words) for words in statements]
    assert places == sorted(places)
    assert '"person_0": [0, 2]' in text
    assert '"person_1": [1, 2]' in text  # both are in frame 2


def test_texts_of_others_are_sent_as_they_are_once_braces_are_doubled(tmp_path):
    text = '\n  Who speaks?\n  {"boxes": [{"frame_id": 0}, ...]}  # {x}\n'
    for name in ('a', 'b'):
        doubled = text.replace('{', '{{').replace('}', '}}')
        (tmp_path / f'{name}.txt').write_text(doubled)
    assert [parts[0] for parts in ask(tmp_path)] == [text, text]
