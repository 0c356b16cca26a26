"""What is wrong with the files of an evaluation, and what each protocol does about it.

Nothing is repaired in silence: every defect of a truth or a prediction becomes a :class:`Problem`
that names file and field, they are collected over all videos, and the effect on the numbers is
written beside each. A protocol that cannot go on stops only when everything is read, so that one
run lists all there is to mend.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from avis.evaluation.functional.counts import Protocol

# 'zero': the video (AVTrack) or the frame scores 0; 'empty': scored as if nothing were predicted;
# 'skip': the video is left out of the mean; 'ignore': the entry is not looked at; 'keep': scored as
# it stands; 'stop': there is no score.
Effect: TypeAlias = Literal['zero', 'empty', 'skip', 'ignore', 'keep', 'stop']
_SHOWN = 50


class Rule(NamedTuple):
    """What each protocol does about one kind of problem; None if it is none to it."""

    official: Effect | None
    corrected: Effect | None = 'stop'


@dataclass(frozen=True)
class Problem:
    """One defect.

    Attributes:
        kind: Its name in the rules of the benchmark, ``'wrong_size'`` for example.
        effect: What the protocol does about it.
        file: Where it is.
        field: Where in the file, ``'annotations[3].score'`` for example; empty for all of it.
        message: What was seen and what was expected.
        video: Name of the video; empty if it is not about one.
    """

    kind: str
    effect: Effect
    file: str
    field: str
    message: str
    video: str = ''

    def __str__(self) -> str:
        place = f'{self.file}: {self.field}' if self.field else self.file
        return f'{place}: {self.message} ({self.kind}: {self.effect})'


@dataclass
class ProblemLog:
    """Collects problems under the rules of a benchmark.

    Args:
        rules: What each protocol does about each kind.
        protocol: The protocol that scores.
        video: Name of the video that is being read, if any.
    """

    rules: Mapping[str, Rule]
    protocol: Protocol
    video: str = ''
    problems: list[Problem] = field(default_factory=list)

    @property
    def stopped(self) -> bool:
        """Whether one of the problems leaves no score."""
        return any(problem.effect == 'stop' for problem in self.problems)

    def note(self, kind: str, file: object, message: str, *, field: str = '') -> Effect | None:
        """Add a problem, and return what the protocol does about it."""
        effect: Effect | None = getattr(self.rules[kind], self.protocol)
        if effect is not None:
            self.problems.append(Problem(kind, effect, str(file), field, message, self.video))
        return effect


class EvaluationStopped(ValueError):
    """There is no score; ``problems`` lists everything that was found, not only what stopped it."""

    def __init__(self, benchmark: str, protocol: str, problems: Sequence[Problem]) -> None:
        stops = [problem for problem in problems if problem.effect == 'stop']
        others = [problem for problem in problems if problem.effect != 'stop']
        self.problems = stops + others
        super().__init__(
            f'{benchmark}, {protocol} protocol: no score, because of {len(stops)} problem(s) that '
            f'stop it and {len(others)} other(s). Mend these files:\n'
            + '\n'.join(list_problems(self.problems))
        )


def count_problems(problems: Iterable[Problem]) -> dict[str, int]:
    """Number of problems of each kind."""
    return dict(Counter(problem.kind for problem in problems))


def list_problems(problems: Sequence[Problem], *, limit: int = _SHOWN) -> list[str]:
    """One line per problem, and one that counts the rest."""
    lines = [str(problem) for problem in problems[:limit]]
    rest = count_problems(problems[limit:])
    if rest:
        kinds = ', '.join(f'{count} {kind}' for kind, count in rest.items())
        lines.append(f'and {len(problems) - limit} more: {kinds}')
    return lines
