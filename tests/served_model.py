"""A model of transformers behind an OpenAI-compatible interface, and what vLLM has beside it.

Nothing of factlab renders, computes or reads here: what agrees with a folder's answers agrees with
the libraries'.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from fake_endpoint import Answer, Body


def served(folder: Path, *, echo: bool = True) -> Answer:
    """Answers of the model in a folder, in fp32; with `echo` it reads prompts back as vLLM does."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    alone = threading.Lock()

    def chat(body: Body) -> Body:
        text = tokenizer.apply_chat_template(
            body["messages"], add_generation_prompt=True, tokenize=False
        )
        ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
        with torch.no_grad():
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=body["max_tokens"],
            )[0, ids.shape[1] :].tolist()
        ended = out[-1] == tokenizer.eos_token_id
        said = tokenizer.decode(out, skip_special_tokens=True)
        message = {"role": "assistant", "content": said}
        return {
            "choices": [{"message": message, "finish_reason": "stop" if ended else "length"}],
            "usage": {"prompt_tokens": ids.shape[1], "completion_tokens": len(out)},
        }

    def tokens(body: Body) -> Body:
        if "messages" in body:
            text = tokenizer.apply_chat_template(
                body["messages"], add_generation_prompt=True, tokenize=False
            )
        else:
            text = body["prompt"]
        return {"tokens": tokenizer(text, add_special_tokens=False)["input_ids"]}

    def completion(body: Body) -> Body:
        ids = body["prompt"]
        with torch.no_grad():
            told = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
        values = [None, *(told[i, token].item() for i, token in enumerate(ids[1:]))]
        values.append(told[-1].max().item())  # of the token that it writes
        return {"choices": [{"text": "", "logprobs": {"token_logprobs": values}}]}

    def answer(path: str, body: Body) -> Any:
        with alone:
            if path == "/v1/chat/completions":
                return chat(body)
            if echo and path == "/tokenize":
                return tokens(body)
            return completion(body) if echo and path == "/v1/completions" else None

    return answer
