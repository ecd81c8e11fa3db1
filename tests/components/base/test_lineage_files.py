from __future__ import annotations

import re

import pytest

from components.base.errors import TextgateError
from components.base.lineage_files import pack, unpack

FILES = {"a.json": "{ä}".encode(), "code.diff": bytes(range(256)), "empty": b""}


def test_files_come_back_as_they_went_and_give_one_string() -> None:
    packed = pack(FILES)
    assert unpack(packed) == FILES
    assert pack(dict(reversed(FILES.items()))) == packed
    assert re.fullmatch(r"[A-Za-z0-9+/]+=*", packed)


@pytest.mark.parametrize("broken", ["", "AAAA", "no base64 {{", pack(FILES)[:-8], pack(FILES)[8:]])
def test_what_was_cut_off_is_refused(broken: str) -> None:
    with pytest.raises(TextgateError, match="cannot be read"):
        unpack(broken)
