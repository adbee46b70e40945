"""Test a checkpoint with a detection, segmentation or classification config."""

import mmghost  # noqa: F401  (registers the backbones, lets checkpoints load)
from mmghost.engine.mm_tools import run_mm_tool

if __name__ == '__main__':
    run_mm_tool('test', __doc__)
