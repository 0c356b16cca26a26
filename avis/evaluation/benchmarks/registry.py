"""The benchmarks that ``evaluate`` knows by name.

It is used like mmengine's registries (``register_module``, ``get``), but needs the standard library
only: importing ``mmengine.registry`` takes 0.37 s of processor time, NumPy 0.12 s, and the
evaluator works without mmengine and torch.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from avis.evaluation.benchmarks.base import Benchmark

BenchmarkClass = TypeVar('BenchmarkClass', bound='type[Benchmark]')
_PACKAGE = 'avis.evaluation.benchmarks'


class BenchmarkRegistry:
    """Benchmark classes by name.

    Args:
        locations: The module that registers each benchmark of avis. It is imported when its
            benchmark is asked for, so that the names are known without importing anything.

    >>> registry = BenchmarkRegistry({})
    >>> @registry.register_module(name='clips')
    ... class ClipsBenchmark:
    ...     pass
    >>> registry.names(), registry.get('clips') is ClipsBenchmark
    (('clips',), True)
    """

    def __init__(self, locations: Mapping[str, str]) -> None:
        self._locations = dict(locations)
        self._classes: dict[str, type[Benchmark]] = {}

    def names(self) -> tuple[str, ...]:
        """The names of all benchmarks, those of avis first."""
        return tuple({**self._locations, **self._classes})

    def register_module(self, *, name: str) -> Callable[[BenchmarkClass], BenchmarkClass]:
        """Register a subclass of :class:`~avis.evaluation.benchmarks.base.Benchmark`.

        Args:
            name: The name for ``evaluate``; it becomes the attribute ``NAME`` of the class.

        Raises:
            KeyError: Another class has this name.
        """

        def register(cls: BenchmarkClass) -> BenchmarkClass:
            location = self._locations.get(name, cls.__module__)
            if name in self._classes or location != cls.__module__:
                raise KeyError(f'benchmark {name!r} is already registered; choose another name')
            cls.NAME = name
            self._classes[name] = cls
            return cls

        return register

    def get(self, name: str) -> 'type[Benchmark]':
        """The class of a benchmark.

        Raises:
            ValueError: No benchmark has this name; the message lists those that exist.
        """
        if name not in self._classes and name in self._locations:
            importlib.import_module(self._locations[name])
        if name not in self._classes:
            raise ValueError(
                f'benchmark must be one of {self.names()}, got {name!r}; import the module that '
                f'registers your own benchmark first'
            )
        return self._classes[name]


BENCHMARKS = BenchmarkRegistry(
    {
        'avtrack': f'{_PACKAGE}.avtrack',
        'aviseg': f'{_PACKAGE}.vis',
        'youtube_vis': f'{_PACKAGE}.vis',
        'avsbench': f'{_PACKAGE}.avsbench',
        'avss': f'{_PACKAGE}.avss',
        'ava': f'{_PACKAGE}.ava',
        'diarization': f'{_PACKAGE}.diarization',
        'refavs': f'{_PACKAGE}.ref_avs',
        'referring': f'{_PACKAGE}.referring',
        'vggss': f'{_PACKAGE}.sound_localization',
        'flickr_soundnet': f'{_PACKAGE}.sound_localization',
        'davis': f'{_PACKAGE}.davis',
        'youmvos': f'{_PACKAGE}.youmvos',
        'vpo': f'{_PACKAGE}.vpo',
        'mot': f'{_PACKAGE}.mot',
    }
)
