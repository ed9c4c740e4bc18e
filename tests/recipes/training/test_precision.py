import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes.training.gan_training import GANTraining
from ignite_unlearn.recipes.training.precision import PRECISIONS, Precision
from tests.recipes.test_class_gans import SHORT, data, request


def trained(tmp_path, **options):
    asked = request(tmp_path, "mnist-class", (*SHORT, *(f"{key}={value}" for key, value in options.items())))
    training = GANTraining(asked.new_gan(), asked.recipe.training)
    torch.manual_seed(0)
    images = data()
    losses = [training.learn((images.images[:8], images.labels[:8])) for _ in range(3)]
    return training, torch.stack([loss[name] for loss in losses for name in ("d_loss", "g_loss")])


def test_mixed_precision_keeps_whole_weights_and_nearly_the_same_losses(tmp_path):
    _, losses = trained(tmp_path)
    mixed, near = trained(tmp_path, precision="bfloat16")
    for net in (mixed.generator, mixed.discriminator):
        assert all(p.dtype == torch.float32 for p in net.parameters())
    assert not torch.equal(near.float(), losses) and torch.allclose(near.float(), losses, atol=0.1)


# torch's own, of the spectrally normalised weights that it looks at.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_compiled_nets_keep_the_names_of_their_weights_and_their_losses(tmp_path):
    plain, losses = trained(tmp_path)
    compiled, same = trained(tmp_path, compile="eager")
    assert compiled.generator.state_dict().keys() == plain.generator.state_dict().keys()
    assert torch.allclose(same, losses, atol=1e-5)


def test_losses_stay_on_the_device(tmp_path):
    _, losses = trained(tmp_path)
    assert losses.shape == (6,) and not losses.requires_grad


def test_float16_is_for_cuda_alone_and_unknown_names_are_refused(tmp_path):
    assert set(PRECISIONS) == {"float32", "bfloat16", "float16"}
    with pytest.raises(UnlearningError, match="needs a CUDA device"):
        Precision("float16", torch.device("cpu"))
    with pytest.raises(UnlearningError, match="needs a CUDA device"):
        request(tmp_path, "mnist-class", ("precision=float16",))
    with pytest.raises(UnlearningError, match="compile=fast is not known: choose of none"):
        request(tmp_path, "mnist-class", ("compile=fast",))


def test_the_loss_scale_is_part_of_a_checkpoint():
    precision = Precision("float32", torch.device("cpu"))
    assert precision.state_dict() == {}
    precision.load_state_dict({})
