"""The recipes on MNIST-like data through the whole pipeline; how well they forget is the benchmarks' to say."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.recipes import load_recipe, stock_recipes
from ignite_unlearn.recipes.audit_budget import AuditBudget
from ignite_unlearn.recipes.data import Digits, FewDigits, ImageData, ImageFolder
from ignite_unlearn.recipes.tasks import instruments as instruments_module
from ignite_unlearn.runs.folder import RunFolder
from ignite_unlearn.runs.pipeline import carry_out, original_of
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.run import prepare_run
from tests.recipes.given import on

SHORT = (
    "classes=1", "iterations=12", "batch_size=8", "g_width=8", "d_width=4", "unlearning_iterations=2",
    "unlearning_batch_size=4", "unlearning_steps=1", "judge_every=1", "samples=30", "judge_samples=20",
    "share_tolerance=-2",
)  # fmt: skip


def bars(n, size=28, channels=1):
    """Three classes: bright left, right or lower half."""
    labels = torch.arange(n) % 3
    images = torch.full((n, channels, size, size), -1.0)
    images[labels == 0, :, :, : size // 2] = 1
    images[labels == 1, :, :, size // 2 :] = 1
    images[labels == 2, :, size // 2 :] = 1
    return images + 0.1 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0)), labels


def data(size=28, channels=1):
    images, labels = bars(90, size, channels)
    return ImageData("bars", images[:60], labels[:60], images[60:], labels[60:], 3)


@pytest.fixture(scope="module", autouse=True)
def quick_judges():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instruments_module, "_EPOCHS", 4)
        patch.setattr(instruments_module, "_FEW", 1)  # judges that find what an untrained GAN shows
        yield


def request(out, name, settings=SHORT, **changes):
    recipe = on(load_recipe(name), data())
    return prepare_run(recipe, settings=settings, out=out, device="cpu", progress=QUIET, **changes)


@pytest.mark.parametrize("name", ["mnist-class", "mnist-class-unconditional"])
def test_a_class_is_forgotten_from_end_to_end(tmp_path, name):
    pool = () if name == "mnist-class" else ("pool=8", "start=none")
    record = carry_out(request(tmp_path, name, (*SHORT, *pool), retrain=True))
    content = json.loads((tmp_path / "record.json").read_text())
    assert content["iterations"] == {"original": 12, "unlearning": 2, "retraining": 8, "inversion": None}
    original, unlearned = content["metrics"]["original"], content["metrics"]["unlearned"]
    assert unlearned["fid"] > 0 and content["metrics"]["retrained"]["ret_fid"] == pytest.approx(0, abs=1e-6)
    assert 0 <= unlearned["forgotten_share_later"] <= 1 and "forgotten_share_later" not in original
    made = record.feature_extractor["samples"]
    if name == "mnist-class":
        assert made == 60 and unlearned["pul"] is None and 0 <= unlearned["downstream_accuracy"] <= 1
    else:
        assert made == 30 and original["pul"] == 0 and original["forgotten_share"] == 1
        assert unlearned["pul"] == pytest.approx(100 * (1 - unlearned["forgotten_share"]))
        assert unlearned["pul_low"] <= unlearned["pul"] <= unlearned["pul_high"]


def test_a_phase_ends_when_the_class_shows_no_more_than_its_substitutes_do(tmp_path):
    """Whatever the judge takes substitutes for: more iterations have nothing else to teach."""
    still = ("unlearning_iterations=3", "unlearning_lr=0", "embedding_lr=0", "share_tolerance=0", "fid_tolerance=99")
    shown = []
    for forgotten in range(3):
        record = carry_out(
            request(tmp_path / f"{forgotten}", "mnist-class", (*SHORT[1:], *still, f"classes={forgotten}"))
        )
        assert record.iterations["unlearning"] == 1
        assert record.stopped_because.endswith(", share above substitutes 0")
        assert "forgotten share" in record.stopped_because  # what is left all the same is said
        shown.append(record.metrics["unlearned"]["forgotten_share"])
    assert max(shown) > 0  # the judge takes every image for one of the classes


def test_the_average_begins_with_what_the_closed_form_has_changed(tmp_path):
    still = ("unlearning_iterations=1", "unlearning_lr=0", "embedding_lr=0")
    copied = ("substitution=other_class", "start=nearest_embedding")
    asked = request(tmp_path, "mnist-class", (*SHORT, *still, *copied))
    carry_out(asked)
    original = original_of(asked).gan
    unlearned = RunFolder(asked.out).finished("unlearned", asked.new_gan(), None).gan
    latents = torch.randn(20, 64)
    made, old = (
        {k: g.sample(20, torch.full((20,), k), latents=latents) for k in range(3)} for g in (unlearned, original)
    )
    apart = {k: (made[1] - old[k]).abs().mean() for k in range(3)}
    assert min(apart[0], apart[2]) < 0.2 * apart[1]


def test_an_unconditional_gan_is_audited(tmp_path, monkeypatch):
    from ignite_unlearn.runs import audits
    from ignite_unlearn.runs.finished import Finished

    asked = request(tmp_path, "mnist-class-unconditional", (*SHORT, "pool=8", "start=none"), retrain=True)
    few = AuditBudget(restarts=8, give_up=5, shown=50)
    asked = replace(asked, recipe=replace(asked.recipe, audits=few))
    record = audits.audit_run(Finished(asked, carry_out(asked)))
    names = ["membership, discriminator's score", "recovery by search", "null directions of weights", "relearning"]
    assert [result["audit"] for result in record.audits["retrained"]] == names
    assert record.metrics["original"]["relearn_iterations"] == 0
    assert 0 <= record.metrics["unlearned"]["recovery_share"] <= 1


@pytest.mark.parametrize(("size", "channels"), [(16, 1), (28, 1), (32, 3), (64, 3)])
@pytest.mark.parametrize("conditional", [True, False])
def test_nets_follow_the_data(size, channels, conditional):
    recipe = load_recipe("mnist-class" if conditional else "mnist-class-unconditional")
    images = data(size, channels)
    nets = replace(recipe.nets, g_width=8, d_width=4, g_blocks=None, d_blocks=None)
    G, D = nets.generator(images), nets.discriminator(images)
    asked = (torch.tensor([0, 2]),) if conditional else ()
    made = G(torch.randn(2, nets.latent), *asked)
    assert made.shape == (2, channels, size, size) and made.abs().max() <= 1
    assert D(made, *asked).shape == (2,)
    assert recipe.classifier(images)(made).shape == (2, 3)


def test_originals_are_not_shared_between_a_conditional_and_an_unconditional_recipe(tmp_path):
    original_of(request(tmp_path / "a", "mnist-class"))
    assert request(tmp_path / "b", "mnist-class", (*SHORT, "classes=2")[1:]).original_beside().folder == tmp_path / "a"
    assert request(tmp_path / "b", "mnist-class-unconditional").original_beside().folder is None


def test_the_record_shows_no_image_of_the_forgotten_class_of_an_unconditional_gan(tmp_path):
    from ignite_unlearn.runs.pictures import picture, safe_picture, samples

    asked = request(tmp_path, "mnist-class-unconditional")
    gan, (forgotten,) = original_of(asked).gan, asked.options["classes"]

    def classifier(images):
        return torch.nn.functional.one_hot(torch.arange(len(images)) % 3 + forgotten, forgotten + 3).float()

    whole = np.asarray(picture({"original": gan}))
    blank = np.asarray(safe_picture({"original": gan}, asked.recipe.task, asked.split, classifier))
    changed = (whole != blank).any(2)
    # Two of six columns, in each row, beneath the title.
    assert 0 < changed.mean() < 0.5 and len(samples(gan)[0]) == 36


def test_nothing_is_downloaded_unasked_and_a_failed_download_is_said_in_a_sentence(tmp_path, monkeypatch):
    import torchvision.datasets

    asked = []

    def refuse(root, **options):
        asked.append((root, options))
        raise OSError("no network")

    for name in ("MNIST", "FashionMNIST", "CIFAR10"):
        monkeypatch.setattr(torchvision.datasets, name, refuse)
    for name in stock_recipes():
        recipe, out = load_recipe(name), tmp_path / "out"
        if isinstance(recipe.data, (Digits, FewDigits, ImageFolder)):
            with pytest.raises(UnlearningError, match="nothing to download"):
                prepare_run(recipe, out=out, data_root=tmp_path, download=True)
            continue
        with pytest.raises(UnlearningError, match="with --data-root"):
            prepare_run(recipe, out=out, download=True)
        with pytest.raises(UnlearningError, match=f"{tmp_path} holds"):
            prepare_run(recipe, out=out, data_root=tmp_path)
        assert not asked
        with pytest.raises(UnlearningError, match=r"could not get .* \(no network\)"):
            prepare_run(recipe, out=out, data_root=tmp_path, download=True)
        assert asked.pop() == (str(tmp_path), {"download": True})


def test_a_cluster_is_chosen_by_the_largest_of_its_dimensions():
    from ignite_unlearn.recipes.nets.strided import StridedGenerator

    net = StridedGenerator(7, None, size=16, width=8, components=3)
    latents = torch.randn(5, 7)
    latents[:, :3] = torch.tensor([1.0, 3.0, 2.0])
    others = latents.clone()
    others[:, :3] = torch.tensor([-9.0, 0.5, -1.0])
    assert torch.equal(net(latents), net(others))
    others[:, 0] = 1
    assert not torch.allclose(net(latents), net(others))
    counts = torch.randn(6000, 3).argmax(1).bincount()
    assert counts.min() > 1850  # each as likely


@pytest.mark.parametrize(("name", "whole"), [("mnist-class", False), ("mnist-class-unconditional", True)])
def test_a_discriminator_without_labels_sees_the_whole_image(name, whole):
    recipe = load_recipe(name)
    torch.manual_seed(0)
    D = replace(recipe.nets, d_width=8).discriminator(data(28)).double().eval()
    images = torch.randn(1, 1, 28, 28, dtype=torch.double).repeat(4, 1, 1, 1)
    images[1:, ..., :4, :4] += torch.tensor([3.0, 0, 3]).view(3, 1, 1, 1)
    images[1:, ..., -4:, -4:] += torch.tensor([0.0, 3, 3]).view(3, 1, 1, 1)
    labels = (torch.zeros(4, dtype=torch.long),) if recipe.nets.conditional else ()
    plain, first, second, both = D(images, *labels)
    # A sum over places adds up what corners say, unless one of its terms sees both.
    assert ((both - first - second + plain).abs() > 1e-9) == whole
