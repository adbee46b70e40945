import pytest
import timm

from mmghost.backbones import GhostNetV2
from mmghost.checkpoint import rename_timm_keys


@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_every_backbone_key_is_renamed(prefix):
    theirs = timm.create_model('ghostnetv2_100').state_dict()
    state_dict = {prefix + key: value for key, value in theirs.items()}
    rename_timm_keys(state_dict, prefix)
    ours = {prefix + key for key in GhostNetV2(out_indices=(4, 5)).state_dict()}
    head = {prefix + key for key in theirs if key.startswith(('conv_head', 'classifier'))}
    assert state_dict.keys() == ours | head


def test_other_keys_are_kept():
    state_dict = {'neck.blocks.1.0.conv_dw.weight': 1, 'stem.conv.weight': 2, 'blocks.1.0.x.y': 3}
    before = dict(state_dict)
    rename_timm_keys(state_dict)
    assert state_dict == before
