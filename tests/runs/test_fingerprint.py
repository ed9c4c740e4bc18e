"""What an original depends on: every option that its training reads, and no other."""

import json
from dataclasses import replace

import pytest
import torch

from ignite_unlearn.recipes import RECIPES, load_recipe
from ignite_unlearn.runs import judges
from ignite_unlearn.runs.fingerprint import Watched, differences
from ignite_unlearn.runs.kept_judges import kept_judges
from ignite_unlearn.recipes.nets.strided import StridedGenerator
from ignite_unlearn.runs.notes import add_note, read_notes
from ignite_unlearn.runs.request import check_request
from ignite_unlearn.runs.run import run
from ignite_unlearn.bench.rows import Table
from ignite_unlearn.runs.shelf import Shelf
from tests.recipes.test_class_gans import SHORT, data, request

# The options that were noted by hand before they were watched.
BY_HAND = ("iterations", "batch_size", "precision", "g_lr", "d_lr", "latent", "components", "g_width", "d_width")


def asked(out, settings=SHORT, name="mnist-class", **changes):
    return request(out, name, settings, **changes)


def other_value(key, value):
    changed = {"precision": "bfloat16", "augment": "diffaug", "compile": "eager"}
    return changed.get(key, value + 1 if isinstance(value, int) else value)


def weights(shelf, options):
    """The weights after a short training with these options."""
    shelf._request = replace(shelf._request, options=options)
    gan = shelf._train("original", torch.ones(60, dtype=torch.bool), {}).gan
    return torch.cat([p.flatten() for net in (gan.generator, gan.discriminator) for p in net.parameters()])


def test_an_option_changes_the_original_s_weights_exactly_where_it_changes_its_fingerprint(tmp_path):
    base = asked(tmp_path / "a", ("iterations=2", "batch_size=4", "g_width=4", "d_width=2", "classes=1"))
    before = weights(Shelf(base), base.options)
    for key, value in base.options.items():
        changed = other_value(key, value if not isinstance(value, float) else 2 * value)
        if changed == value or key in ("compile", "unlearning_iterations"):
            continue
        options = {**base.options, key: changed}
        after = weights(Shelf(replace(base, out=tmp_path / key)), options)
        same = after.shape == before.shape and bool(torch.equal(after, before))
        assert same == (replace(base, options=options).fingerprint == base.fingerprint), key


@pytest.mark.parametrize("name", list(RECIPES))
def test_what_was_noted_before_options_were_watched_is_still_the_same(name, tmp_path):
    recipe = load_recipe(name)
    size, channels = (16, 1) if name == "digits-class" else (32, 3)
    recipe = replace(recipe, load_data=lambda root, options: data(size, channels))
    base = replace(asked(tmp_path), recipe=recipe, options=recipe.options, data=data(size, channels))
    options = {key: recipe.options[key] for key in BY_HAND if key in recipe.options}
    old = {"recipe": name, "seed": 0, "data": base.data.sha256, **options}
    assert differences(json.loads(json.dumps(old)), base.fingerprint) == []
    for key in options:
        assert differences({**old, key: "other"}, base.fingerprint) == [f"{key}=other (now {options[key]})"]


def test_a_newer_option_counts_in_an_older_note_as_what_was_done_without_it(tmp_path):
    original = Shelf(asked(tmp_path / "old")).original()
    note = read_notes(tmp_path / "old")["original"]
    del note["fingerprint"]["augment"]
    add_note(tmp_path / "old", "original", note)
    # The folder's own, and one beside it, are used as they are; with another value they are not.
    assert Shelf(asked(tmp_path / "old")).original().seconds == original.seconds
    assert asked(tmp_path / "new").kept_original.folder == tmp_path / "old"
    augmented = (*SHORT, "augment=diffaug")
    assert asked(tmp_path / "new", augmented).kept_original.folder is None
    with pytest.raises(ValueError, match=r"was made by augment=none \(now diffaug\)"):
        Shelf(asked(tmp_path / "old", augmented)).original()


def test_speed_and_the_phase_have_no_part_in_an_original(tmp_path):
    base = asked(tmp_path)
    for text in ("compile=eager", "classes=2", "unlearning_lr=1", "samples=7", "start=none", "anchor=1"):
        assert asked(tmp_path, (*SHORT, text)).fingerprint == base.fingerprint
    for text in ("precision=bfloat16", "augment=diffaug", "g_lr=1", "d_width=5", "batch_size=9", "iterations=13"):
        assert asked(tmp_path, (*SHORT, text)).fingerprint != base.fingerprint
    assert asked(tmp_path, seed=1).fingerprint != base.fingerprint


def test_a_recipe_s_own_option_counts_where_its_nets_read_it(tmp_path):
    recipe = load_recipe("mnist-class")
    own = replace(
        recipe,
        options={**recipe.options, "read": 1, "unread": 1},
        generator=lambda options, images: [options["read"], recipe.generator(options, images)][1],
    )
    base = replace(asked(tmp_path), recipe=own, options={**asked(tmp_path).options, "read": 1, "unread": 1})
    assert base.fingerprint["read"] == 1 and "unread" not in base.fingerprint


def test_a_fingerprint_uses_no_random_number_up(tmp_path):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert asked(tmp_path).fingerprint["recipe"] == "mnist-class"
    assert torch.equal(torch.get_rng_state(), before)


def test_the_order_of_classes_does_not_matter_where_a_retrained_gan_is_looked_for(tmp_path):
    first = asked(tmp_path, (*SHORT[1:], "classes=2,0"))
    turned = asked(tmp_path, (*SHORT[1:], "classes=0,2"), resume=True)
    made = Shelf(first).retrained()
    assert differences(first.retain_fingerprint, turned.retain_fingerprint) == []
    assert Shelf(turned).retrained().seconds == made.seconds
    other = asked(tmp_path, (*SHORT[1:], "classes=0,1"), resume=True)
    assert differences(first.retain_fingerprint, other.retain_fingerprint) == ["classes=[0, 2] (now [0, 1])"]


def test_items_are_told_apart_by_everything_that_chooses_them(tmp_path):
    one, two = (
        request(tmp_path, "mnist-items", ("items=3", f"first_item={first}", "iterations=3")) for first in (0, 3)
    )
    assert differences(one.retain_fingerprint, two.retain_fingerprint) == ["first_item=0 (now 3)"]
    assert one.fingerprint == two.fingerprint


def test_rows_of_a_table_that_were_measured_before_there_was_an_option_are_kept(tmp_path):
    base = asked(tmp_path, (*SHORT[1:], "classes=2,0"))
    options = json.loads(json.dumps(dict(base.options)))
    options["classes"] = [0, 2]
    del options["augment"]
    row = {"seed": 0, "data": {"sha256": base.data.sha256}, "method": {"options": options}}
    table = Table("mnist-class", "", [row])
    assert table.has(base)
    assert not table.has(asked(tmp_path, (*SHORT[1:], "classes=2,0", "augment=diffaug")))
    assert not table.has(asked(tmp_path, (*SHORT[1:], "classes=2,0", "samples=31")))


def test_what_is_looked_up_is_noted_and_what_is_not_there_is_not():
    options = Watched({"a": 1, "b": 2})
    assert options["a"] == 1 and options.get("c", 5) == 5 and dict(Watched({"a": 1})) == {"a": 1}
    assert options.read == {"a"} and len(options) == 2


def test_the_extractor_is_named_after_its_net_and_its_features(tmp_path, monkeypatch):
    class Judge(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.features = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(28 * 28, 5), torch.nn.Tanh())
            self.scores = torch.nn.Linear(5, 3)

        def forward(self, images):
            return self.scores(self.features(images))

    monkeypatch.setattr(judges, "_EPOCHS", 1)
    assert kept_judges(asked(tmp_path / "a")).extractor.name == "mnist-class-SmallClassifier-64"
    own = replace(
        asked(tmp_path / "b"), recipe=replace(load_recipe("fashion-mnist-class"), classifier=lambda d: Judge())
    )
    for _ in range(2):  # trained, and read
        assert kept_judges(own).extractor.name == "fashion-mnist-class-Judge-5"


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

        def generator(options, images, kind=kind):
            return kind(options["latent"], images.classes, size=28, width=options["g_width"], channels=1)

        recipe = replace(load_recipe("mnist-class"), generator=generator, load_data=lambda root, options: data())
        settings = (*SHORT, "unlearning_iterations=3", "start=none")
        run(check_request(recipe, settings=settings, out=tmp_path / kind.__name__ / "a", device="cpu", progress=False))
        made.append(torch.load(tmp_path / kind.__name__ / "a" / "unlearned.pt", weights_only=True)["generator"])
    tables = made[0]["embedding.weight"], made[1]["classes.weight"]
    assert torch.equal(*tables)


def test_a_note_that_is_damaged_is_no_match(tmp_path):
    Shelf(asked(tmp_path / "a")).original()
    for content in ([], {"original": 3}, {"original": {"fingerprint": "x"}}, {"original": {}}):
        (tmp_path / "a" / "stages.json").write_text(json.dumps(content))
        assert asked(tmp_path / "b").kept_original.folder is None


def test_a_retrained_gan_that_saw_copies_of_the_items_is_another(tmp_path):
    """As it was made before copies joined a request."""
    plain = request(tmp_path / "a", "mnist-items", ("items=2", "iterations=3"))
    copied = plain.data.images.clone()
    kept, gone = (~plain.forgotten).nonzero()[0].item(), plain.forgotten.nonzero()[0].item()
    copied[kept] = copied[gone]
    joined = replace(plain, data=replace(plain.data, images=copied))
    assert bool(joined.forgotten[kept]) and not bool(joined.asked[kept])
    assert "forgotten" in joined.retain_fingerprint and "forgotten" not in plain.retain_fingerprint
