import torch

from ignite_unlearn import GAN
from ignite_unlearn.audits.result import AuditResult
from ignite_unlearn.runs.kept_audits import KeptAudits
from ignite_unlearn.runs.provenance import Fingerprint


class Counted:
    key, title = "counted", "counted"

    def __init__(self):
        self.calls = 0

    def __call__(self, gan, *, retrained=None):
        self.calls += 1
        return AuditResult(self.key, self.title, "calls", float(self.calls), 0.0, 9.0, None, "none", {"n": [1, 2]})


def test_a_result_is_taken_for_the_same_gan_and_settings_and_for_no_other(tmp_path):
    gan, other = (GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,)) for _ in range(2))
    audit, made_by = Counted(), Fingerprint({"seed": 0})
    first = KeptAudits(tmp_path, made_by).kept(audit)(gan)
    again = KeptAudits(tmp_path, made_by).kept(audit)
    assert again(gan) == first and audit.calls == 1
    assert again(other).value == 2 and again(gan, retrained=first).value == 3
    assert KeptAudits(tmp_path, Fingerprint({"seed": 1})).kept(audit)(gan).value == 4
    (tmp_path / "audits.checkpoint.json").write_text("[" * 99)
    assert KeptAudits(tmp_path, made_by).kept(audit)(gan).value == 5
    KeptAudits(tmp_path, made_by).clear()
    assert not list(tmp_path.iterdir())
