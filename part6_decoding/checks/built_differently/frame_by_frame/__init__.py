"""CTC symbol by symbol, with a dictionary of prefixes; the language model scores one prefix at a time."""

LOSES: tuple[str, ...] = ()
