"""Running the train and test tools of whichever mm package a config is for."""

import argparse
import importlib.util
import runpy
import sys
from pathlib import Path

from mmengine.config import Config

from .argument_parser import options_suggested
from .careful_runner import AUTO_SCALE_LR, careful_runner
from .inputs import check_input
from .mistakes import explain, mistakes_named
from .outputs import check_file, check_folder

SCOPES = ('mmdet', 'mmseg', 'mmpretrain')
SUFFIXES = ('.py', '.json', '.yaml', '.yml')


def config_scope(config):
    """Tell which mm package a config is for.

    Args:
        config (Config): A whole config.

    Returns:
        str: 'mmdet', 'mmseg' or 'mmpretrain': its ``default_scope`` or, where that is not set (as
        in pure Python configs), the package of its model.

    Raises:
        ValueError: If neither names one of the three.
    """
    scope = config.get('default_scope')
    if scope is None:
        model_type = config.get('model', {}).get('type', '')
        name = model_type if isinstance(model_type, str) else model_type.__module__
        scope = name.split('.')[0]
    if scope not in SCOPES:
        raise ValueError(
            f'the config is for {scope or "no package"!r}: set default_scope to one of {SCOPES}.'
        )
    return scope


def run_mm_tool(name, description):
    """Run tools/NAME.py of the mm package that the config on the command line is for.

    All further words of the command line are that tool's own.

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
    if not files:
        sys.exit(f'error: no config file ({", ".join(SUFFIXES)}) is given.')
    config_file = Path(files[0])
    with mistakes_named():
        check_input(config_file, 'config file')
        _run(name, config_file)


def _check_outputs(words, scope):
    """Raise if what a test finds could not be written, which the packages would tell at its end."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--out')
    parser.add_argument('--show-dir')
    given, _ = parser.parse_known_args(words)
    if given.out:
        check_folder(given.out) if scope == 'mmseg' else check_file(given.out)
    # mmdet takes it to be in its work_dir
    if given.show_dir and (scope != 'mmdet' or Path(given.show_dir).is_absolute()):
        check_folder(given.show_dir)


def _run(name, config_file):
    try:
        scope = config_scope(Config.fromfile(config_file))
    except Exception as error:
        raise ValueError(f'{config_file}: {explain(error)}') from error
    spec = importlib.util.find_spec(scope)
    if spec is None:
        sys.exit(f'error: {config_file} is for {scope}, which is not installed.')
    script = Path(spec.origin).parent / '.mim' / 'tools' / f'{name}.py'
    if not script.is_file():
        sys.exit(f'error: {scope} is installed without its tools ({script} is missing).')
    if name == 'test':
        _check_outputs(sys.argv[1:], scope)
    training = name == 'train'
    scaling = training and AUTO_SCALE_LR in sys.argv
    words = [word for word in sys.argv[1:] if not (scaling and word == AUTO_SCALE_LR)]
    sys.argv[:] = [str(script), *words]
    with options_suggested(), careful_runner(training, scaling):
        runpy.run_path(str(script), run_name='__main__')
