"""Problems of the files of an evaluation, and what each protocol does about them.

Nothing is repaired silently: every defect of a ground truth or a prediction becomes a
:class:`Problem` that names file, field and effect on the numbers. Problems are collected over all
videos: a protocol that cannot continue stops only when everything is read, so that one run lists
all files to correct.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias

from avis.evaluation.functional.counts import EvalProtocol

# 'zero': the video (AVTrack) or the frame scores 0; 'empty': scored as an empty prediction;
# 'skip': the video is left out of the mean; 'ignore': the entry is ignored; 'keep': scored
# unchanged; 'stop': no score is computed.
Effect: TypeAlias = Literal['zero', 'empty', 'skip', 'ignore', 'keep', 'stop']
_SHOWN = 50
# The effects in words, the worst one first.
_EFFECTS: Mapping[Effect, str] = {
    'stop': 'no score is computed',
    'zero': 'scores 0',
    'empty': 'scored as an empty prediction',
    'skip': 'left out',
    'ignore': 'ignored',
    'keep': 'scored unchanged',
}


class Rule(NamedTuple):
    """What each protocol does about one kind of problem; None if it does not report this kind."""

    official: Effect | None
    corrected: Effect | None = 'stop'


@dataclass(frozen=True)
class Problem:
    """One defect.

    Attributes:
        kind: Its name in the rules of the benchmark, ``'wrong_size'`` for example.
        effect: What the protocol does about it.
        file: Path of the file.
        field: Position in the file, for example ``'annotations[3].score'``; empty for all of it.
        message: The value found and the value expected.
        video: Name of the video; empty if it concerns no single video.
    """

    kind: str
    effect: Effect
    file: str
    field: str
    message: str
    video: str = ''

    @property
    def text(self) -> str:
        """Where it is and what is wrong."""
        where = f'{self.file}: {self.field}' if self.field else self.file
        return f'{where}: {self.message}'

    def __str__(self) -> str:
        return f'{self.text} ({self.kind}: {self.effect})'


@dataclass
class ProblemLog:
    """Collects problems under the rules of a benchmark.

    Args:
        rules: What each protocol does about each kind.
        protocol: The protocol of the evaluation.
        video: Name of the video that is being read, if any.
    """

    rules: Mapping[str, Rule]
    protocol: EvalProtocol
    video: str = ''
    problems: list[Problem] = field(default_factory=list)

    @property
    def stopped(self) -> bool:
        """Whether one of the problems prevents a score."""
        return any(problem.effect == 'stop' for problem in self.problems)

    def add(self, kind: str, file: object, message: str, *, field: str = '') -> Effect | None:
        """Add a problem, and return what the protocol does about it."""
        effect: Effect | None = getattr(self.rules[kind], self.protocol)
        if effect is not None:
            self.problems.append(Problem(kind, effect, str(file), field, message, self.video))
        return effect


class EvaluationStopped(ValueError):
    """No score can be computed; ``problems`` lists all problems, those that prevent it first."""

    def __init__(self, benchmark: str, protocol: str, problems: Sequence[Problem]) -> None:
        stops = [problem for problem in problems if problem.effect == 'stop']
        others = [problem for problem in problems if problem.effect != 'stop']
        self.problems = stops + others
        self._args = benchmark, protocol, self.problems
        super().__init__(
            f'{benchmark}, {protocol} protocol: no score, because {len(stops)} problem(s) stop it; '
            f'{len(others)} other(s). Correct these files:\n'
            + '\n'.join(list_problems(self.problems))
        )

    def __reduce__(self) -> tuple[type['EvaluationStopped'], tuple[str, str, Sequence[Problem]]]:
        return type(self), self._args


def count_problems(problems: Iterable[Problem]) -> dict[str, int]:
    """Number of problems of each kind."""
    return dict(Counter(problem.kind for problem in problems))


def list_problems(problems: Sequence[Problem], *, limit: int = _SHOWN) -> list[str]:
    """One line per problem, up to ``limit``, and one that counts the rest."""
    lines = [str(problem) for problem in problems[:limit]]
    rest = count_problems(problems[limit:])
    if rest:
        kinds = ', '.join(f'{count} {kind}' for kind, count in rest.items())
        lines.append(f'and {len(problems) - limit} more: {kinds}')
    return lines


def group_problems(problems: Sequence[Problem], *, examples: int = 2) -> list[str]:
    """A line per kind with its count and effect, and below it the first examples.

    The kinds are sorted by effect, the worst first, and by name.

    >>> problems = [Problem('nan_score', 'keep', 'a.json', f'[{n}]', 'is NaN') for n in (3, 5)]
    >>> print(*group_problems(problems, examples=1), sep=chr(10))
    2 x nan_score (scored unchanged)
      a.json: [3]: is NaN
    """
    effects = list(_EFFECTS)

    def rank(problem: Problem) -> tuple[int, str]:
        return effects.index(problem.effect), problem.kind

    lines = []
    for (effect, kind), found in groupby(sorted(problems, key=rank), rank):
        group = list(found)
        lines.append(f'{len(group)} x {kind} ({_EFFECTS[effects[effect]]})')
        lines += [f'  {problem.text}' for problem in group[:examples]]
    return lines
