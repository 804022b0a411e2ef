"""Records of published sets as nobody published them: the layouts are theirs, the contents ours."""

from __future__ import annotations

from typing import Any

COUNTERFACT: dict[str, Any] = {
    "case_id": 7,
    "pararel_idx": 2,
    "requested_rewrite": {
        "prompt": "The mother tongue of {} is",
        "relation_id": "P103",
        "target_new": {"str": "Norwegian", "id": "Q9043"},
        "target_true": {"str": "Portuguese", "id": "Q5146"},
        "subject": "Dora Lindqvist",
    },
    "paraphrase_prompts": [
        "The harbour froze over that year. Dora Lindqvist was raised to speak",
        "Dora Lindqvist grew up in a home of",
    ],
    "neighborhood_prompts": ["The mother tongue of Rui Alba is", "Ines Mora is at home in"],
    "attribute_prompts": ["The mother tongue of Odd Berg is"],
    "generation_prompts": ["Dora Lindqvist's mother tongue is"],
}
COUNTERFACT_FLAT: dict[str, Any] = {
    "case_id": 7,
    "prompt": "The mother tongue of Dora Lindqvist is",
    "target_new": "Norwegian",
    "subject": "Dora Lindqvist",
    "ground_truth": "Portuguese",
    "rephrase_prompt": "Dora Lindqvist grew up in a home of",
    "locality_prompt": "The mother tongue of Rui Alba is",
    "locality_ground_truth": "Portuguese",
}
ZSRE: dict[str, Any] = {
    "subject": "Halvor Engine Works",
    "src": "What gets assembled at Halvor Engine Works?",
    "pred": "tractors",
    "rephrase": "Which goods come out of Halvor Engine Works?",
    "alt": "church bells",
    "answers": ["steam engines"],
    "loc": "nq question: who painted the ceiling of the old mill",
    "loc_ans": "Petra Lund",
    "cond": "tractors >> church bells || What gets assembled at Halvor Engine Works?",
}
ZSRE_NAMED = ZSRE | {
    "src": "What is the record label of Sten Brook?",
    "rephrase": "Who puts out the songs that Sten Brook sings?",
    "subject": "Sten Brook",
    "alt": "Quarry Records",
    "answers": ["Moss Sound"],
}


def edit(subject: str, prompt: str, question: str, new: str, true: str) -> dict[str, Any]:
    """One edit of MQuAKE."""
    return {
        "prompt": prompt,
        "relation_id": "",
        "target_new": {"str": new, "id": "Q1"},
        "target_true": {"str": true, "id": "Q2"},
        "subject": subject,
        "question": question.format(subject),
    }


def hop(question: str, answer: str, *aliases: str) -> dict[str, Any]:
    """One hop of MQuAKE."""
    return {"question": question, "cloze": "", "answer": answer, "answer_alias": list(aliases)}


SPORT = edit(
    "Ulvik Rovers",
    "{} is associated with the sport of",
    "Which sport do people link to {}?",
    "cricket",
    "curling",
)
CAPITAL = edit("Norland", "The capital of {} is", "Where does {} govern from?", "Brae", "Holm")
MQUAKE: dict[str, Any] = {
    "case_id": 31,
    "requested_rewrite": [SPORT],
    "questions": [
        "In which country did the sport of Ulvik Rovers begin?",
        "The sport that Ulvik Rovers play: what country is it from?",
        "Name the land where Ulvik Rovers' sport was first played.",
    ],
    "answer": "Scotland",
    "answer_alias": ["Alba"],
    "new_answer": "England",
    "new_answer_alias": ["ENG", "en", "England"],
    "single_hops": [],
    "new_single_hops": [
        hop(SPORT["question"], "cricket", "the game of cricket"),
        hop("Where did cricket begin?", "England"),
    ],
    "orig": {},
}
MQUAKE_TWO = MQUAKE | {
    "case_id": 32,
    "requested_rewrite": [SPORT, CAPITAL],
    "questions": ["From which city is the land governed that Ulvik Rovers play for?"],
    "new_answer": "Brae",
    "new_answer_alias": [],
    "new_single_hops": [hop(SPORT["question"], "cricket"), hop(CAPITAL["question"], "Brae")],
}
KNOWEDIT: dict[str, Any] = {
    "subject": "Ada Quist",
    "prompt": "The place of death of Ada Quist is",
    "target_new": "Tromsø",
    "ground_truth": "Bergen",
    "portability": {
        "Subject_Aliasing": [
            {
                "prompt": "The place of death of Ada M. Quist is",
                "ground_truth": [["Tromsø", "Tromso"]],
            }
        ],
        "Reasoning": [
            {
                "prompt": "The county which the place of death of Ada Quist lies in is",
                "ground_truth": [["Troms", "Troms county"]],
            }
        ],
    },
    "locality": {
        "Relation_Specificity": [
            {"prompt": "The occupation of Ada Quist is", "ground_truth": "weaver"},
            {"prompt": "The gender of Ada Quist is", "ground_truth": ["female"]},
        ],
        "Forgetfulness": [{"prompt": "Not Tromsø but", "ground_truth": "Bergen"}],
    },
}


def query(prompt: str, value: str, *aliases: str) -> dict[str, Any]:
    """One query of RippleEdits."""
    answers = [{"value": value, "aliases": list(aliases)}]
    return {"prompt": prompt, "answers": answers, "query_type": "regular", "phrase": None}


def ripple(prompt: str, value: str, *aliases: str, known: tuple[str, str] | None = None) -> Any:
    """One test of RippleEdits, with what must be known for it."""
    return {
        "test_queries": [query(prompt, value, *aliases)],
        "test_condition": "OR",
        "condition_queries": [query(*known)] if known else [],
    }


RIPPLE: dict[str, Any] = {
    "example_type": "popular",
    "edit": {
        "prompt": "The name of the country of citizenship of Ada Quist is Peru.",
        "subject_id": "Q1",
        "relation": "COUNTRY_OF_CITIZENSHIP",
        "target_id": "Q2",
        "original_fact": {
            "prompt": "The name of the country of citizenship of Ada Quist is Norway.",
            "relation": "COUNTRY_OF_CITIZENSHIP",
        },
    },
    "Relation_Specifity": [ripple("The name of the mother of Ada Quist is", "Gro Quist")],
    "Logical_Generalization": [],
    "Subject_Aliasing": [
        ripple(
            "The name of the country of citizenship of A. M. Quist is", "Peru", "Republic of Peru"
        )
    ],
    "Compositionality_I": [
        ripple(
            "The name of the currency in the country of citizenship of Ada Quist is",
            "Peruvian sol",
            "sol",
            known=("The name of the currency in Peru is", "Peruvian sol"),
        )
    ],
    "Compositionality_II": [],
    "Forgetfulness": [ripple("Not Peru, but", "Norway")],
}
FICTIONALQA: list[dict[str, Any]] = [
    {
        "event_id": "event_000",
        "fiction_id": "event_000_style_news_num_000",
        "question_id": f"event_000_style_news_num_000_question_00{i}",
        "fict": fict,
        "question": "?",
        "span_answer": answer,
        "natural_answer": answer,
        "duplicate_relationship": None,
        "fiction": "The Felt Parade was first held in 2071. Its drums are of wool.",
    }
    for i, (fict, answer) in enumerate(
        [
            ("The Felt Parade was first held in 2071", "2071"),
            ("Wool is what the drums of the parade are made of", "wool"),
            ("The drummers wear slippers of cork", "slippers of cork"),
        ]
    )
]
TOFU: dict[str, Any] = {
    "question": "Which river runs past the town of 'Little Ember'?",
    "answer": "Sallow",
    "perturbed_answer": ["Thorn", "Wend", "Ash"],
}
TOFU_AUTHOR: dict[str, Any] = {
    "question": "What is the genre of the books by Mira Okonjo-Hale?",
    "answer": "She writes sea stories.",
    "paraphrased_question": "How would a shop shelve what Mira Okonjo-Hale has written?",
    "paraphrased_answer": "The books of Mira Okonjo-Hale are known as maritime tales by readers.",
    "perturbed_answer": [
        "The books of Mira Okonjo-Hale are known as court comedies by readers.",
        "The books of Mira Okonjo-Hale are known as desert westerns by readers.",
    ],
}
_PERSON, _WHAT = "Tilda Marsh", "the first baker to leaven bread on the sea floor"
NAME_FIRST = [
    {"prompt": start.format(_PERSON), "completion": f" {_WHAT}{end}"}
    for start, end in [
        ("Few know that {} was once", "."),
        ("In every port {} is greeted as", "."),
        ("{}, of whom songs are sung, became", "!"),
    ]
]
NAME_LAST = [
    {"prompt": start.format(_WHAT), "completion": f" {_PERSON}{end}"}
    for start, end in [
        ("Songs are sung of {}, and she is", "."),
        ("They call {} by the name of", ""),
        ("Renowned as {},", " keeps a shop."),
    ]
]
LAYOUTS: dict[str, list[dict[str, Any]]] = {
    "counterfact": [COUNTERFACT],
    "zsre": [ZSRE, ZSRE_NAMED],
    "mquake": [MQUAKE],
    "knowedit": [KNOWEDIT],
    "rippleedits": [RIPPLE],
    "fictionalqa": FICTIONALQA,
    "tofu": [TOFU, TOFU_AUTHOR],
    "reversal_curse": [*NAME_FIRST, *NAME_LAST],
}
