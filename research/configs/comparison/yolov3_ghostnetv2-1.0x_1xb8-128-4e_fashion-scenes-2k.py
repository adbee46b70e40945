_base_ = '../../../configs/detection/yolov3_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes.py'

max_epochs = 4

train_dataloader = dict(batch_size=8, dataset=dict(indices=2000))
optim_wrapper = dict(optimizer=dict(lr=0.006))
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=max_epochs, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1))
auto_scale_lr = dict(base_batch_size=8)
