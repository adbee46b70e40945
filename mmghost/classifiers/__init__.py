from mmghost.registry import MODELS

__all__ = ['DistilledClassifier']


@MODELS.register_module()
def DistilledClassifier(**kwargs):
    """Build mmpretrain's ImageClassifier so that it also learns from another, its teacher.

    GhostNetV3 (Liu et al., 2024), Section 4.2. To the head's losses is added ``loss_distill``, as
    Hinton et al. ("Distilling the knowledge in a neural network", 2015) write it: the divergence of
    the teacher's probabilities from the student's, both at a temperature T, times T squared.

    The teacher is built when the student's weights are initialised, that is when a training starts
    or goes on. It stays in evaluation mode, gets no gradients, and is no part of the model's
    parameters, its checkpoints or its average: the checkpoints are those of an ImageClassifier. It
    sees the student's images, normalised as its own config says if that has a data_preprocessor.

    Args:
        teacher_config (str | dict): A classifier of mmpretrain, TimmClassifier among them: a config
            file, ``package::file`` of an mm package, or the config of the model itself.
        teacher_ckpt (str, optional): The teacher's weights, a file or an address. Defaults to None:
            the weights that its config gives it.
        temperature (float): T. Defaults to 1.0.
        distill_weight (float): What ``loss_distill`` is multiplied by. Defaults to 1.0.
        **kwargs: Those of mmpretrain's ``ImageClassifier``.

    Returns:
        mmpretrain.models.ImageClassifier: The student.

    Raises:
        TypeError, ValueError: If an argument is of the wrong type or out of its range; when the
            weights are initialised, if the checkpoint is not the teacher's; at the first batch, if
            the two tell apart different numbers of classes.
    """
    from .distilled_classifier import DistilledClassifier

    return DistilledClassifier(**kwargs)
