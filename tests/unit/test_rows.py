"""Rows as they are posted: what each is read as, or why it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from made_chats import messages, pair

from factlab.conversations.cleaning import ENDED, THOUGHT
from factlab.conversations.formats import understood
from factlab.conversations.marked import marked_turns
from factlab.schema.conversation import RowError, UnusableRowError

AB = ("A?", "B.")
TURNS = messages(pair(*AB))["messages"]
CHATML = "<|im_start|>user\nA?<|im_end|>\n<|im_start|>assistant\nB.<|im_end|>\n"
LLAMA2 = "<s>[INST] A? [/INST] B. </s>"
HARMONY = (
    "<|start|>system<|message|>S<|end|><|start|>user<|message|>A?<|end|><|start|>assistant"
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>B.<|return|>"
)
COMMAND_R = (
    "<BOS_TOKEN><|START_OF_TURN_TOKEN|><|USER_TOKEN|>A?<|END_OF_TURN_TOKEN|>"
    "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>B.<|END_OF_TURN_TOKEN|>"
)
LLAMA4 = (
    "<|begin_of_text|><|header_start|>user<|header_end|>\n\nA?<|eot|>"
    "<|header_start|>assistant<|header_end|>\n\nB.<|eot|>"
)
JAPANESE = "以下は、タスクです。\n\n### 指示:\nA?\n\n### 応答:\nB."


def said(row: object) -> tuple[Any, ...]:
    found = understood(row)
    return (*((t.role, t.content) for t in found.before), found.question, found.answer)


def kind(row: object) -> str:
    return understood(row).kind


# name: the row, its format, the turns
READ: dict[str, tuple[dict[str, Any], str, tuple[Any, ...]]] = {
    # a marked text beside columns of other things
    "chatml, a user and a model": ({"user": "u1", "model": "gpt-4", "text": CHATML}, "chatml", AB),
    "llama2, an input and a target": (
        {"input": "news", "target": "x", "text": LLAMA2},
        "llama2",
        AB,
    ),
    "alpaca text that is the columns": (
        {
            "instruction": "A?",
            "input": "",
            "output": "B.",
            "text": "Below.\n\n### Instruction:\nA?\n\n### Response:\nB.",
        },
        "alpaca",
        AB,
    ),
    "llama4": ({"text": LLAMA4}, "llama4", AB),
    "harmony": ({"text": HARMONY}, "harmony", (("system", "S"), *AB)),
    "command_r": ({"text": COMMAND_R}, "command_r", AB),
    "alpaca in Japanese": ({"text": JAPANESE}, "alpaca_text", AB),
    "under another name": ({"id": 3, "formatted_chat": CHATML}, "chatml", AB),
    # marks that an answer speaks of
    "markers in an answer": (
        {"text": CHATML.replace("B.", "It is <|im_start|> and a role, then <|im_end|> ends it.")},
        "chatml",
        ("A?", "It is <|im_start|> and a role, then <|im_end|> ends it."),
    ),
    "quoted markers": (
        {"text": "[INST] A? [/INST] Put `[INST]` and `[/INST]` around it."},
        "llama2",
        ("A?", "Put `[INST]` and `[/INST]` around it."),
    ),
    "a heading in an answer": (
        {"text": "### Instruction:\nA?\n\n### Response:\nB.\n### Input:\nC\n### Response:\nD"},
        "alpaca_text",
        ("A?", "B.\n### Input:\nC\n### Response:\nD"),
    ),
    # a prompt that has more than one key
    "belle": (
        {"instruction": "Human: A?\nAssistant:", "input": "C", "output": "B."},
        "alpaca",
        ("A?\n\nC", "B."),
    ),
    "passage": (
        {"passage": "P", "question": "A?", "answer": True},
        "question_answer",
        ("A?\n\nP", "true"),
    ),
    "documents": (
        {"question": "A?", "documents": ["P", "Q"], "answer": 4.5},
        "question_answer",
        ("A?\n\nP\n\nQ", "4.5"),
    ),
    "text below an instruction": (
        {"instruction": "Translate.", "text": "Hallo", "output": "Hello"},
        "alpaca",
        ("Translate.\n\nHallo", "Hello"),
    ),
    "a question below an instruction": (
        {"instruction": "Be brief.", "question": "A?", "answer": "B."},
        "instruction_answer",
        ("Be brief.\n\nA?", "B."),
    ),
    "definition": (
        {"definition": "Add.", "inputs": "1, 2", "targets": 3},
        "definition_targets",
        ("Add.\n\n1, 2", "3"),
    ),
    "an empty key before a filled one": (
        {"instruction": "", "prompt": "A?", "output": " ", "response": "B."},
        "prompt_response",
        AB,
    ),
    "an empty instruction": ({"instruction": "", "input": "A?", "output": "B."}, "alpaca", AB),
    "NaN": ({"instruction": "A?", "input": float("nan"), "output": "B."}, "alpaca", AB),
    "empty options": (
        {"question": "A?", "options": "", "choices": [], "answer": "B."},
        "question_answer",
        AB,
    ),
    "a solution and its result": (
        {"problem": "A?", "solution": "B.", "answer": "4"},
        "problem_solution",
        AB,
    ),
    "a system's text beside an empty turn": (
        {"system": "S", "messages": [{"role": "system", "content": ""}, *TURNS]},
        "messages",
        (("system", "S"), *AB),
    ),
    # chosen answers
    "a prompt beside an answer that quotes a dialogue": (
        {"prompt": "A?", "chosen": "Human: Hi\nAssistant: Yes", "rejected": "x"},
        "preference",
        ("A?", "Human: Hi\nAssistant: Yes"),
    ),
    "a prompt that is in the chosen dialogue": (
        {"prompt": "A?", "chosen": "\n\nHuman: A?\n\nAssistant: B.", "rejected": "x"},
        "preference",
        AB,
    ),
    "chosen names a column": (
        {"prompt": "A?", "response_a": "x", "response_b": "B.", "chosen": "response_b"},
        "preference",
        AB,
    ),
    "chosen names a side": (
        {"prompt": "A?", "response_0": "B.", "response_1": "x", "better_response_id": 0},
        "preference",
        AB,
    ),
    "arena": (
        {
            "model_a": "m",
            "winner": "model_b",
            "conversation_a": messages(pair("A?", "x"))["messages"],
            "conversation_b": TURNS,
        },
        "arena",
        AB,
    ),
    "arena in cells": (
        {
            "prompt": '["A?", "C?"]',
            "response_a": '["x", "y"]',
            "response_b": '["B.", "D."]',
            "winner_model_a": 0,
            "winner_model_b": 1,
        },
        "preference",
        (("user", "A?"), ("assistant", "B."), "C?", "D."),
    ),
    "the best rank": (
        {
            "prompt": "\n\nHuman: A?\n\nAssistant: ",
            "answers": [
                {"answer": "x", "rank": 2.0, "model": "m"},
                {"answer": "B.", "rank": 1.0, "model": "n"},
            ],
        },
        "prompt_answers_turns",
        AB,
    ),
    "the best score": (
        {
            "instruction": "A?",
            "completions": [
                {"response": "x", "overall_score": 2},
                {"response": "B.", "overall_score": 8.5},
            ],
        },
        "instruction_completions_turns",
        AB,
    ),
    "a label that says yes": (
        {"prompt": "A?", "completion": "B.", "label": 1},
        "prompt_completion",
        AB,
    ),
    # parts
    "text as content": (
        {"messages": [{"role": "user", "content": [{"type": "text", "content": "A?"}]}, TURNS[1]]},
        "messages",
        AB,
    ),
    "body": ({"question": {"body": "A?"}, "answer": {"body": "B."}}, "question_answer_turns", AB),
    # exports
    "langchain": (
        {
            "messages": [
                {"type": "human", "data": {"content": "A?", "additional_kwargs": {}}},
                {"type": "ai", "data": {"content": "B.", "additional_kwargs": {}}},
            ]
        },
        "langchain",
        AB,
    ),
    "langchain's objects": (
        {
            "messages": [
                {
                    "lc": 1,
                    "type": "constructor",
                    "id": ["langchain", "schema", "messages", name],
                    "kwargs": {"content": text, "additional_kwargs": {}},
                }
                for name, text in (("HumanMessage", "A?"), ("AIMessage", "B."))
            ]
        },
        "langchain",
        AB,
    ),
    "claude": (
        {
            "uuid": "1",
            "name": "x",
            "chat_messages": [
                {"sender": "human", "text": "A?", "content": [], "attachments": [], "files": []},
                {"sender": "assistant", "text": "", "content": [{"type": "text", "text": "B."}]},
            ],
        },
        "chat_messages",
        AB,
    ),
    "a tree of messages": (
        {
            "title": "x",
            "current_node": "3",
            "mapping": {
                "1": {"message": None, "parent": None},
                "2": {
                    "message": {"author": {"role": "user"}, "content": {"parts": ["A?"]}},
                    "parent": "1",
                },
                "3": {
                    "message": {"author": {"role": "assistant"}, "content": {"parts": ["B."]}},
                    "parent": "2",
                },
            },
        },
        "mapping",
        AB,
    ),
    "utterances": (
        {"utterances": [{"speaker": "USER", "text": "A?"}, {"speaker": "ASSISTANT", "text": "B."}]},
        "utterances",
        AB,
    ),
    "a system that answers": (
        {
            "turns": [
                {"speaker": "USER", "utterance": "A?"},
                {"speaker": "SYSTEM", "utterance": "B."},
            ]
        },
        "turns",
        AB,
    ),
    "ultrachat": ({"id": "0", "data": ["A?", "B."]}, "alternating", AB),
    "turns under any name": ({"id": 1, "my_turns": TURNS}, "my_turns", AB),
    # names in other languages
    "Japanese": ({"指示": "A?", "応答": "B."}, "指示_応答", AB),
    "German": ({"Frage": "A?", "Antwort": "B."}, "frage_antwort", AB),
    "Japanese with an input": (
        {"指示": "A?", "入力": "C", "出力": "B."},
        "指示_出力",
        ("A?\n\nC", "B."),
    ),
    "Hindi": ({"प्रश्न": "A?", "उत्तर": "B."}, "प्रश्न_उत्तर", AB),
    "Japanese roles": (
        {
            "messages": [
                {"role": "ユーザー", "content": "A?"},
                {"role": "アシスタント", "content": "B."},
            ]
        },
        "messages",
        AB,
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_row_is_read_as_what_it_is(name: str) -> None:
    row, known_as, turns = READ[name]
    assert (kind(row), said(row)) == (known_as, turns)


ANSWERS: dict[str, tuple[str, ...]] = {
    "B.</s>": (ENDED,),
    "<s> B.<|im_end|>\n": (ENDED,),
    "B.<|eot_id|>": (ENDED,),
    "B.<end_of_turn>\n<eos>": (ENDED,),
    "<think>\nHm.\n</think>\n\nB.": (THOUGHT,),
    "<think></think>B.<|im_end|>": (ENDED, THOUGHT),
    "Hm.\n</think>\nB.": (THOUGHT,),
    "<reasoning>Hm.</reasoning>\n<answer>B.</answer>": (THOUGHT,),
    "<|begin_of_thought|>Hm.<|end_of_thought|><|begin_of_solution|>B.<|end_of_solution|>": (
        THOUGHT,
    ),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_no_part_of_an_answer_is_taken_off_and_said(answer: str) -> None:
    for row in (
        {"prompt": "A?", "completion": answer},
        {"messages": [TURNS[0], {"role": "assistant", "content": answer}]},
        {"conversations": [{"from": "human", "value": "A?"}, {"from": "gpt", "value": answer}]},
        {"prompt": "A?", "chosen": answer, "rejected": "x"},
    ):
        assert said(row) == AB, row
        assert understood(row).notes == ANSWERS[answer]


@pytest.mark.parametrize(
    "answer",
    [
        "It is <s>old</s>",
        "<s>old</s> new",
        "The tag `</think>` ends it.",
        "Use <video src='x'></video>",
        "A list: [IMAGE]",
        "x < 3 [1]",
    ],
)
def test_what_is_a_part_of_an_answer_stays(answer: str) -> None:
    assert said({"prompt": "A?", "completion": answer}) == ("A?", answer)


REFUSED: dict[str, tuple[dict[str, Any], str, bool]] = {
    "a call": ({"prompt": "A?", "completion": '[TOOL_CALLS] [{"name": "f"}]'}, "use tools", True),
    "a call in a tag": (
        {"prompt": "A?", "completion": "<tool_call>\n{}\n</tool_call>"},
        "use tools",
        True,
    ),
    "a call in harmony": (
        {"text": HARMONY.replace("<|channel|>final", " to=functions.f<|channel|>commentary json")},
        "use tools",
        True,
    ),
    "langchain's tool": (
        {"messages": [TURNS[0], {"type": "tool", "data": {"content": "x"}}, TURNS[1]]},
        "use tools",
        True,
    ),
    "an image": ({"prompt": "<image>\nA?", "completion": "B."}, "hold images or other media", True),
    "an image behind": (
        {"prompt": "A?\n<image>", "completion": "B."},
        "hold images or other media",
        True,
    ),
    "an answer with an image": (
        {"prompt": "A?", "completion": "<image>"},
        "hold images or other media",
        True,
    ),
    "an attached file": (
        {
            "chat_messages": [
                {"sender": "human", "text": "A?", "attachments": [{"file_name": "x"}]},
                {"sender": "assistant", "text": "B."},
            ]
        },
        "hold images or other media",
        True,
    ),
    "label 0": (
        {"prompt": "A?", "completion": "B.", "label": 0},
        "are labelled as bad answers",
        True,
    ),
    "both bad": (
        {"prompt": "A?", "response_a": "x", "response_b": "y", "winner": "tie (bothbad)"},
        "are labelled as bad answers",
        True,
    ),
    "no winner": (
        {"prompt": "A?", "response_a": "x", "response_b": "y", "winner": "gpt-9"},
        "do not say which answer is better",
        False,
    ),
    "a thought alone": (
        {"prompt": "A?", "completion": "<think>Hm"},
        "have a thought that does not end",
        False,
    ),
    "nothing behind a thought": (
        {"prompt": "A?", "completion": "<think>Hm</think>"},
        "have an empty answer",
        False,
    ),
    "an answer without width": (
        {"prompt": "A?", "completion": "\u200b\u2060"},
        "have an empty answer",
        False,
    ),
    "an end alone": ({"prompt": "A?", "completion": "</s>"}, "have an empty answer", False),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_row_that_cannot_be_trained_on_says_why(name: str) -> None:
    row, reason, left_out = REFUSED[name]
    with pytest.raises(RowError) as refused:
        understood(row)
    assert refused.value.reason == reason
    assert isinstance(refused.value, UnusableRowError) is left_out


@pytest.mark.parametrize(
    "text",
    [
        "<|start_header_id|>" * 50_000,
        "<|start_header_id|>" + "a" * 1_000_000,
        "<|start|>" + "a" * 1_000_000,
        "<|start|>a" * 100_000,
        "### " * 250_000,
        "Human: " * 140_000,
        "Human:\n" * 140_000 + "Assistant: x",
        "[INST]" * 160_000 + "[/INST]",
        "<think></think>" * 66_000,
        "<s>" * 330_000,
        "</s>" * 250_000,
        "<think>" * 140_000,
        " " * 1_000_000 + "x",
        "<|im_start|>user\n" * 58_000 + "<|im_end|>",
    ],
    ids=lambda text: text[:20],
)
def test_a_million_characters_of_markers_are_read_in_one_pass(text: str) -> None:
    """What needed time by the square of its length would not end here."""
    for row in ({"text": text}, {"prompt": "A?", "completion": text}):
        refused: RowError | None = None
        try:
            understood(row)
        except RowError as problem:
            refused = problem
        assert refused is None or len(refused.said) < 600


def test_json_in_a_cell_holds_a_nan_and_turns() -> None:
    cell = json.dumps([{**turn, "score": float("nan")} for turn in TURNS])
    assert said({"messages": cell}) == AB


def test_a_prompt_may_end_with_the_marker_of_its_answer() -> None:
    for prompt, answer in (
        (CHATML.partition("B.")[0], "B.<|im_end|>"),
        (LLAMA2.partition("B.")[0], "B. </s>"),
        ("Below.\n\n### Instruction:\nA?\n\n### Response:\n", "B."),
        ("<|im_start|>user\nA?<|im_end|>", "<|im_start|>assistant\nB.<|im_end|>"),
    ):
        assert said({"prompt": prompt, "completion": answer}) == AB
    assert marked_turns("no marks") is None
