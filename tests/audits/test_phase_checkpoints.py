from ignite.engine import Engine, Events
from ignite.handlers import Checkpoint, DiskSaver, ModelCheckpoint
from torch import nn

from ignite_unlearn import GAN, CascadedUnlearning, ForgetClasses
from ignite_unlearn.audits.phase_checkpoints import phase_checkpoints
from ignite_unlearn.cascade import Fixed, OtherClass
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images


def phase():
    gan = GAN(Generator(CLASSES), Discriminator(), latents=(Z,), labels=CLASSES)
    return CascadedUnlearning(gan, forget=ForgetClasses({2}), substitution=OtherClass(0), fake_label=Fixed(-1))


def run(unlearning, trainer):
    with unlearning.attach(trainer):
        trainer.run([real_images(6, seed=0)] * 2, max_epochs=4)


def test_every_file_that_a_checkpoint_wrote_is_named(tmp_path):
    unlearning, trainer = phase(), Engine(lambda engine, batch: None)
    saver = Checkpoint({"unlearning": unlearning}, DiskSaver(str(tmp_path / "a"), create_dir=True), n_saved=2)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, saver)
    model = ModelCheckpoint(str(tmp_path / "b"), create_dir=True)
    trainer.add_event_handler(Events.EPOCH_COMPLETED(every=2), model, {"phase": unlearning, "net": nn.Linear(2, 2)})
    others = Checkpoint({"net": nn.Linear(2, 2)}, str(tmp_path / "c"))
    trainer.add_event_handler(Events.EPOCH_COMPLETED, others)
    run(unlearning, trainer)
    written = {str(path) for folder in ("a", "b") for path in (tmp_path / folder).iterdir()}
    assert len(written) == 3 and set(phase_checkpoints(unlearning, trainer)) == written


def test_a_folder_is_named_before_anything_is_saved_and_nothing_where_nothing_is(tmp_path):
    unlearning, trainer, evaluator = phase(), Engine(lambda engine, batch: None), Engine(lambda engine, batch: None)
    assert phase_checkpoints(unlearning, trainer) == []
    saver = Checkpoint({"unlearning": unlearning}, str(tmp_path))
    evaluator.add_event_handler(Events.COMPLETED, saver)
    assert phase_checkpoints(unlearning, trainer, evaluator) == [str(tmp_path)]
    model = ModelCheckpoint(str(tmp_path / "models"))
    trainer.add_event_handler(Events.COMPLETED, model, {"phase": unlearning})
    assert phase_checkpoints(unlearning, trainer) == [str(tmp_path / "models")]


def test_states_that_the_script_took_itself_are_told():
    unlearning, trainer = phase(), Engine(lambda engine, batch: None)
    run(unlearning, trainer)
    assert phase_checkpoints(unlearning, trainer) == []
    unlearning.state_dict(), unlearning.state_dict()
    (said,) = phase_checkpoints(unlearning, trainer)
    assert "2 times" in said and "state_dict()" in said


def test_what_goes_to_a_function_of_the_scripts_is_told():
    unlearning, trainer = phase(), Engine(lambda engine, batch: None)
    trainer.add_event_handler(Events.COMPLETED, Checkpoint({"u": unlearning}, lambda state, name, metadata: None))
    run(unlearning, trainer)
    (said,) = phase_checkpoints(unlearning, trainer)
    assert said == "u_8.pt by function"
