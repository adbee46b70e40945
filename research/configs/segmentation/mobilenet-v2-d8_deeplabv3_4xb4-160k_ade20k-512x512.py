_base_ = 'mmseg::mobilenet_v2/mobilenet-v2-d8_deeplabv3_4xb4-160k_ade20k-512x512.py'

auto_scale_lr = dict(enable=False, base_batch_size=16)
