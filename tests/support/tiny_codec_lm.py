"""Codec language models of a few thousand weights, and windows for them."""

import torch

from training.batch import Batch
from training.codec_lm import TOKENS, CodecLmTask
from training.conditions import BY_NAME
from training.models.codec_lm import CodecLm

PROMPTS = ("a slow sad song", "", "fast drums", "rain")


def task_of(architecture: str = "prefix", pattern: str = "delay", prompt_s: float = 0.0, **settings) -> CodecLmTask:
    """3 codebooks of 16 tokens, a frame a second, windows of 12 s."""
    sizes = {"codebooks": 3, "codebook_size": 16, "frames_a_s": 1.0, "window_frames": 12, "layers": 2, "width": 32}
    text = {"text_encoder": "hash", "text_width": 64, "text_tokens": 4}
    return CodecLmTask(architecture, pattern, head_width=16, prompt_s=prompt_s, **(sizes | text | settings))


def model_of(task: CodecLmTask, seed: int = 0) -> CodecLm:
    """The model of a task, with weights large enough that everything that it is told shows."""
    torch.manual_seed(seed)
    model = task.build().eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.2)
    return model


def windows(task: CodecLmTask, count: int = 4, seed: int = 0) -> Batch:
    """Windows with random tokens and conditions, of which some lack some, encoded."""
    generator = torch.Generator().manual_seed(seed)
    conditions, present = {}, {"prompt": torch.tensor([True, False, True, True])[:count]}
    for name in TOKENS:
        condition = BY_NAME[name]
        if condition.kind == "label":
            conditions[name] = torch.randint(0, condition.size, (4,), generator=generator)[:count]
        else:
            shape = (4, condition.size) if condition.kind == "vector" else (4,)
            conditions[name] = torch.randn(shape, generator=generator)[:count]
        present[name] = torch.arange(count) != len(present) % 4
    shape = (4, task.codebooks, task.window_frames)
    tokens = torch.randint(0, task.codebook_size, shape, generator=generator)[:count]
    batch = Batch(tokens, torch.arange(count), ("track",) * count, conditions, present, {"prompt": PROMPTS[:count]})
    return task.load_encoders("cpu")(batch)
