_base_ = './mobilenet-v2-1.1x-se_8xb128_in1k.py'

model = dict(backbone=dict(attention_cfg=dict(_delete_=True, type='mmghost.CBAM', reduction=32)))
