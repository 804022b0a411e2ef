"""What models and their trainers write into a turn that is no part of what is said → without it.

Tokens that end a text are removed, and so is what a model thought before its answer. A turn that
calls a tool, or that holds the place of an image, cannot be trained on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from factlab.schema.conversation import RowError, UnusableRowError
from factlab.schema.question import Turn

USES_TOOLS = "use tools"
MEDIA = "hold images or other media"
THOUGHT = "a thought before an answer was taken off"
ENDED = "tokens that end a text were taken off"

STARTS = (
    *("<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "<|endoftext|>", "[gMASK]", "<sop>"),
    *("<｜begin▁of▁sentence｜>", "<BOS_TOKEN>", "<|startofturn|>", "[BOS]", "</s>"),
)
ENDS = (
    *("</s>", "<s>", "<eos>", "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "<|eot_id|>"),
    *("<|eom_id|>", "<|eot|>", "<|end|>", "<|return|>", "<|call|>", "<end_of_turn>"),
    *("<|END_OF_TURN_TOKEN|>", "<EOS_TOKEN>", "<|end_of_turn|>", "<|endofturn|>", "[EOS]"),
    *("<｜end▁of▁sentence｜>", "<eoa>", "<eoh>", "<|eos|>", "[|endofturn|]", "<|user|>", "<NL>"),
)
# What opens and closes a thought, and what may wrap the answer behind it.
_THOUGHTS = (
    *(("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>")),
    *(("<reasoning>", "</reasoning>"), ("<seed:think>", "</seed:think>")),
    *(("<|begin_of_thought|>", "<|end_of_thought|>"), ("[THINK]", "[/THINK]")),
    *(("<|START_THINKING|>", "<|END_THINKING|>"), ("<unused94>thought", "<unused95>")),
    *(("◁think▷", "◁/think▷"), ("<scratchpad>", "</scratchpad>")),
)
_WRAPPERS = (
    *(("<answer>", "</answer>"), ("<|begin_of_solution|>", "<|end_of_solution|>")),
    *(("<|START_RESPONSE|>", "<|END_RESPONSE|>"), ("<|START_TEXT|>", "<|END_TEXT|>")),
)
# Tokens of templates wherever they stand, but in quotation marks; tags where they begin a line.
_TOOLS = re.compile(
    r"(?<![`\"'])(?:\[TOOL_CALLS\]|\[TOOL_RESULTS\]|<\|python_tag\|>|<\|tool_calls?\|>"
    r"|<\|tool_calls_section_begin\|>|<｜tool▁calls▁begin｜>|<｜tool▁outputs▁begin｜>"
    r"|<\|START_ACTION\|>|<\|tool_calls?_begin\|>|<\|plugin\|>|<\|action_start\|>)"
    r"|^(?:<(?:tool_call|tool_response|function_calls?|functioncall|tool_code|tools_call)>"
    r"|<function=)",
    re.MULTILINE,
)
_IMAGE_TAG = r"<(?:image|img|video|audio|ImageHere|image_[0-9]|video_[0-9])>"
_IMAGES = re.compile(
    r"(?<![`\"'])(?:<\|vision_start\|>|<\|image_pad\|>|<\|image(?:_[0-9])?\|>|<start_of_image>"
    r"|<image_soft_token>|<\|video_pad\|>|<\|audio(?:_[0-9])?\|>|<\|AUDIO\|>|\[IMG\])"
    rf"|^{_IMAGE_TAG}|(?<![`\"']){_IMAGE_TAG}$",
    re.MULTILINE,
)
_SPACE = re.compile(r"\s*+")
_CLOSED_TAGS = ("</image>", "</img>", "</video>", "</audio>")  # so it is HTML


def cleaned(turns: Sequence[Turn]) -> tuple[list[Turn], tuple[str, ...]]:
    """The turns without what is no part of their texts, and what was taken off.

    Raises:
        RowError: for a thought that does not end; UnusableRowError, for calls of tools and images.
    """
    found: list[Turn] = []
    notes: dict[str, None] = {}
    for number, turn in enumerate(turns, start=1):
        text = stripped(turn.content)
        if turn.role != "system":
            _refuse_others(text, f"turn {number}")
        if text != turn.content.strip():
            notes[ENDED] = None
        if turn.role == "assistant":
            answer = stripped(_without_thought(text, f"turn {number}"))
            if answer != text:
                notes[THOUGHT] = None
            text = answer
        found.append(turn.model_copy(update={"content": text}))
    return found, tuple(notes)


def stripped(text: str) -> str:
    """Without white space and tokens of whole texts at both ends."""
    start, end = 0, len(text)
    tags = ("<s>", "</s>") if "</s>" in text and _strikes_through(text.strip()) else ()
    while start < end:
        if text[start].isspace():
            start += 1
        elif token := next((one for one in STARTS if text.startswith(one, start, end)), ""):
            if token in tags:
                break
            start += len(token)
        else:
            break
    while end > start:
        if text[end - 1].isspace():
            end -= 1
        elif token := next((one for one in ENDS if text.endswith(one, start, end)), ""):
            if token in tags:
                break
            end -= len(token)
        else:
            break
    return text[start:end]


def _strikes_through(text: str) -> bool:
    """Whether <s> and </s> are HTML, around a part of the text and not around all of it."""
    opening = text.find("<s>")
    closing = text.find("</s>", opening + 3)
    around_all = opening == 0 and closing == len(text) - len("</s>")
    return 0 <= opening < closing - 3 and not around_all


def _refuse_others(text: str, named: str) -> None:
    if "<" not in text and "[" not in text:
        return
    if call := _TOOLS.search(text):
        raise UnusableRowError(USES_TOOLS, f"{named} calls a tool ({call[0]})")
    image = _IMAGES.search(text)
    if image and not any(tag in text for tag in _CLOSED_TAGS):
        raise UnusableRowError(MEDIA, f"{named} holds the place of one ({image[0]})")


def _without_thought(text: str, named: str) -> str:
    """The answer behind a thought, or behind several, and within what wraps it."""
    place = 0
    while pair := next((pair for pair in _THOUGHTS if text.startswith(pair[0], place)), None):
        end = text.find(pair[1], place)
        if end < 0:
            raise RowError("have a thought that does not end", f"{pair[0]} of {named} has no end")
        place = _SPACE.match(text, end + len(pair[1])).end()  # type: ignore[union-attr]
    if not place:  # the template has the opening tag before the answer
        for opening, closing in _THOUGHTS:
            end = text.find("\n" + closing)
            if end >= 0 and opening not in text:
                place = end + 1 + len(closing)
                break
    answer = text[place:].strip()
    for opening, closing in _WRAPPERS:
        if answer.startswith(opening) and answer.endswith(closing):
            answer = answer.removeprefix(opening).removesuffix(closing).strip()
    return answer
