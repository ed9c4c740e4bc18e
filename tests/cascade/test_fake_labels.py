import pytest
import torch

from ignite_unlearn import GAN, ForgetClasses, UnlearningError
from ignite_unlearn.cascade import Between, Fixed, Generated, Unseen, UnseenQuantiles
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images

ONE = torch.zeros(100, dtype=torch.int64)  # all images came with one request


@pytest.fixture
def world():
    gan = GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)
    teacher = gan.teacher()
    gan.generator.eval(), gan.discriminator.eval()
    return gan, teacher, ForgetClasses({2}).regions(teacher)


def move(gan):
    with torch.no_grad():
        gan.discriminator.score.bias.add_(3)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("kind", ["unseen", "generated"])
def test_live_labels_follow_the_discriminator_and_frozen_ones_do_not(world, kind, live):
    gan, teacher, regions = world
    images, labels = real_images(64, seed=1)
    label = Unseen(images, labels, live=live, samples=64) if kind == "unseen" else Generated(live=live, samples=64)

    def value():
        torch.manual_seed(0)
        return label(torch.zeros(3), gan, teacher, regions, ONE[:3])

    before = value()
    move(gan)
    assert before.shape == (3,) and before.std() < 1e-5
    assert torch.allclose(value() - before, torch.full((3,), 3.0 if live else 0.0), atol=1e-5)


def test_unseen_is_the_mean_score_of_all_images_where_all_are_drawn(world):
    gan, teacher, regions = world
    images, labels = real_images(20, seed=1)
    value = Unseen(images, labels, samples=20)(torch.zeros(1), gan, teacher, regions, ONE[:1])
    assert torch.allclose(value, teacher.score(images, labels).mean())


def test_labels_ask_for_no_gradient_and_serve_a_process_without_rows(world):
    gan, teacher, regions = world
    value = Generated()(torch.zeros(0), gan, teacher, regions, ONE[:0])
    assert value.shape == (0,) and not value.requires_grad


def test_quantiles_spread_as_unseen_scores_do_and_keep_the_order(world):
    gan, teacher, regions = world
    images, labels = real_images(400, seed=1)
    scores = torch.randn(100)
    targets = UnseenQuantiles(images, labels, samples=400)(scores, gan, teacher, regions, ONE[:100])
    assert torch.equal(targets.argsort(), scores.argsort())
    unseen = gan.score(images, labels).detach().sort().values
    places = torch.searchsorted(unseen, targets.sort().values) / 400
    assert (places - (torch.arange(100) + 0.5) / 100).abs().max() < 0.02


def test_a_single_image_gets_any_place_and_the_same_one_at_each_step(world):
    gan, teacher, regions = world
    images, labels = real_images(300, seed=1)
    unseen = gan.score(images, labels).detach().sort().values

    def place(seed):
        target = UnseenQuantiles(images, labels, samples=300, seed=seed)(torch.zeros(1), gan, teacher, regions, ONE[:1])
        return torch.searchsorted(unseen, target).item() / 300

    places = torch.tensor([place(seed) for seed in range(200)]).sort().values
    assert (places - (torch.arange(200) + 0.5) / 200).abs().max() < 0.1  # Kolmogorov-Smirnov at 200: 0.096 at 5 %
    assert place(3) == place(3)


def test_each_request_has_its_quantiles_whatever_the_others_score(world):
    gan, teacher, regions = world
    images, labels = real_images(400, seed=1)
    label = UnseenQuantiles(images, labels, samples=400)
    old, new = torch.randn(40), torch.randn(60) + 9
    both = label(torch.cat([new, old]), gan, teacher, regions, torch.cat([1 + ONE[:60], ONE[:40]]))
    assert torch.equal(both[60:], label(old, gan, teacher, regions, ONE[:40]))
    unseen = gan.score(images, labels).detach().sort().values
    for targets, scores in ((both[:60], new), (both[60:], old)):
        assert torch.equal(targets.argsort(), scores.argsort())
        places = torch.searchsorted(unseen, targets.sort().values) / 400
        assert (places - (torch.arange(len(scores)) + 0.5) / len(scores)).abs().max() < 0.03


def test_requests_of_one_image_each_spread_as_unseen_images_do(world):
    gan, teacher, regions = world
    images, labels = real_images(300, seed=1)
    targets = UnseenQuantiles(images, labels, samples=300)(torch.zeros(100), gan, teacher, regions, torch.arange(100))
    unseen = gan.score(images, labels).detach().sort().values
    places = torch.searchsorted(unseen, targets).sort().values / 300
    assert (places - (torch.arange(100) + 0.5) / 100).abs().max() < 0.136  # Kolmogorov-Smirnov at 100 and 5 %


@pytest.mark.parametrize("live", [True, False])
def test_quantiles_are_live_or_frozen(world, live):
    gan, teacher, regions = world
    images, labels = real_images(64, seed=1)
    label = UnseenQuantiles(images, labels, live=live, samples=64)
    before = label(torch.zeros(5), gan, teacher, regions, ONE[:5])
    move(gan)
    shift = label(torch.zeros(5), gan, teacher, regions, ONE[:5]) - before
    assert torch.allclose(shift, torch.full((5,), 3.0 if live else 0.0), atol=1e-4)
    assert label(torch.zeros(0), gan, teacher, regions, ONE[:0]).shape == (0,)


def test_between_lies_between():
    values = [Between(Fixed(-1), Fixed(3), w)(torch.zeros(1), None, None, None, None).item() for w in (0, 0.25, 0.5, 1)]
    assert values == [-1, 0, 1, 3]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: Unseen(torch.zeros(0, 1, 6, 6)), "at least one real image"),
        (lambda: Unseen(torch.zeros(3, 1, 6, 6), torch.zeros(2)), "3 images but 2 labels"),
        (lambda: UnseenQuantiles(torch.zeros(0, 1, 6, 6)), r"UnseenQuantiles\(\) needs at least one real image"),
        (lambda: Unseen(real_images(9, 0)[0], trained=real_images(5, 0)[0]), "unseen images are in the training set"),
        (lambda: Generated(below=1.0, samples=1), "a spread takes two samples at least"),
        (lambda: Between(Fixed(0), Fixed(1), 1.5), r"must be in \[0, 1\]"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(act, message):
    with pytest.raises(UnlearningError, match=message):
        act()
