"""The given tokenizer: numbers and back, what is unknown, the special tokens, and files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from part6_decoding.tokenizer import CharTokenizer

TEXT = "früh, um 5 Uhr\n日本\N{GRINNING FACE}"


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_comes_back(text: str) -> None:
    tokenizer = CharTokenizer.from_text(text)
    tokens = tokenizer.encode(text)
    assert tokenizer.decode(tokens) == tokenizer.decode(torch.tensor(tokens, dtype=torch.int64)) == text


def test_characters_come_first_and_special_tokens_after() -> None:
    tokenizer = CharTokenizer.from_text("banana")
    special = [tokenizer.sos_id, tokenizer.eos_id, tokenizer.blank_id, tokenizer.pad_id, tokenizer.unk_id]
    assert tokenizer.characters == "abn"
    assert tokenizer.encode("nab") == [2, 0, 1]
    assert (special, tokenizer.vocab_size) == ([3, 4, 5, 6, 7], 8)


def test_what_is_unknown_has_a_number_and_a_sign() -> None:
    tokenizer = CharTokenizer("ab")
    assert tokenizer.encode("axb") == [0, tokenizer.unk_id, 1]
    assert tokenizer.decode(tokenizer.encode("axb")) == "a\N{REPLACEMENT CHARACTER}b"


def test_special_tokens_are_not_shown() -> None:
    tokenizer = CharTokenizer("ab")
    special = [tokenizer.sos_id, tokenizer.eos_id, tokenizer.blank_id, tokenizer.pad_id]
    assert tokenizer.decode([0, *special, 1]) == "ab"


@pytest.mark.parametrize("token", [-1, 7])
def test_a_number_outside_the_vocabulary_is_refused(token: int) -> None:
    with pytest.raises(ValueError, match=r"tokens must lie between 0 and 6; got \[0, "):
        CharTokenizer("ab").decode([0, token])


def test_a_character_may_occur_once() -> None:
    with pytest.raises(ValueError, match=r"characters must differ .* got 'aba'"):
        CharTokenizer("aba")


@pytest.mark.parametrize("text", ["", TEXT])
def test_a_file_gives_the_same_tokenizer(tmp_path: Path, text: str) -> None:
    path = tmp_path / "characters.json"
    tokenizer = CharTokenizer.from_text(text)
    for _ in range(2):  # the second writes over the first
        tokenizer.save(path)
    assert vars(CharTokenizer.load(path)) == vars(tokenizer)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "characters.json"
    CharTokenizer("ab").save(path)

    def fails(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="the disk is full"):
        CharTokenizer("abc").save(path)
    assert CharTokenizer.load(path).characters == "ab"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{}", b'{"characters": 3}', b'{"characters": "ab"'])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "characters.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"characters\.json must be a file that CharTokenizer\.save wrote"):
        CharTokenizer.load(path)


def test_a_file_with_a_character_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "characters.json"
    path.write_text('{"characters": "aa"}', encoding="utf-8")
    with pytest.raises(ValueError, match="characters must differ"):
        CharTokenizer.load(path)
