from tests.helpers.subprocess_python import run_python, write_package

LOADS = 'import avis, torchvision.extension as e; print(e._has_ops())'
META = (
    'import torch\n'
    "@torch.library.register_fake('torchvision::nms')\n"
    'def fake(dets, scores, iou_threshold):\n'
    '    return scores\n'
)


def package(has_ops):
    boxes = (
        'def _assert_has_ops():\n'
        "    raise RuntimeError('no operators')\n"
        'def nms(boxes, scores, threshold):\n'
        '    import torch\n'
        '    _assert_has_ops()\n'
        '    return torch.ops.torchvision.nms(boxes, scores, threshold)\n'
    )
    return {
        'torchvision/__init__.py': 'from torchvision import extension, meta\n',
        'torchvision/extension.py': f'def _has_ops():\n    return {has_ops}\n',
        'torchvision/meta.py': META if not has_ops else '',
        'torchvision/ops/__init__.py': '',
        'torchvision/ops/boxes.py': boxes,
    }


def test_import_fails_without_avis(tmp_path):
    code = """
try:
    import torchvision
except RuntimeError as error:
    print(error)
"""
    printed = run_python(code, write_package(tmp_path, package(False)))
    assert 'torchvision::nms does not exist' in printed


def test_missing_operators_are_declared(tmp_path):
    code = """
import avis, torch
from torchvision.ops.boxes import nms
boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
scores = torch.tensor([0.5, 0.9, 0.3])
print(nms(boxes, scores, 0.5).tolist(), nms(boxes, scores, 0.9).tolist())
print(nms(boxes[:0], scores[:0], 0.5).tolist())
"""
    lines = run_python(code, write_package(tmp_path, package(False))).splitlines()
    assert lines == ['[1, 2] [1, 0, 2]', '[]']


def test_loaded_operators_are_unchanged(tmp_path):
    code = f"""
{LOADS}
from torchvision.ops import boxes
try:
    boxes._assert_has_ops()
except RuntimeError as error:
    print(error)
import torch
print(hasattr(torch.ops.torchvision, 'nms'))
"""
    lines = run_python(code, write_package(tmp_path, package(True))).splitlines()
    assert lines == ['True', 'no operators', 'False']


def test_installed_torchvision_and_transformers_work():
    code = """
import avis, torch
from torchvision.ops import masks_to_boxes, nms
from torchvision.transforms.v2 import functional
print(*functional.resize(torch.rand(3, 20, 30), [10, 15], antialias=True).shape)
masks = torch.zeros(1, 9, 9)
masks[0, 2:5, 3:8] = 1
boxes = masks_to_boxes(masks)
print(boxes.tolist(), nms(boxes, torch.ones(1), 0.5).tolist())
from transformers import Sam3VideoProcessor
print(Sam3VideoProcessor.__name__)
"""
    lines = run_python(code).splitlines()
    assert lines == ['3 10 15', '[[3.0, 2.0, 7.0, 4.0]] [0]', 'Sam3VideoProcessor']
