"""A worker does not wait for threads of its parent."""

from tests.helpers.subprocess_python import run_python

PROGRAM = """
import gc, os, signal, time
import av
{first}
gc.disable()
frame = av.VideoFrame(640, 480, 'yuv420p')
frame.reformat(format='rgb24', threads=4)
cycle = [frame]
cycle.append(cycle)
del frame, cycle
child = os.fork()
if child == 0:
    gc.collect()
    os._exit(0)
for _ in range(2400):  # two minutes: a busy machine is slow, not stuck
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        break
    time.sleep(0.05)
else:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print('ended' if done else 'hangs')
"""


def test_a_forked_process_does_not_collect_frames_of_its_parent() -> None:
    assert 'ended' in run_python(PROGRAM.format(first='import avis'))
