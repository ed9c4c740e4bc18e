import warnings

import pytest
import torch
from ignite.engine import Engine, Events, State

from ignite_unlearn import (
    GAN,
    CascadedUnlearning,
    ErasureRecord,
    ForgetClasses,
    StopWhenForgotten,
    UnlearningDivergedError,
    UnlearningError,
    UnlearningEvents,
)
from ignite_unlearn.cascade import Fixed, OtherClass
from ignite_unlearn.handlers.guesses import guesses
from ignite_unlearn.utils.identical import assert_identical, clone
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images


def make(**options):
    gan = GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)
    options = {"substitution": OtherClass(0), "fake_label": Fixed(-1), "batch_size": 8, **options}
    return CascadedUnlearning(gan, forget=ForgetClasses({2}), **options)


def data(n=4):
    return [real_images(6, seed=i) for i in range(n)]


def test_events_come_in_order_and_count_unlearning_steps():
    trainer, unlearning, log = Engine(lambda engine, batch: log.append("learning step")), make(), []
    with unlearning.attach(trainer):
        trainer.add_event_handler(UnlearningEvents.UNLEARNING_STARTED, lambda: log.append("started"))
        trainer.add_event_handler(UnlearningEvents.UNLEARNING_STEP_COMPLETED, lambda: log.append("step"))
        trainer.add_event_handler(UnlearningEvents.UNLEARNING_STEP_COMPLETED(every=2), lambda: log.append("second"))
        trainer.add_event_handler(UnlearningEvents.UNLEARNING_COMPLETED, lambda: log.append("completed"))
        trainer.add_event_handler(UnlearningEvents.UNLEARNING_ENDING, lambda: log.append("ending"))
        trainer.run(data(3))
    one = ["learning step", "step"]
    assert log == ["started", *one, *one, "second", *one, "ending", "completed"]


@pytest.mark.parametrize("ending", ["run", "budget"])
def test_learning_steps_follow_an_unlearning_step_before_it_is_completed_and_the_gap_may_grow(ending):
    trainer, log = Engine(lambda engine, batch: log.append("learn")), []
    unlearning = make(every=2, max_iterations=3 if ending == "budget" else None)
    before = unlearning.unlearn
    unlearning.unlearn = lambda *a: (log.append("unlearn"), before(*a))[1]

    def wait_longer():
        log.append("completed")
        unlearning.gap += 1

    handle = unlearning.attach(trainer)
    trainer.add_event_handler(UnlearningEvents.UNLEARNING_STEP_TAKEN, lambda: log.append("taken"))
    trainer.add_event_handler(UnlearningEvents.UNLEARNING_STEP_COMPLETED, wait_longer)
    trainer.add_event_handler(UnlearningEvents.UNLEARNING_ENDING, lambda: log.append("ending"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.run(data(4), max_epochs=2 if ending == "run" else 3)
    assert log[:9] == ["unlearn", "learn", "taken", "learn", "completed", "unlearn", "learn", "taken", "learn"]
    if ending == "run":  # in the midst of the third
        assert log[-5:] == ["taken", "learn", "learn", "completed", "ending"] and unlearning.iterations == 3
    else:
        at = log.index("ending")
        assert log[at - 3 : at] == ["learn", "learn", "completed"] and set(log[at + 1 :]) == {"learn"}
        assert log[:at].count("learn") == 2 + 3 + 4
    handle.remove()


def test_a_phase_that_is_stopped_between_two_unlearning_steps_ends_with_the_learning_step():
    unlearning, ended = make(every=4), []
    trainer = Engine(lambda engine, batch: engine.state.iteration == 2 and unlearning.stop("enough"))
    with warnings.catch_warnings(), unlearning.attach(trainer):
        warnings.simplefilter("ignore")
        trainer.add_event_handler(UnlearningEvents.UNLEARNING_COMPLETED, lambda e: ended.append(e.state.iteration))
        trainer.run(data(4))
    assert ended == [2] and unlearning.stopped_because == "enough"


def test_a_state_between_two_unlearning_steps_goes_on_there():
    def steps(unlearning, batches):
        taken, trainer = [], Engine(lambda e, b: None)
        before = unlearning.unlearn
        unlearning.unlearn = lambda *a: (taken.append(trainer.state.iteration), before(*a))[1]
        with warnings.catch_warnings(), unlearning.attach(trainer) as handle:
            warnings.simplefilter("ignore")
            trainer.run(batches)
            state = unlearning.state_dict()
            assert handle is not None
        return taken, state

    whole, _ = steps(make(every=3), data(8))
    first, state = steps(make(every=3), data(5))
    second = make(every=3)
    second.load_state_dict(state)
    rest, _ = steps(second, data(3))
    assert whole == [1, 4, 7] and first == [1, 4] and rest == [2]  # the seventh


def test_two_trainers_have_phases_of_their_own_and_one_may_end_first():
    first, second, seen = Engine(lambda e, b: None), Engine(lambda e, b: None), []
    one, other = make().attach(first), make().attach(second)
    second.add_event_handler(UnlearningEvents.UNLEARNING_STEP_COMPLETED(every=2), lambda: seen.append(1))
    one.remove()
    second.run(data(4))
    other.remove()
    assert len(seen) == 2
    assert not any(isinstance(event, UnlearningEvents) for event in State.event_to_attr)


def test_numbers_are_in_the_metrics_after_every_step():
    trainer, unlearning, seen = Engine(lambda e, b: None), make(), []
    with unlearning.attach(trainer):
        trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: seen.append(dict(e.state.metrics)))
        trainer.run(data(3))
        assert {"unlearning/substitution_loss", "unlearning/fake_label_loss", "unlearning/forget_score"} <= seen[
            -1
        ].keys()
        assert [m["unlearning/iterations"] for m in seen] == [1, 2, 3]
        rows = [int((y == 2).sum()) for _, y in data(3)]
        assert [m["unlearning/rows_replaced"] for m in seen] == rows
    assert trainer.state.metrics == {}


def test_max_iterations_end_the_phase_but_not_the_substitution():
    labels = []
    trainer, unlearning = Engine(lambda e, b: labels.extend(b[1].tolist())), make(max_iterations=2)
    ended = []
    with unlearning.attach(trainer):
        trainer.add_event_handler(UnlearningEvents.UNLEARNING_COMPLETED, lambda e: ended.append(e.state.iteration))
        trainer.run(data(4))
        assert 2 not in labels and ended == [2]
        frozen = unlearning.gan.generator.state_dict()["body.0.weight"].clone()
        trainer.run(data(4), max_epochs=2)
        assert torch.equal(frozen, unlearning.gan.generator.state_dict()["body.0.weight"])
    assert unlearning.iterations == 2 and unlearning.stopped_because == "its budget of 2 iterations is spent"


def test_unlearning_brings_the_forgotten_class_to_its_substitutes():
    trainer = Engine(lambda e, b: None)
    unlearning = make(optimizer=lambda p: torch.optim.Adam(p, lr=5e-3), batch_size=32)
    gan = unlearning.gan
    z, y = gan.sample_latents(64), torch.full((64,), 2)

    def distance():
        target = unlearning.original.teacher.sample(64, y * 0, latents=z)
        return (gan.sample(64, y, latents=z) - target).square().mean().item()

    with unlearning.attach(trainer):
        before = distance()
        trainer.run(data(4), max_epochs=25)
    assert distance() < 0.2 * before


@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_nan_in_the_users_step_stops_and_the_last_good_weights_are_back(which):
    unlearning = make()
    net = getattr(unlearning.gan, which)
    good = {}

    def step(engine, batch):
        if engine.state.iteration == 3:
            for parameter in net.parameters():
                parameter.data.fill_(float("nan"))

    trainer = Engine(step)
    with unlearning.attach(trainer), pytest.raises(UnlearningDivergedError, match="own step left weights"):
        trainer.add_event_handler(
            Events.ITERATION_COMPLETED(once=2), lambda: good.update({k: v.clone() for k, v in net.state_dict().items()})
        )
        trainer.run(data(6))
    # The third unlearning step was still taken on them; they are the weights it began with.
    assert all(torch.equal(v, good[k]) for k, v in net.state_dict().items() if "num_batches" not in k)


def test_nan_in_the_last_step_of_a_run_is_found_too():
    unlearning = make()

    def step(engine, batch):
        unlearning.gan.generator.body[0].weight.data[0, 0] = float("nan")

    trainer = Engine(step)
    with unlearning.attach(trainer), pytest.raises(UnlearningDivergedError):
        trainer.run(data(1))
    assert torch.isfinite(unlearning.gan.generator.body[0].weight).all()


def test_nan_in_the_unlearning_loss_restores_the_weights_of_the_iterations_start():
    unlearning = make(fake_label=Fixed(float("nan")))
    before = {k: v.clone() for k, v in unlearning.gan.generator.state_dict().items()}
    trainer = Engine(lambda e, b: None)
    with unlearning.attach(trainer), pytest.raises(UnlearningDivergedError, match="loss of the discriminator"):
        trainer.run(data(1))
    assert all(torch.equal(v, before[k]) for k, v in unlearning.gan.generator.state_dict().items())


def test_the_same_seed_gives_the_same_phase_and_another_does_not():
    def run(seed):
        torch.manual_seed(0)
        unlearning = make(seed=seed)
        trainer = Engine(lambda e, b: torch.rand(seed + 1))  # the loop's stream is not the phase's
        with unlearning.attach(trainer):
            trainer.run(data(3))
        return unlearning.gan.generator.body[0].weight

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: make(generator_steps=0), "at least 1"),
        (lambda: make(max_iterations=0), "at least 1"),
        (lambda: make().state_dict(), "attach it to the trainer first"),
        (lambda: make().load_state_dict({"iterations": 1}), "lacks .'bounds', 'gap', 'original', 'seen'"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(act, message):
    with pytest.raises(UnlearningError, match=message):
        act()


def test_a_state_of_other_nets_is_refused():
    unlearning = make()
    unlearning.attach(Engine(lambda e, b: None)).remove()
    state = unlearning.state_dict()
    other = CascadedUnlearning(
        GAN(Generator(CLASSES + 1), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES + 1),
        forget=ForgetClasses({2}), substitution=OtherClass(0), fake_label=Fixed(-1),
    )  # fmt: skip
    with pytest.raises(UnlearningError, match="another generator: it has another shape"):
        other.load_state_dict(state)
    assert other.iterations == 0


def test_a_state_of_another_request_is_refused_and_an_older_one_that_does_not_say_is_not():
    unlearning = make()
    unlearning.attach(Engine(lambda e, b: None)).remove()
    state, gan = unlearning.state_dict(), make().gan
    other = CascadedUnlearning(gan, forget=ForgetClasses({1}), substitution=OtherClass(0), fake_label=Fixed(-1))
    before = clone(gan.generator.state_dict())
    with pytest.raises(UnlearningError, match=r"forgets class 2, but this one is to forget class 1: load it"):
        other.load_state_dict(state)
    assert other.original is None
    assert_identical(clone(gan.generator.state_dict()), before)
    del state["original"]["request"]
    other.load_state_dict(state)


def test_where_labels_are_a_guess_the_phase_says_so_once():
    trainer = Engine(lambda e, b: None)
    batches = [{"img": x, "writer": y.flip(0), "digit": y} for x, y in data(2)]
    nobody = {name: value[:0] for name, value in batches[0].items()}
    assert guesses(make().gan, ForgetClasses({2}), nobody) == guesses(make().gan, ForgetClasses({2}), batches[0])
    guess = "2 tensors that may be its class labels, at 'writer', 'digit'"
    with pytest.warns(UserWarning, match=guess) as said, make().attach(trainer):
        trainer.run(batches)
    assert len([one for one in said if "may be its" in str(one.message)]) == 1


def test_a_batch_without_images_ends_in_a_sentence():
    trainer = Engine(lambda e, b: None)
    with make().attach(trainer), pytest.raises(UnlearningError, match="holds no images"):
        trainer.run([{"text": ["a"]}])


def measured_by(kind, unlearning, trainer, folder):
    """Attaches what measures, or tells the phase so."""
    if kind == "judge":
        StopWhenForgotten(unlearning, lambda gan: {"a": 1.0}, at_most={"a": 0}).attach(trainer)
    elif kind == "record":
        ErasureRecord(unlearning, folder, measure=lambda gan: {"forgotten_share": 0.5}).attach(trainer)
    elif kind == "stop":
        trainer.add_event_handler(Events.ITERATION_COMPLETED(once=2), lambda: unlearning.stop("I have seen enough"))
    elif kind == "word":
        unlearning.measured = True


@pytest.mark.parametrize("max_iterations", [None, 2])
@pytest.mark.parametrize("kind", ["judge", "record", "stop", "word", "record without a measure", "nothing"])
def test_a_phase_that_ends_without_a_measure_is_warned_of_once(kind, max_iterations, tmp_path):
    unlearning, trainer = make(max_iterations=max_iterations if kind != "stop" else None), Engine(lambda e, b: None)
    with warnings.catch_warnings(record=True) as caught, unlearning.attach(trainer):
        warnings.simplefilter("always")
        if kind == "record without a measure":
            ErasureRecord(unlearning, tmp_path).attach(trainer)
        measured_by(kind, unlearning, trainer, tmp_path)
        trainer.run(data(4))
        trainer.run(data(4), max_epochs=2)
    said = [str(warning.message) for warning in caught]
    assert len(said) == (kind in ("nothing", "record without a measure")), said
    assert all("nothing has measured whether it forgot" in sentence for sentence in said)
