"""Random videos without any defect: the official and the corrected results are equal."""

import json

import numpy as np
import pytest

from avis.structures.masks import encode_mask, rle_to_json
from tests.helpers.golden_avtracker import differences
from tests.replay import replay, to_json

FPS, SIZE, PEOPLE = 5, (48, 64), 3
SPEECH = (
    'we should start early because the road is long and nobody knows where that bridge went after '
    'the storm tell me about your brother he sings every night in this small bar near the harbor'
)
RESULTS = ('error', 'vlm_calls', 'windows', 'tracks', 'files')


class Scene:
    """Three people who stand apart, talk in turn, and are distinguished by all models."""

    def __init__(self, seed, kind):
        self.rng, self.kind = np.random.default_rng(seed), kind
        self.frames = int(self.rng.integers(20, 80))
        self.seconds = self.frames / FPS
        self.ids = np.sort(self.rng.choice(12, PEOPLE, replace=False)).tolist()
        self.segments, self.turns = self.talk()
        self.speakers = []

    def pick(self, *options):
        return options[self.rng.integers(len(options))]

    def talk(self):
        """Segments of speech and rows of the timeline of speakers."""
        words = SPEECH.split()
        segments, turns, start = [], [], 0.2
        while start < self.seconds - 1.5:
            end = min(start + self.rng.uniform(0.7, 3), self.seconds)
            first, speaker = self.rng.integers(len(words) - 8), int(self.rng.integers(PEOPLE))
            text = ' '.join(words[first : first + self.rng.integers(3, 8)])
            again = self.rng.random() < 0.2 and end + 0.7 < self.seconds
            for begin, finish in ((start, end), (end, end + 0.7))[: 1 + again]:
                times = [round(begin, 2), round(finish, 2)]
                segments.append({'text': f' {text.capitalize()}.', 'timestamp': times})
                turns.append([*(int(time * 16000) for time in times), speaker])
                end = finish
            if self.kind not in ('sep', 'cut') and self.rng.random() < 0.2:
                segments.append({'text': ' Now.', 'timestamp': self.moment(end)})
            start = end + self.pick(0.02, 0.2, 1.2)
        return segments, turns

    def moment(self, time):
        """Times without duration; where speech is joined they may be reversed or too late."""
        odd = (
            [] if self.kind == 'raw' else [[time, time - 0.5], [self.seconds + 1, self.seconds + 2]]
        )
        return [round(time, 2) for time in self.pick([time, time], *odd)]

    def box(self, person, frame):
        left = 2 + 20 * person + frame // 40
        return [left, 6 + 3 * person, left + 15, 30 + 3 * person]

    def detections(self, frame):
        boxes = [self.box(person, frame) for person in range(PEOPLE)]
        masks = []
        for left, top, right, bottom in boxes:
            mask = np.zeros(SIZE, bool)
            mask[top : bottom + 1, left : right + 1 - frame % 3] = True
            masks.append(rle_to_json(encode_mask(mask)))
        return {'object_ids': self.ids, 'scores': [0.9] * 3, 'boxes': boxes, 'masks': masks}

    def sources(self, segment):
        """The words in one source, as one or two segments; the other is silent."""
        words, length = segment['text'].split(), segment['timestamp'][1] - segment['timestamp'][0]
        cut = self.pick(0, len(words) // 2)
        pieces = [(words[:cut], 0, length / 2), (words[cut:], length / 2 if cut else 0, length)]
        segments = [{'text': ' '.join(w), 'timestamp': [a, b]} for w, a, b in pieces if w]
        return {'sources': self.pick([segments], [segments, []])}

    def local(self, frames):
        """A reply about a window in one of the formats that can be parsed."""
        height, width = SIZE
        self.speakers.append(int(self.rng.integers(PEOPLE)))
        boxes = []
        for index, frame in enumerate(frames):
            sides = np.array(self.box(self.speakers[-1], frame)) + self.rng.uniform(-1, 1, 4)
            box = (1000 * sides / [width, height, width, height]).astype(int).tolist()
            boxes.append({'frame_id': index, 'bbox': box if index % 4 < 3 else [0, 0, 0, 0]})
        return self.written({'rationale': '- {her} lips move', 'boxes': boxes})

    def everybody(self):
        persons = {}
        for window, speaker in enumerate(self.speakers):
            persons.setdefault(f'person_{speaker}', []).append(window)
        return self.written({'rationale': '- two people', 'persons': persons})

    def written(self, value):
        text = json.dumps(value)
        python = repr(value)[:-1] + ',}'
        fenced = f'```json\n{text}\n```'
        return self.pick(text, fenced, f'So: {text} Done.', text[:-1], python)

    def case(self):
        config = {
            'agent_name': self.kind,
            'agent_type': {'sep': 'sep', 'cut': 'sep', 'face': 'face'}.get(self.kind, 'base'),
            'compression': {'enabled': self.kind not in ('raw', 'cut'), 'threshold': 0.35},
            'window': {'mode': 'speech_boundary', 'fixed_size_seconds': 8.0},
            'iou_matching': 0.3,
            'vlm_bbox_scale': 1000,
            'max_frame_count': 500,
            'text_prompt': 'person',
            'separator_sample_rate': 8000,
        }
        samples = self.frames * 16000 // FPS
        inputs = {
            'audio_file': 'clean.wav',
            'audio': {'sample_rate': 16000, 'num_samples': samples, 'speaker_timeline': self.turns},
            'speaker_vectors': np.eye(PEOPLE + 1).tolist(),
            'encoder_min_samples': 400,
            'frames': {'count': self.frames, 'width': SIZE[1], 'height': SIZE[0]},
            'tracker': [self.detections(frame) for frame in range(self.frames)],
            'asr': {'chunks': self.segments},
            'separation': [self.sources(segment) for segment in self.segments],
            'vlm': {'local': [], 'global': None},
            'faces': [],
        }
        return {'config': config, 'inputs': inputs}


def answered(scene):
    """The case with a reply per window; a first run finds the windows."""
    case = scene.case()
    nobody = '{"rationale": "", "boxes": []}'
    case['inputs']['vlm'] = {'local': [nobody] * 99, 'global': '{"rationale": "", "persons": {}}'}
    asked = replay(case)['expected']['vlm_calls']
    replies = [scene.local(call['frames']) for call in asked if call['kind'] == 'local']
    case['inputs']['vlm'] = {'local': replies, 'global': scene.everybody()}
    faces = np.eye(PEOPLE + 2) + scene.rng.normal(0, 0.05, (PEOPLE + 2, PEOPLE + 2))
    case['inputs']['faces'] = [[faces[speaker].tolist()] for speaker in scene.speakers]
    return case


@pytest.mark.parametrize('kind', ['base', 'raw', 'sep', 'cut', 'face'])
@pytest.mark.parametrize('seed', range(6))
def test_corrections_do_not_change_clean_videos(kind, seed):
    case = answered(Scene(seed, kind))
    official, corrected = (
        to_json(replay(case, protocol)['expected']) for protocol in ('official', 'corrected')
    )
    assert official['error'] is None
    assert official['tracks']
    want, got = ({key: side[key] for key in RESULTS} for side in (official, corrected))
    want['final'], got['final'] = (side['speech']['final'] for side in (official, corrected))
    assert differences(want, got) == []
