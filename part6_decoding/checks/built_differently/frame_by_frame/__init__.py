"""CTC symbol by symbol, with a dictionary of prefixes; the language model is asked about one prefix at a time."""

LOSES: tuple[str, ...] = ()
