"""What may go wrong in SpeechEmbedding."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

lengths = partial(Mistake, exercise="speech_embedding.lengths", file="speech_embedding.py")
padding = partial(Mistake, exercise="speech_embedding.without_padding", file="speech_embedding.py")
convolution = partial(Mistake, exercise="speech_embedding.convolution", file="speech_embedding.py")
group = partial(Mistake, exercise="speech_embedding.group", file="speech_embedding.py")
lstm = partial(Mistake, exercise="speech_embedding.lstm", file="speech_embedding.py")
forward = partial(Mistake, exercise="speech_embedding.forward", file="speech_embedding.py")

ROUNDED_UP = "(lengths + factor - 1) // factor"
MASKED = "x.masked_fill(PadMask(x, lengths)[:, :, None], 0)"
CONVOLVED = "functional.gelu(self.convolution(x.transpose(1, 2))).transpose(1, 2)"
AFTER_CONVOLUTION = "return without_padding(x, lengths), lengths"
REDUCED = "        lengths = reduced(lengths, self.factor)\n        return"
PADDED = "functional.pad(x, (0, 0, 0, -time % self.factor))"
GROUPED = "padded.reshape(batch, -1, self.factor * features)"
PACKED = "packed = pack_padded_sequence(groups, lengths.cpu(), batch_first=True, enforce_sorted=False)"
PACKED_IN_ORDER = "packed = pack_padded_sequence(groups[order], ordered.cpu(), batch_first=True)"
UNPACKED = "output, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=groups.shape[1])"
FIRST_MASK = "        x = without_padding(x, lengths)\n        for"
LAYER, LAST = "x, lengths = layer(x, lengths)", "self.dropout(without_padding(self.linear(x), lengths))"

MISTAKES = (
    lengths("speech: lengths rounded down", edits=((ROUNDED_UP, "lengths // factor"),)),
    lengths("speech: lengths one too many", edits=((ROUNDED_UP, "lengths // factor + 1"),)),
    lengths("speech: lengths as fractions", edits=((ROUNDED_UP, "(lengths / factor).ceil()"),)),
    lengths("speech: lengths rounded to the nearest", edits=((ROUNDED_UP, "(lengths / factor).round().long()"),)),
    lengths("speech: lengths changed in place", edits=((ROUNDED_UP, "lengths.add_(factor - 1) // factor"),)),
    padding("speech: steps masked for padding", edits=((MASKED, MASKED.replace("PadMask", "~PadMask")),)),
    padding("speech: padding times zero", edits=((MASKED, "x * ~PadMask(x, lengths)[:, :, None]"),)),
    padding("speech: padding masked in place", edits=((MASKED, MASKED.replace("masked_fill", "masked_fill_")),)),
    padding("speech: padding masked without a gradient", edits=((MASKED, MASKED.replace("x.", "x.detach().", 1)),)),
    convolution("speech: convolution not masked", edits=((AFTER_CONVOLUTION, "return x, lengths"),)),
    convolution("speech: convolution by ReLU", edits=((CONVOLVED, CONVOLVED.replace("gelu", "relu")),)),
    convolution("speech: convolution alone", edits=((CONVOLVED, CONVOLVED.replace("functional.gelu", "")),)),
    convolution(
        "speech: convolution reshaped, not transposed",
        edits=((CONVOLVED, CONVOLVED.replace("x.transpose(1, 2)", "x.reshape(len(x), x.shape[2], -1)")),),
    ),
    convolution(
        "speech: convolution with the old lengths",
        edits=(
            (f"{REDUCED} without_padding(x, lengths), lengths", "        return without_padding(x, lengths), lengths"),
        ),
    ),
    convolution(
        "speech: convolution returns the old lengths",
        edits=(
            (
                f"{REDUCED} without_padding(x, lengths)",
                "        return without_padding(x, reduced(lengths, self.factor))",
            ),
        ),
    ),
    group("speech: the rest of the frames dropped", edits=((PADDED, "x[:, : time // self.factor * self.factor]"),)),
    group(
        "speech: zeros before the frames",
        edits=((PADDED, PADDED.replace("0, 0, 0, -time % self.factor", "0, 0, -time % self.factor, 0")),),
    ),
    group(
        "speech: a group of zeros too many",
        edits=((PADDED, PADDED.replace("-time % self.factor", "self.factor - time % self.factor")),),
    ),
    group(
        "speech: frames mixed feature by feature",
        edits=((GROUPED, "padded.reshape(batch, -1, self.factor, features).transpose(2, 3).flatten(2)"),),
    ),
    group(
        "speech: frames grouped that lie far apart",
        edits=((GROUPED, "padded.reshape(batch, self.factor, -1, features).transpose(1, 2).flatten(2)"),),
    ),
    lstm("speech: LSTM not packed", edits=((PACKED, ""), (UNPACKED, "output, _ = self.lstm(groups)"))),
    lstm(
        "speech: LSTM not packed, then masked",
        edits=((PACKED, ""), (UNPACKED, "output = without_padding(self.lstm(groups)[0], lengths)")),
    ),
    lstm(
        "speech: LSTM's order not restored",
        edits=((PACKED, f"ordered, order = lengths.sort(descending=True)\n        {PACKED_IN_ORDER}"),),
    ),
    lstm("speech: LSTM wants sorted lengths", edits=((PACKED, PACKED.replace(", enforce_sorted=False", "")),)),
    lstm(
        "speech: LSTM as long as the longest utterance",
        edits=((UNPACKED, UNPACKED.replace(", total_length=groups.shape[1]", "")),),
    ),
    forward("speech: input not masked", edits=((FIRST_MASK, "        for"),)),
    forward("speech: embeddings not masked", edits=((LAST, "self.dropout(self.linear(x))"),)),
    forward("speech: lengths not handed on", edits=((LAYER, "x, _ = layer(x, lengths)"),)),
    forward("speech: the first layer alone", edits=(("for layer in self.layers:", "for layer in self.layers[:1]:"),)),
    forward("speech: without the linear layer", edits=((LAST, LAST.replace("self.linear(x)", "x")),)),
    forward(
        "speech: masked before the linear layer",
        edits=((LAST, "self.dropout(self.linear(without_padding(x, lengths)))"),),
    ),
    forward("speech: without dropout", edits=((LAST, LAST.replace("self.dropout", "")),)),
    forward(
        "speech: dropout before the linear layer",
        edits=((LAST, "without_padding(self.linear(self.dropout(x)), lengths)"),),
    ),
    forward(
        "speech: dropout in evaluation too",
        edits=(
            (
                LAST,
                LAST.replace("self.dropout", "functional.dropout").replace("lengths))", "lengths), self.dropout.p)"),
            ),
        ),
    ),
    forward(
        "speech: padding masked by a product",
        edits=((FIRST_MASK, "        x = x * ~PadMask(x, lengths)[:, :, None]\n        for"),),
    ),
)
