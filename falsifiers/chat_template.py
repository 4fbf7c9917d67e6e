"""The chat template turns a conversation into the text that the model was trained on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from falsifiable import Model, NotApplicable, Verdict, falsifier

_ROLES = ("system", "user", "assistant")
_SAYS = {"system": "Answer in verse.", "user": "Name a river.", "assistant": "The Neckar flows."}
_AGAIN = "And a second one?"
_MARKER = re.compile(r"<\|[^|<>\s]+\|>")  # how chat formats write tokens that stand for no text
_MOST_CHARACTERS = 1 << 20


@falsifier("vocabulary.chat-template-renders", imports=("jinja2",))
def chat_template_renders(model: Model, *, roles: tuple[str, ...] = _ROLES, generation_prompt: bool = True) -> Verdict:
    """The chat template renders a conversation, with every message in its place, and leaves the model to answer.

    It is rendered in a sandbox, as ``transformers`` does it: with the special tokens of the tokenizer, no tools and no
    documents. Nothing in it may be undefined, and every marker it writes (such as ``<|im_start|>``) must be a token,
    or the model reads it as a row of ordinary pieces.

    Args:
        roles: who speaks in the conversation; some templates refuse a system message, which is then to be left out.
        generation_prompt: whether the template must add, when asked to, what the answer of the model begins with.
    """
    tokenizer = model.tokenizer
    template = None if tokenizer is None else tokenizer.chat_template
    if tokenizer is None or not template:
        return Verdict.inconclusive(f"{model.path}: carries no chat template; a base model needs none")
    if not set(roles) <= set(_ROLES) or "user" not in roles:
        return Verdict.inconclusive(f"roles are {', '.join(roles)}; expected some of {', '.join(_ROLES)}, with user")
    messages = [{"role": role, "content": _SAYS[role]} for role in _ROLES if role in roles]
    if "assistant" in roles:
        messages.append({"role": "user", "content": _AGAIN})
    faults = next(_faults(template, messages, _told(model), generation_prompt, set(tokenizer.tokens)), "")
    return Verdict.of(
        not faults,
        found=f"{faults}; the template is cut, of another model, or written for another tokenizer",
        examined=(len(messages), "messages"),
        template_characters=len(template),
    )


def _told(model: Model) -> dict[str, Any]:
    """What a template may use beside the messages; a special token that is not named is not defined."""
    tokenizer = model.tokenizer
    told: dict[str, Any] = {"tools": None, "documents": None}
    for name in ("bos", "eos", "pad", "unk"):
        token_id = getattr(tokenizer, f"{name}_token_id")
        if tokenizer is not None and isinstance(token_id, int) and 0 <= token_id < tokenizer.size:
            told[f"{name}_token"] = tokenizer.tokens[token_id]
    return told


def _faults(
    template: str, messages: list[dict[str, str]], told: dict[str, Any], prompted: bool, tokens: set[str]
) -> Iterator[str]:
    """Faults in words, the most telling first."""
    undefined: list[str] = []
    environment = _environment(undefined)
    try:
        compiled = environment.from_string(template)
        plain = compiled.render(messages=messages, add_generation_prompt=False, **told)
        asked = compiled.render(messages=messages, add_generation_prompt=True, **told)
    except Exception as error:  # noqa: BLE001 - a template computes, and may raise whatever a computation raises
        yield f"the chat template does not render: {type(error).__name__}: {str(error)[:160]}"
        return
    if undefined:
        yield f"the chat template uses {undefined[0]!r}, which nothing defines and which becomes an empty text"
    place = 0
    for message in messages:
        found = plain.find(message["content"], place)
        if found < 0:
            yield f"the {message['role']} message {message['content']!r} is not in its place in {plain[:160]!r}"
        place = max(place, found)
    if prompted and not (asked.startswith(plain) and len(asked) > len(plain)):
        yield f"asked for a generation prompt the text ends {asked[-40:]!r}, expected more than {plain[-40:]!r}"
    for marker in _MARKER.findall(asked[:_MOST_CHARACTERS]):
        if marker not in tokens:
            yield f"the chat template writes {marker!r}, which is no token of this tokenizer"


def _environment(undefined: list[str]) -> Any:
    """The sandbox that ``transformers`` renders templates in; names that nothing defines are noted in ``undefined``."""
    import datetime

    from jinja2 import TemplateError, Undefined
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Noted(Undefined):
        """Renders as nothing, as the usual one does, and says that it did."""

        def __str__(self) -> str:
            undefined.append(str(self._undefined_name))
            return ""

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols], undefined=Noted
    )
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.datetime(2026, 1, 1).strftime(form)
    return environment


def _with_template(model: Model, template: str) -> Model:
    tokenizer = model.tokenizer
    if tokenizer is None or not tokenizer.chat_template:
        raise NotApplicable("the model carries no chat template")
    return model.with_tokenizer(tokenizer.with_field("chat_template", template))


@chat_template_renders.counterexample
def cut_in_half(model: Model) -> Model:
    """A template that was cut off."""
    whole = model.tokenizer.chat_template if model.tokenizer is not None else None
    return _with_template(model, (whole or "")[: len(whole or "") // 2] + "{% if")


@chat_template_renders.counterexample
def messages_left_out(model: Model) -> Model:
    """A template that renders something, and nothing of what was said."""
    return _with_template(model, "{% for message in messages %}{{ message['role'] }}\n{% endfor %}")


@chat_template_renders.counterexample
def a_name_that_nothing_defines(model: Model) -> Model:
    """A template that expects another key of a message."""
    return _with_template(model, "{% for message in messages %}{{ message['text'] }}{% endfor %}")


@chat_template_renders.counterexample
def markers_of_another_model(model: Model) -> Model:
    """A template whose markers are no tokens here."""
    return _with_template(
        model,
        "{% for message in messages %}<|of_another_model|>{{ message['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}<|of_another_model|>{% endif %}",
    )
