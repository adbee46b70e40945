"""Make a COCO data set of Animal-Pose's photographs and boxes, long sides at most 240 pixels.

Every fifth photograph, by name, is for testing: the authors have no split.
"""

import json
from collections import defaultdict

from PIL import Image

from mmghost.utils.command_line import run_converter

SOURCE = (
    'a folder with images and keypoints.json of part I of https://sites.google.com/view/animal-pose'
)
LONG_SIDE = 240


def convert(source, out_dir):
    found = json.loads((source / 'keypoints.json').read_text())
    categories = [
        {key: category[key] for key in ('id', 'name')} for category in found['categories']
    ]
    splits = {
        split: dict(images=[], annotations=[], categories=categories) for split in ('train', 'test')
    }
    for folder in ('annotations', *splits):
        (out_dir / folder).mkdir(parents=True, exist_ok=True)
    boxes = defaultdict(list)
    for box in found['annotations']:
        boxes[found['images'][str(box['image_id'])]].append(box)
    for image_id, name in enumerate(sorted(boxes)):
        split = 'test' if image_id % 5 == 4 else 'train'
        image = Image.open(source / 'images' / name).convert('RGB')
        scale = min(1, LONG_SIDE / max(image.size))
        size = [round(side * scale) for side in image.size]
        image.resize(size).save(out_dir / split / name, quality=85)
        splits[split]['images'].append(
            dict(id=image_id, file_name=name, width=size[0], height=size[1])
        )
        scales = [after / before for after, before in zip(size, image.size)]
        annotations = splits[split]['annotations']
        for box in boxes[name]:
            left, top, right, bottom = (
                side * scale for side, scale in zip(box['bbox'], scales * 2)
            )
            width, height = right - left, bottom - top
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image_id,
                    category_id=box['category_id'],
                    iscrowd=0,
                    bbox=[round(side, 2) for side in (left, top, width, height)],
                    area=round(width * height, 2),
                )
            )
    for split, coco in splits.items():
        (out_dir / 'annotations' / f'instances_{split}.json').write_text(json.dumps(coco))


if __name__ == '__main__':
    run_converter(convert, __doc__, SOURCE, 'data/animals')
