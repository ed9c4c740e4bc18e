import copy
import warnings

import pytest
import torch
from ignite.engine import Engine, Events
from ignite.handlers import EMAHandler
from torch import nn
from torch.optim.swa_utils import AveragedModel

from ignite_unlearn import ErasureRecord, StopWhenForgotten, UnlearningError
from ignite_unlearn.handlers import RestartAverage
from ignite_unlearn.record.record import Record
from tests.handlers.test_phase import data, make


def weights(net):
    return [*net.parameters(), *net.buffers()]


def is_copy(average, net):
    return all(torch.equal(a, b) for a, b in zip(weights(average), weights(net), strict=True))


def learning(netG):
    """A loop whose own step moves the generator's weights and buffers."""

    def step(engine, batch):
        with torch.no_grad():
            for tensor in weights(netG):
                tensor.add_(1)

    return Engine(step)


def averaged(unlearning):
    average = EMAHandler(unlearning.gan.generator, momentum=0.01, handle_buffers="copy")
    return average, average.ema_model


def test_the_average_is_a_copy_of_the_generator_after_each_unlearning_step_and_averages_in_between():
    unlearning, copies = make(every=2, max_iterations=2), []
    netG = unlearning.gan.generator
    trainer, (average, net) = learning(netG), averaged(unlearning)
    average.attach(trainer)
    with unlearning.attach(trainer), RestartAverage(unlearning, net).attach(trainer):
        trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: copies.append(is_copy(net, netG)))
        trainer.run(data(4), max_epochs=2)
    assert copies == [True, False, True, False, False, False, False, False]


@pytest.mark.parametrize("reached", [True, False])
def test_where_the_best_state_is_put_back_the_average_is_that_state(reached):
    unlearning, values = make(max_iterations=4), iter([1, 0.6, 3, 3] if not reached else [1, 1, 0, 0])
    netG = unlearning.gan.generator
    trainer, (average, net) = learning(netG), averaged(unlearning)
    average.attach(trainer)
    stopping = StopWhenForgotten(
        unlearning, lambda gan: {"left": next(values)}, at_most={"left": 0.5}, keep=(netG,), every=1
    )
    with unlearning.attach(trainer), RestartAverage(unlearning, net).attach(trainer), stopping.attach(trainer):
        trainer.run(data(4))
    assert stopping.restored is not reached and is_copy(net, netG)


def test_an_average_that_does_not_begin_again_is_warned_of():
    for restarted in (False, True):
        unlearning = make()
        trainer, (average, net) = learning(unlearning.gan.generator), averaged(unlearning)
        average.attach(trainer)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with unlearning.attach(trainer):
                if restarted:
                    RestartAverage(unlearning, net).attach(trainer)
                trainer.run(data(4))
        assert any("still nearer to the original" in str(one.message) for one in said) != restarted


def test_it_changes_the_average_alone():
    def left(restarted):
        torch.manual_seed(3)
        unlearning = make()
        average = copy.deepcopy(unlearning.gan.generator)
        trainer = learning(unlearning.gan.generator)
        with unlearning.attach(trainer):
            if restarted:
                RestartAverage(unlearning, average).attach(trainer)
            trainer.run(data(4))
        return [t.tolist() for net in (unlearning.gan.generator, unlearning.gan.discriminator) for t in weights(net)]

    assert left(True) == left(False)


def test_what_is_attached_after_it_measures_the_average_that_began_again(tmp_path):
    unlearning = make()
    netG = unlearning.gan.generator
    trainer, average, released = learning(netG), copy.deepcopy(netG), copy.copy(unlearning.gan)
    released.generator = average

    def same(gan):
        return {"same": float(is_copy(gan.generator, netG))}

    with (
        unlearning.attach(trainer),
        RestartAverage(unlearning, average).attach(trainer),
        StopWhenForgotten(unlearning, same, at_least={"same": 1}, patience=2, released=released).attach(trainer),
        ErasureRecord(unlearning, tmp_path, measure=same, released=released).attach(trainer),
    ):
        trainer.run(data(4))
    assert unlearning.iterations == 2 and unlearning.stopped_because == "its bounds were reached: same 1"
    assert Record.read(tmp_path).metrics["unlearned"]["same"] == 1


@pytest.mark.parametrize("function", [None, lambda average, net, n: 0.5 * (average + net)])
def test_an_averaged_model_counts_from_one_again(function):
    unlearning = make(max_iterations=1)
    netG = unlearning.gan.generator
    average = AveragedModel(netG, avg_fn=function)
    for _ in range(5):
        average.update_parameters(netG)
    trainer = learning(netG)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: average.update_parameters(netG))
    with unlearning.attach(trainer), RestartAverage(unlearning, average).attach(trainer):
        trainer.run(data(1))
        assert is_copy(average.module, netG) and average.n_averaged.item() == 1
        first = [p.clone() for p in netG.parameters()]
        trainer.run(data(1), max_epochs=2)
    for mean, a, b in zip(average.module.parameters(), first, netG.parameters(), strict=True):
        torch.testing.assert_close(mean.data, (a + b) / 2)


def test_what_is_no_average_of_the_generator_is_refused():
    unlearning = make()
    netG = unlearning.gan.generator
    for average, sentence in (
        (EMAHandler(netG), r"^RestartAverage got a EMAHandler for the average: expected a module, such as ema_model"),
        (netG, r"^RestartAverage got the generator that unlearns .* of the generator that the trainer trains"),
        (nn.Linear(1, 1), r"^The average, a Linear, is no copy of the generator, a Generator: give one that"),
    ):
        with pytest.raises(UnlearningError, match=sentence):
            RestartAverage(unlearning, average)
    with pytest.raises(UnlearningError, match="attach the phase to it first"):
        RestartAverage(unlearning, copy.deepcopy(netG)).attach(Engine(lambda engine, batch: None))


@pytest.mark.filterwarnings("ignore:The loop keeps an average", "ignore:None of the 24 rows")  # the first replaced them
def test_it_hears_its_own_phase_alone():
    first, second = make(max_iterations=1), make(max_iterations=4, metrics_prefix="second/")
    first.measured = second.measured = True
    trainer = learning(first.gan.generator)
    average = copy.deepcopy(first.gan.generator)
    with first.attach(trainer), second.attach(trainer), RestartAverage(first, average).attach(trainer):
        trainer.run(data(4))
    assert (first.iterations, second.iterations) == (1, 4)
    assert not is_copy(average, first.gan.generator)  # the loop moved that since
