"""Test an exported file with the config that it was made of."""

from mmengine.config import DictAction

from mmghost.deploy.exported_model import evaluate_exported
from mmghost.utils.command_line import ArgumentParser, one_line_errors


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('config', help='a detection, segmentation or classification config')
    parser.add_argument('file', help='the file that tools/export.py wrote')
    parser.add_argument(
        '--work-dir', help="where the log goes (default: exported_SUFFIX in the config's work dir)"
    )
    parser.add_argument('--threads', type=int, help='threads to run the file with')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='overrides of config values, KEY=VALUE'
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_line_errors():
        evaluate_exported(**vars(args))


if __name__ == '__main__':
    main()
