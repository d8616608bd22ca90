"""Text as numbers, one for each character. Given."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path


class CharTokenizer:
    """Characters by their place in `characters`, and after them sos, eos, blank, pad and unk.

    Characters come first so that a model of these characters alone has the same numbers.
    """

    def __init__(self, characters: str) -> None:
        if len(set(characters)) != len(characters):
            raise ValueError(f"characters must differ from each other; got {characters!r}. from_text takes any text.")
        self.characters = characters
        self.index = {character: number for number, character in enumerate(characters)}
        self.sos_id, self.eos_id, self.blank_id, self.pad_id, self.unk_id = range(len(characters), len(characters) + 5)
        self.vocab_size = len(characters) + 5

    @classmethod
    def from_text(cls, text: str) -> CharTokenizer:
        """Make a tokenizer of the characters that occur in a text, in their order in Unicode."""
        return cls("".join(sorted(set(text))))

    def encode(self, text: str) -> list[int]:
        """Give the number of each character; unk_id for one that is not known."""
        return [self.index.get(character, self.unk_id) for character in text]

    def decode(self, tokens: Iterable[int]) -> str:
        """Give the characters of numbers, a list or a tensor (t,): � for unk_id, nothing for sos, eos, blank and pad.

        Raises ValueError for a number that is none of the vocabulary.
        """
        numbers = [int(token) for token in tokens]
        if any(not 0 <= number < self.vocab_size for number in numbers):
            raise ValueError(f"tokens must lie between 0 and {self.vocab_size - 1}; got {numbers}.")
        shown = {**dict(enumerate(self.characters)), self.unk_id: "\N{REPLACEMENT CHARACTER}"}
        return "".join(shown.get(number, "") for number in numbers)

    def save(self, path: str | Path) -> None:
        """Write the characters as JSON: a file is there whole or not at all."""
        path = Path(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_text(json.dumps({"characters": self.characters}) + "\n", encoding="utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | Path) -> CharTokenizer:
        """Load the tokenizer that was saved there.  Raises ValueError for a file that save did not write."""
        try:
            saved = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError:  # neither JSON nor UTF-8
            saved = None
        if not isinstance(saved, dict) or not isinstance(saved.get("characters"), str):
            raise ValueError(f"{path} must be a file that CharTokenizer.save wrote.")
        return cls(saved["characters"])
