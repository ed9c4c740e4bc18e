import stat

import pytest
import torch

from ignite_unlearn import UnlearningError
from ignite_unlearn.record.keys import keyed_sha256, make_key, read_key
from ignite_unlearn.utils.hashing import tensors_sha256

IMAGES = torch.rand(4, 1, 3, 3, generator=torch.Generator().manual_seed(0))


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path):
    key = make_key(tmp_path)
    assert make_key(tmp_path) == key == read_key(tmp_path) and len(key) == 32
    assert make_key(tmp_path / "other") != key
    assert stat.S_IMODE((tmp_path / "forget.key").stat().st_mode) == 0o600


def test_without_the_key_the_hash_confirms_no_image():
    # What an attacker can compute of an image that they hold is not in the hash, nor does another key give it.
    hashed = keyed_sha256(b"k" * 32, IMAGES[:1])
    assert hashed not in (tensors_sha256(IMAGES[:1]), tensors_sha256(IMAGES[0]), keyed_sha256(b"l" * 32, IMAGES[:1]))
    assert hashed == keyed_sha256(b"k" * 32, IMAGES[:1].clone()) != keyed_sha256(b"k" * 32, IMAGES[1:2])


@pytest.mark.parametrize("content", [None, "no key", "ab"])
def test_a_key_that_is_none_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "forget.key").write_text(content)
    with pytest.raises(UnlearningError, match=r"forget\.key holds"):
        read_key(tmp_path)
