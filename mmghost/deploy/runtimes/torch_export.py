"""Programs of torch.export."""

import contextlib
import json

import torch

from .common import KEY, require_exporting_torch, trace

SUFFIX = '.pt2'
TARGET = 'torch'
BESIDE = ()
DYNAMIC = ('batch', 'size')
COMPARED = True


def require_packages(to_export=True):
    require_exporting_torch()


def write(module, example, file, dynamic, text, output_names):
    names = json.dumps(output_names)
    program = trace(module, example, dynamic)
    torch.export.save(program, file, extra_files={KEY: text, 'output_names': names})


class Exported:
    """A program of torch.export, run by PyTorch itself."""

    def __init__(self, file, threads=None):
        if threads is not None:
            torch.set_num_threads(threads)
        with contextlib.suppress(ImportError):
            import torchvision  # noqa: F401  (holds the operator that detectors have)
        extra_files = {KEY: '', 'output_names': ''}
        program = torch.export.load(file, extra_files=extra_files)
        # Its guards hold the example's parities too, which the program does not depend on
        self.module = program.module(check_guards=False)
        self.metadata = json.loads(extra_files[KEY] or '{}')
        (image,) = (
            node.meta['val']
            for node in program.graph.nodes
            if node.name in program.graph_signature.user_inputs
        )
        self.input_shape = tuple(size if isinstance(size, int) else None for size in image.shape)
        count = len(program.graph_signature.user_outputs)
        names = json.loads(extra_files['output_names'] or 'null')
        self.output_names = names or [f'output_{index}' for index in range(count)]

    def __call__(self, image):
        with torch.no_grad():
            found = self.module(torch.from_numpy(image))
        return [output.numpy() for output in found]
