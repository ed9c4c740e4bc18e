import pytest
import torch
from ignite.engine import Engine

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, ForgetItems, Replay, UnlearningError
from ignite_unlearn.cascade import Fixed, OtherClass
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images


def make(classes=CLASSES):
    return GAN(Generator(classes), Discriminator(classes=classes), latents=(Z,), labels=classes)


def test_batches_have_the_form_of_the_loops_own_and_no_forgotten_class():
    gan = make()
    images, labels = real_images(9, seed=0)
    like = {"image": images.double(), "label": labels, "site": "A"}
    loader = Replay(gan, ForgetClasses({2}), like=like, batches=3)
    batches = list(loader)
    assert len(batches) == len(loader) == 3
    for batch in batches:
        assert batch.keys() == like.keys() and batch["site"] == "A"
        assert batch["image"].dtype == torch.float64 and batch["image"].shape == images.shape
        assert not (batch["label"] == 2).any()
        z = batch["image"].float()
        assert z.min() >= -1 and z.max() <= 1
    assert torch.equal(like["image"], images.double())
    assert not torch.equal(batches[0]["image"], batches[1]["image"])


def test_it_replays_the_original_whatever_becomes_of_the_generator_and_goes_on_where_it_was():
    gan = make(None)
    forget, like = ForgetItems(real_images(2, seed=0)[0]), real_images(4, seed=1)
    loader = Replay(gan, forget, like=like, batches=2, seed=3)
    first, second = list(loader), list(loader)
    assert not torch.equal(first[0][0], second[0][0])
    again = Replay(gan, forget, like=like, batches=2, seed=3)
    with torch.no_grad():
        gan.generator.body[0].weight.zero_()
    loader.load_state_dict({"epoch": 1})
    again.load_state_dict(loader.state_dict())
    for a, b, c in zip(second, loader, again, strict=True):
        assert torch.equal(a[0], b[0]) and torch.equal(a[0], c[0])


def test_no_random_number_stream_of_the_loop_moves():
    gan = make()
    before = torch.get_rng_state()
    list(Replay(gan, ForgetClasses({2}), like=real_images(4, seed=1), batches=2))
    assert torch.equal(before, torch.get_rng_state())


def test_a_phase_runs_on_replay_alone():
    gan, labels = make(), []
    unlearning = CascadedUnlearning(gan, forget=ForgetClasses({1}), substitution=OtherClass(0), fake_label=Fixed(-1))
    trainer = Engine(lambda engine, batch: labels.extend(batch[1].tolist()))
    loader = Replay(gan, ForgetClasses({1}), like=real_images(6, seed=1), batches=4)
    with unlearning.attach(trainer):
        trainer.run(loader, max_epochs=2)
    assert len(labels) == 48 and 1 not in labels and unlearning.iterations == 8


def test_what_does_not_fit_is_said_in_a_sentence():
    with pytest.raises(UnlearningError, match="batches=0"):
        Replay(make(), ForgetClasses({1}), like=real_images(6, seed=1), batches=0)
    with pytest.raises(UnlearningError, match=r"has images of shape \(1, 4, 4\), the generator makes \(1, 6, 6\)"):
        Replay(make(), ForgetClasses({1}), like=(torch.zeros(2, 1, 4, 4), torch.zeros(2).long()), batches=1)


def test_what_belongs_to_other_images_is_warned_of():
    images, labels = real_images(4, seed=1)
    like = {"image": images, "label": labels, "text": ["a", "b", "c", "d"], "site": "A"}
    with pytest.warns(UserWarning, match="what else the batch holds of a row, at 'text', stays as in the batch given"):
        loader = Replay(make(), ForgetClasses({1}), like=like, batches=1)
    assert next(iter(loader))["text"] == like["text"]
