_base_ = './vgg16_8xb16_cifar10.py'

model = dict(backbone=dict(type='mmghost.GhostVGG', ratio=2, cheap_kernel_size=3))
