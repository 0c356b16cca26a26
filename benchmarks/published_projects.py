"""Operations of single methods in the form of their official code, for published_forms.py."""

from typing import Any

import torch
import torch.nn.functional as F
from published_forms import Form, attend
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from avis.models.layers.sine_encoding import sine_encoding
from avis.models.segmentors.av_instance_segmentor import AVInstanceSegmentor
from avis.models.trackers.base import TrackerWindow
from avis.models.trackers.detections import encode_masks

_HEADS = 8


def forms_of(method: str) -> list[Form]:
    """Return the forms of a method of gpu_models.py, whose project can be imported."""
    family = method.split('_')[0]
    return _FAMILIES[family]() if family in _FAMILIES else []


def lbvq_forms() -> list[Form]:
    """Attention to one frame after the other."""
    from lbvq.clip_head import FramewiseAttention

    def attend_frames(
        block: Any, x: Tensor, key: Tensor, value: Tensor, position: Tensor
    ) -> Tensor:
        query, total = x + position, torch.zeros_like(x)
        for one_key, one_value in zip(key.unbind(1), value.unbind(1), strict=True):
            total = total + block.norm(x + attend(block, query, one_key, one_value))
        return total

    return [Form(FramewiseAttention, 'forward', attend_frames)]


def acvis_forms() -> list[Form]:
    """Attention to a single key."""
    from acvis.query_generation import AudioBlock

    def attend_audio(block: Any, queries: Tensor, audio: Tensor) -> Tensor:
        return attend_single_key(block, block.value, queries, audio)

    return [Form(AudioBlock, 'forward', attend_audio)]


def attend_single_key(block: Any, value: nn.Linear, queries: Tensor, audio: Tensor) -> Tensor:
    """Attend from queries (N, M, C) to audio (N, C); the weights of queries and keys are zeros."""
    unused = torch.zeros_like(value.weight)
    bias = None if value.bias is None else F.pad(value.bias, (2 * len(value.bias), 0))
    read, _ = F.multi_head_attention_forward(
        queries.transpose(0, 1),
        audio[None],
        audio[None],
        queries.shape[-1],
        _HEADS,
        torch.cat([unused, unused, value.weight]),
        bias,
        None,
        None,
        False,
        0.0,
        block.out_proj.weight,
        block.out_proj.bias,
        training=block.training,
    )
    normed: Tensor = block.norm(queries + read.transpose(0, 1))
    return normed


def cavis_forms() -> list[Form]:
    """A full convolution as box filter, chunks of 3 frames, dense masks of all queries."""
    from cavis.context import BoundaryContext
    from cavis.query_masks import QueryMasks

    predict_window = AVInstanceSegmentor.predict_window

    def predict_chunks(
        model: Any, state: Any, inputs: dict[str, Tensor], window: TrackerWindow
    ) -> None:
        sizes = (window.input_shape, window.img_shape, window.ori_shape)
        for start in range(0, inputs['frames'].shape[1], 3):
            part = {name: value[:, start : start + 3] for name, value in inputs.items()}
            predict_window(model, state, part, TrackerWindow(start, *sizes))

    return [
        Form(AVInstanceSegmentor, 'predict_window', predict_chunks),
        Form(BoundaryContext, 'forward', convolve_context),
        Form(QueryMasks, 'add', keep_masks),
        Form(QueryMasks, '_encode', encode_kept_masks),
    ]


def convolve_context(_: Any, embeds: Tensor, pixel_features: Tensor, projection: Any) -> Tensor:
    """``BoundaryContext.forward``, with a Laplacian of masks and a convolution of all channels."""
    features = projection.project_features(pixel_features)
    channels = features.shape[1]
    with torch.no_grad():
        masks = torch.einsum('nqc,nchw->nqhw', embeds, features) > 0
        laplacian = -features.new_ones(1, 1, 3, 3)
        laplacian[..., 1, 1] = 8
        edge = F.conv2d(masks.flatten(0, 1)[:, None].to(features), laplacian, padding=1) > 0
        edge = edge.view(masks.shape).to(features)
    box = features.new_full((channels, channels, 9, 9), 1 / 81)
    filtered = F.conv2d(features, box, padding=4)
    sums = torch.einsum('nqhw,nchw->nqc', edge, filtered)
    return sums / (edge.flatten(2).sum(-1)[..., None] + 1e-6)


def keep_masks(store: Any, frames: Any, mask_embeds: Tensor, window: TrackerWindow) -> None:
    """``QueryMasks.add``: keep the logits of all queries."""
    logits = torch.einsum('btqc,btchw->btqhw', mask_embeds, frames.mask_features)
    earlier = [] if store._last is None else store._last.logits
    store._last = _KeptMasks([*earlier, logits[0]], window)
    store.length += mask_embeds.shape[1]


class _KeptMasks:
    def __init__(self, logits: list[Tensor], window: TrackerWindow) -> None:
        self.logits = logits  # (T, Q, h, w) of each chunk
        self.window = window


def encode_kept_masks(store: Any, queries: list[int]) -> None:
    """``QueryMasks._encode`` of the whole video, with dense masks of all frames."""
    window = store._last.window
    logits = torch.cat(store._last.logits)[:, queries]  # (T, M, h, w)
    resized = F.interpolate(logits, window.input_shape, mode='bilinear')
    resized = resized[..., : window.img_shape[0], : window.img_shape[1]]
    dense = F.interpolate(resized, window.ori_shape, mode='bilinear') > 0
    for query, masks in zip(queries, dense.unbind(1), strict=True):
        store._rles[query] = dict(enumerate(encode_masks(masks)))


def h2s_forms() -> list[Form]:
    """A scan token by token, 50 iterations of k-means, lists of keys per query."""
    from h2s import dynamics_modulator, sparse_attention
    from h2s.kmeans import _assign, _seed_centers

    def k_means(tokens: Tensor, num_clusters: int, draw: Any) -> tuple[Tensor, Tensor]:
        centers = _seed_centers(tokens, min(num_clusters, tokens.shape[1]), draw)
        for _ in range(50):
            members = F.one_hot(_assign(tokens, centers), centers.shape[1]).to(tokens)
            centers = (members.mT @ tokens) / members.sum(1).clamp(min=1)[..., None]
        return _assign(tokens, centers), centers

    return [
        Form(dynamics_modulator, 'selective_scan', scan_tokens),
        Form(sparse_attention, 'k_means', k_means),
        Form(sparse_attention.SemanticSparseAttention, 'forward', attend_lists),
    ]


def scan_tokens(*tensors: Tensor) -> Tensor:
    """``h2s.selective_scan.selective_scan`` as a loop over tokens; states are recomputed."""
    out: Tensor = checkpoint(_scan, *tensors, use_reentrant=False)
    return out


def _scan(x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    state = torch.zeros_like(x[0])[..., None] * a
    outputs = []
    for t in range(len(x)):
        added = (delta[t] * x[t])[..., None] * b[t][..., None, :]
        state = (delta[t][..., None] * a).exp() * state + added
        outputs.append((state * c[t][..., None, :]).sum(-1))
    return torch.stack(outputs)


def attend_lists(layer: Any, queries: Tensor, tokens: Tensor) -> Tensor:
    """``SemanticSparseAttention.forward`` with a list of keys and values for each query."""
    projected = (layer.q_proj(queries), layer.k_proj(tokens), layer.v_proj(tokens))
    query, key, value = (layer._heads(x) for x in projected)
    clusters = layer.cluster(query, key)
    q, k, v = (x.flatten(0, 1) for x in (query, key, value))  # (R, Q or P, d)
    labels, order = clusters.key_labels.sort(stable=True)
    rows = torch.arange(len(q), device=q.device)[:, None]
    k, v = k[rows, order], v[rows, order]
    read = clusters.selected[rows, clusters.query_labels]  # (R, Q, clusters)
    read = read.gather(-1, labels[:, None].expand(-1, q.shape[1], -1))  # (R, Q, P)
    lengths = read.sum(-1, keepdim=True)
    index = read.int().sort(dim=-1, descending=True, stable=True).indices[..., : lengths.max()]
    filler = torch.arange(index.shape[-1], device=q.device) >= lengths
    index = index.masked_fill(filler, 0)
    keys, values = k[rows[..., None], index], v[rows[..., None], index]  # (R, Q, list, d)
    logits = (q[:, :, None] * keys).sum(-1) * q.shape[-1] ** -0.5
    if not layer.count_fillers:
        logits = logits.masked_fill(filler, -torch.inf)
    attended = (logits.softmax(-1)[..., None] * values).sum(-2)
    attended = attended.unflatten(0, query.shape[:2]).transpose(1, 2).flatten(2)
    out: Tensor = layer.out_proj(attended)
    return out


def avsegformer_forms() -> list[Form]:
    """Attention to a single key, attention weights, maps of all queries."""
    from avsegformer.head import QueryMLP
    from avsegformer.layers import AttentionBlock, AudioBlock

    def attend_audio(block: Any, queries: Tensor, audio: Tensor) -> Tensor:
        return attend_single_key(block, block.value_proj, queries, audio)

    def attend_with_weights(block: Any, queries: Tensor, memory: Tensor) -> Tensor:
        attended, _ = block.attn(queries, memory, memory)
        normed: Tensor = block.norm(queries + block.dropout(attended))
        return normed

    def mix_maps(mlp: Any, queries: Tensor, features: Tensor) -> Tensor:
        x = torch.einsum('nqc,nchw->nqhw', queries, features)
        first, second, third = mlp.layers
        out: Tensor = third(second(first(x).relu()).relu())
        return out

    return [
        Form(AudioBlock, 'forward', attend_audio),
        Form(AttentionBlock, 'forward', attend_with_weights),
        Form(QueryMLP, 'forward', mix_maps),
    ]


def combo_forms() -> list[Form]:
    """Bilateral fusion with maps of queries, keys and values."""
    from combo.fusion import BilateralFusion

    return [Form(BilateralFusion, 'forward', fuse_maps)]


def fuse_maps(fusion: Any, x: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
    """``BilateralFusion.forward``."""
    shape = (x.shape[-2], x.shape[-1])
    tokens = fusion.norm(x.flatten(2).transpose(1, 2) + fusion.level_embed.weight)  # (N, P, C)
    audio = fusion.audio_norm(audio)
    position = sine_encoding(shape, tokens.shape[-1], device=x.device)
    query, values = (
        fusion._heads(layer(y)).transpose(1, 2)  # (N, heads, P, c)
        for layer, y in ((fusion.query_proj, tokens + position), (fusion.value_proj, tokens))
    )
    key, audio_values = (
        fusion._heads(layer(y))[:, :, None]  # (N, heads, 1, c)
        for layer, y in (
            (fusion.key_proj, audio + fusion.audio_position.weight),
            (fusion.audio_value_proj, audio),
        )
    )
    logits = (query * query.shape[-1] ** -0.5) @ key.mT  # (N, heads, P, 1)
    weights = logits.clamp(-50000, 50000).softmax(2)
    added = fusion.out_proj((weights @ audio_values).transpose(1, 2).flatten(2))
    read = fusion.audio_out_proj((weights.mT @ values).flatten(1))
    tokens = tokens + fusion.scale * added
    return tokens.transpose(1, 2).unflatten(2, shape), audio + fusion.audio_scale * read


_FAMILIES = {
    'combo': combo_forms,
    'lbvq': lbvq_forms,
    'acvis': acvis_forms,
    'cavis': cavis_forms,
    'h2s': h2s_forms,
    'avsegformer': avsegformer_forms,
}
