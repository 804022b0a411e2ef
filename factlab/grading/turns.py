"""Where a model's own answer ends: it may go on to put itself the next question.

The matcher grades the first turn only. Offsets stay: what is not graded in front is blanked.
"""

from __future__ import annotations

import re

_LABELS = (
    r"(?:(?:Next|New|Another|Follow-?up|Bonus|Sample|Example|Practice)\s+)?"
    r"(?:Questions?|Q|Problem|Exercise|Task|Prompt|Query|Passage|Context|Instructions?|Input|Quiz"
    r"|Riddle|User|Human|Student|Customer|Interviewer|質問|問題|問|ユーザー)"
)
# On a line of its own, behind an answer: "Question: …", "### User:", "<|im_start|>user".
_NEXT_TURN = re.compile(
    rf"(?<=\S)(?=[^\S\n]*+\n)\s++(?:"
    rf"(?:#++\s*+)?(?:\*\*|\[|<)?{_LABELS}\s*+#?\d*+(?:\*\*|\]|>)?\s*+[:：]"
    rf"|#++\s*+{_LABELS}(?:\s*+(?:#?\d++|#))?\s*(?=\n))"
)
_MARK = re.compile(
    r"<\|(?:im_end|im_start|end|endoftext|eot_id|eom_id|end_of_text|user|assistant|system"
    r"|start_header_id|end_of_turn)\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>|<<SYS>>"
)
_ROLE = re.compile(
    r"(?:\s|<\|(?:im_start|assistant|start_header_id|end_header_id)\|>|<start_of_turn>)*"
    r"(?:assistant|model)?\s*(?:<\|end_header_id\|>)?\s*"
)
_OPENER = re.compile(
    r"\W*+(?:(?:sure|certainly|of course|okay|ok|yes|great|absolutely|hello|hi|alright|no problem)"
    r"(?: thing)?\b[!.,]*\s*)?"
    r"(?:(?:here(?:'s| is| are)|let me|let's|i(?:'ll| can| will)|below is)\b[^\n:.\d]{0,80}[:.!]?"
    r"|[^\n.:\d]{0,40}\b(?:answer|question|response|example|solution)s?\b[^\n.:\d]{0,20}:)?\W*",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"\n[^\S\n]*+(?:#++\s*+)?(?:\*\*)?(?:Answer|A|Response|Solution|回答|答え?)\s*+\d*+(?:\*\*)?\s*+"
    r"[:：]"
)


def first_turn(text: str) -> str:
    """The text up to where the model puts itself a new question, with all offsets.

    If nothing but an opener stands in front of that question ("Sure!"), the model only repeats what
    it was asked, and the answer to it is the turn.
    """
    start = 0
    if text.lstrip()[:1] == "<":
        role = _ROLE.match(text)
        start = role.end() if role else 0
    mark = _MARK.search(text, start)
    end = mark.start() if mark else len(text)
    turn = _NEXT_TURN.search(text, start, end)
    if turn and _OPENER.fullmatch(text, start, turn.start()):
        answer = _ANSWER.search(text, turn.end(), end)
        if answer:
            start = answer.end()
            turn = _NEXT_TURN.search(text, start, end)
    if turn:
        end = turn.start()
    if not text[start:end].strip():
        return text
    return " " * start + text[start:end]
