"""A vision-language model of transformers, run in this process."""

import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

from avis.avtracker.interfaces import Message, Reply
from avis.avtracker.loading import check_dtype, loading_weights, pick_device
from avis.registry import MODELS
from avis.utils.optional import require


@MODELS.register_module()
class TransformersVLM:
    """Qwen3-VL and other chat models that take images.

    The model's own generation settings decide whether it samples. The random state is set from the
    name of each message, so that a run resumed after an interruption gets the same replies.

    Args:
        model: Folder, or name on the Hugging Face hub.
        batch_size: Messages answered together. Sampled replies depend on it.
        dtype: Of the weights on a GPU; the CPU computes in float32.
        device: Such as ``'cuda:1'``; None uses the current GPU, else the CPU.
        seed: Seed of the random state.
        generate: Further arguments of ``generate``.
    """

    not_in_cache_key = ('device',)

    def __init__(
        self,
        *,
        model: str = 'Qwen/Qwen3-VL-8B-Instruct',
        batch_size: int = 1,
        dtype: str = 'bfloat16',
        device: str | None = None,
        seed: int = 0,
        generate: dict[str, Any] | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f'TransformersVLM: batch_size must be at least 1, got {batch_size}')
        check_dtype(dtype, by='TransformersVLM')
        self.model, self.batch_size, self.seed = model, batch_size, seed
        self.dtype, self.device = dtype, device
        self.generate = generate or {}

    def chat(self, messages: Iterable[Message]) -> Iterator[Reply]:
        """One reply per message, in order; see :class:`~avis.avtracker.interfaces.ChatModel`."""
        source = iter(messages)
        while batch := list(islice(source, self.batch_size)):
            yield from self._answer(batch)

    def _answer(self, batch: Sequence[Message]) -> list[Reply]:
        """Answer a batch; if it does not fit into memory, answer its messages one by one."""
        import torch

        try:
            return self._generate(batch)
        except torch.OutOfMemoryError as error:
            failure = RuntimeError(f'out of memory: {str(error).splitlines()[0]}')
        torch.cuda.empty_cache()
        if len(batch) == 1:
            return [Reply(text=None, error=failure)]
        return [reply for message in batch for reply in self._answer([message])]

    def _generate(self, batch: Sequence[Message]) -> list[Reply]:
        import torch

        start = time.monotonic()
        processor, model = self._network
        inputs = processor.apply_chat_template(
            [[{'role': 'user', 'content': _content(message)}] for message in batch],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors='pt',
            processor_kwargs={'padding': True, 'padding_side': 'left'},
        ).to(model.device)
        options = dict(self.generate)
        if any(message.attempt for message in batch):  # the same reply could not be used either
            options.setdefault('do_sample', True)
        names = '|'.join(f'{message.name}#{message.attempt}' for message in batch)
        with torch.inference_mode(), torch.random.fork_rng(devices=_devices(model)):
            torch.manual_seed(self.seed + zlib.crc32(names.encode()))
            longest = max(message.max_new_tokens for message in batch)
            tokens = model.generate(**inputs, max_new_tokens=longest, **options)
        tokens = tokens[:, inputs['input_ids'].shape[1] :]
        texts = processor.batch_decode(tokens, skip_special_tokens=True)
        seconds = (time.monotonic() - start) / len(batch)
        return [
            Reply(
                text=text,
                usage={
                    'seconds': seconds,
                    'prompt_tokens': int(inputs['attention_mask'][row].sum()),
                    'completion_tokens': int((tokens[row] != _padding(model)).sum()),
                },
            )
            for row, text in enumerate(texts)
        ]

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        """Processor and model."""
        return _load(self.model, self.dtype, pick_device(self.device))


@lru_cache(maxsize=2)
def _load(name: str, dtype: str, device: str) -> tuple[Any, Any]:
    """Processor and model, shared by all components that use the same ones."""
    import torch

    transformers = require('transformers', by='TransformersVLM', install="pip install 'avis[vlm]'")
    kind = torch.float32 if device == 'cpu' else getattr(torch, dtype)
    with loading_weights(name, by='TransformersVLM'):
        model = transformers.AutoModelForImageTextToText.from_pretrained(
            name, dtype=kind, attn_implementation='sdpa'
        )
        return transformers.AutoProcessor.from_pretrained(name), model.to(device).eval()


def _content(message: Message) -> list[dict[str, Any]]:
    """The parts of a message in the format of chat templates."""
    from PIL import Image

    return [
        {'type': 'text', 'text': part}
        if isinstance(part, str)
        else {'type': 'image', 'image': Image.fromarray(part)}
        for part in message.parts
    ]


def _padding(model: Any) -> int:
    """Id of the padding token, which fills up the shorter replies of a batch."""
    token = model.generation_config.pad_token_id
    return -1 if token is None else int(token)


def _devices(model: Any) -> list[int]:
    """The GPUs of a model, whose random state is restored as well."""
    return sorted({p.device.index or 0 for p in model.parameters() if p.device.type == 'cuda'})
