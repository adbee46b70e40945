"""Write a config's model with its backbone in deploy form: batch norms folded.

The written checkpoint is loaded with --cfg-options model.backbone.deploy=True.
"""

from mmghost.deploy import deploy_checkpoint
from mmghost.utils.command_line import ArgumentParser, one_line_errors


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('config', help='a detection, segmentation or classification config')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('out_file', help='the checkpoint to write')
    return parser.parse_args()


def main():
    args = parse_args()
    with one_line_errors():
        deploy_checkpoint(**vars(args))


if __name__ == '__main__':
    main()
