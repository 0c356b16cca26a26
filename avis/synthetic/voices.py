"""Voices: syllables of a person and their audio (formant synthesis).

There are two steps. ``articulate`` chooses syllables, vowels and melody, sampled at
``CONTROL_RATE``; they move the mouth. ``speak`` synthesizes the audio. A silent distractor has the
first step only, so its mouth cannot be distinguished from that of a speaker.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.signal import butter, sosfilt

from avis.synthetic.canvas import Array
from avis.synthetic.cast import Voice

CONTROL_RATE = 100  # Hz, of everything that moves
LEVEL = 0.09  # RMS of a source while it sounds

# Formants in Hz of five vowels of a man's vocal tract, then opening and rounding of the lips.
_VOWELS = np.array(
    [
        # F1, F2, F3, opening, rounding
        [730, 1150, 2440, 1.0, 0.15],  # a
        [530, 1840, 2480, 0.65, 0.1],  # e
        [280, 2250, 3000, 0.35, 0.0],  # i
        [500, 880, 2500, 0.6, 0.8],  # o
        [320, 850, 2300, 0.3, 1.0],  # u
    ]
)
_BANDWIDTHS = (70.0, 100.0, 140.0, 220.0)
_FOURTH_FORMANT = 3500.0


@dataclass(frozen=True)
class Performance:
    """Activity of a source over time: N = seconds * CONTROL_RATE values each."""

    amplitude: Array  # (N,) 0..1
    opening: Array  # (N,) 0..1, mouth or stroke
    rounding: Array  # (N,) 0..1, lips or phase of a stroke
    pitch: Array  # (N,) Hz
    vowels: Array  # (N, 5) weights
    onsets: Array  # (K,) seconds, starts of syllables or strokes
    strength: Array  # (K,) 0..1


def articulate(
    voice: Voice,
    turns: Sequence[tuple[float, float]],
    seconds: float,
    rng: np.random.Generator,
) -> Performance:
    """Fill the turns with syllables.

    Args:
        voice: Rate, pitch and style.
        turns: Start and end of each turn, in seconds.
        seconds: Length of the whole performance.
        rng: Random generator.
    """
    steps = int(np.ceil(seconds * CONTROL_RATE))
    time = np.arange(steps) / CONTROL_RATE
    amplitude, vowels = np.zeros(steps), np.full((steps, len(_VOWELS)), 1e-3)
    pitch = np.full(steps, voice.pitch)
    onsets: list[float] = []
    strength: list[float] = []
    song = voice.style == 'song'
    for start, end in turns:
        for onset, length, loud in _syllables(voice, start, end, rng):
            # Asymmetric bump: a quick attack, a longer release.
            phase = (time - onset) / length
            bump = np.clip(np.minimum(phase / 0.22, (1 - phase) / 0.35), 0, 1)
            np.maximum(amplitude, loud * bump, out=amplitude)
            vowel = int(rng.integers(len(_VOWELS)))
            vowels[:, vowel] += np.clip(1.2 - np.abs(phase - 0.5), 0, 1)
            note = voice.pitch * 2 ** (rng.choice([-5, -3, 0, 2, 4, 7]) / 12) if song else 0.0
            if song:
                pitch[phase > -0.05] = note
            onsets.append(onset)
            strength.append(loud)
        if not song:
            _intonation(pitch, voice, time, start, end, rng)
    vowels /= vowels.sum(axis=1, keepdims=True)
    if song:
        pitch = _smooth(pitch, 6) * (1 + 0.018 * np.sin(2 * np.pi * 5.4 * time))
    soft = _smooth(amplitude, 4)
    opening = np.clip(soft**0.8 * (vowels @ _VOWELS[:, 3]) * 1.15, 0, 1)
    rounding = _smooth(vowels @ _VOWELS[:, 4], 5)
    return Performance(soft, opening, rounding, pitch, vowels, np.array(onsets), np.array(strength))


def _syllables(
    voice: Voice, start: float, end: float, rng: np.random.Generator
) -> list[tuple[float, float, float]]:
    """Onset, length and loudness of the syllables of one turn, with short gaps between words."""
    found = []
    time = start
    left = int(rng.integers(2, 6))  # syllables to the next word gap
    stretch = 1.7 if voice.style == 'song' else 1.0
    while time < end - 0.05:
        length = stretch / voice.rate * float(rng.uniform(0.75, 1.3))
        length = min(length, end - time)
        found.append((time, length, float(rng.uniform(0.65, 1.0))))
        time += length * float(rng.uniform(0.88, 1.0))
        left -= 1
        if left == 0:
            time += float(rng.uniform(0.04, 0.14))
            left = int(rng.integers(2, 6))
    return found


def _intonation(
    pitch: Array, voice: Voice, time: Array, start: float, end: float, rng: np.random.Generator
) -> None:
    """Speech melody of one turn: falls to the end, with accents."""
    inside = (time >= start) & (time < end)
    phase = (time[inside] - start) / max(end - start, 1e-3)
    wobble = np.sin(2 * np.pi * (rng.uniform(0.6, 1.4) * time[inside] + rng.random()))
    pitch[inside] = voice.pitch * (1.08 - 0.16 * phase) * 2 ** (wobble * 1.4 / 12)


def speak(voice: Voice, performance: Performance, rate: int, rng: np.random.Generator) -> Array:
    """Audio of a person.

    Returns:
        Shape (S,), float64; RMS about ``LEVEL`` while the voice sounds.
    """
    samples = len(performance.amplitude) * rate // CONTROL_RATE
    audio, gain = np.zeros(samples), np.zeros(samples)
    for part in _sounding_parts(performance.amplitude):
        begin, end = (step * rate // CONTROL_RATE for step in (part.start, part.stop))
        at = np.arange(begin, end) * (CONTROL_RATE / rate) - part.start
        audio[begin:end], gain[begin:end] = _voiced(voice, performance, part, at, rate, rng)
    return normalize_level(audio, gain) + _consonants(performance, rate, samples, rng)


def _sounding_parts(amplitude: Array, rest: int = 20) -> list[slice]:
    """Steps between silences of at least ``rest``, with some steps for the resonators to decay."""
    active = np.flatnonzero(amplitude)
    if not len(active):
        return []
    breaks = np.flatnonzero(np.diff(active) > rest)
    firsts, lasts = active[[0, *(breaks + 1)]], active[[*breaks, -1]]
    steps = len(amplitude)
    return [
        slice(max(0, first - 1), min(steps, last + 8))
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
    ]


def _voiced(
    voice: Voice,
    performance: Performance,
    part: slice,
    at: Array,
    rate: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Audio and loudness of a part of a performance at the steps ``at``, counted from its start.

    The glottal source (a band-limited pulse train and breath) is filtered by one cascade of formant
    resonators per vowel; the outputs are mixed by the vowel weights.
    """
    steps = np.arange(part.stop - part.start)
    gain = np.interp(at, steps, performance.amplitude[part])
    pitch = np.interp(at, steps, performance.pitch[part])
    source = pulses(pitch, rate, voice.brightness, float(performance.pitch.max()))
    source *= 1 - voice.breath
    source += voice.breath * rng.standard_normal(len(at))
    source *= gain
    voiced = np.zeros(len(at))
    for vowel in range(len(_VOWELS)):
        weight = np.interp(at, steps, performance.vowels[part, vowel])
        weight *= sosfilt(_formants(vowel, voice.tract, rate), source)
        voiced += weight
    return voiced, gain


def _consonants(
    performance: Performance, rate: int, samples: int, rng: np.random.Generator
) -> Array:
    """Short bursts of high noise at half of the syllable onsets."""
    noise = np.zeros(samples)
    length = int(0.05 * rate)
    window, hiss = np.hanning(length), _hiss(rate)
    for onset, loud in zip(performance.onsets, performance.strength, strict=True):
        if rng.random() < 0.5:
            continue
        begin = int(onset * rate)
        end = min(begin + length, samples)
        offset = int(rng.integers(len(hiss) - length))
        burst = hiss[offset : offset + end - begin] * window[: end - begin]
        noise[begin:end] += 0.03 * loud * burst
    return noise


@lru_cache(maxsize=8)
def _hiss(rate: int) -> Array:
    """One second of noise above 2600 Hz, from which bursts are cut."""
    sos = butter(2, 2600, 'highpass', fs=rate, output='sos')
    hiss: Array = sosfilt(sos, np.random.default_rng(31).standard_normal(rate))
    return hiss


@lru_cache(maxsize=512)
def _formants(vowel: int, tract: float, rate: int) -> Array:
    """Second-order sections (4, 6): resonators with unit gain at 0 Hz."""
    sections = []
    for formant, bandwidth in zip((*_VOWELS[vowel, :3], _FOURTH_FORMANT), _BANDWIDTHS, strict=True):
        radius = np.exp(-np.pi * bandwidth / rate)
        cos = np.cos(2 * np.pi * min(formant * tract, 0.45 * rate) / rate)
        a1, a2 = -2 * radius * cos, radius**2
        sections.append([1 + a1 + a2, 0, 0, 1, a1, a2])
    return np.array(sections)


def pulses(pitch: Array, rate: int, slope: float, highest: float) -> Array:
    """Band-limited pulse train whose harmonics fall as ``k ** -slope``.

    Args:
        pitch: Shape (S,), Hz.
        rate: Samples per second.
        slope: Steepness of the spectrum.
        highest: Highest pitch of the whole performance: no harmonic of it may alias.
    """
    harmonics = int(max(1, min(60, 0.45 * rate / max(highest, 1.0))))
    table = _pulse_table(harmonics, round(slope, 3))
    phase = np.cumsum(pitch) / rate
    index = (phase % 1 * len(table)).astype(np.intp) % len(table)
    wave: Array = table[index]
    return wave


@lru_cache(maxsize=512)
def _pulse_table(harmonics: int, slope: float) -> Array:
    phase = np.arange(4096) / 4096
    k = np.arange(1, harmonics + 1)[:, None]
    table = (np.cos(2 * np.pi * k * phase) * k**-slope).sum(axis=0)
    scaled: Array = table / np.sqrt(np.mean(table**2))
    return scaled


def normalize_level(audio: Array, gain: Array) -> Array:
    """Scale to an RMS of ``LEVEL`` over the samples that sound."""
    active = gain > 0.05
    if not active.any():
        return audio
    rms = float(np.sqrt(np.mean(audio[active] ** 2)))
    return audio * (LEVEL / max(rms, 1e-9))


def _smooth(values: Array, width: int) -> Array:
    kernel = np.hanning(width + 2)[1:-1]
    padded = np.pad(values, width, mode='edge')
    return np.convolve(padded, kernel / kernel.sum(), mode='same')[width:-width]
