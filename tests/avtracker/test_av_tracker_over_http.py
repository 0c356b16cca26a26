"""Whole videos by an unreliable endpoint: failing requests do not change the results."""

import base64
import json
import random
import threading
from io import BytesIO
from itertools import count

import numpy as np
import pytest
import torch
from PIL import Image

from avis.avtracker.asr.speech_stage import SpeechStage
from avis.avtracker.grounding.vlm_grounding import VLMGrounding
from avis.avtracker.identity.vlm_identity import VLMIdentity
from avis.avtracker.interfaces import Message, SpeechSegment
from avis.avtracker.model import AVTracker
from avis.avtracker.vlm.openai_compatible import OpenAICompatibleVLM
from avis.structures.av_data_sample import AVDataSample
from tests.helpers.chat_server import MALFORMED, chat_server
from tests.helpers.tracker_set import (
    BOXES,
    COLORS,
    HEIGHT,
    WIDTH,
    Calls,
    ColorTracker,
    answer_to,
)

KEY = 'sk-secret-4712'
VIDEOS, WINDOWS = 10, 19  # and a query about all windows of a video: 200 in all


class RandomTurns:
    """Speech in each second, of a random speaker."""

    sample_rate = 16000
    has_words = True

    def transcribe(self, waveform):
        coin = random.Random(waveform.name)
        return [
            SpeechSegment(f'I am the {coin.choice(list(COLORS))} one.', (second, second + 1.0))
            for second in range(WINDOWS)
        ]


def say(body):
    """Reply of the model of the other tests to the message as it was sent."""
    parts = [
        part['text']
        if part['type'] == 'text'
        else np.asarray(
            Image.open(BytesIO(base64.b64decode(part['image_url']['url'].split(',')[1])))
        )
        for part in body['messages'][0]['content']
    ]
    local = isinstance(parts[1], str)
    return answer_to(Message(tuple(parts), name='/local/' if local else '/global'))


class UnreliableEndpoint:
    """One request in ten fails, one in twenty is malformed, and some replies are truncated."""

    def __init__(self):
        kinds = [503, 429, 500, 'hang up', *list(MALFORMED)[:2], 'words', *[None] * 33]
        random.Random(0).shuffle(kinds)
        self.kinds, self.asked, self.met = kinds, count(), []
        self.now = threading.local()  # each request has its own thread

    def fault(self, question, n):
        self.now.kind = kind = self.kinds[next(self.asked) % len(self.kinds)]
        self.met += [kind] if kind else []
        return None if kind == 'words' else kind

    def answer(self, body):
        return '{"rationale": "I was cut' if self.now.kind == 'words' else say(body)


def track(server, folder):
    """Track all videos; return the tracks by video."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for color, (left, top, right, bottom) in BOXES.items():
        image[top:bottom, left:right] = COLORS[color]
    frames = torch.from_numpy(image).permute(2, 0, 1).repeat(2 * WINDOWS, 1, 1, 1)
    model = OpenAICompatibleVLM(
        model='m',
        base_url=server.url,
        api_key_env='TEST_CHAT_KEY',
        retries={'initial_wait': 0.005, 'max_wait': 0.02, 'timeout': 60},
        image={'file_format': 'png'},
    )
    tracker = AVTracker(
        speech=SpeechStage(recognizer=RandomTurns()),
        instance_tracker=ColorTracker(Calls(folder / 'calls.txt')),
        grounding=VLMGrounding(model=model),
        identity=VLMIdentity(model=model, max_images=WINDOWS),
        cache_dir=str(folder / 'stages'),
        record_dir=str(folder / 'records'),
        on_error='raise',
    )
    found = {}
    for name in map('video{}'.format, range(VIDEOS)):
        sample = AVDataSample(metainfo={'video_name': name, 'fps': 2.0, 'sample_rate': 16000})
        inputs = {'frames': [frames], 'audio': [torch.zeros(WINDOWS * 16000)]}
        tracks = tracker(inputs, [sample])[0].pred_tracks
        found[name] = [mask.to_json() for mask in tracks.masks]
    return found


@pytest.mark.slow
def test_unreliable_endpoint_does_not_change_results_of_200_queries(monkeypatch, tmp_path, capfd):
    monkeypatch.setenv('TEST_CHAT_KEY', KEY)
    for name in ('clean', 'bad'):
        (tmp_path / name).mkdir()
    with chat_server(key=KEY, answer=say) as server:
        clean = track(server, tmp_path / 'clean')
        assert sum(server.asked.values()) == VIDEOS * (WINDOWS + 1)
    for tracks in clean.values():
        assert sum(mask is not None for track in tracks for mask in track) == 2 * WINDOWS
    bad = UnreliableEndpoint()
    with chat_server(key=KEY, answer=bad.answer, fault=bad.fault) as server:
        assert track(server, tmp_path / 'bad') == clean
    assert {503, 429, 500, 'hang up', 'words'} < set(bad.met)
    assert len(bad.met) > 0.15 * VIDEOS * (WINDOWS + 1)
    kept = [path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()]
    records = [json.loads(path.read_text()) for path in (tmp_path / 'bad').rglob('video?.json')]
    assert len(records) == VIDEOS
    assert all(record['error'] is None for record in records)
    assert KEY not in ''.join(capfd.readouterr())
    assert not any(KEY.encode() in content for content in kept)
