"""Decoding over the cache gives what the whole sequence gives, in every order."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from model.ar.clip import ClipAttention, ClipLayout
from model.ar.decoding.cache import attend_grouped
from model.ar.decoding.decoder import Draw, FrameDecoder
from model.ar.decoding.feed import Feed
from model.ar.decoding.order import DecodeOrder, blocks, diagonal, raster
from model.ar.decoding.token_sampling import Greedy, TokenSampler, TopP
from model.ar.transformer import ARConfig, ARTransformer
from model.cache.page_table import Placement

CONFIG = ARConfig(
    codebook_size=30, num_action_ids=7, actions_per_frame=2, grid_height=3, grid_width=4,
    width=32, num_layers=2, num_heads=4, num_kv_heads=2, mlp_width=48, window=4,
)  # fmt: skip
NUM_FRAMES = 9  # more than two windows
ORDERS = {
    "raster": raster(3, 4),
    "diagonal 1": diagonal(3, 4, 1),
    "diagonal 2": diagonal(3, 4, 2),
    "blocks of 5": blocks(3, 4, 5),
    "whole frame": blocks(3, 4, 12),
}


@pytest.fixture(scope="module")
def transformer() -> ARTransformer:
    torch.manual_seed(0)
    transformer = ARTransformer(CONFIG)
    for parameter in transformer.parameters():  # strong enough that every entry matters
        torch.nn.init.normal_(parameter, std=0.3)
    return transformer.eval().requires_grad_(False)


@pytest.fixture(params=list(ORDERS))
def order(request: pytest.FixtureRequest) -> DecodeOrder:
    return ORDERS[request.param]


def film(seed: int, num_frames: int = NUM_FRAMES) -> tuple[Tensor, Tensor]:
    """Random codes (F, P) and action ids (F, A)."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(CONFIG.codebook_size, (num_frames, 12), generator=generator)
    actions = torch.randint(CONFIG.num_action_ids, (num_frames, 2), generator=generator)
    return codes, actions + CONFIG.codebook_size


def ring_place(slot: int, number: int, frame_idx: int) -> Placement:
    """The page of the frame that just left the window, or the next one if none has."""
    pages = CONFIG.window
    return Placement(
        frame_idx=frame_idx,
        slot=slot,
        page=number % pages,
        previous_page=(number - 1) % pages if number else None,
        num_pages=min(number + 1, pages),
    )


def draw_cached(
    transformer: ARTransformer, order: DecodeOrder, films: Sequence[tuple[Tensor, Tensor]],
    *, given: int, first_idx: int = 0, sampler: TokenSampler | None = None,
    slots: Sequence[int] = (0, 1), merge: bool = True,
) -> Tensor:  # fmt: skip
    """Codes (B, F, P): `given` frames of each film as they are, the others drawn together."""
    decoder = FrameDecoder(
        transformer, order, sampler or Greedy(), num_slots=3, pages_per_slot=CONFIG.window
    )
    drawn = torch.stack([codes for codes, _ in films])
    uncached: list[tuple[Feed, Placement]] = []
    for number in range(drawn.shape[1]):
        places = [ring_place(slot, number, first_idx + number) for slot in slots[: len(films)]]
        for place, (codes, actions) in zip(places, films, strict=True):
            decoder.write_frame(place.slot, place.page, codes[number], actions[number])
        if number < given:
            decoder.run([(decoder.feeds.whole, place) for place in places], [])
            continue
        if not merge and uncached:
            decoder.run(uncached, [])
            uncached = []
        for turn in range(order.num_turns):
            draws = [Draw(place=place, turn=turn, seed=row) for row, place in enumerate(places)]
            decoder.run(uncached, draws)
            uncached = []
        drawn[:, number] = torch.stack([decoder.codes(p.slot, p.page) for p in places])
        uncached = [(decoder.feeds.finish, place) for place in places]
    return drawn


def draw_uncached(
    transformer: ARTransformer, order: DecodeOrder, codes: Tensor, actions: Tensor, *, given: int
) -> Tensor:
    """The slow truth (F, P): every turn recomputes every entry since the film began."""
    codes = codes.clone()
    codes[given:] = 0
    for number in range(given, len(codes)):
        layout = ClipLayout.build(CONFIG, order, number + 1, codes.device)
        for turn in order.turns():
            ids = layout.ids(codes[None, : number + 1], actions[None, : number + 1])
            hidden = transformer(ids, layout.positions_1S, ClipAttention(layout))
            drawn = list(turn.drawn)
            logits = transformer.logits(hidden[:, layout.sources_FP[number, drawn]])
            codes[number, drawn] = logits[0].argmax(-1)
    return codes


@pytest.mark.parametrize("merge", [True, False])
def test_cached_decoding_draws_the_very_codes_of_the_whole_sequence(
    transformer: ARTransformer, order: DecodeOrder, merge: bool
) -> None:
    codes, actions = film(1)
    cached = draw_cached(transformer, order, [(codes, actions)], given=2, merge=merge)[0]
    assert torch.equal(cached, draw_uncached(transformer, order, codes, actions, given=2))
    assert len(set(cached[2:].flatten().tolist())) > 5


def test_a_session_draws_the_same_alone_as_with_a_stranger(
    transformer: ARTransformer, order: DecodeOrder
) -> None:
    mine, stranger = film(2), film(3)
    alone = draw_cached(transformer, order, [mine], given=3)
    together = draw_cached(transformer, order, [mine, stranger], given=3, slots=(2, 0))
    assert torch.equal(alone[0], together[0])


def test_only_differences_of_positions_count(transformer: ARTransformer) -> None:
    order = ORDERS["diagonal 2"]
    near = draw_cached(transformer, order, [film(4)], given=3)
    far = draw_cached(transformer, order, [film(4)], given=3, first_idx=1_000_000)
    assert torch.equal(near, far)


def test_no_frame_depends_on_a_later_one(transformer: ARTransformer, order: DecodeOrder) -> None:
    layout = ClipLayout.build(CONFIG, order, 4, torch.device("cpu"))
    codes, actions = film(5, num_frames=4)

    def logits() -> Tensor:
        ids = layout.ids(codes[None], actions[None])
        hidden = transformer(ids, layout.positions_1S, ClipAttention(layout))
        return transformer.logits(hidden[:, layout.sources_FP[:3].flatten()])

    before = logits()
    codes[3], actions[3] = codes[3].flip(0), actions[3].flip(0)
    assert torch.equal(before, logits())


def test_a_cell_depends_on_no_cell_drawn_in_its_turn_or_later(
    transformer: ARTransformer, order: DecodeOrder
) -> None:
    layout = ClipLayout.build(CONFIG, order, 2, torch.device("cpu"))
    codes, actions = film(6, num_frames=2)
    turn_of = torch.tensor(order.turn_of)

    def logits(cell: int) -> Tensor:
        ids = layout.ids(codes[None], actions[None])
        hidden = transformer(ids, layout.positions_1S, ClipAttention(layout))
        return transformer.logits(hidden[:, layout.sources_FP[1, cell : cell + 1]])

    for cell in range(12):
        before = logits(cell)
        untouched = codes.clone()
        codes[1, turn_of >= order.turn_of[cell]] = 7
        assert torch.equal(before, logits(cell))
        codes = untouched


def test_grouped_queries_attend_as_if_keys_were_copied_to_every_head() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(6, 3, 8), torch.randn(10, 2, 8), torch.randn(10, 2, 8)
    mask = torch.rand(3, 10) < 0.6
    mask[:, 0] = True
    keys, values = (x.transpose(0, 1).repeat_interleave(3, 0) for x in (k, v))
    copied = torch.nn.functional.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
    torch.testing.assert_close(attend_grouped(q, k, v, mask.repeat(3, 1)), copied)


def test_sampling_is_keyed_by_seed_and_frame_alone(transformer: ARTransformer) -> None:
    order = ORDERS["raster"]
    first = draw_cached(transformer, order, [film(2)], given=3, sampler=TopP())
    again = draw_cached(transformer, order, [film(2), film(3)], given=3, sampler=TopP())
    greedy = draw_cached(transformer, order, [film(2)], given=3)
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first, greedy)


def test_top_p_draws_from_the_likeliest_codes_in_their_proportions() -> None:
    shares = torch.tensor([0.1, 0.5, 0.05, 0.3, 0.05])
    uniform = torch.rand(1, 20_000, generator=torch.Generator().manual_seed(0))
    drawn = TopP(0.75)(shares.log().expand(1, 20_000, 5), uniform)
    counts = torch.bincount(drawn.flatten(), minlength=5) / 20_000
    torch.testing.assert_close(counts, torch.tensor([0, 0.625, 0, 0.375, 0]), atol=0.01, rtol=0)
    edges = TopP(0.75)(shares.log().expand(1, 2, 5), torch.tensor([[0.0, 1.0]]))
    assert edges.tolist() == [[1, 3]]
