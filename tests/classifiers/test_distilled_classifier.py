import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner, load_checkpoint

STUDENT = dict(
    data_preprocessor=dict(mean=[120.0] * 3, std=[60.0] * 3, to_rgb=True, num_classes=4),
    backbone=dict(type='mmghost.GhostNetV3', widen_factor=0.5, out_indices=(1,)),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=4, in_channels=12),
)
TEACHER = dict(
    STUDENT,
    type='ImageClassifier',
    data_preprocessor=dict(mean=[0.5] * 3, std=[2.0] * 3, num_classes=4),
    backbone=dict(type='ResNet', depth=18, out_indices=(0,)),
    head=dict(type='LinearClsHead', num_classes=4, in_channels=64),
)


def build(**kwargs):
    init_default_scope('mmpretrain')
    kind = dict(type='mmghost.DistilledClassifier') if kwargs else dict(type='ImageClassifier')
    return MODELS.build(copy.deepcopy(STUDENT | kind | kwargs))


def batch(model):
    from mmpretrain.structures import DataSample

    images = torch.randint(0, 256, (2, 3, 40, 40), dtype=torch.uint8)
    samples = [DataSample().set_gt_label(label) for label in (1, 3)]
    return model.data_preprocessor(dict(inputs=images, data_samples=samples), True), images


def test_the_loss_is_hintons_and_the_teacher_sees_images_as_it_was_trained():
    init_default_scope('mmpretrain')
    teacher = MODELS.build(copy.deepcopy(TEACHER)).eval()
    teacher.init_weights()
    weights = copy.deepcopy(teacher.state_dict())
    torch.manual_seed(0)
    model = build(teacher_config=TEACHER, temperature=2.0, distill_weight=3.0)
    model.init_weights()
    model._teacher[0].load_state_dict(weights)
    data, images = batch(model)
    losses = model(**data, mode='loss')
    model.parse_losses(losses)[0].backward()
    again = model(**data, mode='tensor')
    plain = model.head.loss(model.extract_feat(data['inputs']), data['data_samples'])
    torch.testing.assert_close(losses['loss'], plain['loss'])
    with torch.no_grad():
        seen = teacher.data_preprocessor(dict(inputs=images))['inputs']
        expected = F.softmax(teacher(seen, mode='tensor') / 2, 1)
    divergence = (expected * (expected.log() - F.log_softmax(again / 2, 1))).sum(1).mean()
    torch.testing.assert_close(losses['loss_distill'], 3 * 4 * divergence, rtol=1e-4, atol=1e-6)
    for key, value in model._teacher[0].state_dict().items():
        assert torch.equal(value, weights[key])
    assert all(p.grad is None for p in model._teacher[0].parameters())
    assert all(p.grad is not None for p in model.parameters())


def test_the_teacher_is_no_part_of_the_model():
    plain, model = build(), build(teacher_config=TEACHER)
    model.init_weights()
    model.train().double()
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert len(list(model.parameters())) == len(list(plain.parameters()))
    (teacher,) = model._teacher
    assert not teacher.training
    assert {p.dtype for p in teacher.parameters()} == {torch.double}


@pytest.mark.parametrize('form', ['file', 'timm'])
def test_teachers_named_otherwise(form, tmp_path):
    model = build(teacher_config=TEACHER)
    model.init_weights()
    options = {}
    if form == 'file':
        torch.save(dict(state_dict=model._teacher[0].state_dict()), tmp_path / 'teacher.pth')
        parts = {key: TEACHER[key] for key in ('type', 'backbone', 'neck', 'head')}
        config = Config(dict(model=parts, data_preprocessor=TEACHER['data_preprocessor']))
        config.dump(tmp_path / 'teacher.py')
        options = dict(teacher_ckpt=str(tmp_path / 'teacher.pth'))
        teacher = str(tmp_path / 'teacher.py')
    else:
        teacher = dict(type='TimmClassifier', model_name='ghostnet_050', num_classes=4)
    other = build(teacher_config=teacher, **options)
    other.load_state_dict(model.state_dict())
    other.init_cfg = other.backbone.init_cfg = other.head.init_cfg = None
    data, _ = batch(other)
    found = other(**data, mode='loss')['loss_distill']
    assert found.isfinite() and found > 0
    if form == 'file':
        torch.testing.assert_close(found, model(**data, mode='loss')['loss_distill'])
    else:
        assert torch.equal(other._as_teachers(data['inputs']), data['inputs'])


def test_bad_teachers_are_named(tmp_path):
    with pytest.raises(TypeError, match='^teacher_config must be'):
        build(teacher_config=3)
    with pytest.raises(ValueError, match='^temperature must be'):
        build(teacher_config=TEACHER, temperature=0)
    torch.save(build().state_dict(), tmp_path / 'other.pth')
    model = build(teacher_config=TEACHER, teacher_ckpt=str(tmp_path / 'other.pth'))
    with pytest.raises(
        ValueError, match='other.pth is not of the model in teacher_config: it lacks'
    ):
        model.init_weights()
    head = dict(TEACHER['head'], num_classes=5)
    model = build(teacher_config=dict(TEACHER, head=head))
    with pytest.raises(ValueError, match='tells 5 classes apart, the student 4'):
        model(**batch(model)[0], mode='loss')


def test_a_training_writes_and_averages_the_student_alone(tmp_path):
    from mmpretrain.structures import DataSample

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            images = torch.full((3, 40, 40), 60 * index, dtype=torch.uint8)
            return dict(inputs=images, data_samples=DataSample().set_gt_label(index))

    def train(resume, epochs):
        runner = Runner(
            model=build(teacher_config=TEACHER),
            work_dir=str(tmp_path),
            train_dataloader=dict(
                batch_size=2, dataset=Images(), sampler=dict(type='DefaultSampler', shuffle=True)
            ),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            custom_hooks=[dict(type='EMAHook')],
            default_scope='mmpretrain',
            resume=resume,
        )
        runner.train()
        return runner

    train(False, 1)
    runner = train(True, 2)
    assert runner.epoch == 2
    (hook,) = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
    assert not hook.ema_model.module._teacher
    model = build()
    load_checkpoint(model, str(tmp_path / 'epoch_2.pth'), strict=True)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, hook.ema_model.module.state_dict()[key], msg=key)
