"""The reference as a user has it: torch's parameters, exact blocks and tiles, errors, examples, picture, benchmarks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PART = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(PART.parent)}

STATE_DICTS = """
import numpy as np
import torch
from part4_attention.multi_head_attention import MultiHeadAttention

for options in ({}, {"bias": False}, {"kdim": 3, "vdim": 5}):
    ours, theirs = MultiHeadAttention(8, 2, **options), torch.nn.MultiheadAttention(8, 2, batch_first=True, **options)
    ours.load_torch_state_dict(theirs.state_dict())
    names = [f"{name}.{kind}" for name in ("q_proj", "k_proj", "v_proj", "out_proj") for kind in ("weight", "bias")]
    assert list(ours.state_dict()) == [name for name in names if options.get("bias", True) or name.endswith("weight")]
    for wrong in ("nothing", "in_proj_weights", "q_proj_weight"):
        state = {**theirs.state_dict(), wrong: torch.zeros(8, 7)}
        before = ours.state_dict()
        try:
            ours.load_torch_state_dict(state)
        except ValueError as error:
            assert "must fit MultiHeadAttention" in str(error)
        else:
            raise SystemExit(f"{wrong} was taken")
        assert all((before[name] == value).all() for name, value in ours.state_dict().items())

# New parameters are spread as torch spreads them.
for options in ({}, {"kdim": 60, "vdim": 100}):
    ours, theirs = MultiHeadAttention(80, 2, **options), torch.nn.MultiheadAttention(80, 2, **options)
    drawn = ours.state_dict()
    ours.load_torch_state_dict(theirs.state_dict())
    for name, value in ours.state_dict().items():
        assert np.isclose(np.abs(drawn[name]).max(initial=0), np.abs(value).max(initial=0), rtol=0.05), name
"""

MANY_QUERIES = """
import numpy as np
import torch
from part4_attention.inputs import causal_mask
from part4_attention.scaled_dot_product_attention import ScaledDotProductAttention
from part4_attention.tiled_attention import TiledAttention

BATCH, HEADS, QUERIES, FEATURES, VALUES = 2, 3, 300, 5, 4
rng = np.random.default_rng(0)

def hides(*shape):
    return rng.random(shape) < 0.3

def by_torch(query, key, value, mask, grad_output):
    inputs = [torch.tensor(x, requires_grad=True) for x in (query, key, value)]
    query, key, value = inputs
    hidden = torch.tensor(mask).expand(*query.shape[:-1], key.shape[-2])
    sees_nothing = hidden.all(dim=-1, keepdim=True)  # torch's softmax would be nan there
    scores = (query @ key.mT / query.shape[-1] ** 0.5).masked_fill(hidden & ~sees_nothing, -torch.inf)
    weights = scores.softmax(dim=-1).masked_fill(sees_nothing, 0)
    output = weights @ value
    gradients = torch.autograd.grad((output * torch.tensor(grad_output)).sum(), inputs)
    return [x.detach().numpy() for x in (output, weights, *gradients)]

for keys in (280, 300):
    one_for_all = hides(QUERIES, keys)
    each_its_own = hides(BATCH, HEADS, QUERIES, keys)
    each_its_own[0, 0, 128:256, 100:] = True  # the second tile of one head's queries
    padding = hides(BATCH, 1, 1, keys)
    padding[0, ..., 200:] = True
    blind_tile, blind_head = one_for_all.copy(), each_its_own.copy()
    blind_tile[128:256] = True
    blind_head[0, 1] = True
    masks = {
        "none": None,
        "causal": causal_mask(300)[:, :keys],
        "one for all": one_for_all,
        "each head its own": each_its_own,
        "keys only": padding,
        "a tile sees nothing": blind_tile,
        "a head sees nothing": blind_head,
    }
    query = rng.standard_normal((BATCH, HEADS, QUERIES, FEATURES))
    key = rng.standard_normal((BATCH, HEADS, keys, FEATURES))
    value = rng.standard_normal((BATCH, HEADS, keys, VALUES))
    grad_output = rng.standard_normal((BATCH, HEADS, QUERIES, VALUES))
    for name, mask in masks.items():
        plain, tiled = ScaledDotProductAttention(), TiledAttention(block_size=128)
        outputs = [attention.forward(query, key, value, mask) for attention in (plain, tiled)]
        expected = by_torch(query, key, value, False if mask is None else mask, grad_output)
        np.testing.assert_allclose(plain.attention_weights, expected.pop(1), rtol=0, atol=1e-12)
        for attention, output in zip((plain, tiled), outputs, strict=True):
            got, parts = [output, *attention.backward(grad_output)], ("output", "query_grad", "key_grad", "value_grad")
            for part, ours, theirs in zip(parts, got, expected, strict=True):
                where = f"{type(attention).__name__}, {part}, {keys} keys, mask: {name}"
                np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12, err_msg=where)
            if name == "a tile sees nothing":
                assert not output[:, :, 128:256].any()
"""

TILES = """
import numpy as np
from part4_attention.inputs import causal_mask
from part4_attention.scaled_dot_product_attention import ScaledDotProductAttention
from part4_attention.tiled_attention import TiledAttention

rng = np.random.default_rng(0)
time = 97
query, key, value, grad_output = rng.standard_normal((4, 2, time, 16), np.float32)
for is_causal in (False, True):
    plain = ScaledDotProductAttention()
    expected = plain.forward(query, key, value, causal_mask(time) if is_causal else None)
    gradients = plain.backward(grad_output)
    for block_size in range(1, time + 2):
        tiled = TiledAttention(block_size, is_causal)
        assert np.abs(tiled.forward(query, key, value) - expected).max() <= 1e-6, block_size
        for got, right in zip(tiled.backward(grad_output), gradients, strict=True):
            assert np.abs(got - right).max() <= 5e-6, block_size
"""

ERRORS = """
import numpy as np
from part4_attention.multi_head_attention import MultiHeadAttention
from part4_attention.scaled_dot_product_attention import ScaledDotProductAttention

def said(run, *arguments, **options):
    try:
        run(*arguments, **options)
    except (TypeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")

x, mask = np.ones((2, 3, 4), np.float32), np.zeros((3, 3), dtype=bool)
attention, layer = ScaledDotProductAttention(), MultiHeadAttention(4, 2)
said(MultiHeadAttention, 6, 4)
said(attention.forward, x, x, x, mask[:2])
said(attention.forward, x, x, x, mask.astype(int))
said(attention.forward, x, x[:1], x[:1])
said(layer.forward, x, x[:1], x[:1])
said(layer.forward, x, x, x, attn_mask=mask[None])
said(layer.forward, x, x, x, key_padding_mask=mask)
"""
MESSAGES = """\
ValueError: embed_dim must be divisible by num_heads; got embed_dim=6, num_heads=4.
ValueError: mask must broadcast to (2, 3, 3); got (2, 3).
TypeError: mask must be an array of booleans, True where ignored; got an array of int64. Compare, as in m == 0.
ValueError: key must have the leading axes of query, (2,); got (1,). Use np.broadcast_to(key, …) where the same key \
serves all.
ValueError: key must have the batch of query, 2; got 1.
ValueError: attn_mask must have shape (3, 3) or (2, 3, 3); got (1, 3, 3).
ValueError: key_padding_mask must have shape (2, 3); got (3, 3).
"""


def run(*command: str, folder: Path, code: str = "solution") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=ENVIRONMENT | {"SFRATORCH_CODE": code, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def printed(*command: str, folder: Path) -> str:
    """What a command prints; an error of the command is the test's."""
    done = run(*command, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_parameters_come_from_torch_and_are_drawn_as_there(tmp_path: Path) -> None:
    printed("-c", STATE_DICTS, folder=tmp_path)


def test_many_queries_give_what_torch_gives_whole_and_in_tiles(tmp_path: Path) -> None:
    printed("-c", MANY_QUERIES, folder=tmp_path)


def test_tiles_of_any_size_give_the_plain_result_in_float32(tmp_path: Path) -> None:
    printed("-c", TILES, folder=tmp_path)


def test_bad_input_is_named(tmp_path: Path) -> None:
    assert printed("-c", ERRORS, folder=tmp_path) == MESSAGES


def test_the_readmes_examples_print_what_it_says(tmp_path: Path) -> None:
    readme = (PART / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert examples
    for example in examples:
        said = re.findall(r"print\(.*\)\s+# (.+)", example)
        assert printed("-c", example, folder=tmp_path).splitlines() == said


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    said = printed("-m", "part4_attention.draw_masks", "--solution", "--text", "to be or not", folder=tmp_path)
    assert said == "wrote masks.png\n"
    assert (tmp_path / "masks.png").read_bytes().startswith(b"\x89PNG")


def test_words_are_drawn_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    options = ["--text", "$\\frac $a_b$ [x]", "--to", ":o: [x].png"]
    assert printed("-m", "part4_attention.draw_masks", "--solution", *options, folder=tmp_path) == "wrote :o: [x].png\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--padding", "-1"], "--padding must not be negative; got -1"),
        (["--text", ""], "--text and --padding must make 1 to 14 words, not all of them padding; got 0 words"),
        (["--to", "no/such/folder.png"], "--to must be a .png file in a folder that is there; got no/such/folder.png"),
        (["--to", "masks.txt"], "--to must be a .png file in a folder that is there; got masks.txt"),
    ],
)
def test_a_picture_that_cannot_be_drawn_is_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    pytest.importorskip("matplotlib")
    done = run("-m", "part4_attention.draw_masks", "--solution", *options, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith(f"part4_attention.draw_masks: {message}. --help shows the options.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_benchmarks_write_the_rows_that_the_contract_names(tmp_path: Path) -> None:
    printed("-m", "part4_attention.benchmarks", "--rounds", "1", "--json", "rows.json", folder=tmp_path)
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    names = {"work", "ours", "reference", "reference_name", "ratio", "must_reach", "aim_for", "better"}
    assert all(set(row) == names and row["ratio"] > 0 for row in rows)
    assert {2.05, 1.65, 1.8, 1.45, 1.25} <= {row["must_reach"] for row in rows}
    growth = rows[-1]
    assert growth["ours"] <= growth["reference"]  # peak memory, from 512 to 8192 tokens: not more than 16 times
