"""Language models of any service with OpenAI's chat interface: POST {ADLOOM_SCRIPT_URL}/chat/completions.

The answer is one text, asked for by a JSON schema. The key comes from the environment variable that
ADLOOM_SCRIPT_KEY_VARIABLE names, goes into the request's header, and nowhere else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalog.errors import quoted
from renderer.backends.web_service import Caller, TooLarge, answer_to
from renderer.errors import ScriptDown, ScriptFailed
from renderer.settings import Settings

MAX_BYTES = 1 << 20  # of one answer; a line of copy has a hundred
ONE_TEXT = {
    "type": "json_schema",
    "json_schema": {
        "name": "copy",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"text": {"type": "string", "description": "the text of the field, and nothing else"}},
            "required": ["text"],
            "additionalProperties": False,
        },
    },
}


class NoText(Exception):
    """An answer that holds no text; `answered` is what it holds instead, empty where asking again cannot help."""

    def __init__(self, fact: str, answered: str = "") -> None:
        super().__init__(fact)
        self.answered = answered


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    """What of an answer is read: `chat.completion` in OpenAI's reference."""

    choices: list[_Choice] = Field(min_length=1)


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: str


class LanguageModel:
    """One model of the service.

    Raises:
        ScriptFailed: there is no address or no model.
    """

    def __init__(self, settings: Settings) -> None:
        if not settings.script_url or not settings.script_model:
            raise ScriptFailed(
                "script: no language model is set. Set ADLOOM_SCRIPT_URL, such as https://api.openai.com/v1, "
                "and ADLOOM_SCRIPT_MODEL."
            )
        self.settings = settings
        service = f"language model {settings.script_url}"
        self.caller = Caller(service, settings.script_requests_per_s, ScriptDown, "draft")

    def body(self, messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """Return the request: all that shapes the answer, besides the address."""
        return {
            "model": self.settings.script_model,
            "messages": list(messages),
            "response_format": ONE_TEXT,
            "max_completion_tokens": self.settings.script_max_tokens,
        }

    def text(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the text of one answer.

        Raises:
            ScriptDown: the service is down.
            ScriptFailed: it refuses us, or speaks another protocol.
            NoText: the model refused, was cut short, or did not keep to the schema.
        """
        answer = self.caller.call(partial(self._answer, self._request(self.body(messages))))
        try:
            choice = _Completion.model_validate_json(answer).choices[0]
        except ValidationError:
            cure = "Check ADLOOM_SCRIPT_URL; it must answer as OpenAI's chat completions do."
            raise ScriptFailed(f"{self.caller.service}: answered no chat completion. {cure}") from None
        return _text_of(choice)

    def _request(self, body: Mapping[str, Any]) -> Request:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key := os.environ.get(self.settings.script_key_variable):
            headers["Authorization"] = f"Bearer {key}"
        url = f"{self.settings.script_url}/chat/completions"
        return Request(url, json.dumps(body).encode(), headers, method="POST")  # noqa: S310 # settings allow http(s) only

    def _answer(self, request: Request) -> bytes:
        try:
            return answer_to(request, self.settings.script_timeout_s, MAX_BYTES)[1]
        except HTTPError as error:
            error.close()
            raise self._refusal(error) from None
        except TooLarge as error:
            raise ScriptFailed(f"{self.caller.service}: {error}. Lower ADLOOM_SCRIPT_MAX_TOKENS.") from None

    def _refusal(self, error: HTTPError) -> ScriptFailed:
        """Return what to mend; the service's own words are left out: some repeat the key."""
        said = f"HTTP {error.code} {error.reason}"
        if error.code in (401, 403):
            cure = f"Put a valid key into the environment variable {self.settings.script_key_variable}."
            return ScriptFailed(f"{self.caller.service}: does not let us in ({said}). {cure}")
        cure = f"Check ADLOOM_SCRIPT_URL, and that '{self.settings.script_model}' is there and takes a JSON schema."
        return ScriptFailed(f"{self.caller.service}: refused the request ({said}). {cure}")


def _text_of(choice: _Choice) -> str:
    """Return the text of one choice.

    Raises:
        NoText: there is none.
    """
    if choice.message.refusal:
        raise NoText(f"the model refuses: {quoted(choice.message.refusal)}")
    if choice.finish_reason == "content_filter":
        raise NoText("the service's content filter held the answer back")
    if choice.finish_reason == "length":
        raise NoText("the answer was cut short; raise ADLOOM_SCRIPT_MAX_TOKENS")
    content = choice.message.content or ""
    try:
        return _Text.model_validate_json(content).text.strip()
    except ValidationError:
        raise NoText('the answer is not of the form {"text": "…"}', content[:2000] or "(nothing)") from None
