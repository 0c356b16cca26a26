"""Audio of objects (plucks, bells, engines, barks, bowed strings) and background audio."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from scipy.signal import butter, sosfilt

from avis.synthetic.canvas import Array
from avis.synthetic.cast import Voice
from avis.synthetic.voices import CONTROL_RATE, Performance, normalize_level, pulses

_SCALE = (0, 2, 4, 7, 9, 12)  # pentatonic: notes played together are consonant
# kind: (attack s, decay s, fraction of the stroke that sounds); engines and bows do not decay.
_STROKES = {
    'guitar': (0.01, 0.35, 1.0),
    'bell': (0.01, 0.5, 1.0),
    'dog': (0.02, 0.09, 0.6),
    'car': (0.1, np.inf, 1.0),
    'violin': (0.08, np.inf, 0.95),
}


def play_strokes(
    kind: str,
    voice: Voice,
    turns: Sequence[tuple[float, float]],
    seconds: float,
    rng: np.random.Generator,
) -> Performance:
    """Fill the turns of an object with strokes; the counterpart of ``voices.articulate``."""
    steps = int(np.ceil(seconds * CONTROL_RATE))
    time = np.arange(steps) / CONTROL_RATE
    amplitude, phase = np.zeros(steps), np.zeros(steps)
    pitch = np.full(steps, voice.pitch)
    attack, decay, share = _STROKES[kind]
    onsets: list[float] = []
    strength: list[float] = []
    for start, end in turns:
        onset = start
        while onset < end - 0.06:
            length = min(end - onset, float(rng.uniform(0.75, 1.25)) / voice.rate)
            loud = float(rng.uniform(0.7, 1.0))
            since = time - onset
            held = np.clip(np.minimum(since / attack, (share * length - since) / 0.04), 0, 1)
            bump = loud * held * np.exp(-np.clip(since, 0, None) / decay)
            np.maximum(amplitude, bump, out=amplitude)
            note = voice.pitch * 2 ** (_SCALE[int(rng.integers(len(_SCALE)))] / 12)
            pitch[since >= 0] = note
            during = (since >= 0) & (since < length)
            phase[during] = since[during] / length
            onsets.append(onset)
            strength.append(loud)
            onset += length
    none = np.zeros((steps, 0))
    swing = phase if decay < np.inf else 0.5 + 0.5 * np.sin(2 * np.pi * _SWING_RATES[kind] * time)
    return Performance(
        amplitude, amplitude, swing, pitch, none, np.array(onsets), np.array(strength)
    )


_SWING_RATES = {'car': 7.0, 'violin': 1.3}  # Hz: shaking of the engine, strokes of the bow


def synthesize_object(
    kind: str, voice: Voice, performance: Performance, rate: int, rng: np.random.Generator
) -> Array:
    """Audio of an object, shape (S,); RMS about ``voices.LEVEL`` while it sounds."""
    samples = len(performance.amplitude) * rate // CONTROL_RATE
    if not performance.amplitude.any():
        return np.zeros(samples)
    at = np.arange(samples) * (CONTROL_RATE / rate)
    gain = np.interp(at, np.arange(len(performance.amplitude)), performance.amplitude)
    return normalize_level(_SYNTHESIZERS[kind](voice, performance, gain, rate, rng), gain)


def _struck(
    voice: Voice,
    performance: Performance,
    rate: int,
    samples: int,
    ratios: tuple[float, ...],
    ring: float,
) -> Array:
    """Decaying partials from each onset; the next stroke damps the one before."""
    audio = np.zeros(samples)
    ends = [*performance.onsets[1:], np.inf]
    for onset, end, loud in zip(performance.onsets, ends, performance.strength, strict=True):
        note = float(
            performance.pitch[min(len(performance.pitch) - 1, int(onset * CONTROL_RATE) + 1)]
        )
        tone = _tone(round(note, 2), ratios, ring, voice.brightness, rate)
        begin = int(onset * rate)
        count = min(len(tone), samples - begin, int(min(end - onset + 0.05, 60) * rate))
        audio[begin : begin + count] += loud * tone[:count]
    return audio


@lru_cache(maxsize=256)
def _tone(note: float, ratios: tuple[float, ...], ring: float, slope: float, rate: int) -> Array:
    time = np.arange(int(2.5 * ring * rate)) / rate
    tone = np.zeros(len(time))
    for k, ratio in enumerate(ratios, start=1):
        if note * ratio < 0.45 * rate:
            decay = np.exp(-time * (1 + 0.35 * k) / ring)
            tone += k**-slope * decay * np.sin(2 * np.pi * note * ratio * time)
    return tone * np.clip(time / 0.004, 0, 1)


def _guitar(
    voice: Voice, performance: Performance, gain: Array, rate: int, rng: np.random.Generator
) -> Array:
    ratios = tuple(k * (1 + 0.0004 * k * k) for k in range(1, 15))
    plucked = _struck(voice, performance, rate, len(gain), ratios, 0.6)
    return plucked * _release(gain)


def _bell(
    voice: Voice, performance: Performance, gain: Array, rate: int, rng: np.random.Generator
) -> Array:
    return _struck(
        voice, performance, rate, len(gain), (0.5, 1.0, 1.19, 2.0, 2.74, 4.07, 5.4), 0.9
    ) * (_release(gain))


def _release(gain: Array) -> Array:
    """1 during strokes, 0 soon after the turn: audio and annotation must agree."""
    return np.clip(gain * 25, 0, 1)


def _violin(
    voice: Voice, performance: Performance, gain: Array, rate: int, rng: np.random.Generator
) -> Array:
    pitch = np.interp(
        np.arange(len(gain)) * (CONTROL_RATE / rate),
        np.arange(len(performance.pitch)),
        performance.pitch,
    )
    time = np.arange(len(gain)) / rate
    pitch = pitch * (1 + 0.012 * np.sin(2 * np.pi * 6.0 * time))
    wave = pulses(pitch, rate, voice.brightness, float(performance.pitch.max()) * 1.02)
    bow = 0.05 * rng.standard_normal(len(gain))
    return sosfilt(_band(400.0, 4200.0, rate), wave + bow) * gain


def _car(
    voice: Voice, performance: Performance, gain: Array, rate: int, rng: np.random.Generator
) -> Array:
    time = np.arange(len(gain)) / rate
    revs = voice.pitch * (1.25 + 0.35 * np.sin(2 * np.pi * (0.45 * time + rng.random())))
    wave = pulses(revs * (1 + 0.35 * gain), rate, voice.brightness, voice.pitch * 2.2)
    hiss = sosfilt(_band(120.0, 900.0, rate), rng.standard_normal(len(gain)))
    return sosfilt(_band(40.0, 1500.0, rate), wave + 1.2 * hiss) * gain


def _dog(
    voice: Voice, performance: Performance, gain: Array, rate: int, rng: np.random.Generator
) -> Array:
    # A bark falls in pitch with its own loudness, and is rough.
    pitch = voice.pitch * (0.75 + 0.8 * gain)
    wave = pulses(pitch, rate, voice.brightness, voice.pitch * 1.6)
    rough = 1 + 0.5 * rng.standard_normal(len(gain))
    band = _band(450.0 * voice.tract, 2300.0 * voice.tract, rate)
    return sosfilt(band, wave * rough) * gain**1.3


@lru_cache(maxsize=64)
def _band(low: float, high: float, rate: int) -> Array:
    sos: Array = butter(2, (low, high), 'bandpass', fs=rate, output='sos')
    return sos


_SYNTHESIZERS: dict[str, Callable[[Voice, Performance, Array, int, np.random.Generator], Array]] = {
    'guitar': _guitar,
    'bell': _bell,
    'car': _car,
    'violin': _violin,
    'dog': _dog,
}


def make_background_audio(
    kind: str, seconds: float, rate: int, level: float, rng: np.random.Generator
) -> Array:
    """Audio without a visible source, shape (S,), RMS ``level``.

    Args:
        kind: 'noise' (air, traffic) or 'music' (soft chords).
        seconds: Length.
        rate: Samples per second.
        level: RMS of the result.
        rng: Random generator.
    """
    samples = int(np.ceil(seconds * CONTROL_RATE)) * rate // CONTROL_RATE
    if kind == 'music':
        audio = _chords(samples, rate, rng)
    else:
        audio = sosfilt(_band(60.0, 1200.0, rate), rng.standard_normal(samples))
    return audio * (level / max(float(np.sqrt(np.mean(audio**2))), 1e-9))


def _chords(samples: int, rate: int, rng: np.random.Generator) -> Array:
    time = np.arange(samples) / rate
    audio = np.zeros(samples)
    root = 130.8 * 2 ** (int(rng.integers(12)) / 12)
    bar = 2.0
    for begin in np.arange(0, samples / rate, bar):
        part = slice(int(begin * rate), min(samples, int((begin + bar) * rate)))
        chord = root * 2 ** (np.array([0, 5, 7, 9])[rng.integers(4)] / 12)
        fade = np.clip(
            np.minimum((time[part] - begin) / 0.3, (begin + bar - time[part]) / 0.3), 0, 1
        )
        for semitones in (0, 4, 7):
            note = chord * 2 ** (semitones / 12)
            audio[part] += fade * np.sin(2 * np.pi * note * time[part])
    return audio
