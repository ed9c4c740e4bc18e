"""A row of a batch is replaced with all that it holds: an image keeps its caption, its pair, its id."""

import copy
import warnings

import ignite.distributed as idist
import pytest
import torch
from ignite.engine import Engine

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses, ForgetItems
from ignite_unlearn.cascade import Fixed, OtherClass, RetainedNeighbour
from ignite_unlearn.handlers import Original
from ignite_unlearn.handlers.replaced_rows import RetainedRows
from ignite_unlearn.utils.identical import assert_identical, clone
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, bright_corner, real_images

X, Y = real_images(24, seed=0)


def text(image):
    """A caption that says which image it belongs to."""
    return f"{float(image.sum()):.5f}"


def batch_of(rows, **more):
    images = X[rows]
    return {"image": images, "text": [text(x) for x in images], "half": images[..., ::2], "label": Y[rows], **more}


def make(forget=None, **options):
    classes = CLASSES if forget is None else None
    gan = GAN(Generator(classes), Discriminator(classes=classes), latents=(Z,), labels=classes)
    return CascadedUnlearning(
        gan, forget=forget or ForgetClasses({2}), substitution=OtherClass(0) if forget is None else RetainedNeighbour(),
        fake_label=Fixed(), batch_size=4, **options,
    )  # fmt: skip


def run(unlearning, batches, said=None, epochs=1):
    """Returns what the loop's own step saw; asserts what was warned of."""
    seen = []
    trainer = Engine(lambda engine, batch: seen.append(copy.copy(batch)))
    with unlearning.attach(trainer), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.run(batches, max_epochs=epochs)
    words = [
        str(w.message) for w in caught if "measured" not in str(w.message) and "rows that the" not in str(w.message)
    ]
    assert len(words) == (said is not None) and all(said in sentence for sentence in words), words
    return seen


def assert_whole(batch, among):
    """Every row is, in all its fields, one of the retained images."""
    retained = {text(X[i]): i for i in among}
    for place, caption in enumerate(batch["text"]):
        row = retained[caption]
        assert torch.equal(batch["image"][place], X[row]) and torch.equal(batch["half"][place], X[row][..., ::2])
        assert int(batch["label"][place]) == int(Y[row])


RETAINED, FORGOTTEN = (Y != 2).nonzero().flatten().tolist(), (Y == 2).nonzero().flatten().tolist()


@pytest.mark.parametrize("size", [1, 2, 6, 24])
@pytest.mark.parametrize("forget", [None, ForgetItems(X[Y == 2])])
def test_rows_are_replaced_with_all_they_hold(forget, size):
    order = [*RETAINED[:1], *(i for i in torch.randperm(24, generator=torch.Generator().manual_seed(size)).tolist())]
    given = [batch_of(order[i : i + size], site="A", weights=torch.ones(3)) for i in range(0, len(order), size)]
    before = clone(given)
    unlearning = make(forget)
    seen = run(unlearning, given, epochs=2)
    for batch, was in zip(seen, given * 2, strict=True):
        assert_whole(batch, RETAINED)
        kept = was["label"] != 2
        assert torch.equal(batch["image"][kept], was["image"][kept])
        assert batch["weights"] is was["weights"] and batch["site"] == "A"
    assert unlearning.rows_found == 2 * len(FORGOTTEN)
    assert_identical(clone(given), before)


def test_a_row_of_the_same_batch_is_taken_as_seldom_as_can_be():
    (batch,) = run(make(), [batch_of([*FORGOTTEN[:3], *RETAINED[:4]])])
    taken = batch["text"][:3]
    assert len(set(taken)) == 3 and set(taken) <= set(batch["text"][3:])
    (batch,) = run(make(), [batch_of([*FORGOTTEN[:3], *RETAINED[:1]])])
    assert batch["text"] == [text(X[RETAINED[0]])] * 4


def test_of_a_batch_without_a_retained_row_those_before_it_help_out():
    batches = [batch_of(RETAINED[:10]), batch_of(FORGOTTEN[:5]), batch_of(FORGOTTEN[:5])]
    seen = run(make(), batches)
    for batch in seen[1:]:
        assert_whole(batch, RETAINED[2:10])  # the last eight
        assert len(set(batch["text"])) == 5
    assert seen[1]["text"] != seen[2]["text"]  # each batch draws its own


def test_where_no_retained_row_was_seen_yet_the_rest_is_blank_and_that_is_said():
    batches = [batch_of(FORGOTTEN[:3]), batch_of(FORGOTTEN[:3]), batch_of(RETAINED[:2]), batch_of(FORGOTTEN[:2])]
    seen = run(make(), batches, said="All rows of a batch belong to the forget set, and no batch before it held a")
    for batch in seen[:2]:
        assert batch["text"] == ["", "", ""] and not batch["half"].any()
        assert 2 not in batch["label"].tolist() and not (batch["image"][:, None] == X[None]).flatten(2).all(2).any()
    assert_whole(seen[3], RETAINED[:2])


def test_rows_of_another_form_are_no_stand_ins():
    longer = batch_of(FORGOTTEN[:2], tokens=torch.ones(2, 5))
    seen = run(make(), [batch_of(RETAINED[:3], tokens=torch.ones(3, 4)), longer], said="no batch before it held a")
    assert seen[1]["text"] == ["", ""] and not seen[1]["tokens"].any()


def test_a_request_that_grows_is_not_given_back_what_it_names_now():
    forget = ForgetItems(X[:2])
    unlearning = make(forget)
    seen, trainer = [], Engine(lambda engine, batch: seen.append(batch))
    with unlearning.attach(trainer), pytest.warns(UserWarning):
        trainer.run([batch_of([5])])
        forget.add(X[5:6])
        trainer.run([batch_of([0, 1])], max_epochs=2)
    assert seen[-1]["text"] == ["", ""] and not (seen[-1]["image"] == X[5]).flatten(1).all(1).any()


def test_a_resumed_phase_has_the_rows_at_hand_that_an_uninterrupted_one_has(tmp_path):
    batches = [batch_of([i]) for i in [*RETAINED[:9], *FORGOTTEN[:2]]]
    expected = run(make(), batches)
    first = make()
    run(first, batches[:9])
    torch.save(first.state_dict(), tmp_path / "phase.pt")
    resumed = make()
    resumed.load_state_dict(torch.load(tmp_path / "phase.pt", weights_only=True))
    trainer, seen = Engine(lambda engine, batch: seen.append(batch)), []
    with resumed.attach(trainer):
        trainer.state.iteration = 9
        for number, batch in enumerate(batches[9:], start=10):
            trainer.state.iteration, trainer.state.batch = number, batch
            resumed._before_learning(trainer)
            seen.append(trainer.state.batch)
    assert [batch["text"] for batch in seen] == [batch["text"] for batch in expected[9:]]


def test_a_state_of_before_rows_were_kept_is_read_and_what_is_not_plain_is_not_saved():
    original = Original(make().gan, ForgetClasses({2}), 0)
    state = original.state_dict()
    assert state.pop("retained") == []
    original.load_state_dict(state)
    rows = RetainedRows()
    rows.keep({("x",): X[:2], ("file",): [object(), object()]}, torch.tensor([False, False]))
    assert rows.state_dict() == []
    rows.keep({("x",): X[:2], ("box",): [(1, 2.0), (3, 4.0)]}, torch.tensor([True, False]))
    ((first, second),) = rows.state_dict()
    assert torch.equal(first[1], X[1]) and second == (("box",), (3, 4.0))


def test_processes_need_not_meet(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a collective call")

    for name in ("all_reduce", "all_gather", "broadcast", "barrier"):
        monkeypatch.setattr(idist, name, refuse)
    monkeypatch.setattr(idist, "get_world_size", lambda: 2)
    phase, taken = make(), []
    for rank in (0, 1):
        monkeypatch.setattr(idist, "get_rank", lambda rank=rank: rank)
        original = Original(phase.gan, phase.forget, 0)
        for rows in (RETAINED[:8], [*FORGOTTEN[:4], *RETAINED[:8]], FORGOTTEN[:4]):
            batch = batch_of(rows)
            taken.append(original.replace_rows(batch, phase.gan, batch["label"] == 2, len(rows)))
            assert_whole(taken[-1], RETAINED)
    assert taken[1]["text"] != taken[4]["text"]  # each chooses for itself


def test_kept_rows_are_copies_and_few():
    rows, images = RetainedRows(), X.clone()
    rows.keep({(): images}, torch.zeros(24, dtype=torch.bool))
    images.zero_()
    kept = rows.take({(): images}, torch.ones(24, dtype=torch.bool), seed=0)
    assert len(kept) == 24 and len({float(row[()].sum()) for row in kept}) == 8
    assert all(any(torch.equal(row[()], x) for x in X[16:]) for row in kept)


@pytest.mark.parametrize(
    "batch", [lambda: X, lambda: (X, Y), lambda: {"x": X, "y": Y, "site": "a"}, lambda: [X, torch.eye(3)[Y]]]
)
def test_of_an_image_and_its_label_the_image_alone_is_replaced_by_the_originals(batch):
    forget = ForgetClasses({2}, classifier=bright_corner, pool=32)
    unlearning = make(forget)
    (seen,) = run(unlearning, [batch()])
    form, mask = unlearning.gan.batch, Y == 2
    images = form.images(seen)
    assert torch.equal(images[~mask], X[~mask])
    assert not (images[mask][:, None] == X[None]).flatten(2).all(2).any()
