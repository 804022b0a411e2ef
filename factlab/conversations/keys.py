"""The keys of rows and turns: how they are compared, and what those that people use stand for."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

Fields = Mapping[str, Any]
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_OTHER = re.compile(r"[\W_]+")
MISSING = ("nan", "<NA>")  # as pandas writes a value that is not there

# --- lists of turns -------------------------------------------------------------------------------

TURN_KEYS = ("messages", "conversations", "conversation", "chat_messages", "utterances")
OTHER_TURN_KEYS = (  # if it is a list
    *("contents", "dialogue", "dialog", "dialogs", "chat", "turns", "items", "data", "mapping"),
    *("chat_history", "conversation_history", "message_list", "thread", "対話", "会話", "对话"),
)
ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
CONTENT_KEYS = ("content", "value", "text", "message", "parts", "body", "utterance")
TOOL_KEYS = ("tool_calls", "function_call", "tool_call_id")
MEDIA_KEYS = ("image", "images", "video", "videos", "audio", "audios")
SYSTEM_KEYS = (
    *("system", "system_prompt", "system_message", "system_instruction", "system_instructions"),
    *("システム", "システムプロンプト", "系统"),
)

# --- a prompt beside its answer -------------------------------------------------------------------

# Of other languages, each with its own words: what is asked, what is answered, what stands below.
_LANGUAGES: tuple[tuple[str, str, str], ...] = (
    (
        "指示 命令 質問 問題 問い お題 プロンプト ユーザー ユーザ",
        "応答 回答 答え 解答 返答 出力 アシスタント",
        "入力 文脈 本文 コンテキスト",
    ),
    (
        "指令 问题 提问 問題 问 提示 用户",
        "回答 答案 答 回复 输出 助手",
        "输入 上下文 背景",
    ),
    ("지시 지시문 명령 질문 문제 프롬프트", "응답 답변 대답 정답 출력 답", "입력 문맥 본문"),
    ("frage anweisung aufgabe benutzer nutzer", "antwort ausgabe lösung", "eingabe kontext"),
    ("question consigne requête demande", "réponse reponse sortie", "entrée contexte"),
    ("pregunta instrucción instruccion", "respuesta salida", "entrada contexto"),
    ("pergunta instrução instrucao", "resposta saída saida", "entrada contexto"),
    ("domanda istruzione", "risposta uscita", "ingresso contesto"),
    ("vraag opdracht instructie", "antwoord uitvoer", "invoer context"),
    ("вопрос инструкция запрос задание", "ответ вывод", "ввод контекст"),
    ("питання запитання інструкція", "відповідь", "контекст"),
    ("pytanie polecenie instrukcja", "odpowiedź odpowiedz", "wejście kontekst"),
    ("otázka otazka", "odpověď odpoved", "kontext"),
    ("soru talimat", "cevap yanıt yanit çıktı", "girdi bağlam"),
    ("fråga fraga spørsmål spørgsmål kysymys", "svar vastaus", "sammanhang"),
    ("السؤال سؤال", "الجواب جواب الإجابة", "السياق"),
    ("प्रश्न सवाल निर्देश", "उत्तर जवाब", "संदर्भ"),
    ("pertanyaan instruksi perintah", "jawaban keluaran", "masukan konteks"),
    ("câu_hỏi cau_hoi", "trả_lời câu_trả_lời tra_loi", "ngữ_cảnh"),
    ("คำถาม", "คำตอบ", "บริบท"),
)


def _words(place: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for row in _LANGUAGES for word in row[place].split()))


INSTRUCTION_KEYS = ("instruction", "instructions", "definition", "task_definition")
QUESTION_KEYS = (
    *("prompt", "question", "query", "input", "inputs", "problem", "request"),
    *("user", "human", "user_prompt", "user_message", "user_input", "input_text", "prompt_text"),
)
PROMPT_KEYS = (*INSTRUCTION_KEYS, *QUESTION_KEYS, *_words(0), *_words(2), "context")
ANSWER_KEYS = (
    *("output", "completion", "response", "answer", "assistant", "target", "targets", "outputs"),
    *("reply", "solution", "assistant_message", "assistant_response", "model_response"),
    *("output_text", "target_text", "response_text", "answers", "completions", "responses"),
    *("generation", "generations"),
    *_words(1),
)
# The first line of which both are there is read.
PAIR_KEYS: tuple[tuple[Sequence[str], Sequence[str]], ...] = (
    (("problem",), ("solution",)),  # beside the bare result, under `answer`
    (PROMPT_KEYS, ANSWER_KEYS),
    (("user", "human"), ("gpt", "bot", "ai", "chatgpt", "chatbot", "model", "agent")),
    (("q",), ("a",)),
    (("message_1",), ("message_2",)),
)
# What belongs to a question and stands below it.
CONTEXT_KEYS = (
    *("input", "context", "contexts", "passage", "passages", "paragraph", "document"),
    *("documents", "article", "background", "source_document", "source_text"),
    *_words(2),
)
# What an instruction may be about, where both are there.
OBJECT_KEYS = ("inputs", "question", "query", "problem", "text", *CONTEXT_KEYS)


def fields(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Keys in small letters with _ between words; a key without a value counts as absent.

    Of two keys that become one the first that says something counts.
    """
    found: dict[str, Any] = {}
    for key, value in row.items():
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        if missing:
            continue
        name = key_name(str(key)[:200])
        if name not in found or (is_blank(found[name]) and not is_blank(value)):
            found[name] = value
    return found


@lru_cache(4096)
def key_name(key: str) -> str:
    """A key as keys are compared."""
    key = unicodedata.normalize("NFKC", key)
    if not key.isascii() and _OTHER.sub("", key) != key:
        marks = ("L", "M", "N")  # letters, their vowel signs and accents, digits
        key = "".join(c if unicodedata.category(c)[0] in marks else "_" for c in key)
        return "_".join(filter(None, _HUMP.sub("_", key).lower().split("_")))
    return _OTHER.sub("_", _HUMP.sub("_", key).lower()).strip("_")


def is_blank(value: object) -> bool:
    """Whether a value says nothing: an empty text, list or object."""
    return not value.strip() if isinstance(value, str) else value in ([], {}, ())


def filled(given: Fields, keys: Sequence[str]) -> str | None:
    """The first of the keys that says something; if none does, the first that is there."""
    there = [key for key in keys if key in given]
    return next((key for key in there if not is_blank(given[key])), there[0] if there else None)
