"""What the tools that look inside networks have in common on their command lines."""

import argparse

from mmengine.config import DictAction

from mmghost.utils.argument_parser import ArgumentParser


def parse_inside_args(description, add_options):
    """Parse the command line of a tool that draws a trained model's inside.

    Args:
        description (str): What the tool does.
        add_options (Callable): Adds the tool's own options to the parser that it is given.

    Returns:
        Namespace: ``config``, ``checkpoint``, ``out``, ``cfg_options`` and the tool's own.
    """
    parser = ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='a detection, segmentation or classification config')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('-o', '--out', required=True, metavar='FILE', help='the picture to write')
    add_options(parser)
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='overrides of config values, KEY=VALUE'
    )
    return parser.parse_args()
