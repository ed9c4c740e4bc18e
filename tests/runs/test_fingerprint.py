"""What an original depends on: every option that its training reads, and no other."""

import json
from dataclasses import dataclass, replace

import pytest
import torch

from ignite_unlearn.bench.rows import Table
from ignite_unlearn.recipes import load_recipe, stock_recipes
from ignite_unlearn.recipes.nets import FeatureClassifier, StridedGAN
from ignite_unlearn.recipes.nets.strided import StridedGenerator
from ignite_unlearn.recipes.settings import setting, settings_of, shown
from ignite_unlearn.recipes.tasks import Classes, Items, instruments
from ignite_unlearn.recipes.training import NonSaturating
from ignite_unlearn.runs.pipeline import carry_out, instruments_of, original_of, retrained_of
from ignite_unlearn.runs.progress import QUIET
from ignite_unlearn.runs.provenance import add_note, read_notes
from ignite_unlearn.runs.run import prepare_run, stages
from tests.recipes.given import on
from tests.recipes.test_class_gans import SHORT, data, request

# The options that were noted by hand before they were watched.
BY_HAND = ("iterations", "batch_size", "precision", "g_lr", "d_lr", "latent", "components", "g_width", "d_width")
NEWER = {"digits-items", "mnist-items-few", "faces-items"}  # than fingerprints with a version


def asked(out, settings=SHORT, name="mnist-class", **changes):
    return request(out, name, settings, **changes)


def other_value(key, value):
    changed = {"precision": "bfloat16", "augment": "diffaug", "compile": "eager"}
    return changed.get(key, value + 1 if isinstance(value, int) else value / 2 if isinstance(value, float) else value)


def weights(out, *settings):
    """The fingerprint and the weights of a short training."""
    wanted = asked(out, ("iterations=2", "batch_size=4", "g_width=4", "d_width=2", "classes=1", *settings))
    gan = original_of(wanted).gan
    nets = (gan.generator, gan.discriminator)
    return wanted.original.fingerprint, torch.cat([p.flatten() for net in nets for p in net.parameters()])


def test_a_setting_changes_the_original_s_weights_exactly_where_it_changes_its_fingerprint(tmp_path):
    fingerprint, before = weights(tmp_path / "a" / "a")
    for one in settings_of(asked(tmp_path).recipe):
        changed = other_value(one.key, one.value)
        if changed == one.value or one.key in ("compile", "classes"):
            continue
        other, after = weights(tmp_path / one.key / "a", f"{one.key}={shown(changed)}")
        same = after.shape == before.shape and bool(torch.equal(after, before))
        assert same == (not other.differences(fingerprint.as_note())), one.key


@pytest.mark.parametrize("name", sorted(stock_recipes().keys() - NEWER))
def test_what_was_noted_before_fingerprints_had_a_version_is_still_the_same(name):
    recipe = load_recipe(name)
    images = data(16, 1) if name == "digits-class" else data(32, 3)
    made = stages(recipe, replace(asked_split(), data=images), images.sha256, 0)[0].fingerprint
    options = {key: recipe.options[key] for key in BY_HAND if key in recipe.options}
    old = {"recipe": name, "seed": 0, "data": images.sha256, **options}
    assert made.content["version"] == 2 and made.differences(json.loads(json.dumps(old))) == []
    for key in options:
        assert made.differences({**old, key: "other"}) == [f"{key}=other (now {options[key]})"]


def asked_split():
    images = data()
    return Classes((1,)).split(images, 0, conditional=True)


def test_another_kind_of_nets_or_of_loss_is_another_training(tmp_path):
    def made(**changes):
        recipe = replace(load_recipe("mnist-class"), **changes)
        return stages(recipe, asked_split(), "sha", 0)[0].fingerprint

    note, training = made().as_note(), load_recipe("mnist-class").training
    assert made().differences(note) == []
    assert made(nets=StridedGAN(g_blocks=3)).differences(note) == ["nets=StridedGAN (now StridedGAN(g_blocks=3))"]
    other = replace(training, loss=NonSaturating())
    assert "training=Training(loss=Hinge) (now Training(loss=NonSaturating))" in made(training=other).differences(note)


def test_a_newer_option_counts_in_an_older_note_as_what_was_done_without_it(tmp_path):
    original = original_of(asked(tmp_path / "old"))
    note = read_notes(tmp_path / "old")["original"]
    del note["fingerprint"]["augment"]
    add_note(tmp_path / "old", "original", note)
    # The folder's own, and one beside it, are used as they are; with another value they are not.
    assert original_of(asked(tmp_path / "old")).seconds == original.seconds
    assert asked(tmp_path / "new").original_beside().folder == tmp_path / "old"
    augmented = (*SHORT, "augment=diffaug")
    assert asked(tmp_path / "new", augmented).original_beside().folder is None
    with pytest.raises(ValueError, match=r"was made by augment=none \(now diffaug\)"):
        original_of(asked(tmp_path / "old", augmented))


def test_speed_and_the_phase_have_no_part_in_an_original(tmp_path):
    base = asked(tmp_path)
    for text in ("compile=eager", "classes=2", "unlearning_lr=1", "samples=7", "start=none", "anchor=1"):
        assert asked(tmp_path, (*SHORT, text)).original.fingerprint == base.original.fingerprint
    for text in ("precision=bfloat16", "augment=diffaug", "g_lr=1", "d_width=5", "batch_size=9", "iterations=13"):
        assert asked(tmp_path, (*SHORT, text)).original.fingerprint != base.original.fingerprint
    assert asked(tmp_path, seed=1).original.fingerprint != base.original.fingerprint


def test_a_recipe_s_own_setting_counts_where_it_is_of_its_nets():
    @dataclass(frozen=True)
    class Own(StridedGAN):
        read: int = setting(1, "of the nets")

    recipe = replace(load_recipe("mnist-class"), nets=Own(latent=8))
    made = stages(recipe, asked_split(), "sha", 0)[0].fingerprint.content
    assert (made["read"], made["latent"], "samples" in made) == (1, 8, False)


def test_a_fingerprint_uses_no_random_number_up(tmp_path):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert asked(tmp_path).original.fingerprint.content["recipe"] == "mnist-class"
    assert torch.equal(torch.get_rng_state(), before)


def test_the_order_of_classes_does_not_matter_where_a_retrained_gan_is_looked_for(tmp_path):
    first = asked(tmp_path, (*SHORT[1:], "classes=2,0"))
    turned = asked(tmp_path, (*SHORT[1:], "classes=0,2"), resume=True)
    made = retrained_of(first)
    assert turned.retrained.fingerprint.differences(first.retrained.fingerprint.as_note()) == []
    assert retrained_of(turned).seconds == made.seconds
    other = asked(tmp_path, (*SHORT[1:], "classes=0,1"), resume=True)
    assert other.retrained.fingerprint.differences(first.retrained.fingerprint.as_note()) == [
        "classes=[0, 2] (now [0, 1])"
    ]


def test_items_are_told_apart_by_everything_that_chooses_them(tmp_path):
    one, two = (
        request(tmp_path, "mnist-items", ("items=3", f"first_item={first}", "iterations=3")) for first in (0, 3)
    )
    assert two.retrained.fingerprint.differences(one.retrained.fingerprint.as_note()) == ["first_item=0 (now 3)"]
    assert one.original.fingerprint == two.original.fingerprint


def test_rows_of_a_table_that_were_measured_before_there_was_an_option_are_kept(tmp_path):
    base = asked(tmp_path, (*SHORT[1:], "classes=2,0"))
    options = json.loads(json.dumps(dict(base.options)))
    options["classes"] = [0, 2]
    del options["augment"]
    row = {"seed": 0, "data": {"sha256": base.data_sha256}, "method": {"options": options}}
    table = Table("mnist-class", "", [row])
    assert table.has(base)
    assert not table.has(asked(tmp_path, (*SHORT[1:], "classes=2,0", "augment=diffaug")))
    assert not table.has(asked(tmp_path, (*SHORT[1:], "classes=2,0", "samples=31")))


def test_the_extractor_is_named_after_its_net_and_its_features(tmp_path, monkeypatch):
    class Judge(FeatureClassifier):
        def __init__(self):
            features = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(28 * 28, 5), torch.nn.Tanh())
            super().__init__(features, torch.nn.Linear(5, 3))

    monkeypatch.setattr(instruments, "_EPOCHS", 1)
    assert instruments_of(asked(tmp_path / "a")).extractor.name == "mnist-class-SmallClassifier-64"
    recipe = replace(load_recipe("fashion-mnist-class"), classifier=lambda images: Judge())
    own = replace(asked(tmp_path / "b"), recipe=recipe)
    for _ in range(2):  # trained, and read
        assert instruments_of(own).extractor.name == "fashion-mnist-class-Judge-5"


def test_a_table_of_labels_has_its_learning_rate_whatever_it_is_called(tmp_path):
    class Renamed(StridedGenerator):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.classes = self.embedding
            del self.embedding

        def forward(self, latents, labels):
            self.__dict__["embedding"] = self.classes
            try:
                return super().forward(latents, labels)
            finally:
                del self.__dict__["embedding"]

    made = []
    for kind in (StridedGenerator, Renamed):

        @dataclass(frozen=True)
        class Own(StridedGAN):
            def generator(self, images, kind=kind):
                return kind(self.latent, images.classes, size=28, width=self.g_width, channels=1)

        recipe = on(replace(load_recipe("mnist-class"), nets=Own()), data())
        settings = (*SHORT, "unlearning_iterations=3", "start=none")
        carry_out(
            prepare_run(recipe, settings=settings, out=tmp_path / kind.__name__ / "a", device="cpu", progress=QUIET)
        )
        made.append(torch.load(tmp_path / kind.__name__ / "a" / "unlearned.pt", weights_only=True)["generator"])
    tables = made[0]["embedding.weight"], made[1]["classes.weight"]
    assert torch.equal(*tables)


def test_a_note_that_is_damaged_is_no_match(tmp_path):
    original_of(asked(tmp_path / "a"))
    for content in ([], {"original": 3}, {"original": {"fingerprint": "x"}}, {"original": {}}):
        (tmp_path / "a" / "stages.json").write_text(json.dumps(content))
        assert asked(tmp_path / "b").original_beside().folder is None


def test_a_retrained_gan_that_saw_copies_of_the_items_is_another(tmp_path):
    """As it was made before copies joined a request."""
    recipe = replace(load_recipe("mnist-items"), task=Items(items=2, generator_half="never"))
    images = data()
    plain = recipe.task.split(images, 0, conditional=False)
    copied = images.images.clone()
    kept, gone = (~plain.forgotten).nonzero()[0].item(), plain.forgotten.nonzero()[0].item()
    copied[kept] = copied[gone]
    joined = recipe.task.split(replace(images, images=copied), 0, conditional=False)
    assert bool(joined.forgotten[kept]) and not bool(joined.asked[kept])
    found = [stages(recipe, split, "sha", 0)[1].fingerprint.content for split in (plain, joined)]
    assert ["forgotten" in content for content in found] == [False, True]
