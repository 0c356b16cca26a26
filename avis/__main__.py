"""``python -m avis``: the same as the command ``avis``."""

from avis.cli.main import run_avis

if __name__ == '__main__':
    run_avis()
