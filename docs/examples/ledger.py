"""One request after another: a later phase holds down what was asked for before."""

import tempfile

from ignite.engine import Engine
from tiny import images, labels, loader, netD, netG, step, unseen, unseen_labels

from ignite_unlearn import GAN, CascadedUnlearning, ErasureRecord, ForgetClasses, ForgetItems, Ledger
from ignite_unlearn.cascade import OtherClass, Unseen

folder = tempfile.mkdtemp()
gan = GAN(netG, netD, latents=(8,), labels=10)
requests = {"2026-1": ForgetClasses({7}), "2026-2": ForgetClasses({2}), "2026-3": ForgetItems(images[:1], labels[:1])}

for name, request in requests.items():
    ledger = Ledger(f"{folder}/model")  # beside the weights
    forget = ledger.with_earlier(request)
    unlearning = CascadedUnlearning(
        gan, forget=forget, substitution=OtherClass(1), fake_label=Unseen(unseen, unseen_labels), max_iterations=4
    )
    record = ErasureRecord(unlearning, f"{folder}/{name}", measure=lambda gan: {}, request_id=name)
    with unlearning.attach(trainer := Engine(step)), record.attach(trainer):
        trainer.run(loader)
    ledger.enter(f"{folder}/{name}", forget)

for entry in ledger.entries:
    print(entry.request["id"], entry.kind, entry.classes, len(entry.items))
rows = ledger.rows(images, labels)
print(f"{int(rows.sum())} of {len(rows)} training images; labels {sorted(set(labels[rows].tolist()))}")
