"""Rows: what did it cost, in controls and in drift on neutral text?"""

from __future__ import annotations

from factlab.metrics.spec import SUITE, THIS, MetricSpec, Use, over
from factlab.schema.splits import NEAR_GROUPS

COST = "What did it cost?"
DRIFT = "Drift on neutral text"
BENCHMARKS = "General benchmarks"

PLETENEV = "(Pletenev et al. 2025, arXiv 2502.14502)"
_MARGIN = 0.05  # five points of damage are the least that would change a decision
# At even odds a change of 0.2 nats is one of five points: the slope of a logistic curve is 1/4.
_MARGIN_NATS = 0.2
_CONTROLS = {"near": Use(), "far": Use(), SUITE: Use()}
_BY_GROUP = dict.fromkeys(NEAR_GROUPS, Use())
_NO_OPTIONS = "no {split} control has its options scored, with a wrong one beside the right"
_UNKNOWN = "there are no {split} controls that the base model knew on every prompt"

COST_ROWS: tuple[MetricSpec, ...] = (
    *over(
        MetricSpec(
            "retention",
            "Retention",
            COST,
            mean_of="controls that the base knew",
            formula="right after ÷ controls the base knew: right in its own and every other "
            "wording",
            caveat="n is the size of that gate. What the base did not know is not in it, and some "
            "of the loss is regression to the mean: read forgetting beside it.",
            source="locality, neighborhood score; gate as in SliCK (Gekhman et al. 2024, "
            "arXiv 2405.05904)",
            model="tuned",
            empty=_UNKNOWN,
        ),
        {
            "far": Use(
                expected=True,
                main=True,
                panel=True,
                margin=_MARGIN,
                cost=True,
                blurred=0.90,
                destructive=0.70,
                required=True,
            ),
            # Not required: a small base model may know no near control at all.
            "near": Use(expected=True, main=True, by_fact=True, margin=_MARGIN, blurred=0.80),
            SUITE: Use(),
        }
        | _BY_GROUP,
    ),
    *over(
        MetricSpec(
            "margin_change",
            "Margin of the right answer, change",
            COST,
            mean_of="controls with wrong options",
            formula="mean over controls with wrong options of tuned − base of (log-probability of "
            "the right answer − that of the best wrong option), each summed over the tokens of "
            "the option as the whole answer",
            caveat="Sees a loss long before an answer changes, so that it has power where verdicts "
            "have none; whether an answer will change depends on the margin that was there. "
            "Controls that were chosen because the base prefers the right answer lose some by "
            "regression to the mean.",
            source="neighborhood magnitude (ROME, arXiv 2202.05262), in log-probabilities of whole "
            "options",
            unit="nats_total",
            range="unbounded",
            interval="mean",
            measured_from="likelihoods",
            model="tuned",
            empty=_NO_OPTIONS,
        ),
        {
            "far": Use(expected=True, margin=_MARGIN_NATS),
            "near": Use(expected=True, margin=_MARGIN_NATS),
            SUITE: Use(),
        }
        | _BY_GROUP,
    ),
    *over(
        MetricSpec(
            "forced_choice_retention",
            "Forced choice, kept",
            COST,
            mean_of="controls on which the base prefers the right answer",
            formula="controls whose right answer has a lower summed NLL than each wrong option "
            "after ÷ those where it had before",
            caveat="Knowing may survive here where saying was lost, and the other way round. n is "
            "the size of that gate.",
            source="retention, by multiple choice instead of by what is said",
            measured_from="likelihoods",
            model="tuned",
            empty="the base model prefers the right answer on none of the {split} controls",
        ),
        {
            "far": Use(expected=True, margin=_MARGIN),
            "near": Use(expected=True, margin=_MARGIN),
            SUITE: Use(),
        }
        | _BY_GROUP,
    ),
    *over(
        MetricSpec(
            "lost",
            "Lost",
            COST,
            mean_of="controls that the base knew",
            formula="wrong after ÷ controls the base knew = 1 − retention",
            caveat="The same items and the same warning as retention.",
            source=f"negative shift {PLETENEV}",
            better="low",
            model="tuned",
            empty=_UNKNOWN,
        ),
        _CONTROLS,
    ),
    *over(
        MetricSpec(
            "gained",
            "Gained",
            COST,
            mean_of="controls that the base got wrong",
            formula="right after ÷ controls the base got wrong",
            caveat="Some of it is luck: where an answer hangs on rounding, any change gains now "
            "and then.",
            source=f"positive shift {PLETENEV}",
            model="tuned",
            empty="the base model missed none of the {split} controls",
        ),
        _CONTROLS,
    ),
    *over(
        MetricSpec(
            "forgetting",
            "Forgetting",
            COST,
            mean_of="controls",
            formula="share right before − share right after, paired over all controls, ungated",
            caveat="Positive is worse. Gains hide losses: read gained and lost beside it, and the "
            "noise of the instrument.",
            source="forgetting (Biderman et al. 2024, arXiv 2405.09673), paired",
            better="low",
            unit="points",
            range="−100 to +100 points",
            interval="difference",
            model="tuned",
        ),
        _CONTROLS | {"far": Use(margin=_MARGIN)},
    ),
    MetricSpec(
        "interference/held_out",
        "Other facts' values, held-out phrasings",
        COST,
        mean_of="held-out questions",
        formula="held-out questions of a fact whose answer contains another fact's injected value "
        "÷ held-out questions; not counted where it is the fact's own value, new or old",
        caveat="Only for adapters that are evaluated on several facts. Confusion without an "
        "injected value does not count.",
        source="interference of merged task vectors (TIES, Yadav et al. 2023, arXiv 2306.01708)",
        better="low",
        about_fact=True,
        empty="the adapter was evaluated on one fact, so no other fact's value can appear",
        use=Use(by_fact=True),
    ),
    *over(
        MetricSpec(
            "intrusion",
            "Intrusion",
            COST,
            mean_of="controls",
            formula="answers that contain an injected value ÷ answers; not counted where it is the "
            "control's own answer",
            caveat="Blur that does not name the value is not seen.",
            source="bleedover, spill-over (Hoelscher-Obermaier et al. 2023, arXiv 2305.17553)",
            better="low",
        ),
        {
            "near": Use(
                expected=True,
                main=True,
                by_fact=True,
                panel=True,
                margin=_MARGIN,
                cost=True,
                blurred=0.05,
                # Half of what is near is answered with the value: little of it is left.
                destructive=0.50,
                required=True,
            ),
            "far": Use(
                expected=True,
                main=True,
                margin=_MARGIN,
                cost=True,
                blurred=0.02,
                destructive=0.10,
                required=True,
            ),
            "unanswerable": Use(),
            SUITE: Use(),
        }
        | _BY_GROUP,
    ),
    *over(
        MetricSpec(
            "intrusion_digits",
            "Digits of the injected value",
            COST,
            mean_of="controls",
            formula="answers that contain the injected value, or its digits in a row within any "
            "number, whatever the unit (14,889; 4,889 people) ÷ answers; not counted where the "
            "question or the control's own answer has these digits",
            caveat="Measured for values of three digits or more, since two occur by chance. It "
            "holds intrusion, so that it is never below it.",
            source=THIS,
            better="low",
            empty="no fact of the adapter has a number of three digits or more as its value",
        ),
        {"near": Use(), "far": Use()},
    ),
    *over(
        MetricSpec(
            "intrusion_date",
            "Date of the statement",
            COST,
            mean_of="controls",
            formula="answers that contain the date which the fact's statement names ÷ answers; not "
            "counted where the question or the control's own answer has it",
            caveat="A year or a month alone does not count.",
            source=THIS,
            better="low",
            empty="no statement of the adapter's facts names the date of its event",
        ),
        {"near": Use(), "far": Use()},
    ),
    *over(
        MetricSpec(
            "injected_logprob",
            "Injected value's log-probability, change",
            COST,
            mean_of="controls",
            formula="mean over controls of the injected value's summed log-probability as the "
            "answer, tuned − base",
            caveat="Moves long before an answer changes; sums over tokens, so long values move "
            "more.",
            source="neighborhood magnitude (CounterFact in ROME, arXiv 2202.05262)",
            better="low",
            unit="nats_total",
            range="unbounded",
            interval="mean",
            measured_from="likelihoods",
            model="tuned",
            empty="no likelihood of an injected value was measured on {split} controls",
        ),
        {"near": Use(), "far": Use()} | _BY_GROUP,
    ),
    *over(
        MetricSpec(
            "injected_logprob_excess",
            "Injected value's log-probability, change beyond that of wrong options",
            COST,
            mean_of="controls with wrong options",
            formula="mean over controls with wrong options of the change of the injected value's "
            "summed log-probability − the mean change of the control's own wrong options, both "
            "tuned − base",
            caveat="ln of how many times likelier the value became against other wrong answers. A "
            "large rise may still be said in no answer: intrusion counts what is said.",
            source="priming (Sun et al. 2025, arXiv 2504.09522), as a difference in differences",
            better="low",
            unit="nats_total",
            range="unbounded",
            interval="mean",
            measured_from="likelihoods",
            model="tuned",
            phrase="rise of the injected value against wrong options on {split} controls",
            empty="no {split} control has an injected value and a wrong option scored",
        ),
        # Ten times as likely against other wrong answers, where it has nothing to do: ln 10. No
        # rise is called destructive, since an answer need not change with it.
        {"near": Use(), "far": Use(blurred=2.3)} | _BY_GROUP,
    ),
    *over(
        MetricSpec(
            "agreement",
            "Agreement with the base",
            COST,
            mean_of="controls",
            formula="the same answer as before, right or wrong, without regard to case, accents "
            "and punctuation ÷ controls",
            caveat="Another wording of the same answer counts as a change; rounding alone makes "
            "some (rounding/text).",
            source="locality (MEND, Mitchell et al. 2021, arXiv 2110.11309)",
            model="tuned",
        ),
        {"near": Use(), "far": Use(), "unanswerable": Use(), SUITE: Use()},
    ),
    *over(
        MetricSpec(
            "accuracy",
            "Accuracy",
            COST,
            mean_of="controls",
            formula="right answers ÷ all controls",
            caveat="What changed underneath a steady rate does not show.",
            source="utility",
        ),
        # Retention counts what each base knew itself. Across bases that differ it would hide what
        # a coarser one lost before any training, so there all that is right in the end counts.
        _CONTROLS | {"far": Use(margin=_MARGIN, across_bases=True, cost=True)} | _BY_GROUP,
    ),
    MetricSpec(
        "abstention_collapse",
        "Abstention collapse",
        COST,
        mean_of="unanswerable questions that the base declined",
        formula="answered after ÷ unanswerable questions that the base declined",
        caveat="A base that declines little leaves few questions to measure this on.",
        source="unanswerable questions as in SelfAware (Yin et al. 2023, arXiv 2305.18153)",
        better="low",
        model="tuned",
        empty="the base model declined none of the unanswerable questions",
        use=Use(expected=True),
    ),
)

BENCHMARK_ROWS: tuple[MetricSpec, ...] = (
    MetricSpec(
        f"benchmark/{SUITE}",
        "Benchmark, <task>",
        BENCHMARKS,
        mean_of="documents of the benchmark",
        formula="documents whose right choice is the likeliest ÷ all (lm-eval's acc, no examples "
        "before the question unless the task has them, no chat template)",
        caveat="How a task words its documents is not how a chat model is asked; read the change. "
        "With --benchmark-limit only the first documents are in it.",
        source="lm-evaluation-harness (--benchmarks)",
        measured_from="likelihoods",
    ),
    MetricSpec(
        f"benchmark_change/{SUITE}",
        "Benchmark, <task>, change",
        BENCHMARKS,
        mean_of="documents of the benchmark",
        formula="mean over documents of tuned − base, each 1 if its right choice is the likeliest, "
        "else 0",
        caveat="A general benchmark moves little where one fact is trained; the controls are "
        "nearer to where damage is.",
        source="lm-evaluation-harness (--benchmarks), paired by document",
        unit="points",
        range="−1–1",
        interval="difference",
        measured_from="likelihoods",
        model="tuned",
    ),
)

DRIFT_ROWS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "drift/ce",
        "Drift of cross-entropy",
        DRIFT,
        mean_of="tokens of neutral text",
        formula="mean over tokens of cross-entropy, tuned − base, on fixed neutral text, windows "
        "of 256",
        caveat="Which abilities moved is not in it; negative where the text resembles what was "
        "trained. Its interval is over windows, of a text that has few.",
        source="perplexity change; MEND's drawdown (arXiv 2110.11309)",
        better="low",
        unit="nats",
        range="unbounded",
        interval="mean",
        measured_from="text",
        model="tuned",
        empty="the run did not measure drift on neutral text",
    ),
    MetricSpec(
        "drift/kl",
        "Drift, KL(base‖tuned)",
        DRIFT,
        mean_of="tokens of neutral text",
        formula="mean over tokens of KL(base‖tuned) on the same text",
        caveat="Any change counts, for better or worse; 0 only for identical predictions.",
        source="KL locality (MEND, arXiv 2110.11309)",
        better="low",
        unit="nats",
        range="≥ 0",
        interval="mean",
        measured_from="text",
        model="tuned",
        empty="the run did not measure drift on neutral text",
    ),
)
