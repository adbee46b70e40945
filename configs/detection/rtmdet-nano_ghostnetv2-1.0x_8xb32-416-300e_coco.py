_base_ = './rtmdet-nano_ghostnetv2-1.0x_8xb32-320-300e_coco.py'

size = (416, 416)
enlarged = {(320, 320): size, (640, 640): (832, 832)}
for pipeline in (_base_.train_pipeline, _base_.train_pipeline_stage2, _base_.test_pipeline):
    for step in pipeline:
        for key in ('img_scale', 'scale', 'crop_size', 'size'):
            if key in step:
                step[key] = enlarged[step[key]]
train_dataloader = dict(dataset=dict(pipeline=_base_.train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
custom_hooks = _base_.custom_hooks
custom_hooks[1].switch_pipeline = _base_.train_pipeline_stage2
del enlarged, pipeline, step, key
