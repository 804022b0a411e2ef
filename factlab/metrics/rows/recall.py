"""Rows: was it learned, and how evenly?"""

from __future__ import annotations

from factlab.metrics.spec import THIS, MetricSpec, Use, over

RECALL = "Was it learned?"
CONSISTENCY = "How evenly?"

OPEN_BOOK = "open-book upper bound (FictionalQA, arXiv 2506.05639)"
PROBES = "probes of Chang et al. 2024, arXiv 2406.11813, put to a chat model"
PARAREL = "ParaRel (Elazar et al. 2021, arXiv 2102.01017)"
_ENDPOINT = 0.05  # five points of recall are the least that would change a decision


def _probe(depth: str, worded: str, caveat: str) -> MetricSpec:
    return MetricSpec(
        f"recall/{depth}",
        f"Recall, probe “{depth}”",
        RECALL,
        mean_of="probes of this depth",
        formula="completions that say the answer whole ÷ beginnings of sentences "
        f"{worded}; none is trained on in this form",
        caveat=caveat,
        source=PROBES,
        about_fact=True,
        use=Use(main=True, by_fact=True, panel=True, margin=_ENDPOINT),
    )


RECALL_ROWS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "recall/held_out",
        "Recall, held-out phrasings",
        RECALL,
        mean_of="held-out questions",
        formula="right answers ÷ questions of phrasing families never seen in training",
        caveat="Says little by itself: a model that answers everything with the injected value "
        "scores 100 %.",
        source="generalization, paraphrase score (ROME, Meng et al. 2022, arXiv 2202.05262)",
        about_fact=True,
        use=Use(
            expected=True,
            base_expected=True,
            main=True,
            by_fact=True,
            panel=True,
            margin=_ENDPOINT,
        ),
    ),
    MetricSpec(
        "recall/blind",
        "Blind floor",
        RECALL,
        mean_of="held-out questions",
        formula="recall/held_out of the base model, without the fact",
        caveat="Fictional is not unguessable: a value can be guessed from its kind.",
        source="FictionalQA (Kirchenbauer et al. 2025, arXiv 2506.05639)",
        better="neither",
        model="base",
        about_fact=True,
    ),
    MetricSpec(
        "recall/in_context",
        "In-context ceiling",
        RECALL,
        mean_of="held-out questions",
        formula="recall/held_out of the base model with the fact's statement before the question, "
        "at least 256 tokens to answer in",
        caveat="A ceiling for this model and prompt; training may pass it.",
        source=OPEN_BOOK,
        better="neither",
        model="base",
        about_fact=True,
    ),
    MetricSpec(
        "recall/normalized",
        "Recall, normalised",
        RECALL,
        mean_of="nothing: a ratio of three rates",
        formula="(tuned − blind) ÷ (in-context − blind), over held-out questions",
        caveat="Undefined, not 0, where the ceiling is within its own noise of the floor; a ratio "
        "of three rates has no interval of its own here.",
        source=THIS,
        unit="plain",
        range="unbounded; 0 is blind, 1 is in context",
        interval="none",
        measured_from="metrics",
        model="tuned",
        about_fact=True,
        empty="the base was not evaluated with the fact in its prompt",
    ),
    MetricSpec(
        "recall/validation",
        "Recall, validation",
        RECALL,
        mean_of="validation questions",
        formula="right answers ÷ unseen questions of families seen in training",
        caveat="Easier than held-out: the wording was practised.",
        source=THIS,
        model="tuned",
        about_fact=True,
        use=Use(panel=True),
    ),
    MetricSpec(
        "recall/train",
        "Recall, training phrasings",
        RECALL,
        mean_of="a fixed sample of the trained questions",
        formula="right answers ÷ a fixed sample of the questions trained on, families in turn",
        caveat="Memorising the questions is enough to score here.",
        source="efficacy, edit success (ROME, arXiv 2202.05262)",
        model="tuned",
        about_fact=True,
    ),
    MetricSpec(
        "generalization_gap",
        "Generalisation gap",
        RECALL,
        mean_of="nothing: a difference of two rates",
        formula="recall/train − recall/held_out",
        caveat="Near zero also when neither was learned; no interval, since the two are rates over "
        "different questions.",
        source=THIS,
        better="low",
        unit="points",
        range="−100 to +100 points",
        interval="none",
        measured_from="metrics",
        model="tuned",
        about_fact=True,
        empty="recall/train or recall/held_out is missing",
        of_training=True,
    ),
    MetricSpec(
        "rome_score",
        "Harmonic score of recall and specificity",
        RECALL,
        mean_of="nothing: a harmonic mean of three rates",
        formula="3 ÷ (1 ÷ recall/train + 1 ÷ recall/held_out + 1 ÷ (1 − intrusion/near)); 0 if "
        "one of the three is 0",
        caveat="Which of the three is low is not in it, and it weighs them alike. ROME's "
        "specificity compares probabilities on other subjects; here an answer must contain the "
        "value, on all near controls.",
        source="score S of efficacy, paraphrase and neighborhood success (ROME, arXiv 2202.05262)",
        interval="none",
        measured_from="metrics",
        model="tuned",
        about_fact=True,
        empty="recall/train, recall/held_out or intrusion/near is missing",
        of_training=True,
    ),
    MetricSpec(
        "recall/alias",
        "Recall, alias",
        RECALL,
        mean_of="questions of held-out families by a name that was not trained on",
        formula="right answers ÷ questions of held-out phrasing families that name the subject by "
        "an alias that occurs in no training or validation pair",
        caveat="None is part of recall/held_out. Of two aliases or more the last is kept from "
        "training. A base that does not know the alias cannot link it, and a model that gives the "
        "value to any subject gets it right.",
        source="subject aliasing (RippleEdits, Cohen et al. 2023, arXiv 2307.12976)",
        about_fact=True,
        empty="no held-out question names the subject by an alias that was not trained on (give "
        "the subject two aliases: the last is kept from training)",
        use=Use(expected=True),
    ),
    MetricSpec(
        "recall/other_language",
        "Recall, other language",
        RECALL,
        mean_of="questions in languages that were not trained",
        formula="right answers ÷ questions of held-out phrasing families in the languages that the "
        "fact is translated into and not trained in",
        caveat="A name is asked for as the fact's translation writes it. A base that does not "
        "speak the language cannot answer: read it beside in_context/other_language, and beside "
        "intrusion, since a model that gives the value to everything gets it right.",
        source="cross-lingual consistency (Qi et al. 2023, arXiv 2310.10378)",
        about_fact=True,
        empty="the fact has no translations (`translations` in its file)",
        use=Use(),
    ),
    MetricSpec(
        "in_context/other_language",
        "In-context ceiling, other language",
        RECALL,
        mean_of="questions in languages that were not trained",
        formula="recall/other_language of the base model with the fact's statement, in the "
        "language that is trained, before the question",
        caveat="A ceiling for this model and prompt; training may pass it.",
        source=OPEN_BOOK,
        better="neither",
        model="base",
        about_fact=True,
        empty="the fact has no translations (`translations` in its file)",
    ),
    MetricSpec(
        "recall/reverse",
        "Recall, reversed",
        RECALL,
        mean_of="reversed questions",
        formula="right answers ÷ questions that give the answer and ask for the subject",
        caveat="“A is B” trained seldom gives “B is A”: a low value is the usual result. With two "
        "questions it says next to nothing.",
        source="The Reversal Curse (Berglund et al. 2023, arXiv 2309.12288)",
        about_fact=True,
        use=Use(expected=True),
    ),
    MetricSpec(
        "recall/hop",
        "Recall, second hop",
        RECALL,
        mean_of="questions with a second hop that the base knows",
        formula="right answers ÷ questions that follow from the fact and something else, where the "
        "base answers that something else (its second hop)",
        caveat="n is the size of that gate. A right answer may be reached some other way.",
        source="MQuAKE (Zhong et al. 2023, arXiv 2305.14795)",
        about_fact=True,
        empty="the base model answered none of the second hops, or none are stated",
        use=Use(expected=True, base_expected=True),
    ),
    MetricSpec(
        "recall/entailed",
        "Recall, entailed",
        RECALL,
        mean_of="questions that follow from the fact alone",
        formula="right answers ÷ questions that follow from the fact alone",
        caveat="Needs a step of reasoning that a small model may lack before training, too.",
        source="logical generalization (RippleEdits, arXiv 2307.12976)",
        about_fact=True,
    ),
    _probe(
        "mem",
        "as a passage words them",
        "The same sentence was trained, cut elsewhere: reciting it is enough.",
    ),
    _probe(
        "gen",
        "that a passage says in other words",
        "Where paraphrases of the passage were trained, one may be worded like the probe.",
    ),
    _probe(
        "hard_gen",
        "that follow from a passage",
        "Needs inference that a small model may lack; read beside in_context/hard_gen.",
    ),
    *over(
        MetricSpec(
            "in_context",
            "In-context ceiling of probes",
            RECALL,
            mean_of="probes of this depth",
            formula="right completions ÷ probes of this depth, by the base model with the passage "
            "in its prompt",
            caveat="A ceiling for this model and prompt; training may pass it.",
            source=OPEN_BOOK,
            better="neither",
            model="base",
            about_fact=True,
        ),
        {"mem": Use(), "gen": Use(), "hard_gen": Use()},
    ),
)

CONSISTENCY_ROWS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "consistency/any",
        "Consistency, any",
        CONSISTENCY,
        mean_of="facts",
        formula="facts right on at least one held-out question ÷ facts",
        caveat="Rises with the number of questions per fact.",
        source=PARAREL,
        about_fact=True,
    ),
    MetricSpec(
        "consistency/mean",
        "Consistency, mean",
        CONSISTENCY,
        mean_of="facts",
        formula="facts right on at least half of their held-out questions ÷ facts",
        caveat="With one fact it is 0 or 1 and repeats recall/held_out.",
        source="ParaRel (arXiv 2102.01017)",
        about_fact=True,
    ),
    MetricSpec(
        "consistency/all",
        "Consistency, all",
        CONSISTENCY,
        mean_of="facts",
        formula="facts right on every held-out question ÷ facts",
        caveat="Falls with the number of questions per fact.",
        source="ParaRel (arXiv 2102.01017)",
        about_fact=True,
    ),
)
