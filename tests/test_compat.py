import subprocess
import sys


def test_mmpretrain_imports_beside_new_transformers(tmp_path):
    info = tmp_path / 'transformers-5.0.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: transformers\nVersion: 5.0.0\n')
    code = (
        f'import sys; sys.path.insert(0, {str(tmp_path)!r})\n'
        'import mmghost, mmpretrain.models, mmpretrain.datasets, mmdet.models\n'
        'from mmpretrain.registry import MODELS\n'
        "assert MODELS.get('mmpretrain.BlipCaption').__name__ == 'ask_install'\n"
    )
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
