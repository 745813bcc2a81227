"""The small vocabularies that the harmony tests share."""

from __future__ import annotations

import pytest

from gptoss_chat.harmony import HarmonyEncoding
from tests.encodings import byte_encoding


@pytest.fixture(scope="session")
def encoding() -> HarmonyEncoding:
    """Every byte is a token, and the control tokens follow."""
    return byte_encoding()
