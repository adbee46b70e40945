import pytest
from mmengine.config import Config
from mmpretrain.models import ImageClassifier

from mmghost.utils.configs import config_scope


@pytest.mark.parametrize(
    ('content', 'scope'),
    [
        (dict(default_scope='mmseg'), 'mmseg'),
        (dict(default_scope='mmpose'), 'mmpose'),
        (dict(default_scope=None, model=dict(type='mmdet.YOLOV3')), 'mmdet'),
        (dict(default_scope=None, model=dict(type=ImageClassifier)), 'mmpretrain'),
    ],
)
def test_config_scope(content, scope):
    assert config_scope(Config(content)) == scope


@pytest.mark.parametrize('content', [{}, dict(model=dict(type='X'))])
def test_no_scope_is_named(content):
    with pytest.raises(ValueError, match='set default_scope'):
        config_scope(Config(content))
