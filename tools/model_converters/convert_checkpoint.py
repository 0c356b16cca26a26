"""Turn a published checkpoint into one that avis loads strictly."""

import argparse


def main() -> None:
    """Convert one file and say what was left out."""
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = ('avism', 'avsbench', 'mask2former', 'vggish', 'torchvision_resnet', 'pvt_v2', 'swin')
    parser.add_argument('kind', choices=kinds, help='project the file comes from')
    parser.add_argument('src', help='published checkpoint')
    parser.add_argument('dst', help='file to write')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='allow pickled code in SRC: only for files you made yourself',
    )
    args = parser.parse_args()

    from contextlib import nullcontext

    from avis.apis import convert_checkpoint
    from avis.utils.compat.checkpoint_loading import trusted_checkpoints

    with trusted_checkpoints() if args.trust_checkpoint else nullcontext():
        dropped = convert_checkpoint(args.kind, args.src, args.dst)
    print(f'{args.dst} written; {len(dropped)} entries of the published file are never executed')
    for name in dropped:
        print(f'  dropped {name}')


if __name__ == '__main__':
    main()
