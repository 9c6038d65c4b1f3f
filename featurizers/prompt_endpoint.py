"""A caption by a language model behind an OpenAI-compatible server, such as Ollama, vLLM or llama.cpp."""

import json
import os
import re
from dataclasses import dataclass
from typing import Any

from featurizers.prompt_templates import Facts

API_KEY = "MUZE_PROMPT_API_KEY"
"""The environment variable that holds the key; settings are stored, and must not."""
MAX_CHARACTERS = 1000

_INSTRUCTION = (
    "You write captions for pieces of music. From the facts that you are given as JSON, write one or two English "
    "sentences that say all of them. State nothing that is not among the facts: no instruments, no mood, no names. "
    "Answer with the caption alone."
)
_REFUSAL = re.compile(
    r"(i'm sorry|i am sorry|sorry,|i can't|i cannot|i'm unable|i am unable|as an ai)\b", re.IGNORECASE
)


class EndpointError(Exception):
    """The endpoint gave no caption: one sentence that says why."""


@dataclass(frozen=True)
class Endpoint:
    """A server, the model that is asked for, and how long one read of its answer may take."""

    url: str
    """Base URL, to which ``/chat/completions`` is added."""
    model: str
    timeout_s: float

    def caption(self, facts: Facts, track_id: str) -> str:
        """Ask for a caption of these facts. Raises EndpointError if there is none to be had."""
        answer = self._post(
            {
                "model": self.model,
                "messages": [
                    {"role": "system", "content": _INSTRUCTION},
                    {"role": "user", "content": json.dumps(facts.known, ensure_ascii=False)},
                ],
                "temperature": 0,
                "seed": int(track_id[:7] or "0", 16),  # fits the 32 bits that servers take
                "stream": False,
            }
        )
        try:
            return self._text(answer["choices"][0])
        except (AttributeError, KeyError, IndexError, TypeError) as error:
            raise EndpointError(f"{self.url} answered with something that is no chat completion") from error

    def _post(self, request: dict[str, Any]) -> Any:
        import requests

        key = os.environ.get(API_KEY)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        address = f"{self.url.rstrip('/')}/chat/completions"
        try:
            response = requests.post(address, json=request, headers=headers, timeout=self.timeout_s)
        except requests.Timeout as error:
            raise EndpointError(f"{self.url} gave no answer within {self.timeout_s:g} s") from error
        except requests.RequestException as error:
            raise EndpointError(f"{self.url} could not be reached: {type(error).__name__}") from error
        if response.status_code != requests.codes.ok:
            raise EndpointError(f"{self.url} answered {response.status_code} {response.reason}")
        try:
            return response.json()
        except requests.JSONDecodeError as error:
            raise EndpointError(f"{self.url} answered with something that is no JSON") from error

    def _text(self, choice: dict[str, Any]) -> str:
        """The caption in a choice, on one line."""
        message = choice["message"]
        text = " ".join((message["content"] or "").split()).strip('"')
        reason = choice.get("finish_reason")
        if message.get("refusal") or reason == "content_filter" or _REFUSAL.match(text):
            raise EndpointError(f"the model refused: {message.get('refusal') or text or reason}"[:200])
        if not text:
            raise EndpointError("the model answered with an empty text")
        if reason == "length" or len(text) > MAX_CHARACTERS:
            raise EndpointError(f"the model's answer is no caption: {len(text)} characters, ended by {reason}")
        return text
