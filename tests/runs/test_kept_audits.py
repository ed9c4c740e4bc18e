import torch

from ignite_unlearn import GAN
from ignite_unlearn.audits.result import AuditResult
from ignite_unlearn.runs.audit_times import AuditTimes
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
    times = AuditTimes(tmp_path, "cpu")
    gan, other = (GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,)) for _ in range(2))
    audit, made_by = Counted(), Fingerprint({"seed": 0})
    first = KeptAudits(tmp_path, made_by, times).kept(audit)(gan)
    again = KeptAudits(tmp_path, made_by, times).kept(audit)
    assert again(gan) == first and audit.calls == 1
    assert again(other).value == 2 and again(gan, retrained=first).value == 3
    assert KeptAudits(tmp_path, Fingerprint({"seed": 1}), times).kept(audit)(gan).value == 4
    (tmp_path / "audits.checkpoint.json").write_text("[" * 99)
    assert KeptAudits(tmp_path, made_by, times).kept(audit)(gan).value == 5
    KeptAudits(tmp_path, made_by, times).clear(["counted"])
    assert not list(tmp_path.iterdir())


def test_results_that_no_record_holds_yet_stay_and_only_what_is_made_is_timed(tmp_path):
    gan, made_by = GAN(torch.nn.Linear(2, 4), torch.nn.Linear(4, 1), latents=(2,)), Fingerprint({})
    one, other = Counted(), Counted()
    one.key, other.key = "counted", "counted_twice"
    kept = KeptAudits(tmp_path, made_by, AuditTimes(tmp_path, "cpu"))
    for audit in (one, other):
        kept.kept(audit)(gan)
    kept.clear(["counted"])
    times = AuditTimes(tmp_path, "cpu")
    again = KeptAudits(tmp_path, made_by, times)
    for audit in (one, other):
        again.kept(audit)(gan)
    assert one.calls == 2 and other.calls == 1
    assert times.of("counted") is not None and times.of("counted_twice") is None
