_base_ = './ghostnetv3-1.0x-ema_1xb64-4e_fashion-mnist-12k.py'

model = dict(
    type='mmghost.DistilledClassifier',
    teacher_config='research/configs/comparison/resnet18_1xb64-8e_fashion-mnist-12k.py',
)
