"""Strategies of hostile values: of JSON, of files' bytes, of names."""

import copy
import json

from hypothesis import strategies as st

TEXTS = st.sampled_from(
    [
        "",
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "a\nFORGOTTEN: all",
        "\r",
        "\x00",
        "\u202eabc",
        "\ud800",
        "\x9b31m",
        "<script>alert(1)</script>",
        "{{ 7 * 7 }}",
        "x" * 5000,
        "../../etc/passwd",
        "/dev/zero",
        "nan",
        "__import__('os')",
        "classes",
        "items",
        "original",
        "\u2028",
        "%s%n",
        "{0.__class__}",
        "| a | b |",
    ]
) | st.text(max_size=8)
NUMBERS = st.sampled_from(
    [
        0,
        -1,
        1,
        2**31,
        2**63,
        10**400,
        -(10**30),
        0.5,
        -0.0,
        1e308,
        float("inf"),
        float("-inf"),
        float("nan"),
        True,
        False,
    ]
)
PLAIN = st.none() | NUMBERS | TEXTS
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)


def places(value, where=()):
    """Yields the paths of all values inside of one."""
    yield where
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*where, key))
    elif isinstance(value, list):
        for i in range(len(value)):
            yield from places(value[i], (*where, i))


def changes(values=JSON, most=3):
    """Returns a strategy of changes to nested dicts and lists, for :func:`changed`."""
    what = st.sampled_from(["replace", "replace", "replace", "delete", "add"])
    return st.lists(st.tuples(st.integers(0, 10**6), what, values, TEXTS), min_size=1, max_size=most)


def changed(content, asked):
    """Returns content with some of its values replaced, taken away or added to."""
    content = copy.deepcopy(content)
    for place, what, new, name in asked:
        value = new.make() if hasattr(new, "make") else new
        where = list(places(content))
        way = where[place % len(where)]
        if not way:
            if place % 7 == 0:
                return value
            continue
        at = content
        for key in way[:-1]:
            at = at[key]
        if what == "replace":
            at[way[-1]] = value
        elif what == "delete":
            del at[way[-1]]
        elif isinstance(at, dict):
            at[name] = value
        else:
            at.append(value)
    return content


@st.composite
def json_bytes(draw, content):
    """Returns the bytes of a file in which JSON is expected."""
    how = draw(st.integers(0, 19))
    if how == 0:
        depth = draw(st.sampled_from([50, 900, 5000, 100_000]))
        return b'{"a":' * depth + b"1" + b"}" * depth
    if how == 1:
        depth = draw(st.sampled_from([50, 900, 5000, 100_000]))
        return b"[" * depth
    if how == 2:
        return draw(corrupted(json.dumps(content).encode()))
    if how == 3:
        deep = []
        for _ in range(draw(st.sampled_from([50, 300, 700]))):
            deep = [deep]
        where = draw(st.sampled_from(list(content) or [None]))
        return json.dumps({**content, where: deep}).encode()
    return json.dumps(changed(content, draw(changes()))).encode()


@st.composite
def corrupted(draw, whole):
    """Returns bytes that are cut, changed, empty, or something else."""
    how = draw(st.integers(0, 5))
    if how == 0:
        return b""
    if how == 1:
        return draw(st.binary(max_size=64))
    if how == 2:
        return whole[: draw(st.integers(0, max(0, len(whole) - 1)))]
    if how == 3:
        return whole + draw(st.binary(min_size=1, max_size=64))
    content, last = bytearray(whole), len(whole) - 1
    if content:
        place = st.integers(0, min(last, 512) if how == 4 else last)  # most of what is read first is in front
        for at, byte in draw(st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=8)):
            content[at] = byte
    return bytes(content)
