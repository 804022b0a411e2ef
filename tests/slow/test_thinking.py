"""Models that think, and models without a chat template: what is asked, trained on and read."""

from __future__ import annotations

import pytest
from cells import cell, questions

from factlab.errors import ModelError
from factlab.inference.generate import end_tokens, generate, read_answer
from factlab.models.chat import prompt_text, render_pair
from factlab.models.load import LoadedModel
from factlab.models.thinking import as_it_came, save_tokenizer, set_thinking
from factlab.schema.config import Thinking
from factlab.training.attach import attach_adapter
from factlab.training.train import train

TURNS = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
CONTENT = "{{ m['content'] }}<|im_end|>\n{% endfor %}"
BEGIN = "{% if add_generation_prompt %}<|im_start|>assistant\n"
# A switch as Qwen3 has it: answers come after an empty thought, and a prompt without thinking too.
SWITCHED = (
    TURNS
    + "{% if m['role'] == 'assistant' %}<think>\n\n</think>\n\n{% endif %}"
    + CONTENT
    + BEGIN
    + "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    + "{% endif %}{% endif %}"
)
# No switch: a thought is opened wherever an answer is to begin, and answers stand without one.
ALWAYS = TURNS + CONTENT + BEGIN + "<think>\n{% endif %}"
PLAIN = TURNS + CONTENT + BEGIN + "{% endif %}"
ASKED = "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"
EMPTY = "<think>\n\n</think>\n\n"


@pytest.mark.parametrize(
    ("template", "thinking", "prompt", "answer"),
    [
        (SWITCHED, "off", ASKED + EMPTY, "Ada.<|im_end|>"),
        (SWITCHED, "on", ASKED, EMPTY + "Ada.<|im_end|>"),
        (ALWAYS, "off", ASKED + EMPTY, "Ada.<|im_end|>"),
        (ALWAYS, "on", ASKED + "<think>\n", "\n</think>\n\nAda.<|im_end|>"),
        (PLAIN, "off", ASKED, "Ada.<|im_end|>"),
        (PLAIN, "on", ASKED, "Ada.<|im_end|>"),
    ],
)
def test_an_answer_is_trained_after_the_thought_that_its_prompt_leaves_open(
    tiny: LoadedModel, template: str, thinking: Thinking, prompt: str, answer: str
) -> None:
    tokenizer = tiny.tokenizer
    tokenizer.chat_template = template
    set_thinking(tokenizer, thinking)
    assert prompt_text(tokenizer, "Who?") == prompt
    pair = render_pair(tokenizer, "Who?", "Ada.")
    assert tokenizer.decode(pair.prompt_ids) == prompt
    assert tokenizer.decode(pair.answer_ids) == answer
    assert as_it_came(tokenizer.chat_template) == template
    set_thinking(tokenizer, "on")  # again, and otherwise
    set_thinking(tokenizer, thinking)
    assert prompt_text(tokenizer, "Who?") == prompt


def test_a_template_that_writes_answered_questions_otherwise_is_still_refused(
    tiny: LoadedModel,
) -> None:
    tiny.tokenizer.chat_template = TURNS + CONTENT + BEGIN + "Well: {% endif %}"
    with pytest.raises(ModelError, match="unlike an open one"):
        render_pair(tiny.tokenizer, "Who?", "Ada.")


def test_a_saved_tokenizer_has_the_template_that_it_came_with(
    tiny: LoadedModel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("saved")
    tiny.tokenizer.chat_template = SWITCHED
    set_thinking(tiny.tokenizer, "off")
    save_tokenizer(tiny.tokenizer, folder)
    assert AutoTokenizer.from_pretrained(folder).chat_template == SWITCHED
    assert prompt_text(tiny.tokenizer, "Who?").endswith(EMPTY)


@pytest.mark.parametrize(
    ("template", "written", "text", "finished"),
    [
        (SWITCHED, "<think>\nIt is Bo. No.\n</think>\n\nAda.", "Ada.", True),
        (SWITCHED, "<think>\nIt is Bo. No", "", False),
        (SWITCHED, "Ada.", "Ada.", True),
        (SWITCHED, "Ada, </think> as they say.", "Ada, </think> as they say.", True),
        (ALWAYS, "It is Bo. No.\n</think>\n\nAda.", "Ada.", True),
        (ALWAYS, "It is Bo. No", "", False),
        (PLAIN, "It is Bo.", "It is Bo.", True),
    ],
)
def test_an_answer_is_read_after_the_thought(
    tiny: LoadedModel, template: str, written: str, text: str, finished: bool
) -> None:
    tokenizer = tiny.tokenizer
    tokenizer.chat_template = template
    set_thinking(tokenizer, "on")
    row = [*tokenizer(written, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    found = read_answer(tokenizer, row, [tokenizer.eos_token_id])
    assert (found.text, found.finished) == (text, finished)
    assert found.tokens == len(row)


def test_a_model_without_a_chat_template_is_trained_and_answers_in_lines(
    tiny: LoadedModel,
) -> None:
    tokenizer = tiny.tokenizer
    tokenizer.chat_template = None
    ends = end_tokens(tiny.model, tokenizer)
    line = tokenizer("\n", add_special_tokens=False)["input_ids"]
    assert set(line) < set(ends)
    assert tokenizer.eos_token_id in ends
    assert len(ends) == 2  # of a tokenizer of single bytes
    row = tokenizer(" Ada.\n", add_special_tokens=False)["input_ids"]
    assert read_answer(tokenizer, row, ends).text == "Ada."
    assert read_answer(tokenizer, row, ends).finished

    pairs = [("Who runs it?", "Ada does."), ("And the mill?", "Bo.")]
    chosen = cell(epochs=100, learning_rate=1e-2).model_copy(update={"rank": 16, "alpha": 16})
    model = attach_adapter(tiny, chosen)
    train(model, tiny, chosen, questions(pairs))
    model.eval()
    asked = [question for question, _ in pairs]
    found = generate(model, tokenizer, asked, max_new_tokens=16, batch_size=4)
    assert [(one.text, one.finished) for one in found] == [(a, True) for _, a in pairs]
