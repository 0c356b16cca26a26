"""The steps of evaluation.py; each runs in its own process, so that it can be measured.

    python benchmarks/evaluation_steps.py STEP FOLDER

A step reads and writes files below the folder; its last line of output is its result as JSON.
"""

import argparse
import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

QUIET = {
    'PRINT_RESULTS': False,
    'PRINT_CONFIG': False,
    'TIME_PROGRESS': False,
    'OUTPUT_SUMMARY': False,
    'OUTPUT_DETAILED': False,
    'PLOT_CURVES': False,
}


def write_avtrack(root: Path, args: argparse.Namespace) -> None:
    """Generate the files."""
    from evaluation_data import write_avtrack

    write_avtrack(root, videos=args.videos, frames=args.frames, size=(720, 1280))


def write_aviseg(root: Path, args: argparse.Namespace) -> None:
    """Generate the files."""
    from evaluation_data import write_aviseg

    write_aviseg(
        root,
        videos=args.videos,
        frames=args.frames,
        size=(360, 640),
        different=args.different,
    )


def decode_pngs(root: Path, _: argparse.Namespace) -> dict[str, float]:
    """Decode all PNG files as our tool does, and with OpenCV."""
    import cv2

    from avis.utils.memory import tune_malloc
    from avis.utils.png import read_png, read_png_runs

    tune_malloc()  # as the tool does
    cv2.setNumThreads(1)
    gt = [str(path) for path in (root / 'gt').rglob('*.png')]
    pred = [str(path) for path in (root / 'pred').rglob('frame_*.png')]
    start = time.process_time()
    for path in gt:
        read_png(path)
    for path in pred:
        read_png_runs(path)
    ours = time.process_time() - start
    start = time.process_time()
    for path in gt + pred:
        cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    opencv = time.process_time() - start
    return {'ours': ours, 'opencv': opencv, 'files': len(gt) + len(pred)}


def score_rles(root: Path, _: argparse.Namespace) -> dict[str, Any]:
    """Score masks that are in memory as RLEs; reading them is not timed."""
    from avis.evaluation.functional.avtrack import average_avtrack, score_avtrack
    from avis.evaluation.functional.overlap import VideoOverlap

    seconds, scores = 0.0, []
    for folder in sorted((root / 'pred').iterdir()):
        gt, pred, size = read_rles(root, folder.name)
        start = time.process_time()
        video = VideoOverlap.from_rles(gt, pred, size=size, num_frames=len(gt.rles[0]), merged=True)
        scores.append(score_avtrack(video, name=folder.name))
        seconds += time.process_time() - start
    return {'seconds': seconds, 'summary': average_avtrack(scores)}


def read_rles(root: Path, name: str) -> Any:
    """GT and predicted tracks of a video of AVTrack, and the size of its frames."""
    from avis.evaluation.functional.overlap import TrackMasks
    from avis.structures.masks import RLE, encode_mask
    from avis.utils.png import read_png

    files = sorted((root / 'gt' / 'Instance_Masks_merged' / name).glob('*.png'))
    images = [read_png(file) for file in files]
    levels = sorted({level for image in images for level in image[image > 0].tolist()})
    gt = [
        [encode_mask(p == level) if (p == level).any() else None for p in images]
        for level in levels
    ]
    pred: list[list[RLE | None]] = []
    for person in sorted((root / 'pred' / name).iterdir()):
        paths = [person / f'frame_{t:04d}.png' for t in range(len(files))]
        pred.append([encode_mask(read_png(p)) if p.is_file() else None for p in paths])
    return TrackMasks(gt, ids=levels), TrackMasks(pred), images[0].shape


def trackeval_avtrack(root: Path, _: argparse.Namespace) -> dict[str, Any]:
    """Merge the persons, and score the images with TrackEval's data set class for DAVIS."""
    import numpy as np
    import trackeval

    videos = sorted(path.name for path in (root / 'pred').iterdir())
    for video in videos:
        merge_persons(root, video, root / 'merged' / 'ours' / 'data' / video)
    dataset, metrics = open_davis(root, videos)
    found, _messages = _quietly(lambda: trackeval.Evaluator(QUIET).evaluate([dataset], metrics))
    scores = [found['DAVIS']['ours'][video]['general'] for video in videos]
    sources = {'HOTA': 'HOTA', 'DetA': 'HOTA', 'AssA': 'HOTA', 'IDF1': 'Identity', 'MOTA': 'CLEAR'}
    values = {
        key: [max(0.0, 100 * float(np.mean(score[metric][key]))) for score in scores]
        for key, metric in sources.items()
    }
    return {'summary': {key: float(np.mean(value)) for key, value in values.items()}}


def open_davis(root: Path, videos: list[str]) -> tuple[Any, list[Any]]:
    """TrackEval's data set class for the merged images, and its metrics."""
    import trackeval

    config = {
        'GT_FOLDER': str(root / 'gt' / 'Instance_Masks_merged'),
        'TRACKERS_FOLDER': str(root / 'merged'),
        'TRACKERS_TO_EVAL': ['ours'],
        'SEQ_INFO': dict.fromkeys(videos),
        'PRINT_CONFIG': False,
    }
    kinds = trackeval.metrics.CLEAR, trackeval.metrics.Identity
    metrics = [trackeval.metrics.HOTA(), *(kind({'PRINT_CONFIG': False}) for kind in kinds)]
    return trackeval.datasets.DAVIS(config), metrics


def trackeval_rles(root: Path, _: argparse.Namespace) -> dict[str, float]:
    """Seconds of TrackEval for the merged images as RLEs in memory."""
    videos = sorted(path.name for path in (root / 'merged' / 'ours' / 'data').iterdir())
    dataset, metrics = open_davis(root, videos)
    return {'seconds': sum(time_from_rles(dataset, video, metrics) for video in videos)}


def merge_persons(root: Path, video: str, out: Path) -> None:
    """Merge the persons of each frame into one gray image, as the scorer of AVTrack does."""
    import cv2
    import numpy as np

    out.mkdir(parents=True, exist_ok=True)
    persons = sorted((root / 'pred' / video).iterdir())
    for gt in sorted((root / 'gt' / 'Instance_Masks_merged' / video).iterdir()):
        image = np.zeros_like(np.asarray(cv2.imread(str(gt), cv2.IMREAD_GRAYSCALE)))
        name = f'frame_{int(gt.stem.removeprefix("frame_")):04d}.png'
        for number, person in enumerate(persons, start=1):
            if (person / name).is_file():
                mask = np.asarray(cv2.imread(str(person / name), cv2.IMREAD_GRAYSCALE))
                image[mask > 0] = number * (255 // len(persons))
        cv2.imwrite(str(out / gt.name), image)


def time_from_rles(dataset: Any, video: str, metrics: list[Any]) -> float:
    """Seconds of TrackEval for the masks of a video as RLEs in memory."""
    raw = {
        **dataset._load_raw_file('ours', video, is_gt=False),
        **dataset._load_raw_file(None, video, is_gt=True),
    }
    start = time.process_time()
    raw['similarity_scores'] = [
        dataset._calculate_similarities(gt, pred)
        for gt, pred in zip(raw['gt_dets'], raw['tracker_dets'], strict=True)
    ]
    data = dataset.get_preprocessed_seq_data(raw, 'general')
    for metric in metrics:
        metric.eval_sequence(data)
    return time.process_time() - start


def trackeval_aviseg(root: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Score both files with TrackEval's class for YouTube-VIS and the size ranges of AVISeg."""
    import numpy as np
    import trackeval

    ranges = {
        'USE_AREA_RANGES': True,
        'AREA_RANGES': [[0, 128**2], [128**2, 256**2], [256**2, 1e10]],
        'USE_TIME_RANGES': False,
        'PRINT_CONFIG': False,
    }
    config = {
        'GT_FOLDER': f'{root / "gt"}/',  # TrackEval appends a name as text
        'TRACKERS_FOLDER': f'{root / "pred"}/',
        'TRACKERS_TO_EVAL': ['ours'],
        'PRINT_CONFIG': False,
    }
    dataset = _quietly(lambda: _with_polygons(trackeval.datasets.YouTubeVIS)(config))
    metrics = [trackeval.metrics.HOTA(), trackeval.metrics.TrackMAP(ranges)]
    if args.more:
        kinds = trackeval.metrics.CLEAR, trackeval.metrics.Identity
        metrics += [kind({'PRINT_CONFIG': False}) for kind in kinds]
    found, _messages = _quietly(lambda: trackeval.Evaluator(QUIET).evaluate([dataset], metrics))
    scores = found[dataset.get_name()]['ours']['COMBINED_SEQ']['cls_comb_cls_av']
    names = ('HOTA', 'DetA', 'DetRe', 'DetPr', 'AssA', 'AssRe', 'AssPr', 'LocA')
    values = {name: scores['HOTA'][name] for name in names}
    for name in ('AP_all', 'AR_all'):
        values[name] = scores['TrackMAP'][name]
    for size in 'sml':
        values[f'AP_{size}'] = scores['TrackMAP'][f'AP_area_{size}']
    return {'summary': {key: 100 * float(np.mean(value)) for key, value in values.items()}}


def _with_polygons(reader: type) -> Any:
    """TrackEval's data set class for YouTube-VIS, extended by the polygons of AVISeg."""

    class Reader(reader):  # type: ignore[misc]
        def _prepare_gt_annotations(self) -> None:
            import numpy as np
            from pycocotools import mask as coco_mask

            for track in self.gt_data['annotations']:
                size = track['height'], track['width']
                track['segmentations'] = [
                    None if mask is None else coco_mask.merge(coco_mask.frPyObjects(mask, *size))
                    for mask in track['segmentations']
                ]
                track['area'] = np.mean([area for area in track['areas'] if area])

    return Reader


def _quietly(work: Callable[[], Any]) -> Any:
    """Suppress the output of TrackEval."""
    with Path(os.devnull).open('w') as null, contextlib.redirect_stdout(null):
        return work()


STEPS: Mapping[str, Callable[[Path, argparse.Namespace], Any]] = {
    function.__name__: function
    for function in (
        write_avtrack,
        write_aviseg,
        decode_pngs,
        score_rles,
        trackeval_avtrack,
        trackeval_rles,
        trackeval_aviseg,
    )
}


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('step', choices=STEPS)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--videos', type=int)
    parser.add_argument('--frames', type=int)
    parser.add_argument('--more', type=int, default=0, help='1: with CLEAR and Identity')
    parser.add_argument(
        '--different', type=int, default=0, help='number of different videos, which are repeated'
    )
    args = parser.parse_args()
    print(json.dumps(STEPS[args.step](args.folder, args)))


if __name__ == '__main__':
    main()
