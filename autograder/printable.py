"""Text from outside, made fit for every report: a submission must not paint the terminal, nor fill it."""

from __future__ import annotations

LINES, CHARACTERS = 40, 8_000  # of one text; what is longer loses its middle
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """The text without control characters, marks of direction and lone surrogates; lines and tabs stay."""
    return "".join(character if character.isprintable() or character in "\n\t" else REPLACEMENT for character in text)


def one_line(name: str) -> str:
    """A name of a file, in which there are no lines either, and bytes that are no text are spelled out."""
    spelled = name.encode("utf-8", "backslashreplace").decode()
    return "".join(character if character.isprintable() else REPLACEMENT for character in spelled)


def bounded(text: str) -> str:
    """The text made printable, with at most so many lines and characters: its beginning and its end."""
    if len(text) > CHARACTERS:
        half = CHARACTERS // 2
        text = f"{text[:half]}… {len(text) - 2 * half} characters …{text[-half:]}"
    lines = text.split("\n")
    if len(lines) > LINES:
        half = LINES // 2
        lines = [*lines[:half], f"… {len(lines) - 2 * half} lines …", *lines[-half:]]
    return printable("\n".join(lines))
