import pytest
import torch
from torch import nn

from ignite_unlearn import GAN, UnlearningDivergedError, UnlearningError
from ignite_unlearn.cascade.gauss_newton import GaussNewton
from ignite_unlearn.cascade.kfac import KFAC
from ignite_unlearn.handlers import Rows
from tests.cascade.test_gauss_newton import constant, images, make, plus, rows


def convolutional():
    torch.manual_seed(1)
    netD = nn.Sequential(
        nn.Conv2d(1, 3, 3, 2, 1), nn.Tanh(), nn.Conv2d(3, 2, 3, 1, 1), nn.Tanh(), nn.Flatten(), nn.Linear(18, 1)
    )
    return GAN(nn.Linear(2, 36).double(), netD.double(), latents=(2,))


@pytest.mark.parametrize("gan, layer", [(make(), 1), (convolutional(), 2)], ids=["linear", "convolution"])
def test_one_step_is_the_least_change_in_the_kronecker_metric(gan, layer):
    forgotten, retained = images(3, 0), images(9, 1)
    teacher, weight, seen = gan.teacher(), gan.discriminator[layer].weight, []
    jacobian = torch.stack([torch.autograd.grad(gan.score(x[None]).sum(), weight)[0].flatten() for x in forgotten])
    # The covariances by another route: hooks, one image and one place at a time.
    hook = gan.discriminator[layer].register_forward_hook(lambda m, given, made: seen.append((given[0], made)))
    a = b = 0
    for x in retained:
        score = gan.score(x[None])
        given, made = seen.pop()
        (out,) = torch.autograd.grad(score.sum(), made)
        if layer == 2:
            given = nn.functional.unfold(given, 3, padding=1)[0].T
            out = out[0].flatten(1).T
        a = a + sum(torch.outer(u, u) for u in given.detach().reshape(-1, given.shape[-1])) / len(retained)
        b = b + sum(torch.outer(g, g) for g in out.reshape(-1, out.shape[-1])) / len(retained)
    hook.remove()
    a, b = (c + 0.04**0.5 * c.diagonal().mean() * torch.eye(len(c)) for c in (a, b))
    inverse = torch.linalg.inv(torch.kron(b, a))
    gram = jacobian @ inverse @ jacobian.T
    shares = torch.linalg.solve(gram + 0.01 * gram.diagonal().mean() * torch.eye(3), torch.full((3,), 0.2).double())
    expected = weight.detach().flatten() + inverse @ jacobian.T @ shares
    KFAC(retained, ridge=0.01, damping=0.04)(gan, teacher, rows(forgotten), plus(0.2))
    assert torch.allclose(weight.flatten(), expected)


def test_a_few_steps_move_the_forgotten_and_spare_images_that_were_never_drawn():
    gan, forgotten, retained = make(), images(2, 0), images(400, 1)
    teacher = gan.teacher()
    plain = gan.teacher()
    plain.discriminator.requires_grad_(True)
    for _ in range(5):
        KFAC(retained[:200], ridge=1e-6)(gan, teacher, rows(forgotten), constant(-1.0))
        # The least change of the same layer, whatever it does to others.
        scores = map(plain.score, forgotten[:, None])
        gradients = [torch.autograd.grad(score, plain.discriminator[1].weight)[0] for score in scores]
        flat = torch.stack([g.flatten() for g in gradients])
        wanted = -1.0 - plain.score(forgotten).detach()
        with torch.no_grad():
            plain.discriminator[1].weight += (flat.T @ torch.linalg.solve(flat @ flat.T, wanted)).view(12, 36)

    def moved(of):
        shift = (of.score(retained[200:]) - teacher.score(retained[200:])).detach()
        return (shift - shift.mean()).square().mean().sqrt().item()

    for of in (gan, plain):
        assert torch.allclose(of.score(forgotten), torch.tensor([-1.0, -1.0]).double(), atol=0.02)
    assert moved(gan) < 0.8 * moved(plain)


def test_what_does_not_fit_is_said_in_a_sentence():
    gan, retained = make(), images(9, 1)
    with pytest.raises(UnlearningError, match="damping=0"):
        KFAC(retained, damping=0)
    with pytest.raises(UnlearningError, match=r"KFAC\(rows=0\)"):
        KFAC(retained, rows=0)
    with pytest.raises(UnlearningError, match="2 of KFAC's retained images are in the forget set"):
        KFAC(retained)(gan, gan.teacher(), rows(retained[:2]), plus(0))
    before = gan.discriminator[1].weight.clone()
    with pytest.raises(UnlearningDivergedError, match="not finite"):
        KFAC(retained)(gan, gan.teacher(), rows(images(2, 0)), plus(float("nan")))
    assert torch.equal(before, gan.discriminator[1].weight)


def test_without_images_those_of_the_batches_are_held_and_a_state_goes_on_with_them():
    netD = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    made = GAN(torch.nn.Linear(2, 16), netD, latents=(2,))
    images = torch.eye(16).view(16, 1, 4, 4)
    given, recent = KFAC(images[:14]), KFAC()
    copies = [made.learner() for _ in range(2)]
    rows = Rows(images, None, torch.arange(16) >= 14)
    torch.manual_seed(1)
    given(copies[0], made.teacher(), rows, lambda scores, gan, teacher: scores + 0.01)
    torch.manual_seed(1)
    recent(copies[1], made.teacher(), rows, lambda scores, gan, teacher: scores + 0.01)
    assert torch.equal(copies[0].discriminator[1].weight, copies[1].discriminator[1].weight)
    assert given.state_dict() == {}
    other = KFAC()
    other.load_state_dict(recent.state_dict())
    assert torch.equal(other.held[0][0], images[:14])
    other(copies[1], made.teacher(), rows, lambda scores, gan, teacher: scores)
    assert len(other.held[0][0]) == 28 and len(recent.held[0][0]) == 14


@pytest.mark.parametrize("step", [KFAC, GaussNewton])
def test_a_layer_that_moves_no_score_stays_where_it_is(step):
    netD = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 1)).double()
    gan = GAN(nn.Linear(2, 36).double(), netD, latents=(2,))
    hidden = netD[1]
    hidden.bias.data.fill_(-1e6)  # behind units that are dead
    before = hidden.weight.clone()
    numbers = step(images(9, 1), layer=hidden)(gan, gan.teacher(), rows(images(3, 0)), plus(1.0))
    assert torch.equal(hidden.weight, before) and numbers["fake_label_loss"] > 0
