import json

import pytest
import torch
from ignite.engine import Engine

from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetClasses, ForgetItems, Ledger, UnlearningError
from ignite_unlearn.cascade import Fixed, OtherClass
from ignite_unlearn.record.ledger import read_entries
from tests.loops.nets import CLASSES, Discriminator, Generator, Z, real_images


def made(folder, forget, gan):
    """Carries a request out in a loop that sees 12 images; returns what the loop saw."""
    unlearning = CascadedUnlearning(
        gan, forget=forget, substitution=OtherClass(0), fake_label=Fixed(-1), batch_size=8, max_iterations=2
    )
    seen, record = [], ErasureRecord(unlearning, folder, measure=lambda gan: {}, request_id=folder.name)
    trainer = Engine(lambda engine, batch: seen.append(batch))
    with unlearning.attach(trainer), record.attach(trainer):
        trainer.run([real_images(12, seed=0)] * 2)
    return seen, unlearning


def conditional():
    torch.manual_seed(0)
    return GAN(Generator(CLASSES), Discriminator(classes=CLASSES), latents=(Z,), labels=CLASSES)


def test_a_later_phase_holds_earlier_classes_down(tmp_path):
    ledger, gan = Ledger(tmp_path / "model"), conditional()
    first = ForgetClasses({2})
    assert ledger.with_earlier(first) is first
    made(tmp_path / "first", first, gan)
    ledger.enter(tmp_path / "first", first)
    again = Ledger(tmp_path / "model")
    second = again.with_earlier(ForgetClasses({1}))
    assert repr(second) == f"ForgetClasses of classes 1, 2, and of what {tmp_path / 'model'} holds"
    assert second.describe().classes == (1, 2)
    seen, unlearning = made(tmp_path / "second", second, gan)
    assert all(not torch.isin(labels, torch.tensor([1, 2])).any() for _, labels in seen)
    assert set(unlearning.original.regions.retained_classes) == set(range(CLASSES)) - {1, 2}
    entry = again.enter(tmp_path / "second", second)
    assert entry.classes == (1,) and entry.request["id"] == "second" and entry.previous == again.entries[0].sha256
    assert again.classes == (1, 2) and read_entries(tmp_path / "model") == again.entries


def test_rows_of_earlier_items_are_replaced_though_nobody_holds_the_images(tmp_path):
    ledger, gan = Ledger(tmp_path / "model"), conditional()
    images, labels = real_images(12, seed=0)
    first = ForgetItems(images[:2], labels[:2])
    made(tmp_path / "first", first, gan)
    assert len(ledger.enter(tmp_path / "first", first).items) == 2
    second = ledger.with_earlier(ForgetItems(images[5:6], labels[5:6]))
    assert second.rows(images.double(), labels).nonzero().flatten().tolist() == [0, 1, 5]
    seen, _ = made(tmp_path / "second", second, gan)
    assert all((batch[[0, 1, 5]] != images[[0, 1, 5]]).flatten(1).any(1).all() for batch, _ in seen)
    assert all(torch.equal(batch[6:], images[6:]) for batch, _ in seen)
    # What is held down again is no request of its own.
    grown = ForgetItems(images[:2], labels[:2])
    grown.add(images[5:6], labels[5:6])
    assert len(ledger.enter(tmp_path / "second", grown).items) == 1


def test_the_ledger_confirms_no_image_without_its_key(tmp_path):
    images, labels = real_images(12, seed=0)
    folders = [tmp_path / "one", tmp_path / "two"]
    made(tmp_path / "record", ForgetItems(images[:2], labels[:2]), conditional())
    for folder in folders:
        Ledger(folder).enter(tmp_path / "record", ForgetItems(images[:2], labels[:2]))
    one, two = (read_entries(folder)[0].items for folder in folders)
    assert not set(one) & set(two)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["entries"].pop(0), "its entry 1 does not follow"),
        (lambda content: content["entries"][0].update(classes=[]), "its entry 2 does not follow"),
        (lambda content: content["entries"][0].update(classes=[[1]]), "is no ledger"),
        (lambda content: content["entries"][0].pop("kind"), "is no ledger"),
        (lambda content: content.update(entries=7), "is no ledger"),
        (lambda content: content.update(schema="other"), "is no ledger"),
    ],
)
def test_a_ledger_that_was_changed_is_refused(tmp_path, change, message):
    ledger, gan = Ledger(tmp_path / "model"), conditional()
    for name, forget in (("first", ForgetClasses({2})), ("second", ForgetClasses({1}))):
        made(tmp_path / name, forget, gan)
        ledger.enter(tmp_path / name, forget)
    path = tmp_path / "model" / "ledger.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(UnlearningError, match=message):
        Ledger(tmp_path / "model")


def test_a_record_is_entered_once_and_one_must_be_there(tmp_path):
    ledger, forget = Ledger(tmp_path / "model"), ForgetClasses({2})
    made(tmp_path / "first", forget, conditional())
    ledger.enter(tmp_path / "first", forget)
    with pytest.raises(UnlearningError, match="in the ledger already"):
        ledger.enter(tmp_path / "first", forget)
    with pytest.raises(UnlearningError, match=r"holds no record\.json"):
        ledger.enter(tmp_path / "nothing", forget)


def test_what_could_not_be_written_can_be_entered_again(tmp_path, monkeypatch):
    forget, ledger = ForgetClasses({2}), Ledger(tmp_path)
    made(tmp_path / "record", forget, conditional())

    def full(folder, entries):
        raise UnlearningError("No space is left.")

    with monkeypatch.context() as patch:
        patch.setattr("ignite_unlearn.record.ledger.write_entries", full)
        with pytest.raises(UnlearningError, match="No space"):
            ledger.enter(tmp_path / "record", forget)
    assert not ledger.entries
    ledger.enter(tmp_path / "record", forget)
    assert len(Ledger(tmp_path).entries) == 1
