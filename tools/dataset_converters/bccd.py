"""Make a COCO data set of BCCD, whose annotations are PASCAL VOC's xml, in the authors' splits."""

import json
import shutil
from xml.etree import ElementTree

from mmghost.utils.command_line import run_converter

SOURCE = 'the folder BCCD of https://github.com/Shenggan/BCCD_Dataset'
CLASSES = ('Platelets', 'RBC', 'WBC')


def convert(source, out_dir):
    categories = [dict(id=index, name=name) for index, name in enumerate(CLASSES, 1)]
    for split in ('trainval', 'test'):
        names = (source / 'ImageSets' / 'Main' / f'{split}.txt').read_text().split()
        for folder in ('annotations', split):
            (out_dir / folder).mkdir(parents=True, exist_ok=True)
        images, annotations = [], []
        for image_id, name in enumerate(sorted(names)):
            tree = ElementTree.parse(source / 'Annotations' / f'{name}.xml')
            width, height = (int(tree.findtext(f'size/{side}')) for side in ('width', 'height'))
            file_name = f'{name}.jpg'
            shutil.copyfile(source / 'JPEGImages' / file_name, out_dir / split / file_name)
            images.append(dict(id=image_id, file_name=file_name, width=width, height=height))
            for cell in tree.iter('object'):
                left, top, right, bottom = (
                    float(cell.findtext(f'bndbox/{side}'))
                    for side in ('xmin', 'ymin', 'xmax', 'ymax')
                )
                width, height = right - left, bottom - top
                if not width * height:  # two boxes are points
                    continue
                annotations.append(
                    dict(
                        id=len(annotations) + 1,
                        image_id=image_id,
                        category_id=CLASSES.index(cell.findtext('name')) + 1,
                        iscrowd=0,
                        bbox=[left, top, width, height],
                        area=width * height,
                    )
                )
        coco = dict(images=images, annotations=annotations, categories=categories)
        (out_dir / 'annotations' / f'instances_{split}.json').write_text(json.dumps(coco))


if __name__ == '__main__':
    run_converter(convert, __doc__, SOURCE, 'data/bccd')
