"""Make the fashion scenes, a detection and segmentation data set of real Fashion-MNIST images."""

import json
import shutil
from pathlib import Path

import cv2
import mmcv
import numpy as np
from pycocotools import mask as coco_mask
from rich.progress import track

from mmghost.utils import check_int
from mmghost.utils.command_line import ArgumentParser, one_line_errors

from .fashion_mnist import find_fashion_mnist, read_fashion_mnist

CLASSES = ('T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker',
           'Bag', 'Ankle boot')  # fmt: skip
RECORD = 'scenes.json'

# Folder name of a split (ADE20K's), and the Fashion-MNIST split its articles come from.
SPLITS = {'training': 'train', 'validation': 'test'}

_ARTICLES = (2, 5)  # fewest and most articles in a scene
_ARTICLE_SIZE = (0.2, 0.5)  # of the scene's side
_MAX_COVERED = 0.15  # of the smaller of two boxes
_TRIES = 30


def _texture(rng, size):
    """A background: coloured noise at several scales, with or without stripes."""
    texture = np.zeros((size, size, 3), np.float32)
    for cells in (2, 5, 12, 40):
        noise = rng.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        # Mostly grey noise, a little coloured
        noise = 0.7 * noise.mean(2, keepdims=True) * np.sqrt(3) + 0.3 * noise
        texture += cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC) / np.sqrt(cells)
    if rng.random() < 0.5:
        angle, period = rng.uniform(0, np.pi), rng.uniform(6, 24)
        rows, columns = np.mgrid[:size, :size]
        wave = np.sin(2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle)) / period)
        texture += 0.4 * wave[..., None].astype(np.float32)
    colour = rng.uniform(30, 225, 3)
    return np.clip(colour + rng.uniform(8, 22) * texture, 0, 255)


def _article(rng, image, side):
    """Scale one 28x28 article to ``side`` pixels: grey levels in 0..1, and a boolean mask."""
    inside = cv2.morphologyEx((image > 12).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3)))
    if rng.random() < 0.5:
        image, inside = image[:, ::-1], inside[:, ::-1]
    scaled = [
        cv2.resize(np.ascontiguousarray(plane, np.float32), (side, side))
        for plane in (image / 255.0, inside)
    ]
    return scaled[0], scaled[1] > 0.5


def _covered(box, boxes):
    """Largest part of the smaller box that ``box`` shares with any of ``boxes`` (x1 y1 x2 y2)."""
    share = 0.0
    for other in boxes:
        width = min(box[2], other[2]) - max(box[0], other[0])
        height = min(box[3], other[3]) - max(box[1], other[1])
        if width > 0 and height > 0:
            areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, other)]
            share = max(share, width * height / min(areas))
    return share


def compose_scene(rng, images, labels, size):
    """Put several articles on a textured background.

    Args:
        rng (numpy.random.Generator): The only source of randomness.
        images (ndarray): uint8 articles ``(N, 28, 28)``.
        labels (ndarray): Their classes ``(N,)``, 0 to 9.
        size (int): Height and width of the scene in pixels.

    Returns:
        tuple[ndarray, ndarray, list[tuple[int, int]]]: The uint8 BGR scene ``(size, size, 3)``;
        the uint8 map ``(size, size)`` of instances, 0 for the background; and
        ``(instance, class)`` pairs.
    """
    scene = _texture(rng, size)
    instances = np.zeros((size, size), np.uint8)
    boxes, found = [], []
    for _ in range(rng.integers(_ARTICLES[0], _ARTICLES[1] + 1)):
        pick = rng.integers(len(images))
        for _ in range(_TRIES):
            side = round(size * rng.uniform(*_ARTICLE_SIZE))
            left, top = rng.integers(0, size - side + 1, 2)
            grey, mask = _article(rng, images[pick], side)
            x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
            box = (left + x, top + y, left + x + width, top + y + height)
            if not width or _covered(box, boxes) > _MAX_COVERED:
                continue
            patch = scene[top : top + side, left : left + side]
            tint = rng.uniform(0.5, 1.0, 3)
            painted = 255 * grey[..., None] * tint / tint.max()
            painted, ground = painted[mask], patch[mask]
            patch[mask] = max(
                painted, 255 - painted, key=lambda colours: abs(colours.mean() - ground.mean())
            )
            boxes.append(box)
            found.append((len(boxes), int(labels[pick])))
            instances[top : top + side, left : left + side][mask] = len(boxes)
            break
    return np.clip(np.rint(scene), 0, 255).astype(np.uint8), instances, found


def _make_split(folder, split, images, labels, count, size, seed):
    coco = dict(
        info=dict(description='Scenes of Fashion-MNIST articles', version='1.0'),
        licenses=[dict(id=1, name='MIT (Fashion-MNIST)')],
        images=[],
        annotations=[],
        categories=[dict(id=index + 1, name=name) for index, name in enumerate(CLASSES)],
    )
    for index in track(range(count), f'{split} scenes'):
        rng = np.random.default_rng([seed, list(SPLITS).index(split), index])
        scene, instances, found = compose_scene(rng, images, labels, size)
        name = f'{index:06d}'
        classes = np.zeros(len(CLASSES) + 1, np.uint8)
        for instance, label in found:
            classes[instance] = label + 1
            visible = np.asfortranarray(instances == instance, np.uint8)
            encoded = coco_mask.encode(visible)
            coco['annotations'].append(
                dict(
                    category_id=label + 1,
                    bbox=list(cv2.boundingRect(visible)),
                    segmentation=dict(encoded, counts=encoded['counts'].decode()),
                    area=int(visible.sum()),
                    iscrowd=0,
                    id=len(coco['annotations']) + 1,
                    image_id=index + 1,
                )
            )
        mmcv.imwrite(scene, str(folder / 'images' / split / f'{name}.jpg'))
        mmcv.imwrite(classes[instances], str(folder / 'annotations' / split / f'{name}.png'))
        coco['images'].append(
            dict(id=index + 1, file_name=f'{name}.jpg', width=size, height=size, license=1)
        )
    (folder / 'annotations' / f'instances_{split}.json').write_text(json.dumps(coco))


def make_fashion_scenes(out_dir, source, train_count=4000, val_count=400, size=128, seed=0):
    """Write the data set of fashion scenes, the same bytes for the same arguments.

    ``images/{training,validation}/*.jpg`` with ``annotations/{training,validation}/*.png``
    (ADE20K's layout; 0 is the background, 1 to 10 are :data:`CLASSES`), and boxes and masks of
    the articles in ``annotations/instances_{training,validation}.json`` (COCO's format).
    Training scenes are made of the 60,000 training articles, validation scenes of the 10,000
    others.

    Args:
        out_dir (str | Path): Where it goes; nothing is left there if the work is interrupted.
        source (str | Path): The folder of Fashion-MNIST's idx files.
        train_count (int): Training scenes. Defaults to 4000.
        val_count (int): Validation scenes. Defaults to 400.
        size (int): Height and width of a scene in pixels, from 64 to 2048. Defaults to 128.
        seed (int): Seed, at least 0. Defaults to 0.

    Returns:
        bool: Whether it was made; False if the same data set is there already.

    Raises:
        FileExistsError: If ``out_dir`` holds anything else.
        FileNotFoundError, ValueError, TypeError: If the source or an argument is bad.
    """
    check_int('train_count', train_count, 1)
    check_int('val_count', val_count, 1)
    check_int('size', size, 64, 2048)
    check_int('seed', seed, 0)
    out_dir = Path(out_dir)
    record = out_dir / RECORD
    made_with = dict(train_count=train_count, val_count=val_count, size=size, seed=seed)
    if record.is_file():
        found = record.read_text()
        if json.loads(found) == made_with:
            return False
        raise FileExistsError(
            f'{out_dir} exists and holds scenes made with {found}: give another folder.'
        )
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise FileExistsError(f'{out_dir} exists and is not a data set: give another folder.')
    articles = [read_fashion_mnist(source, split) for split in SPLITS.values()]
    partial = out_dir.with_name(f'.{out_dir.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for split, found, count in zip(SPLITS, articles, (train_count, val_count)):
            _make_split(partial, split, *found, count, size, seed)
        (partial / RECORD).write_text(json.dumps(made_with))
        partial.rename(out_dir)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        '--source',
        help="folder of Fashion-MNIST's idx files (default: an earlier download, Debian's "
        'dataset-fashion-mnist, or a download)',
    )
    parser.add_argument('--out-dir', default='data/fashion_scenes', help='default: %(default)s')
    for name, default in dict(train_count=4000, val_count=400, size=128, seed=0).items():
        option = f'--{name.replace("_", "-")}'
        parser.add_argument(option, type=int, default=default, help='default: %(default)s')
    return parser.parse_args()


def main():
    args = vars(parse_args())
    with one_line_errors():
        args['source'] = find_fashion_mnist(args['source'])
        made = make_fashion_scenes(**args)
    print(f'{args["out_dir"]}: {"made from " + str(args["source"]) if made else "up to date"}')


if __name__ == '__main__':
    main()
