"""ncnn's files, as pnnx writes them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from .common import KEY, quiet, require

SUFFIX = '.param'
TARGET = 'ncnn'
#: The weights, and what ncnn's files have no place for: our metadata, shapes and names
BESIDE = ('.bin', '.json')
DYNAMIC = ()
COMPARED = True


def require_packages(to_export=True):
    require('ncnn', 'ncnn', *(('pnnx',) if to_export else ()))


def write(module, example, file, dynamic, text, output_names):
    import pnnx

    if len(example) > 1:
        raise ValueError(f'ncnn runs on one image at a time, not on {len(example)}.')
    shape = ','.join(map(str, example.shape))
    with TemporaryDirectory() as folder, quiet(), torch.no_grad():
        source = Path(folder, 'model.pt')
        shapes = [list(output.shape) for output in module(example)]
        traced = torch.jit.trace(module, example, check_trace=False)
        traced.save(source)
        command = [pnnx.EXEC_PATH, source, f'inputshape=[{shape}]', 'fp16=0']
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        param = source.with_name('model.ncnn.param').read_text()
        shutil.copyfile(source.with_name('model.ncnn.bin'), file.with_suffix('.bin'))
    _check_layers(param)
    names = list(output_names or [f'output_{index}' for index in range(len(shapes))])
    blobs = {f'out{index}': name for index, name in enumerate(names)} | {'in0': 'image'}
    file.write_text(re.sub(r'\b(in0|out\d+)\b', lambda found: blobs[found[0]], param))
    about = dict(input_shape=list(example.shape), outputs=dict(zip(names, shapes)))
    about[KEY] = json.loads(text)
    file.with_suffix('.json').write_text(json.dumps(about))


def _check_layers(param):
    """Raise a ValueError if pnnx has left operators that ncnn does not have."""
    kinds = {line.split()[0] for line in param.splitlines()[2:]}
    unknown = sorted(kind for kind in kinds if '.' in kind or ':' in kind)
    if unknown:
        advice = ': --logits leaves the classes out' if 'torch.argmax' in unknown else ''
        raise ValueError(f'ncnn does not have what the model needs, {", ".join(unknown)}{advice}.')


class Exported:
    """ncnn's files in ncnn on the CPU, in single precision, one image at a time."""

    def __init__(self, file, threads=None):
        import ncnn

        self.net = ncnn.Net()
        for option in ('use_fp16_packed', 'use_fp16_storage', 'use_fp16_arithmetic'):
            setattr(self.net.opt, option, False)
        if threads is not None:
            self.net.opt.num_threads = threads
        if self.net.load_param(str(file)) or self.net.load_model(str(file.with_suffix('.bin'))):
            raise ValueError(f'ncnn cannot load {file}.')
        about = json.loads(file.with_suffix('.json').read_text())
        self.input_shape = tuple(about['input_shape'])
        self.metadata = about[KEY]
        # With the number of images, which ncnn mostly leaves out
        self.shapes = about['outputs']
        self.output_names = list(self.shapes)

    def __call__(self, image):
        import ncnn

        extractor = self.net.create_extractor()
        (single,) = image
        extractor.input('image', ncnn.Mat(np.ascontiguousarray(single)).clone())
        return [
            np.array(extractor.extract(name)[1]).reshape(shape)
            for name, shape in self.shapes.items()
        ]
