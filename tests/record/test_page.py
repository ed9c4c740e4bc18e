import hashlib
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from PIL import Image

from ignite_unlearn.record.charts import curve, histogram, legend
from ignite_unlearn.record.folder import write_record
from ignite_unlearn.record.page import speed
from tests.record.records import record

VOID = {"meta", "img"}
EVIL = "<script>alert(1)</script>"


class Checker(HTMLParser):
    """Keeps a stack of open tags, so that a tag that is never closed, or closed twice, is seen."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page(tmp_path, **changes):
    write_record(tmp_path, record(**changes), Image.new("RGB", (4, 4)))
    text = (tmp_path / "record.html").read_text()
    checker = Checker()
    checker.feed(text)
    assert not checker.open
    return text, checker


def everywhere(text):
    """Returns changes that put a text wherever a record takes one."""
    return {
        "recipe": text,
        "device": text,
        "data": {"name": text, "train": text, "sha256": text},
        "forget": {"kind": text, "classes": [text], "count": text, "hmac_sha256": text},
        "request": {"id": text, "asked_by": text, "run_by": text},
        "weights_sha256": text,
        "generator_sha256": text,
        "files": {"unlearned.pt": text},
        "created": text,
        "bounds": [{"name": text, "value": 1.0, "at_most": 2.0, "at_least": None}],
        "method": {"substitution": text, "fake_label": text, "options": {text: text}},
        "stopped_because": text,
        "limits": [text],
        "audits": {"unlearned": [{"audit": text, "passed": None, "verdict": text}]},
        "scores": {"original": {"edges": [0, 1, 2], text: [1, 2]}},
        "curves": {text: {"iteration": [1, 2], "value": [1.0, 2.0]}},
        "feature_extractor": {"name": text, "sha256": text, "samples": text},
        "versions": {text: text},
    }


def test_whatever_text_it_shows_is_shown_as_text(tmp_path):
    text, checker = page(tmp_path, **everywhere(EVIL))
    assert "script" not in checker.seen
    plain = everywhere("harmless")
    for key, value in everywhere(EVIL).items():
        # Each alone, so that a field that is not shown at all is noticed.
        shown, _ = page(tmp_path, **{**plain, key: value})
        assert "&lt;script&gt;" in shown.split("<summary>")[0], key
        assert EVIL not in shown
    assert text.count("&lt;script&gt;") > 15


def test_the_page_needs_no_other_file_no_script_and_no_network(tmp_path):
    text, checker = page(tmp_path)
    assert all(link.startswith("data:image/png;base64,") for link in checker.links) and len(checker.links) == 1
    assert not re.search(r"url\(|@import|http|javascript:", text)
    assert "120 times as long" in text and "a limit" in text and "None was made" in text


def test_a_screen_reader_hears_where_the_text_is_what_each_cell_is_of_and_what_the_picture_shows(tmp_path):
    audits = {"unlearned": [{"audit": "a", "unit": "", "passed": True, "verdict": "as in the retrained GAN"}]}
    text, checker = page(tmp_path, audits=audits)
    assert checker.seen.count("main") == 1 and checker.seen.index("main") < checker.seen.index("h1")
    heads = re.findall(r'<th( scope="(?:row|col)")?>([^<]*)', text)
    assert len(heads) > 10 and all(scope and name.strip() for scope, name in heads)
    assert 'alt="Generated images of the same latents, side by side: original, unlearned' in text


def test_the_headline_is_the_verdict_and_its_reasons_follow(tmp_path):
    text, _ = page(tmp_path)
    assert re.search(
        r'class="verdict forgotten">FORGOTTEN AS FAR AS TESTED</p>\s*<ul class="reasons"><li>The forgotten', text
    )
    text, _ = page(tmp_path, metrics={"original": {}, "unlearned": {}})
    assert ">NOT TESTED</p>" in text and "Nothing that was measured" in text


@pytest.mark.parametrize(("spent", "said"), [(59.0, "hardly more, or less"), (0.5, "120 times as long"), (None, "")])
def test_a_speedup_that_is_none_is_not_called_one(spent, said):
    found = speed(record(seconds={"unlearning": spent or 1.0, "retraining": spent and 60.0}))
    assert found.endswith(f"{said}.") if said else found == ""


def test_who_asked_and_what_is_released_stand_above_the_numbers(tmp_path):
    (tmp_path / "unlearned.pt").write_bytes(b"weights")
    text, _ = page(tmp_path, request={"id": "R-17", "asked_by": "Ada", "run_by": "Bob"}, weights_sha256="w" * 64)
    above = text[: text.index("<h2>Numbers")]
    hashed = hashlib.sha256(b"weights").hexdigest()
    for shown in ("R-17", "Ada", "Bob", "w" * 64, hashed, "2026-01-02T03:04:05+00:00"):
        assert shown in above


def test_files_that_were_found_are_neither_passed_nor_failed(tmp_path):
    audits = {"unlearned": [{"audit": "a", "unit": "files", "passed": None, "verdict": "found: 3 files to delete"}]}
    text, _ = page(tmp_path, audits=audits)
    assert "<td>found</td><td>found: 3 files to delete</td>" in text


def test_an_audit_that_could_not_be_made_is_called_not_tested(tmp_path):
    audits = {"unlearned": [{"audit": "a", "unit": "", "passed": None, "verdict": "not tested: too few images"}]}
    text, _ = page(tmp_path, audits=audits)
    assert "<td>not tested</td><td>not tested: too few images</td>" in text


def test_a_failed_audit_is_seen(tmp_path):
    audits = {"unlearned": [{"audit": "a", "passed": False, "verdict": "it remembers"}]}
    text, _ = page(tmp_path, audits=audits)
    assert "FAILED" in text and "it remembers" in text and "None was made" not in text


def points(svg):
    tree = ElementTree.fromstring(svg)
    return [
        [tuple(map(float, pair.split(","))) for pair in line.get("points").split()] for line in tree.iter("polyline")
    ]


def test_a_histogram_draws_every_kind_inside_its_frame_and_to_scale():
    lines = points(histogram("t", [0, 1, 2, 3], {"forget": [0, 4, 4], "unseen": [40, 40, 80]}))
    assert len(lines) == 2
    assert all(0 <= x <= 320 and 0 <= y <= 160 for line in lines for x, y in line)
    # Areas of their own: half of all in a bin is as high in either.
    assert lines[0][2][1] == lines[1][4][1] == min(y for line in lines for _, y in line)
    assert lines[0][0][1] == max(y for line in lines for _, y in line)


@pytest.mark.parametrize("values", [[1.0, 1.0], [2.0, -1.0, 5.0]])
def test_a_curve_stays_inside_its_frame_and_tells_its_ends(values):
    svg = curve("loss", range(1, len(values) + 1), values)
    (line,) = points(svg)
    assert len(line) == len(values) and all(0 <= x <= 320 and 0 <= y <= 160 for x, y in line)
    assert f"loss: {values[0]:.3g} to {values[-1]:.3g}" in svg
    highest = min(range(len(line)), key=lambda i: line[i][1])
    assert values[highest] == max(values)


def test_the_legend_tells_all_kinds_apart():
    strokes = re.findall(
        r'stroke="(#\w+)" stroke-width="2" stroke-dasharray="([^"]*)"', legend(["forget", "retain", "unseen"])
    )
    assert len({color for color, _ in strokes}) == len({dashes for _, dashes in strokes}) == 3
