import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ignite_unlearn import GAN, UnlearningError
from ignite_unlearn.record.weights import file_weights_sha256, generator_sha256, hashes_of_file, weights_sha256
from ignite_unlearn.utils.files import save_released, save_weights


@pytest.fixture
def gan():
    generator = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 4))
    return GAN(generator, nn.Linear(4, 1), latents=(2,))


def states(gan):
    return {"generator": gan.generator.state_dict(), "discriminator": gan.discriminator.state_dict()}


def test_weights_have_one_hash_whatever_holds_them(tmp_path, gan):
    save_weights(tmp_path / "w.pt", states(gan))
    save_released(tmp_path / "w.safetensors", states(gan))
    for name in ("w.pt", "w.safetensors"):
        assert file_weights_sha256(tmp_path / name) == weights_sha256(gan)
        assert hashes_of_file(tmp_path / name) == {
            "weights_sha256": weights_sha256(gan), "generator_sha256": generator_sha256(gan),
        }  # fmt: skip
    with torch.no_grad():
        gan.generator[0].weight[0, 0] += 1e-3
    assert file_weights_sha256(tmp_path / "w.pt") != weights_sha256(gan)


def test_a_generator_alone_has_the_hash_that_it_has_beside_its_discriminator(tmp_path, gan):
    own, wrapped = gan.generator.state_dict(), nn.DataParallel(gan.generator).state_dict()
    save_weights(tmp_path / "named.pt", {"generator": own})
    save_weights(tmp_path / "own.pt", own)
    torch.save(own, tmp_path / "torch.pt")
    save_weights(tmp_path / "wrapped.pt", wrapped)
    save_released(tmp_path / "named.safetensors", {"generator": own})
    save_file({name: tensor.contiguous() for name, tensor in own.items()}, tmp_path / "own.safetensors")
    for file in sorted(tmp_path.iterdir()):
        assert hashes_of_file(file) == {"generator_sha256": generator_sha256(gan)}, file.name
        with pytest.raises(UnlearningError, match="holds no weights of a generator and a discriminator"):
            file_weights_sha256(file)


@pytest.mark.parametrize(
    "content",
    [{"discriminator": {"weight": torch.ones(2)}}, {"generator": {}}, {"epoch": 3}, {"nets": {"a": torch.ones(2)}}, {}],
    ids=["no generator", "an empty one", "no tensors", "other names", "nothing"],
)
def test_what_holds_no_generator_is_refused(tmp_path, content):
    save_weights(tmp_path / "w.pt", content)
    with pytest.raises(UnlearningError, match=r"w\.pt holds no weights of a generator: expected its state dict"):
        hashes_of_file(tmp_path / "w.pt")
