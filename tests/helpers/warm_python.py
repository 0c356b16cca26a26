"""Run programs in new processes that need not import torch and mmdet again.

Importing them takes longer than what most tools do in a test. One process imports them once and is
then forked for each program, which thus starts with fresh state of its own: modules of avis have
run their imports, and nothing else. Tests of the imports themselves start Python anew, see
:mod:`tests.helpers.subprocess_python`.
"""

import atexit
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_IMPORTS = 'avis.apis.runner', 'avis.models', 'avis.datasets', 'avis.evaluation', 'mmdet.models'


def run_warm(
    arguments: Sequence[str | Path],
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    *,
    processes: int = 1,
) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGUMENTS`` in a folder; the arguments begin with a file, or with -c.

    Args:
        arguments: As on the command line of Python.
        cwd: Folder in which the program runs.
        environment: Variables of the program; default those of this process.
        processes: Number of processes of ``torch.distributed`` that run the program, on this
            machine, as ``python -m torch.distributed.run`` starts them.

    Returns:
        The exit status, 0 if that of every process is, and what all of them printed.
    """
    arguments = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        order = {
            'arguments': arguments,
            'cwd': str(cwd),
            'environment': dict(os.environ if environment is None else environment),
            'processes': processes,
            'streams': [f'{folder}/out', f'{folder}/error'],
        }
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(order) + '\n')
        server.stdin.flush()
        status = os.waitstatus_to_exitcode(int(server.stdout.readline()))
        printed = [Path(path).read_text() for path in order['streams']]
    return subprocess.CompletedProcess(arguments, status, *printed)


@cache
def _server() -> subprocess.Popen[str]:
    """The process that is forked; it ends with this one."""
    server = subprocess.Popen(
        [sys.executable, '-m', 'tests.helpers.warm_python'],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.kill)
    return server


def _serve() -> None:
    """Fork for each line of the input, and print how the copy ended."""
    for module in _IMPORTS:
        __import__(module)
    for line in sys.stdin:
        order = json.loads(line)
        count = order.pop('processes')
        launched = {} if count == 1 else {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': _free_port()}
        children = []
        for rank in range(count):
            if launched:
                launched |= {'RANK': str(rank), 'LOCAL_RANK': str(rank), 'WORLD_SIZE': str(count)}
            pid = os.fork()
            if pid == 0:
                order['environment'] |= launched
                os._exit(_run(**order))
            children.append(pid)
        status = 0
        for _ in range(count):
            ended, result = os.wait()
            children.remove(ended)
            if result and not status:
                for pid in children:  # they would wait for the one that failed
                    os.kill(pid, signal.SIGKILL)
            status = status or result
        sys.stdout.write(f'{status}\n')
        sys.stdout.flush()


def _free_port() -> str:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return str(listener.getsockname()[1])


def _run(
    arguments: Sequence[str], cwd: str, environment: Mapping[str, str], streams: Sequence[str]
) -> int:
    """Become the program; returns its exit status."""
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    program, *rest = arguments
    own = '' if program == '-c' else str(Path(program).resolve().parent)
    added = [path for path in environment.get('PYTHONPATH', '').split(os.pathsep) if path]
    sys.path[:] = [own, *added, *(path for path in sys.path if path not in ('', str(ROOT)))]
    status = 0
    try:
        if program == '-c':
            sys.argv = ['-c', *rest[1:]]
            exec(compile(rest[0], '<string>', 'exec'), {'__name__': '__main__'})
        else:
            sys.argv = list(arguments)
            runpy.run_path(program, run_name='__main__')
    except SystemExit as error:
        if isinstance(error.code, str):
            sys.stderr.write(f'{error.code}\n')
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == '__main__':
    _serve()
