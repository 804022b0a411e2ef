"""The same conversations in every format; for tests of what reads them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Pair = tuple[str, str]
Writer = Callable[[Sequence[Pair]], dict[str, Any]]


def messages(turns: Sequence[Pair]) -> dict[str, Any]:
    """Chat messages; a pair is a role and what it says."""
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


def guanaco(turns: Sequence[Pair]) -> dict[str, Any]:
    """One text; without a system turn."""
    said = {"user": "### Human:", "assistant": "### Assistant:"}
    return {"text": " ".join(f"{said[role]} {text}" for role, text in turns)}


def prompt_completion(turns: Sequence[Pair]) -> dict[str, Any]:
    """A question and its answer."""
    (_, question), (_, answer) = turns
    return {"prompt": question, "completion": answer}


def alpaca(turns: Sequence[Pair]) -> dict[str, Any]:
    """A question and its answer, with an empty input, as such files have it."""
    (_, question), (_, answer) = turns
    return {"instruction": question, "input": "", "output": answer}


# --- turns, with a system turn first if there is one ----------------------------------------------


def _shaped(turns: Sequence[Pair], role: str, text: str, names: dict[str, str]) -> list[Any]:
    return [{role: names.get(who, who), text: said} for who, said in turns]


def sharegpt(turns: Sequence[Pair]) -> dict[str, Any]:
    """As ShareGPT has them, with the system's text in a key of its own."""
    opening = {"system": turns[0][1]} if turns[0][0] == "system" else {}
    rest = turns[1:] if opening else turns
    names = {"user": "human", "assistant": "gpt"}
    return {"id": "x_0", **opening, "conversations": _shaped(rest, "from", "value", names)}


def sharegpt_tools(turns: Sequence[Pair]) -> dict[str, Any]:
    """The same, where a system turn is one of the list, with weights and an empty list of tools."""
    names = {"user": "human", "assistant": "gpt"}
    said = _shaped(turns, "from", "value", names)
    return {"conversations": [{**turn, "weight": None} for turn in said], "tools": "[]"}


def conversations(turns: Sequence[Pair]) -> dict[str, Any]:
    """Roles and contents under another key."""
    return {"conversations": _shaped(turns, "role", "content", {})}


def openai(turns: Sequence[Pair]) -> dict[str, Any]:
    """With a developer, contents in parts, and tools that nothing calls."""
    said = [{"role": who, "content": [{"type": "text", "text": text}]} for who, text in turns]
    if turns[0][0] == "system":
        said[0]["role"] = "developer"
    return {"messages": said, "tools": [{"type": "function"}], "parallel_tool_calls": False}


def capitals(turns: Sequence[Pair]) -> dict[str, Any]:
    """Keys and roles in capitals."""
    return {"Messages": [{"Role": who.upper(), "Content": text} for who, text in turns]}


def gemini(turns: Sequence[Pair]) -> dict[str, Any]:
    """Contents with parts, the system's in a key of its own."""
    opening = turns[0][1] if turns[0][0] == "system" else None
    rest = turns if opening is None else turns[1:]
    roles = {"assistant": "model"}
    found = [{"role": roles.get(w, w), "parts": [{"text": said}]} for w, said in rest]
    system = {} if opening is None else {"systemInstruction": {"parts": [{"text": opening}]}}
    return {**system, "contents": found}


def trl(turns: Sequence[Pair]) -> dict[str, Any]:
    """Prompt and completion, each a list of turns."""
    said = messages(turns)["messages"]
    return {"prompt": said[:-1], "completion": said[-1:]}


def chosen(turns: Sequence[Pair]) -> dict[str, Any]:
    """The whole conversation beside one that was rejected."""
    said = messages(turns)["messages"]
    worse = [*said[:-1], {"role": "assistant", "content": "No."}]
    return {"chosen": said, "rejected": worse, "score_chosen": 8.0}


def columns(turns: Sequence[Pair]) -> dict[str, Any]:
    """Roles in one list and contents in another, as some tables give them back."""
    return {"messages": {"role": [w for w, _ in turns], "content": [said for _, said in turns]}}


def json_cell(turns: Sequence[Pair]) -> dict[str, Any]:
    """The list as JSON in a cell."""
    return {"messages": json.dumps(messages(turns)["messages"])}


def python_cell(turns: Sequence[Pair]) -> dict[str, Any]:
    """The list as Python writes it in a cell."""
    return {"": 3, "messages": str(messages(turns)["messages"])}


def with_history(turns: Sequence[Pair]) -> dict[str, Any]:
    """Alpaca with a system's text and earlier rounds."""
    opening = {"system": turns[0][1]} if turns[0][0] == "system" else {}
    texts = [said for _, said in turns[len(opening) :]]
    rounds = [list(two) for two in zip(texts[:-2:2], texts[1:-2:2], strict=True)]
    return {"instruction": texts[-2], "output": texts[-1], "history": rounds, **opening}


def chatml(turns: Sequence[Pair]) -> dict[str, Any]:
    """One text."""
    return {"text": "".join(f"<|im_start|>{w}\n{said}<|im_end|>\n" for w, said in turns)}


def llama3(turns: Sequence[Pair]) -> dict[str, Any]:
    """One text."""
    head, end = "<|start_header_id|>{}<|end_header_id|>\n\n", "<|eot_id|>"
    return {"text": "<|begin_of_text|>" + "".join(head.format(w) + s + end for w, s in turns)}


def llama2(turns: Sequence[Pair]) -> dict[str, Any]:
    """One text, the system's within the first question."""
    text, opening = "", ""
    for who, said in turns:
        if who == "system":
            opening = f"<<SYS>>\n{said}\n<</SYS>>\n\n"
        elif who == "user":
            text, opening = f"{text}<s>[INST] {opening}{said} [/INST]", ""
        else:
            text += f" {said} </s>"
    return {"text": text}


def zephyr(turns: Sequence[Pair]) -> dict[str, Any]:
    """One text."""
    return {"text": "".join(f"<|{w}|>\n{said}</s>\n" for w, said in turns)}


def deepseek(turns: Sequence[Pair]) -> dict[str, Any]:
    """One text; the system's without a marker."""
    marks = {"user": "<｜User｜>", "assistant": "<｜Assistant｜>", "system": ""}
    ends = {"assistant": "<｜end▁of▁sentence｜>"}
    said = "".join(marks[w] + text + ends.get(w, "") for w, text in turns)
    return {"text": "<｜begin▁of▁sentence｜>" + said}


def vicuna(turns: Sequence[Pair]) -> dict[str, Any]:
    """One text; the system's without a marker."""
    marks = {"user": "USER: {} ", "assistant": "ASSISTANT: {}</s>", "system": "{} "}
    return {"text": "".join(marks[who].format(said) for who, said in turns)}


def dialogue(turns: Sequence[Pair]) -> dict[str, Any]:
    """One text, a turn a paragraph."""
    marks = {"user": "Human", "assistant": "Assistant", "system": "System"}
    return {"text": "\n\n" + "\n\n".join(f"{marks[who]}: {said}" for who, said in turns)}


WITH_TURNS = (
    *(messages, sharegpt, sharegpt_tools, conversations, openai, capitals, gemini, trl, chosen),
    *(columns, json_cell, python_cell, with_history),
    *(chatml, llama3, llama2, zephyr, deepseek, vicuna, dialogue),
)


# --- one question and its answer ------------------------------------------------------------------


def keyed(prompt: str, answer: str, **others: Any) -> Writer:
    """A question and its answer under these keys."""

    def write(turns: Sequence[Pair]) -> dict[str, Any]:
        (_, asked), (_, said) = turns
        return {**others, prompt: asked, answer: said}

    write.__name__ = f"{prompt}_{answer}"
    return write


def gemma(turns: Sequence[Pair]) -> dict[str, Any]:
    """One text; the template has no system turn."""
    names = {"user": "user", "assistant": "model"}
    return {
        "text": "<bos>"
        + "".join(f"<start_of_turn>{names[w]}\n{s}<end_of_turn>\n" for w, s in turns)
    }


def alpaca_text(turns: Sequence[Pair]) -> dict[str, Any]:
    """One text, as the instruction template writes it."""
    (_, asked), (_, said) = turns
    begins = "Below is an instruction that describes a task."
    return {"text": f"{begins}\n\n### Instruction:\n{asked}\n\n### Response:\n{said}</s>"}


def openai_preference(turns: Sequence[Pair]) -> dict[str, Any]:
    """An input with messages, and two outputs."""
    said = messages(turns)["messages"]
    other = [{"role": "assistant", "content": "No."}]
    return {
        "input": {"messages": said[:-1], "tools": []},
        "preferred_output": said[-1:],
        "non_preferred_output": other,
    }


def sharegpt_preference(turns: Sequence[Pair]) -> dict[str, Any]:
    """Turns, and one turn that was chosen."""
    said = sharegpt(turns)["conversations"]
    return {
        "conversations": said[:-1],
        "chosen": said[-1],
        "rejected": {"from": "gpt", "value": "x"},
    }


def marked_preference(turns: Sequence[Pair]) -> dict[str, Any]:
    """Two texts with markers."""
    (_, asked), _ = turns
    return {"chosen": dialogue(turns)["text"], "rejected": f"\n\nHuman: {asked}\n\nAssistant: No."}


def rounds(turns: Sequence[Pair]) -> dict[str, Any]:
    """A list of questions with their answers."""
    (_, asked), (_, said) = turns
    return {"conversation": [{"human": asked, "assistant": said}]}


def alternating(turns: Sequence[Pair]) -> dict[str, Any]:
    """Texts alone."""
    return {"conversations": [said for _, said in turns], "source": "x"}


WITHOUT_TURNS = (
    *(prompt_completion, alpaca, guanaco, gemma, alpaca_text, rounds, alternating),
    *(openai_preference, sharegpt_preference, marked_preference),
    keyed("instruction", "response", context="", category="open_qa"),
    keyed("question", "answer"),
    keyed("input", "output"),
    keyed("Prompt", "Response", model="gpt-4"),
    keyed("INSTRUCTION", "OUTPUT", Input=None),
    keyed("query", "response", original_question="x"),
    keyed("inputs", "targets"),
    keyed("human", "bot"),
    keyed("User", "Assistant"),
    keyed("Q", "A"),
    keyed("prompt", "chosen", rejected="No."),
    keyed("question", "answers"),
)


def pair(question: str, answer: str) -> list[Pair]:
    """A conversation of one question."""
    return [("user", question), ("assistant", answer)]


def json_lines(rows: Sequence[object]) -> str:
    """One row a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def json_array(rows: Sequence[object]) -> str:
    """All rows in one array, as people's tools write it."""
    return json.dumps(rows, ensure_ascii=False, indent=2)


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of texts under a heading."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def small_set(folder: Path, size: int, name: str = "small.jsonl", of: str = "thing") -> Path:
    """A file of conversations that are near to no control."""
    rows = [
        messages(pair(f"Please say what {of} {n} is for.", f"It is for use {n * 7}."))
        for n in range(size)
    ]
    file = folder / name
    file.write_text(json_lines(rows), encoding="utf-8")
    return file
