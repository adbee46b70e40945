_base_ = './ghostnetv3-1.0x_1xb64-4e_fashion-mnist-12k.py'

custom_hooks = [
    dict(type='mmghost.ChannelsLastHook'),
    # Over some 200 of 752 iterations
    dict(type='EMAHook', _scope_='mmpretrain', momentum=5e-3),
]
