_base_ = '../../../configs/classification/ghostnetv2-1.0x_1xb128-2e_fashion-mnist.py'

max_epochs = 4

model = dict(
    # Three channels from one, by as many means, so that dense tasks can start from the weights
    data_preprocessor=dict(mean=[72.9] * 3, std=[90.0] * 3),
    backbone=dict(in_channels=3),
)
train_dataloader = dict(batch_size=64, dataset=dict(indices=12000))
# Learning curves are of training articles that no model trains on, the end result of the test set
val_dataloader = dict(batch_size=64, dataset=dict(split='train', test_mode=False, indices=-2000))
test_dataloader = dict(batch_size=64)
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=max_epochs, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1))
auto_scale_lr = dict(base_batch_size=64)
