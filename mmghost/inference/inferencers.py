"""The mm packages' own inferencers, one call for all three."""

import tempfile
import warnings
from typing import NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmghost.checkpoint import check_sha256, load_whole_model
from mmghost.checkpoint.read_weights import fetch, load_safely
from mmghost.deploy.exported_model import ExportedModel, is_exported, take_exported
from mmghost.deploy.read_config import TASKS as TASKS_OF
from mmghost.deploy.read_config import place_preprocessor
from mmghost.utils.configs import (
    config_scope,
    image_loader,
    plain_datasets,
    test_metainfo,
    type_name,
)
from mmghost.utils.inputs import check_input

_SMALL = 224  # pixels: on smaller pictures mmpretrain's line of text would not be read
_LUMA = (0.114, 0.587, 0.299)  # of blue, green and red


class Prediction(NamedTuple):
    """What a model finds in an image.

    ``picture`` is the image with the result drawn, RGB of shape (H, W, 3) and type uint8;
    ``found`` has a score or a share for each class that was found, the greatest first; ``content``
    is all of it for a json file.
    """

    picture: np.ndarray
    found: list[tuple[str, float]]
    content: dict


def _sorted(classes, values):
    return sorted(zip(classes, values), key=lambda item: -item[1])


def _lists(found, kind):
    """Keep names apart that are the same: data sets have such."""
    return {'classes': [name for name, _ in found], kind: [value for _, value in found]}


def _detector(config, checkpoint, device, score_thr=0.3):
    from mmdet.apis import DetInferencer

    inferencer = DetInferencer(config, checkpoint, device, show_progress=False)

    def predict(file):
        results = inferencer(file, return_vis=True, pred_score_thr=score_thr)
        content = results['predictions'][0]
        kept = [index for index, score in enumerate(content['scores']) if score > score_thr]
        content = {key: [values[index] for index in kept] for key, values in content.items()}
        names = inferencer.model.dataset_meta['classes']
        content['classes'] = [names[label] for label in content['labels']]
        found = list(zip(content['classes'], content['scores']))
        return Prediction(results['visualization'][0], found, content)

    return inferencer.model, predict


def _segmentor(config, checkpoint, device):
    from mmseg.apis import MMSegInferencer

    inferencer = MMSegInferencer(config, checkpoint, device=device)
    inferencer.show_progress = False

    def predict(file):
        results = inferencer(file, return_vis=True)
        labels, pixels = np.unique(results['predictions'], return_counts=True)
        names = inferencer.model.dataset_meta['classes']
        shares = (pixels / pixels.sum()).tolist()
        found = _sorted([names[label] for label in labels], shares)
        return Prediction(results['visualization'], found, _lists(found, 'shares'))

    return inferencer.model, predict


def _classifier(config, checkpoint, device, invert=False):
    from mmpretrain import ImageClassificationInferencer
    from mmpretrain.utils import progress

    load = image_loader(config)
    if invert:
        config.test_dataloader.dataset.pipeline.insert(0, dict(type='Invert', prob=1.0))
    progress.disable_progress_bar = True
    inferencer = ImageClassificationInferencer(config, checkpoint, device)
    if isinstance(inferencer.model, ExportedModel):
        inferencer.classes = inferencer.model.exported.metadata['classes']

    def predict(file):
        with Image.open(file) as image:
            small = min(image.size) < _SMALL
        (sample,) = inferencer(load(dict(img_path=file))['img'], return_datasamples=True)
        with tempfile.TemporaryDirectory() as folder:
            options = dict(show_dir=folder, resize=_SMALL if small else None)
            (picture,) = inferencer.visualize([file], [sample], **options)
        scores = sample.pred_score.tolist()
        names = inferencer.classes or [str(label) for label in range(len(scores))]
        found = _sorted(names, scores)
        return Prediction(picture, found, _lists(found, 'scores'))

    return inferencer.model, predict


_LOADERS = dict(det=_detector, seg=_segmentor, cls=_classifier)
_PACKAGES = dict(det='mmdet', seg='mmseg', cls='mmpretrain')
TASKS = tuple(_LOADERS)


def _grey_first(config):
    """Have a classifier of grey images, whose pipeline does not load them, given such."""
    steps = config.test_dataloader.dataset.pipeline
    is_grey = config.model.get('backbone', {}).get('in_channels', 3) == 1
    if is_grey and not type_name(steps[0]).startswith('Load'):
        steps.insert(0, dict(type='RandomGrayscale', prob=1.0, channel_weights=_LUMA))


def _simplify(loader):
    """Leave no data sets in others and no classes where the inferencers want names."""
    loader.dataset = dataset = plain_datasets(loader.dataset)[0]
    if isinstance(dataset.type, type):
        dataset.type = f'{dataset.type.__module__}.{dataset.type.__name__}'
    for step in dataset.pipeline:
        if type_name(step).startswith('Load'):
            step['type'] = type_name(step)


def load_inferencer(task, config, checkpoint, device='cpu', cfg_options=None, **options):
    """Load a model into its package's inferencer.

    Args:
        task (str): 'det', 'seg' or 'cls'.
        config (str | Path): A config of the task's package.
        checkpoint (str | Path): The model's checkpoint, any that mmengine loads, or a file that it
            was exported to.
        device (str): As torch names it. Defaults to 'cpu'.
        cfg_options (dict, optional): Overrides of config values. Defaults to None.
        **options: Of 'det', ``score_thr``, the score that a detection must have more than; of
            'cls', ``invert``, whether the model is given images with dark and light exchanged.

    Returns:
        Callable: Takes the path of an image and returns a :class:`Prediction`.

    Raises:
        ImportError: If a package that an exported file needs is missing.
        OSError, ValueError: If config or checkpoint cannot be read, are of another task, do not
            fit together, or the checkpoint is not what the SHA-256 in its name says.
    """
    if not 0 <= options.get('score_thr', 0) <= 1:
        raise ValueError(f'score_thr must be from 0 to 1, but got {options["score_thr"]}.')
    check_input(config)
    file = fetch(checkpoint)
    check_sha256(file)
    exported = is_exported(file)
    content = {} if exported else load_safely(file)
    try:
        parsed = Config.fromfile(config)
        parsed.merge_from_dict(cfg_options or {})
        scope = config_scope(parsed)
    except Exception as error:
        raise ValueError(f'{config}: {error}') from error
    if scope != _PACKAGES[task]:
        raise ValueError(f'{config} is for {scope}, but the task {task} is for {_PACKAGES[task]}.')
    init_default_scope(scope)
    _simplify(parsed.test_dataloader)
    if task == 'cls':
        _grey_first(parsed)
    if exported:
        place_preprocessor(parsed)
        take_exported(parsed, TASKS_OF[scope], file)
    parsed.get('visualizer', {}).pop('vis_backends', None)  # pictures are returned, not kept
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', 'dataset_meta or class names')  # see below
            warnings.filterwarnings('ignore', '.*weights is None|.*randomly initialized')
            weights = None if exported else str(file)
            model, predict = _LOADERS[task](parsed, weights, device, **options)
        if not exported:
            load_whole_model(model, file)  # where the packages only log that weights are missing
    except Exception as error:
        raise ValueError(f'{config} with {checkpoint}: {error}') from error
    if task != 'cls' and not {'dataset_meta', 'CLASSES'} & content.get('meta', {}).keys():
        # The inferencers have taken COCO's or Cityscapes'
        model.dataset_meta.update(test_metainfo(parsed))
    return predict
