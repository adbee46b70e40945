_base_ = [
    'mmpretrain::_base_/models/resnet18_cifar.py',
    'mmpretrain::_base_/datasets/cifar10_bs16.py',
    'mmpretrain::_base_/schedules/cifar10_bs128.py',
    'mmpretrain::_base_/default_runtime.py',
]

model = dict(
    backbone=dict(_delete_=True, type='mmghost.GhostResNet', depth=56, ratio=1),
    head=dict(in_channels=64),
)

# ResNet's 64,000 iterations with steps at 32,000 and 48,000, of 391 an epoch
param_scheduler = dict(milestones=[82, 123])
train_cfg = dict(max_epochs=164)
