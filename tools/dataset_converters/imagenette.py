"""Squash Imagenette's images to 128x128, in folders as mmpretrain's ImageNet reads them."""

from PIL import Image

from mmghost.utils.command_line import run_converter

SOURCE = (
    'the folder imagenette2 of https://s3.amazonaws.com/fast-ai-imageclas/imagenette2.tgz, unpacked'
)
SIZE = (128, 128)


def convert(source, out_dir):
    for split in ('train', 'val'):
        for folder in sorted((source / split).iterdir()):
            to = out_dir / split / folder.name
            to.mkdir(parents=True, exist_ok=True)
            for file in folder.glob('*.JPEG'):
                Image.open(file).convert('RGB').resize(SIZE).save(to / file.name, quality=85)


if __name__ == '__main__':
    run_converter(convert, __doc__, SOURCE, 'data/imagenette')
