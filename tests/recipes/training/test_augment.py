import pytest
import torch
from torch.nn.functional import relu

from ignite_unlearn.recipes.nets.strided import SmallDiscriminator, StridedGAN, StridedGenerator
from ignite_unlearn.recipes.training.augment import AUGMENTATIONS, diffaug
from ignite_unlearn.recipes.training.gan_training import GANTraining
from tests.recipes.test_class_gans import SHORT, data, request


def coordinates(n, height, width):
    """Images whose every pixel tells where it was: 1 + row and 1 + column."""
    rows, columns = torch.meshgrid(torch.arange(1.0, height + 1), torch.arange(1.0, width + 1), indexing="ij")
    return torch.stack([rows, columns]).expand(n, 2, height, width).clone()


@pytest.mark.parametrize(("height", "width"), [(16, 16), (32, 24), (9, 9)])
def test_an_image_is_moved_by_up_to_an_eighth_and_a_square_of_half_its_side_is_cut_out(height, width):
    n, (reach, across) = 300, (int(side / 8 + 0.5) for side in (height, width))
    made = diffaug(coordinates(n, height, width))
    left = made[:, 0] > 0
    assert torch.equal(left, made[:, 1] > 0)
    seen = set()
    for image, kept in zip(made, left, strict=True):
        where = kept.nonzero()
        moved = (where + 1 - image[:, kept].T).unique(dim=0)
        if not len(moved):
            continue  # nothing is left of a tiny image
        assert len(moved) == 1  # every pixel that is left moved alike
        down, right = moved[0].int().tolist()
        seen.add((down, right))
        expected = torch.zeros(height, width, dtype=torch.bool)
        expected[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = True
        lost = (expected & ~kept).nonzero()
        assert not (kept & ~expected).any()
        if len(lost):  # what is missing is a rectangle, at most half as long as the image
            (top, start), (bottom, end) = lost.amin(0).tolist(), lost.amax(0).tolist()
            assert len(lost) == (bottom - top + 1) * (end - start + 1)
            assert bottom - top < int(height / 2 + 0.5) and end - start < int(width / 2 + 0.5)
    assert {abs(down) for down, _ in seen} == set(range(reach + 1))
    assert {abs(right) for _, right in seen} == set(range(across + 1))


def test_every_image_has_a_draw_of_its_own_from_the_global_stream():
    images = torch.rand(8, 3, 16, 16) + 1
    torch.manual_seed(1)
    made = diffaug(images)
    torch.manual_seed(1)
    assert torch.equal(diffaug(images), made)
    assert not torch.equal(diffaug(images), made)
    masks = [(image > 0).all(0).numpy().tobytes() for image in made]
    assert len(set(masks)) > 5
    # No image is in another's place.
    torch.manual_seed(1)
    changed = images.clone()
    changed[3] += 1
    again = diffaug(changed)
    assert torch.equal(again[torch.arange(8) != 3], made[torch.arange(8) != 3]) and not torch.equal(again[3], made[3])


def test_gradients_reach_each_pixel_that_is_left_once():
    images = torch.rand(20, 1, 16, 16, requires_grad=True)
    made = diffaug(images + 1)
    (gradient,) = torch.autograd.grad(made.sum(), images)
    assert set(gradient.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(gradient.sum((1, 2, 3)), (made > 0).sum((1, 2, 3)).float())


def plain_step(training, real, labels):
    """The learning step as it was before there was an augmentation, written out."""
    G, D, n = training.generator, training.discriminator, len(real)
    D.requires_grad_(True)
    with torch.no_grad():
        fake = G(torch.randn(n, 64), labels)
    scores = D(torch.cat([real, fake]), labels.repeat(2))
    training.d_optimizer.zero_grad()
    (relu(1 - scores[:n]).mean() + relu(1 + scores[n:]).mean()).backward()
    training.d_optimizer.step()
    D.requires_grad_(False)
    asked = labels[torch.randperm(n)]
    training.g_optimizer.zero_grad()
    (-D(G(torch.randn(n, 64), asked), asked).mean()).backward()
    training.g_optimizer.step()


def trained(tmp_path, augment, step):
    asked = request(tmp_path, "mnist-class", (*SHORT, f"augment={augment}"))
    training = GANTraining(asked.new_gan(), asked.recipe.training)
    images = data()
    torch.manual_seed(0)
    for _ in range(3):
        step(training, images.images[:8], images.labels[:8])
    return [p.detach() for net in (training.generator, training.discriminator) for p in net.parameters()]


def test_without_augmentation_training_is_what_it_was_and_with_it_another(tmp_path):
    before = trained(tmp_path, "none", plain_step)
    ours = {name: trained(tmp_path, name, lambda it, x, y: it.learn((x, y))) for name in AUGMENTATIONS}
    assert all(map(torch.equal, before, ours["none"]))
    assert not all(map(torch.equal, before, ours["diffaug"]))


def test_the_discriminator_sees_nothing_that_is_not_augmented(tmp_path):
    asked = request(tmp_path, "mnist-class", (*SHORT, "augment=diffaug"))
    training = GANTraining(asked.new_gan(), asked.recipe.training)
    seen = []
    training.discriminator.register_forward_pre_hook(lambda net, given: seen.append(given[0].detach()))
    images = data()
    training.learn((images.images[:8], images.labels[:8]))
    assert [len(shown) for shown in seen] == [16, 8]
    # A quarter of an image is cut out, less at its edges; a generator's image is nowhere zero.
    assert all(((shown == 0).flatten(1).float().mean(1) > 0.05).all() for shown in seen)


def test_an_original_trained_with_augmentation_is_another(tmp_path):
    plain, augmented = (request(tmp_path, "mnist-class", (*SHORT, f"augment={name}")) for name in AUGMENTATIONS)
    assert plain.original.fingerprint != augmented.original.fingerprint


@pytest.mark.parametrize("classes", [None, 3])
def test_a_refined_generator_ends_with_a_convolution_at_full_size(classes):
    G = StridedGenerator(8, classes, size=32, width=12, channels=3, blocks=3, refine=True)
    asked = () if classes is None else (torch.tensor([0, 2]),)
    made = G(torch.randn(2, 8), *asked)
    assert made.shape == (2, 3, 32, 32) and made.abs().max() <= 1
    assert [(c.in_channels, c.out_channels, c.kernel_size[0]) for c in G.convs] == [
        (48, 24, 4), (24, 12, 4), (12, 6, 4), (6, 3, 3),
    ]  # fmt: skip
    made.sum().backward()
    assert all(p.grad is not None for p in G.parameters())


@pytest.mark.parametrize("classes", [None, 3])
def test_a_discriminator_with_a_stem_has_convolutions_that_keep_the_size(classes):
    D = SmallDiscriminator(classes, width=4, channels=3, blocks=3, stem=True)
    asked = () if classes is None else (torch.tensor([0, 2]),)
    assert D(torch.randn(2, 3, 32, 32), *asked).shape == (2,)
    found = [(m.in_channels, m.out_channels, m.kernel_size[0]) for m in D.body if isinstance(m, torch.nn.Conv2d)]
    assert found == [(3, 4, 3), (4, 8, 4), (8, 8, 3), (8, 16, 4), (16, 16, 3), (16, 32, 4), (32, 64, 3)]
    assert {m.negative_slope for m in D.body if isinstance(m, torch.nn.LeakyReLU)} == {0.1}
    assert all(torch.nn.utils.parametrize.is_parametrized(m, "weight") for m in D.body if hasattr(m, "weight"))


def test_a_recipe_may_ask_for_both_and_for_its_own_number_of_blocks():
    plain, large = (
        StridedGAN(g_width=4, d_width=4),
        StridedGAN(g_width=4, d_width=4, g_blocks=3, refine=True, stem=True),
    )
    images = data(32, 3)
    kinds = [[type(c).__name__ for c in nets.generator(images).convs] for nets in (plain, large)]
    assert kinds == [["ConvTranspose2d"] * 2, ["ConvTranspose2d"] * 3 + ["Conv2d"]]
    assert sum(isinstance(m, torch.nn.Conv2d) for m in large.discriminator(images).body) == 7
    assert sum(isinstance(m, torch.nn.Conv2d) for m in plain.discriminator(images).body) == 3
