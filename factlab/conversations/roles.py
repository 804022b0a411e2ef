"""Who speaks in a turn, by the names that files have for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from factlab.schema.question import Turn

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = get_args(Turn.model_fields["role"].annotation)
_ALSO: Mapping[Role, tuple[str, ...]] = {
    "system": ("developer", "システム", "系统"),
    "user": (
        *("human", "prompter", "customer", "client", "question", "instruction", "end_user"),
        *("humanmessage", "person", "ユーザー", "ユーザ", "質問", "用户", "사용자", "benutzer"),
        *("nutzer", "frage", "utilisateur", "usuario", "usuário", "utente", "пользователь"),
    ),
    "assistant": (
        *("gpt", "chatgpt", "model", "bot", "ai", "chatbot", "agent", "answer", "response"),
        *("bing", "bard", "claude", "gemini", "llm", "aimessage", "gpt4", "アシスタント", "回答"),
        *("助手", "어시스턴트", "assistent", "antwort", "asistente", "assistente", "ассистент"),
    ),
}
_BY_NAME = {name: role for role in ROLES for name in (role, *_ALSO[role])}
TOOL_ROLES = {
    *("tool", "tools", "tool_call", "tool_calls", "tool_response", "tool_result", "tool_results"),
    *("function", "function_call", "function_response", "function-call", "function-response"),
    *(
        "function response",
        "toolmessage",
        "functionmessage",
        "observation",
        "ipython",
        "environment",
        "tool-call",
        "tool-response",
    ),
}


def role_of(name: str) -> Role | None:
    """The role that a name stands for, whatever its capitals; None for any other."""
    return _BY_NAME.get(name.strip().lower())


def known_roles() -> str:
    """Each role with its other names, for messages."""
    return "; ".join(f"{role} ({', '.join(_ALSO[role][:4])})" for role in ROLES)
