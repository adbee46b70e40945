"""Write a config's model with its backbone in deploy form: batch norms folded.

The written checkpoint is loaded with --cfg-options model.backbone.deploy=True.
"""

import argparse
import sys

from mmghost.deploy import deploy_checkpoint


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='a detection, segmentation or classification config')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('out_file', help='the checkpoint to write')
    return parser.parse_args()


def main():
    try:
        deploy_checkpoint(**vars(parse_args()))
    except (OSError, ValueError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
