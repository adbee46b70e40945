"""What the command-line tools share."""

import argparse
import sys
from contextlib import contextmanager
from pathlib import Path

from .checks import nearest


class ArgumentParser(argparse.ArgumentParser):
    """argparse's parser, whose errors say ``--taks, did you mean '--task'?``."""

    def error(self, message):
        """End the program as argparse does, with the option nearest to each that there is not."""
        known = [name for name in self._option_string_actions if name.startswith('--')]
        words = (word.partition('=')[0] for word in sys.argv[1:] if word.startswith('--'))
        hints = [
            f'{word}{nearest(word, known)}'
            for word in words
            if not any(name.startswith(word) for name in known) and nearest(word, known)
        ]
        super().error('; '.join([message, *hints]))


@contextmanager
def one_line_errors():
    """End the program with ``error: MESSAGE`` and status 1 where mmghost refuses what it is given.

    Other errors keep their traceback.
    """
    try:
        yield
    except (ImportError, OSError, TypeError, ValueError) as error:
        sys.exit(f'error: {error}')


def run_converter(convert, description, source, out_dir):
    """Run a data set's converter with the folders that the command line names.

    Args:
        convert (Callable[[Path, Path], None]): Reads the authors' files, writes the set.
        description (str): What the help says of it.
        source (str): Which folder of the authors' it reads, and where that is to be had; what is
            missing, or not as the authors have it, ends the program with one line that says so.
        out_dir (str): Where configs expect the set.
    """
    parser = ArgumentParser(description=description)
    parser.add_argument('source', type=Path, help=source)
    parser.add_argument('--out-dir', type=Path, default=out_dir, help='default: %(default)s')
    args = parser.parse_args()
    wanted = f'SOURCE must be {source}. The set goes to {args.out_dir}.'
    with one_line_errors():
        try:
            convert(args.source, args.out_dir)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ValueError(f'there is no {error.filename}: {wanted}') from error
        except (LookupError, SyntaxError, TypeError, ValueError) as error:
            raise ValueError(
                f'{args.source} holds something else ({type(error).__name__}: {error}): {wanted}'
            ) from error
    print(f'{args.out_dir}: made from {args.source}')
