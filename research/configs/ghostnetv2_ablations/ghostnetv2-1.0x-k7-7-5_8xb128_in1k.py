_base_ = '../../../configs/classification/ghostnetv2-1.0x_8xb128_in1k.py'

# Kernels by stage: bottlenecks 2 to 4, 5 to 10, 11 to 15
kernel_sizes = [7] * 3 + [7] * 6 + [5] * 5
attention_cfg = [dict(type='mmghost.DFCAttention', kernel_size=size) for size in kernel_sizes]
model = dict(backbone=dict(attention_cfg=[None] * 2 + attention_cfg))
