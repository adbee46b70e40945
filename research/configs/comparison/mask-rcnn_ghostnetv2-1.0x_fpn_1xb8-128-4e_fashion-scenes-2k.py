_base_ = [
    '../../../configs/detection/mask-rcnn_ghostnetv2-1.0x_fpn_1x_coco.py',
    './_base_/fashion_scenes_2k_detection.py',
]

# A quarter of the channels, and few regions, as scenes are small and hold five articles at most.
# Group norms, without which RetinaNet learned next to nothing.
channels = 64
norm_cfg = dict(type='GN', num_groups=32)
model = dict(
    backbone=dict(norm_eval=False),
    neck=dict(out_channels=channels, norm_cfg=norm_cfg),
    rpn_head=dict(in_channels=channels, feat_channels=channels, anchor_generator=dict(scales=[4])),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=channels),
        bbox_head=dict(in_channels=channels, fc_out_channels=256, num_classes=10),
        mask_roi_extractor=dict(out_channels=channels),
        mask_head=dict(
            in_channels=channels, conv_out_channels=channels, num_classes=10, norm_cfg=norm_cfg
        ),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=500, max_per_img=200), rcnn=dict(sampler=dict(num=32))
    ),
    test_cfg=dict(rpn=dict(max_per_img=100)),
)
_base_.scenes.optim_wrapper.optimizer.lr = 0.001
for split in ('train', 'val', 'test'):
    for step in _base_.scenes[f'{split}_dataloader'].dataset.pipeline:
        if step.type == 'LoadAnnotations':
            step.with_mask = True
    if split != 'train':
        _base_.scenes[f'{split}_evaluator'].metric = ['bbox', 'segm']
locals().update(_base_.scenes)
del split, step
