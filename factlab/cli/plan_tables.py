"""The tables of `factlab plan`: a prediction, and a measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from factlab.cli.output import paragraph, say, table

if TYPE_CHECKING:
    from factlab.memory.machine import MemoryBudget
    from factlab.memory.predict import Memory
    from factlab.memory.tutorials import Claim
    from factlab.workflows.plan import MemoryPlan
    from factlab.workflows.profile import ComparedPrecision, ModelProfile

GB = 10**9


# --- a prediction -------------------------------------------------------------------------------


def show_plan(plan: MemoryPlan) -> None:
    """Print what a model takes, by part, and whether it fits."""
    parameters, trained = plan.model.shape.parameters, plan.adapter_parameters
    paragraph(f"{plan.model.name}: {parameters:,} parameters ({plan.model.source})")
    everything = parameters + trained
    paragraph(
        f"trainable params: {trained:,} || all params: {everything:,} || trainable%: "
        f"{trained / everything:.4%} (rank {plan.workload.rank} on {plan.workload.targets})"
    )
    say()
    _show_training(plan)
    _show_inference(plan)
    paragraph(_legend(plan))
    if plan.tutorials:
        _show_tutorials(plan.tutorials)


def _show_training(plan: MemoryPlan) -> None:
    header = ["training", "weights", "adapter", "grads", "optimizer", "activations", "workspace"]
    rows = [
        [
            row.name,
            *(_gb(part) for part in _parts(row.memory)),
            _gb(row.memory.peak),
            _fits(row.memory, plan.budget),
        ]
        for row in plan.training
    ]
    table([*header, "peak", _budget_header(plan.budget)], rows)


def _parts(memory: Memory) -> tuple[int, ...]:
    return (
        memory.weights,
        memory.adapter,
        memory.gradients,
        memory.optimizer,
        memory.activations,
        memory.workspace,
    )


def _show_inference(plan: MemoryPlan) -> None:
    header = ["inference", "weights", "keys, values", "workspace", "peak"]
    rows = [
        [
            row.name,
            _gb(row.memory.weights),
            _gb(row.memory.activations),
            _gb(row.memory.workspace),
            _gb(row.memory.peak),
            _fits(row.memory, plan.budget),
        ]
        for row in plan.inference
    ]
    table([*header, _budget_header(plan.budget)], rows)


def _budget_header(budget: MemoryBudget) -> str:
    return "fits" if budget.total_bytes is None else f"fits {budget.total_bytes / GB:.1f}"


def _fits(memory: Memory, budget: MemoryBudget) -> str:
    fits = budget.holds(memory.peak)
    return "-" if fits is None else "yes" if fits else "no"


def _legend(plan: MemoryPlan) -> str:
    batch = plan.workload.batch
    texts = "1 text" if batch.texts == 1 else f"{batch.texts} texts"
    backends = dict.fromkeys(row.workload.backend_on(plan.model.shape) for row in plan.training)
    return (
        f"GB of 10⁹ bytes on {plan.workload.device}; {texts} of {batch.length} tokens; attention "
        f"{' and '.join(backends)}. Activations are freed as gradients are made, so the peak has "
        f"the larger of the two. {_on_top(plan)}"
    )


def _on_top(plan: MemoryPlan) -> str:
    """What the budget is, and what else takes of it."""
    from factlab.memory.machine import LIBRARIES_BYTES
    from factlab.memory.predict import AHEAD

    if plan.workload.device == "cuda":
        return f"Memory: {plan.budget.source}. What CUDA itself takes comes on top."
    held = (
        "A CPU computes with quantised weights in bf16 and holds them so"
        if plan.workload.bf16_products
        else "This processor has no products in bf16, so it computes with quantised weights and "
        "those of 16 bits in fp32, and holds them so"
    )
    return (
        f"Memory: {plan.budget.source}; {_gb(LIBRARIES_BYTES)} of it go to the libraries. {held}. "
        f"Each peak has {_gb(AHEAD)} that the C library takes ahead."
    )


def _show_tutorials(claims: tuple[Claim, ...]) -> None:
    say()
    table(
        ["7B on a GPU", "tutorials say", "here", "with checkpointing"],
        [
            [claim.method, claim.published, _sum(claim.plain), _gb(claim.checkpointed.peak)]
            for claim in claims
        ],
    )
    for claim in claims:
        paragraph(f"{claim.method}: {claim.why}.")


def _sum(memory: Memory) -> str:
    """A peak by its parts, as the tutorials write it, where gradients are the larger part."""
    if memory.gradients > memory.activations + memory.workspace:
        parts = [memory.weights, memory.gradients, memory.optimizer]
        return f"{' + '.join(_gb(part) for part in parts)} = {_gb(memory.peak)}"
    return _gb(memory.peak)


def _gb(count: int) -> str:
    return f"{count / GB:.2f}" if count < 100 * GB else f"{count / GB:.1f}"


# --- a measurement ------------------------------------------------------------------------------

PROFILE_HEADER = (
    "", "weights", "on a GPU", "peak", "read/s", "write/s", "KL", "same top", "far right",
    "verdicts",
)  # fmt: skip


def show_profile(model: ModelProfile) -> None:
    """Print what each precision takes, how fast it is, and how it answers."""
    first = model.steps[0]
    paragraph(f"{model.model}: {first.profile.parameters:,} parameters, on {first.profile.device}")
    say()
    table(PROFILE_HEADER, [_profile_row(step) for step in model.steps])
    paragraph(
        "GB of 10⁹ bytes: the weights as they are held, and as a GPU would hold them; the peak of "
        "one process that reads 256 tokens and writes one answer, without the libraries. Tokens "
        "per second, one text at a time. KL in nats per token from "
        f"{model.reference}, and how often both find the same token most probable, on the neutral "
        f"text. Of {first.right.n} far controls: right (95 % interval), and verdicts lost and "
        f"gained against {model.reference}."
    )
    for step in model.steps:
        paragraph(f"{step.profile.precision}: {step.profile.note}.")


def _profile_row(step: ComparedPrecision) -> list[str]:
    profile, distance, change = step.profile, step.distance, step.change
    return [
        profile.precision,
        _gb(profile.weights_bytes),
        "-" if profile.quantised_bytes is None else _gb(profile.quantised_bytes),
        _gb(profile.peak_memory_bytes),
        f"{profile.prompt_tokens_per_second:,.0f}",
        f"{profile.generated_tokens_per_second:,.1f}",
        "-" if distance is None else f"{distance.kl_nats:.4f}",
        "-" if distance is None else f"{distance.same_top:.1%}",
        f"{step.right.value:.0%} ({step.right.low:.0%}–{step.right.high:.0%})",
        "-" if change is None else f"-{change.lost} +{change.gained}",
    ]
