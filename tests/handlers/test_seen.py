import warnings

import pytest
import torch
from ignite.engine import Engine, Events
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from ignite_unlearn import (
    GAN,
    CascadedUnlearning,
    ForgetClasses,
    ForgetItems,
    ReplacedDataset,
    Replay,
    UnlearningError,
)
from ignite_unlearn.cascade import Fixed, MeanImage
from ignite_unlearn.utils.identical import assert_identical, clone
from tests.handlers.test_phase import data, make
from tests.loops.nets import Discriminator, Generator, Z, real_images

X, Y = real_images(12, seed=0)


def of_items(items, **options):
    gan = GAN(Generator(), Discriminator(), latents=(Z,))
    return CascadedUnlearning(
        gan, forget=ForgetItems(items, **options), substitution=MeanImage(), fake_label=Fixed(), batch_size=4
    )


def run(unlearning, loader, epochs=2, said=None, **options):
    """Runs a loop that does nothing; asserts what is warned of, and returns what the step was given."""
    given = []
    trainer = Engine(lambda engine, batch: given.append(batch))
    with unlearning.attach(trainer), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.run(loader, max_epochs=epochs, **options)
    found = [str(w.message) for w in caught if "measured" not in str(w.message)]
    assert len(found) == (said is not None) and all(said in sentence for sentence in found), found
    return given


def test_rows_and_items_are_counted_over_epochs():
    unlearning = of_items(X[[3, 7, 3]])  # one of them named twice
    run(unlearning, list(X[:8].split(4)), epochs=3)
    assert (unlearning.rows_found, unlearning.items_found) == (6, 3)
    classes = make()
    run(classes, data(4), epochs=3)
    assert (classes.rows_found, classes.items_found) == (3 * sum(int((y == 2).sum()) for _, y in data(4)), None)


def test_items_in_another_value_range_are_warned_of_once():
    unlearning = of_items(X[[3, 7]] / 2 + 0.5)
    run(
        unlearning,
        list(X.split(4)),
        epochs=3,
        said="2 of the 2 images to be forgotten were not among the 12 that the batches held",
    )
    assert (unlearning.rows_found, unlearning.items_found) == (0, 0)


def test_an_item_that_is_missing_is_told_of_where_every_image_was_drawn():
    items = torch.cat([X[[3]], X[[7]] / 2 + 0.5])
    whole = DataLoader(X, batch_size=4, shuffle=True)
    run(of_items(items), whole, said="1 of the 2 images to be forgotten were not among the 12")
    # Here it may come in a later epoch.
    run(of_items(items), DataLoader(X, batch_size=5, drop_last=True), epochs=1)
    run(of_items(items), DataLoader(X, batch_size=5, drop_last=True), epochs=2)  # each epoch leaves two others out
    run(of_items(items), list(X.split(4)))


def test_classes_that_no_batch_holds_are_warned_of():
    few, both = [(X, Y % 2)], torch.utils.data.TensorDataset(X, Y % 2)
    run(make(), few, epochs=1)  # may be chance
    run(make(), DataLoader(both, batch_size=4), said="None of the 12 rows")  # there are no others
    run(
        make(),
        few * 2,
        epochs=1,
        said="None of the 24 rows that the batches held so far belongs to the forgotten classes",
    )


def test_what_a_random_draw_lacks_by_chance_is_no_alarm():
    few = RandomSampler(X, replacement=True, num_samples=4, generator=torch.Generator().manual_seed(1))
    unlearning = of_items(X[[3]])
    run(unlearning, DataLoader(X, batch_size=2, sampler=few), epochs=1)
    assert unlearning.rows_found == 0


def test_a_loop_of_nothing_but_the_forget_set_is_warned_of():
    run(make(), [(X, Y * 0 + 2)], epochs=1)  # may be chance
    run(make(), [(X, Y * 0 + 2)], said="All 24 rows that the batches held so far belong to the forget set")


def test_replay_leaves_the_forget_set_out_on_purpose():
    unlearning = make()
    run(unlearning, Replay(unlearning.gan, unlearning.forget, like=(X, Y), batches=2))
    assert unlearning.rows_found == 0 and unlearning.iterations == 4


def test_what_was_seen_is_in_the_state_and_goes_on_from_there():
    unlearning = of_items(X[[3, 7]])
    run(unlearning, [X[:6]], epochs=1)
    resumed = of_items(X[[3, 7]])
    resumed.load_state_dict(clone(unlearning.state_dict()))
    assert (resumed.rows_found, resumed.items_found) == (1, 1)
    assert_identical(clone(resumed.state_dict()), clone(unlearning.state_dict()))
    run(resumed, [X[6:]], epochs=1)
    assert (resumed.rows_found, resumed.items_found) == (2, 2)


@pytest.mark.parametrize("dummy", [None, 3, torch.arange(4)])
def test_a_loop_that_fetches_its_images_itself_takes_a_wrapped_data_set(dummy):
    wrapped = ReplacedDataset(TensorDataset(X), {3, 7}, torch.zeros(1, 1, 6, 6))
    fetched = []
    unlearning = of_items(X[[3, 7]], augmented=True)
    before = [p.detach().clone() for p in unlearning.gan.discriminator.parameters()]
    trainer = Engine(lambda engine, batch: fetched.extend(wrapped[i][0] for i in range(12)))
    loader = None if dummy is None else [dummy] * 2
    with unlearning.attach(trainer):
        trainer.run(loader, max_epochs=1, epoch_length=2)
    assert unlearning.iterations == 2 and (unlearning.rows_found, unlearning.items_found) == (0, None)
    assert any(not torch.equal(p, q) for p, q in zip(before, unlearning.gan.discriminator.parameters(), strict=True))
    assert fetched and not any(torch.equal(image, X[3]) for image in fetched)

    trainer = Engine(lambda engine, batch: None)
    words = "ReplacedDataset" if not isinstance(dummy, torch.Tensor) else "holds no images"
    with of_items(X[[3, 7]]).attach(trainer), pytest.raises(UnlearningError, match=words):
        trainer.run(loader, max_epochs=1, epoch_length=2)


def test_batches_without_a_row_and_without_a_retained_row_are_passed_through():
    for forget in (ForgetClasses({2}), ForgetItems(X[[3]], Y[[3]])):
        unlearning = make()
        unlearning.forget = forget
        seen = run(unlearning, [(X[:0], Y[:0]), (X[Y == 2], Y[Y == 2]), (X, Y)], epochs=1)
        assert [len(x) for x, _ in seen] == [0, int((Y == 2).sum()), 12]
        assert all(p.isfinite().all() for p in unlearning.gan.discriminator.parameters())


def test_an_engine_that_another_loop_fires_is_looked_at_when_the_phase_ends():
    engine, unlearning = Engine(lambda e, b: None), of_items(X[[3]] / 2 + 0.5)
    unlearning.attach(engine)
    engine.state.iteration, engine.state.batch = 1, X
    engine.fire_event(Events.ITERATION_STARTED)
    engine.fire_event(Events.ITERATION_COMPLETED)
    with pytest.warns(UserWarning, match=r"1 of the 1 images to be forgotten were not among the 12"):
        engine.fire_event(Events.COMPLETED)
