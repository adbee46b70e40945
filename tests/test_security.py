"""Nothing that is loaded is executed: what the sources may not call."""

import ast

import pytest
from helpers import ROOT

SOURCES = [*ROOT.glob('mmghost/**/*.py'), *ROOT.glob('tools/**/*.py'), ROOT / 'setup.py']
FORBIDDEN = {
    *('eval', 'exec', 'compile'),
    *('os.system', 'os.popen', 'yaml.load', 'yaml.unsafe_load', 'shutil.unpack_archive'),
    *(f'{module}.{name}' for module in ('pickle', 'marshal', 'dill') for name in ('load', 'loads')),
}


def calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: word.value for word in node.keywords}


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sources_call_nothing_that_executes_data(path):
    for name, options in calls(path):
        assert name not in FORBIDDEN
        assert not name.endswith('.extractall') or path.name == 'setup_env.py'  # after its check
        assert 'shell' not in options
        if name == 'torch.load':
            assert ast.unparse(options['weights_only']) == 'True'
        if name in ('np.load', 'numpy.load'):
            assert 'allow_pickle' not in options
