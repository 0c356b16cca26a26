"""Base class of the metrics of a benchmark, which has an official and a corrected protocol."""

from pathlib import Path

from mmengine.evaluator import BaseMetric

from avis.evaluation.functional.counts import EvalProtocol, check_protocol


class ProtocolMetric(BaseMetric):
    """A metric whose keys begin with ``default_prefix`` and, if corrected, the protocol.

    Args:
        protocol: ``'official'`` or ``'corrected'``.
        out: File or folder to write the predictions to, in the layout that ``avis.apis.evaluate``
            reads; None writes nothing.
        prefix: Prefix of the keys instead.
        collect_device: Device on which results of several processes are gathered, ``'cpu'`` or
            ``'gpu'``.
    """

    def __init__(
        self,
        *,
        protocol: EvalProtocol = 'official',
        out: str | None = None,
        prefix: str | None = None,
        collect_device: str = 'cpu',
    ) -> None:
        check_protocol(protocol)
        self.protocol = protocol
        self.out = None if out is None else Path(out)
        default = self.default_prefix
        if protocol != 'official':
            default = f'{default}_{protocol}'
        super().__init__(collect_device=collect_device, prefix=prefix or default)
