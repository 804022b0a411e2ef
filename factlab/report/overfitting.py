"""Sentences on over-fitting: where a run shows it, with figures, and where it does not."""

from __future__ import annotations

from dataclasses import dataclass

from factlab.report.load import ReportData
from factlab.report.wording import share_in_words
from factlab.schema.results import CellResult, Configuration

# An answer of Mount Fuji's has about 15 tokens: a rise of 0.02 nats per token makes the whole of
# it exp(15 · 0.02), a third, less probable. Smaller rises are the noise of a converged loss.
RISE_NATS = 0.02
# For losses that are large in themselves (long texts), a rise also has to exceed this share.
RISE_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class LossRise:
    """The validation loss of a cell past its lowest point, in nats per answer token.

    Attributes:
        cell: Its id.
        lowest: The lowest loss.
        at: The step of it.
        last: The loss at the end.
        train: The training loss at both.
    """

    cell: str
    lowest: float
    at: int
    last: float
    train: tuple[float, float]

    @property
    def height(self) -> float:
        """How far it has risen."""
        return self.last - self.lowest

    @property
    def clear(self) -> bool:
        """Whether it has risen by more than the noise of a converged loss."""
        return self.height > max(RISE_NATS, RISE_SHARE * self.lowest)


def sentences(run: ReportData) -> list[str]:
    """Sentences on over-fitting; none where it was not measured."""
    if run.settings.get("shuffle"):
        return []  # validation pairs keep the right answer there, which is not what is trained
    found = [sentence for sentence in (_of_loss(run), _of_wordings(run)) if sentence]
    return found or _of_neither(run)


def loss_rise(cell: CellResult) -> LossRise | None:
    """How the validation loss ended, beside its lowest; None where it was not measured."""
    points = [point for point in cell.curve if {"validation", "train"} <= point.losses.keys()]
    if not points:
        return None
    lowest, last = min(points, key=lambda point: point.losses["validation"]), points[-1]
    return LossRise(
        cell=cell.id,
        lowest=lowest.losses["validation"],
        at=lowest.step,
        last=last.losses["validation"],
        train=(lowest.losses["train"], last.losses["train"]),
    )


def _rises(run: ReportData) -> list[LossRise]:
    complete = (cell for cell in run.result.cells if cell.status == "complete")
    return [rise for cell in complete if (rise := loss_rise(cell))]


def _of_loss(run: ReportData) -> str | None:
    """Where the validation loss rose while the training loss went on falling."""
    followed = _rises(run)
    rises = [rise for rise in followed if rise.clear and rise.train[1] < rise.train[0]]
    if not rises:
        return None
    most = max(rises, key=lambda rise: rise.height)
    return (
        f"Over-fitting: {_which(len(rises), len(followed), 'cells', most.cell)} the validation "
        f"loss is {most.last:.3f} nats per answer token at the end, {most.height:.3f} above its "
        f"lowest ({most.lowest:.3f} at step {most.at}), while the training loss fell from "
        f"{most.train[0]:.3f} to {most.train[1]:.3f}."
    )


def _of_wordings(run: ReportData) -> str | None:
    """Where more is recalled in trained words than in others, beyond both intervals."""
    found = [c for c in run.configurations if "recall/held_out" in c.metrics]
    apart = [c for c in found if _apart(c)]
    if not apart:
        return None
    most = max(apart, key=lambda c: c.metrics["recall/train"].value - _held_out(c))
    return (
        f"Over-fitting: {_which(len(apart), len(found), 'configurations', most.id)} "
        f"more is recalled in trained phrasings ({share_in_words(most.metrics['recall/train'])}) "
        f"than in held-out ones ({share_in_words(most.metrics['recall/held_out'])}): the wordings "
        "were learned better than the fact."
    )


def _of_neither(run: ReportData) -> list[str]:
    followed = _rises(run)
    if not followed or any(rise.clear for rise in followed):
        return []
    most = max(followed, key=lambda rise: rise.height)
    one = len(followed) == 1
    sentence = "is lowest at the end"
    if most.height:
        sentence = (
            f"ends {'' if one else 'at most '}{most.height:.3f} nats per answer token above its "
            f"lowest ({most.lowest:.3f} at step {most.at}{'' if one else f' of {most.cell}'})"
        )
    where = f"in {most.cell}" if one else f"in each of {len(followed)} cells"
    sentence = f"No over-fitting is shown: {where} the validation loss {sentence}"
    gaps = [gap for c in run.configurations if (gap := _visible_gap(c)) is not None]
    if gaps:
        sentence += (
            ", and recall in trained phrasings is not above that in held-out ones beyond their "
            f"intervals (a gap of less than {100 * min(gaps):.0f} points would not be)"
        )
    return [f"{sentence}."]


def _visible_gap(configuration: Configuration) -> float | None:
    """How far apart the two recalls would have to be for their intervals to part."""
    trained = configuration.metrics.get("recall/train")
    held_out = configuration.metrics.get("recall/held_out")
    if trained is None or held_out is None or trained.ci_low is None or held_out.ci_high is None:
        return None
    return trained.value - trained.ci_low + held_out.ci_high - held_out.value


def _apart(configuration: Configuration) -> bool:
    trained = configuration.metrics.get("recall/train")
    low = trained.ci_low if trained else None
    high = configuration.metrics["recall/held_out"].ci_high
    return low is not None and high is not None and low > high


def _held_out(configuration: Configuration) -> float:
    return configuration.metrics["recall/held_out"].value


def _which(shown: int, of: int, nouns: str, most: str) -> str:
    """`in r08-s0`, or `in 3 of 15 cells, most in r32-s1:`."""
    return f"in {most}" if of == 1 else f"in {shown} of {of} {nouns}, most in {most}:"
