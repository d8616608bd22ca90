"""Known mistakes in SpeechEmbedding."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import Whole, mistake

lengths = partial(mistake, "speech_embedding.lengths")
padding = partial(mistake, "speech_embedding.without_padding")
convolution = partial(mistake, "speech_embedding.convolution")
group = partial(mistake, "speech_embedding.group")
lstm = partial(mistake, "speech_embedding.lstm")
forward = partial(mistake, "speech_embedding.forward")

ROUNDED_UP = "(lengths + factor - 1) // factor"
MASKED = "x.masked_fill(PadMask(x, lengths)[:, :, None], 0)"
CONVOLVED = "functional.gelu(self.convolution(x.transpose(1, 2))).transpose(1, 2)"
AFTER_CONVOLUTION = "return without_padding(x, lengths), lengths"
REDUCED = "        lengths = reduced(lengths, self.factor)\n        return"
PADDED = "functional.pad(x, (0, 0, 0, -time % self.factor))"
GROUPED = "padded.reshape(batch, -1, self.factor * features)"
PACKED = "packed = pack_padded_sequence(groups, lengths.cpu(), batch_first=True, enforce_sorted=False)"
PACKED_IN_ORDER = "packed = pack_padded_sequence(groups[order], ordered.cpu(), batch_first=True)"
RUN = "packed, _ = self.lstm(packed)"
UNPACKED = "output, _ = pad_packed_sequence(packed, batch_first=True, total_length=groups.shape[1])"
FIRST_MASK = "        x = without_padding(x, lengths)\n        for"
LAYER, LAST = "x, lengths = layer(x, lengths)", "self.dropout(without_padding(self.linear(x), lengths))"

MISTAKES = (
    lengths(
        "speech: lengths rounded down",
        (ROUNDED_UP, "lengths // factor"),
        says="the division rounds down; an utterance's last frames need a step too, even if they are few",
    ),
    lengths(
        "speech: lengths one too many",
        (ROUNDED_UP, "lengths // factor + 1"),
        says="there is a step too many where the factor divides the length",
    ),
    lengths(
        "speech: lengths as fractions",
        (ROUNDED_UP, "(lengths / factor).ceil()"),
        says="the lengths are rounded up, but they must be integers too",
    ),
    lengths(
        "speech: lengths not rounded",
        (ROUNDED_UP, "lengths / factor"),
        says="the lengths are fractions; they must be integers",
    ),
    lengths(
        "speech: lengths rounded to the nearest",
        (ROUNDED_UP, "(lengths / factor).round().long()"),
        says="the division rounds to the nearest; it must round up",
    ),
    lengths("speech: lengths as they were", (ROUNDED_UP, "lengths"), says="the lengths are those of the input"),
    lengths(
        "speech: lengths changed in place",
        (ROUNDED_UP, "lengths.add_(factor - 1) // factor"),
        says="factor - 1 is added to the lengths in place; they are the caller's",
    ),
    padding(
        "speech: steps masked for padding",
        (MASKED, MASKED.replace("PadMask", "~PadMask")),
        says="the steps are zero and the padding is kept",
    ),
    padding(
        "speech: padding times zero",
        (MASKED, "x * ~PadMask(x, lengths)[:, :, None]"),
        says="output holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    padding("speech: padding not masked", (MASKED, "x"), says="x is returned as it is"),
    padding(
        "speech: padding masked one step late",
        (
            Whole("without_padding"),
            """
            output = x.clone()
            for row, length in enumerate(lengths):
                output[row, length + 1 :] = 0
            return output
            """,
        ),
        says="the zeros begin one step late",
    ),
    padding(
        "speech: padding masked one step early",
        (
            Whole("without_padding"),
            """
            output = x.clone()
            for row, length in enumerate(lengths):
                output[row, length - 1 :] = 0
            return output
            """,
        ),
        says="the zeros begin one step early",
    ),
    padding("speech: padding masked in place", (MASKED, MASKED.replace("masked_fill", "masked_fill_"))),
    padding("speech: padding masked without a gradient", (MASKED, MASKED.replace("x.", "x.detach().", 1))),
    convolution(
        "speech: convolution not masked",
        (AFTER_CONVOLUTION, "return x, lengths"),
        says="the steps beyond each length are not zero: mask after the convolution, which has a bias",
    ),
    convolution(
        "speech: convolution by ReLU",
        (CONVOLVED, CONVOLVED.replace("gelu", "relu")),
        says="the activation is ReLU; it must be GELU",
    ),
    convolution(
        "speech: convolution alone",
        (CONVOLVED, CONVOLVED.replace("functional.gelu", "")),
        says="the activation is missing",
    ),
    convolution(
        "speech: convolution reshaped, not transposed",
        (CONVOLVED, CONVOLVED.replace("x.transpose(1, 2)", "x.reshape(len(x), x.shape[2], -1)")),
        says="time and features are mixed by a reshape; they must be transposed",
    ),
    convolution(
        "speech: convolution by the approximate GELU",
        (CONVOLVED, CONVOLVED.replace("x.transpose(1, 2))", 'x.transpose(1, 2)), approximate="tanh"')),
        says="the activation is GELU's approximation by tanh; it must be the exact one",
    ),
    convolution(
        "speech: convolution with the old lengths",
        (f"{REDUCED} without_padding(x, lengths), lengths", "        return without_padding(x, lengths), lengths"),
    ),
    convolution(
        "speech: convolution returns the old lengths",
        (
            f"{REDUCED} without_padding(x, lengths)",
            "        return without_padding(x, reduced(lengths, self.factor))",
        ),
        says="the lengths are those of the input; they must be those of the output",
    ),
    group(
        "speech: the rest of the frames dropped",
        (PADDED, "x[:, : time // self.factor * self.factor]"),
        says="the frames that fill no whole group are dropped",
    ),
    group(
        "speech: the last frame repeated",
        (PADDED, 'functional.pad(x.transpose(1, 2), (0, -time % self.factor), mode="replicate").transpose(1, 2)'),
        says="the last frame is repeated; the last group must be filled up with zeros",
    ),
    group(
        "speech: zeros before the frames",
        (PADDED, PADDED.replace("0, 0, 0, -time % self.factor", "0, 0, -time % self.factor, 0")),
        says="the zeros stand before the first frame; they must follow the last one",
    ),
    group(
        "speech: a group of zeros too many",
        (PADDED, PADDED.replace("-time % self.factor", "self.factor - time % self.factor")),
        says="a group of zeros follows where every group is whole",
    ),
    group(
        "speech: frames mixed feature by feature",
        (GROUPED, "padded.reshape(batch, -1, self.factor, features).transpose(2, 3).flatten(2)"),
        says="the frames are mixed feature by feature; a whole frame must follow the other",
    ),
    group(
        "speech: frames grouped that lie far apart",
        (GROUPED, "padded.reshape(batch, self.factor, -1, features).transpose(1, 2).flatten(2)"),
        says="frames that lie far apart are grouped; those of a group must follow one another",
    ),
    lstm(
        "speech: LSTM not packed",
        (PACKED, ""),
        (RUN, ""),
        (UNPACKED, "output, _ = self.lstm(groups)"),
        says="the LSTM reads the padding; its way back must begin at each utterance's own end",
    ),
    lstm(
        "speech: LSTM not packed, then masked",
        (PACKED, ""),
        (RUN, ""),
        (UNPACKED, "output = without_padding(self.lstm(groups)[0], lengths)"),
        says="the LSTM reads the padding; its way back must begin at each utterance's own end, "
        "and zeros afterwards do not help",
    ),
    lstm(
        "speech: LSTM's order not restored",
        (PACKED, f"ordered, order = lengths.sort(descending=True)\n        {PACKED_IN_ORDER}"),
        says="the utterances stand in the order of their lengths; bring them back into that of the batch",
    ),
    lstm("speech: LSTM wants sorted lengths", (PACKED, PACKED.replace(", enforce_sorted=False", ""))),
    lstm(
        "speech: LSTM as long as the longest utterance",
        (UNPACKED, UNPACKED.replace(", total_length=groups.shape[1]", "")),
        says="the steps after the longest utterance's are missing",
    ),
    forward(
        "speech: input not masked",
        (FIRST_MASK, "        for"),
        says="the first layer reads the padding: mask before it",
    ),
    forward(
        "speech: embeddings not masked",
        (LAST, "self.dropout(self.linear(x))"),
        says="the linear layer's bias stays beyond each length: mask after it",
    ),
    forward("speech: lengths not handed on", (LAYER, "x, _ = layer(x, lengths)")),
    forward(
        "speech: the first layer alone",
        ("for layer in self.layers:", "for layer in self.layers[:1]:"),
        says="only the first layer is used",
    ),
    forward(
        "speech: without the linear layer",
        (LAST, LAST.replace("self.linear(x)", "x")),
        says="the linear layer is missing",
    ),
    forward(
        "speech: masked before the linear layer",
        (LAST, "self.dropout(self.linear(without_padding(x, lengths)))"),
        says="the linear layer's bias stays beyond each length: mask after it",
    ),
    forward("speech: without dropout", (LAST, LAST.replace("self.dropout", "")), says="nothing is dropped in training"),
    forward(
        "speech: dropout without a division",
        (LAST, f"{LAST} * (1 - self.dropout.p if self.training else 1)"),
        says="what is kept is not divided by 1 - p",
    ),
    forward(
        "speech: dropout before the linear layer", (LAST, "without_padding(self.linear(self.dropout(x)), lengths)")
    ),
    forward(
        "speech: dropout in evaluation too",
        (
            LAST,
            LAST.replace("self.dropout", "functional.dropout").replace("lengths))", "lengths), self.dropout.p)"),
        ),
        says="numbers are dropped in evaluation too",
    ),
    forward(
        "speech: padding masked by a product",
        (FIRST_MASK, "        x = x * ~PadMask(x, lengths)[:, :, None]\n        for"),
        says="output holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
)
