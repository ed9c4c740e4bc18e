import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.cascade import Fixed, RetainedNeighbour
from ignite_unlearn.gan.heads import mean_score, read_scores
from tests.loops import nets_in_the_wild  # noqa: F401 - it fills the zoo
from tests.loops.case import ZOO

N, FINE, COARSE, SCORE, CLASSES = 5, torch.randn(5, 1, 4, 4), torch.randn(5, 1, 2, 2), torch.randn(5), torch.randn(5, 3)
FEATURES = torch.randn(5, 8, 4, 4)
OUTPUTS = {
    "tensor": (SCORE, [SCORE]),
    "tuple of maps": ((FINE, COARSE), [FINE, COARSE]),
    "list of maps": ([FINE, COARSE], [FINE, COARSE]),
    "pix2pixHD": ([[FINE], [COARSE]], [FINE, COARSE]),
    "pix2pixHD with features": ([[FEATURES, FINE], [FEATURES, COARSE]], [FINE, COARSE]),
    "score and classes": ((SCORE, CLASSES), [SCORE]),
    "map and features": ((FINE, FEATURES), [FINE]),
    "two columns": ((SCORE[:, None], SCORE[:, None]), [SCORE[:, None]]),
    "dict": ({"adv": SCORE, "classes": CLASSES}, [SCORE]),
    "dict of maps": ({"a": FINE, "b": COARSE}, []),
    "nothing": ((), []),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_scores_are_read_from_what_discriminators_return(name):
    output, expected = OUTPUTS[name]
    found = read_scores(output)
    assert len(found) == len(expected) and all(map(torch.equal, found, expected))


def test_all_scales_count_alike_whatever_their_size():
    assert torch.allclose(mean_score([FINE, COARSE]), (FINE.mean((1, 2, 3)) + COARSE.mean((1, 2, 3))) / 2)


class Two(nn.Module):
    def __init__(self, last=None):
        super().__init__()
        self.fine, self.coarse, self.last = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 5), last or nn.Identity()

    def forward(self, x):
        return self.last(self.fine(x)), self.last(self.coarse(x))


def test_probabilities_of_each_scale_become_logits():
    net, x = Two(), torch.randn(4, 1, 6, 6)
    probabilities = Two(nn.Sigmoid())
    probabilities.load_state_dict(net.state_dict())
    logits, inverted = (
        GAN(nn.Linear(1, 1), n, latents=(1,), scores=s) for n, s in ((net, "logits"), (probabilities, "probabilities"))
    )
    assert torch.allclose(logits.score(x), inverted.score(x), atol=1e-5)


def test_every_scale_is_unlearned():
    case = ZOO["multi_scale_d"]()
    unlearning = case.unlearning(lr=1e-2)
    netD = case.gan.discriminator
    case.trainer._process_function = lambda engine, batch: None
    before = {name: p.clone() for name, p in netD.named_parameters()}
    with unlearning.attach(case.trainer):
        case.trainer.run(case.data())
    moved = {name.partition(".")[0] for name, p in netD.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"fine", "coarse"}
    assert "The discriminator returns maps of 2 scales: the phase unlearns the mean of their scores." in (
        case.unlearning().check(case.data()).notes
    )


def test_check_says_which_heads_are_left_to_the_loop():
    case = ZOO["acgan_with_a_shared_body"]()
    notes = case.unlearning().check(case.data()).notes
    assert any("class head, of shape (6, 3), is left to the loop" in note for note in notes)


def test_check_says_nothing_of_a_plain_score():
    netG = nn.Sequential(nn.Linear(8, 36), nn.Unflatten(1, (1, 6, 6)))
    gan = GAN(netG, nn.Sequential(nn.Flatten(), nn.Linear(36, 1)), latents=(8,))
    assert gan.heads(torch.zeros(2, 1, 6, 6)) == []
    phase = CascadedUnlearning(
        gan, forget=ForgetClasses({1}, classifier=lambda x: x.flatten(1)[:, :2]), fake_label=Fixed(),
        substitution=RetainedNeighbour(),
    )  # fmt: skip
    assert not any("unlearns" in note for note in phase.check([torch.randn(4, 1, 6, 6)]).notes)
