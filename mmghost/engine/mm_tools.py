"""Running the train and test tools of whichever mm package a config is for."""

import argparse
import importlib.util
import runpy
import sys
from pathlib import Path

from mmengine.config import Config

from mmghost.checkpoint import is_remote, load_safely
from mmghost.utils.command_line import one_line_errors
from mmghost.utils.configs import (
    SUFFIXES,
    MissingDataError,
    config_scope,
    missing_data_explained,
)
from mmghost.utils.inputs import check_input
from mmghost.utils.outputs import check_folder


def run_mm_tool(name, description):
    """Run tools/NAME.py of the mm package that the config on the command line is for.

    All further words of the command line are that tool's own. Files that are not there, or that
    could not be written, end the program with one line before; what the package raises is left as
    it is, but for data that are missing and of which the config says how to get them.

    Args:
        name (str): 'train' or 'test'.
        description (str): What to print as help if there is no config to ask the package's.
    """
    usage = (
        f'usage: tools/{name}.py CONFIG [OPTIONS]\n\n{description}\n\n'
        f'tools/{name}.py CONFIG --help lists the options, which are those of the package.'
    )
    words = sys.argv[1:]
    if not words or words[0] in ('-h', '--help'):
        sys.exit(usage) if not words else print(usage)
        return
    # Not simply the first word: torch.distributed.launch puts --local-rank before it.
    files = [word for word in words if Path(word).suffix in SUFFIXES and word[0] != '-']
    with one_line_errors():
        if not files:
            raise ValueError(f'no config file ({", ".join(SUFFIXES)}) is given.')
        check_input(files[0], 'config file')
        _check_files(words[words.index(files[0]) + 1 :], name)
    config = Config.fromfile(files[0])
    with one_line_errors():
        script = _script(files[0], config, name)
    sys.argv[0] = str(script)
    try:
        with missing_data_explained(config):
            runpy.run_path(str(script), run_name='__main__')
    except MissingDataError as error:
        sys.exit(f'error: {error}')


def _check_files(words, name):
    """Raise if a test's checkpoint cannot be read, or results could not be written."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ('--work-dir', '--out', '--show-dir'):
        parser.add_argument(option)
    given, others = parser.parse_known_args(words)
    checkpoint = others[0] if others and not others[0].startswith('-') else None
    if name == 'test' and checkpoint and not is_remote(checkpoint):
        path = Path(checkpoint.removeprefix('mmghost:')).expanduser()
        check_input(path, 'checkpoint')
        load_safely(path)
    if given.work_dir:
        check_folder(given.work_dir)
    if name == 'test' and given.out:
        check_folder(Path(given.out).parent)
    # mmdet takes a relative one to be in its work_dir
    if given.show_dir and Path(given.show_dir).is_absolute():
        check_folder(given.show_dir)


def _script(config_file, config, name):
    """Find the tool of the package that a config is for."""
    scope = config_scope(config)
    spec = importlib.util.find_spec(scope)
    if spec is None or spec.origin is None:
        raise ValueError(f'{config_file} is for {scope}, which is not installed.')
    script = Path(spec.origin).parent / '.mim' / 'tools' / f'{name}.py'
    if not script.is_file():
        raise ValueError(f'{scope} is installed without its tools ({script} is missing).')
    return script
