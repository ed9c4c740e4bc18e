"""Which classes ``--set classes=`` means: by number, or by the name of a folder."""

from __future__ import annotations

from collections.abc import Sequence

from ignite_unlearn.errors import UnlearningError
from ignite_unlearn.recipes.data.image_data import ImageData
from ignite_unlearn.utils.choices import advice


def class_numbers(asked: Sequence[int | str], data: ImageData) -> tuple[int, ...]:
    """Returns the numbers of classes.

    Args:
        asked: numbers, or texts: names where the data has them, or numbers; ``"#2"`` is number 2, whatever folders are
            called.
        data: the data.

    Raises:
        UnlearningError: if none is named, one is not in the data, or a number is the name of another class's folder.
    """
    if not asked:
        such = f"NAME of {', '.join(data.class_names)}" if data.class_names else "3"
        raise UnlearningError(f"The forget set is empty: name at least one class, such as --set classes={such}.")
    return tuple(dict.fromkeys(_number(one, data) for one in asked))


def _number(asked: int | str, data: ImageData) -> int:
    names, text = data.class_names, str(asked)
    numbered = int(text.removeprefix("#")) if text.removeprefix("#").isdecimal() else None
    if text in names:
        place = names.index(text)
        if numbered not in (None, place):
            other = f", and number {numbered} is {names[numbered]}" if numbered < len(names) else ""
            raise UnlearningError(
                f"--set classes={text} may mean a folder or a number: the folder {text} is number {place}{other}; "
                f"write classes=#{place} for that folder."
            )
        return place
    if numbered is None:
        such = advice(text.removeprefix("#"), names) if names else "expected whole numbers."
        raise UnlearningError(f"--set classes={text} is no class of {data.name}: {such}")
    return numbered
