_base_ = './ghostnetv2-1.0x_8xb128_in1k.py'

model = dict(
    type='mmghost.DistilledClassifier',
    backbone=dict(type='mmghost.GhostNetV3'),
    head=dict(dropout_rate=0.0),
    teacher_config='mmpretrain::beitv2/benchmarks/beit-base-p16_8xb64_in1k.py',
    teacher_ckpt='https://download.openmmlab.com/mmclassification/v0/beit/'
    'beitv2-base_3rdparty_in1k_20221114-73e11905.pth',
)
train_dataloader = dict(batch_size=256)
val_dataloader = dict(batch_size=256)
test_dataloader = dict(batch_size=256)

epochs = 300
warmup = 3
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='mmpretrain.Lamb', lr=0.005, weight_decay=0.02)
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.02, by_epoch=True, end=warmup, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-5,
        by_epoch=True,
        begin=warmup,
        end=epochs,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=epochs)
custom_hooks = [dict(type='EMAHook', _scope_='mmpretrain', momentum=2e-4, update_buffers=True)]
auto_scale_lr = dict(base_batch_size=2048)
