"""Write the prior images of all frames of a config; an interrupted run resumes.

Example, with a Segment Anything model of transformers, or without any weights:
    python -m combo.make_prior_images CONFIG --generator sam:facebook/sam-vit-huge
    python -m combo.make_prior_images CONFIG --generator regions
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from avis.datasets.readers.images import read_image
from avis.registry import DATASETS
from avis.utils.arguments import (
    add_config_arguments,
    make_parser,
    parse_arguments,
    parse_cfg_options,
    positive_int,
)
from avis.utils.cli import run
from combo.prior_images import find_generator, label_segments, write_prior_image
from combo.transforms import LoadPriorImages

SPLITS = ('train', 'val', 'test')


def make_prior_images(
    cfg: Any,
    generator: str,
    *,
    splits: Sequence[str] = SPLITS,
    size: int | None = 224,
    overwrite: bool = False,
) -> tuple[int, int]:
    """Write the prior image of each frame of the data sets of a config.

    Args:
        cfg: A config whose pipelines contain ``LoadPriorImages(replace=...)``.
        generator: See :func:`~combo.prior_images.find_generator`.
        splits: Data sets of which data loaders.
        size: Side of the files in pixels; None for the size of the frames.
        overwrite: Write existing files again.

    Returns:
        Number of files written, and of files that existed.
    """
    generate = find_generator(generator)
    written = kept = 0
    for frame, target in dict(_files(cfg, splits)).items():
        if target.exists() and not overwrite:
            kept += 1
            continue
        image = read_image(frame)
        write_prior_image(target, label_segments(generate(image), image.shape[:2]), size)
        written += 1
    return written, kept


def _files(cfg: Any, splits: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield the path of each frame, and that of its prior image."""
    for split in splits:
        dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        steps = [s for s in dataset.pipeline.transforms if isinstance(s, LoadPriorImages)]
        if not steps or not steps[0].replace:
            raise ValueError(
                f'{split}_dataloader: expected LoadPriorImages(replace=...) in the pipeline'
            )
        for index in range(len(dataset)):
            for frame in dataset.record(index)['frames']:
                yield frame, steps[0].path_of(frame)


def main() -> int:
    """Write the prior images of a config; returns the exit status."""
    parser = make_parser(__doc__.splitlines()[0])
    add_config_arguments(parser)
    parser.add_argument(
        '--generator', required=True, help='regions, sam:MODEL of transformers or module:function'
    )
    parser.add_argument('--split', nargs='+', choices=SPLITS, default=SPLITS, help='default: all')
    parser.add_argument('--size', type=positive_int, default=224, help='side in pixels')
    parser.add_argument('--overwrite', action='store_true', help='write existing files again, too')
    args = parse_arguments(parser)

    from avis.apis.config import load_config

    cfg = load_config(args.config, parse_cfg_options(args.cfg_options))
    written, kept = make_prior_images(
        cfg, args.generator, splits=args.split, size=args.size, overwrite=args.overwrite
    )
    print(f'{written} written, {kept} kept')  # noqa: T201 - a command
    return 0


if __name__ == '__main__':
    run(main)
