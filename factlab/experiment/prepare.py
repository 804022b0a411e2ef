"""Settings → an experiment and its model's files; refusals come before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from factlab.errors import ConfigError
from factlab.expand.controls import languages_of
from factlab.experiment.benchmarks import benchmarks_of
from factlab.experiment.experiment import Experiment
from factlab.experiment.far_controls import FarChoice, choose_far, to_screen
from factlab.experiment.plan import plan_experiment
from factlab.experiment.spending import check_spending
from factlab.progress import Progress
from factlab.respondents.elsewhere import base_elsewhere, check_elsewhere, is_elsewhere
from factlab.respondents.protocol import FoundBase
from factlab.respondents.tuned import check_sources
from factlab.respondents.weights import BaseWeights
from factlab.runs.adapters import check_unchanged
from factlab.schema.config import RunConfig, Thinking
from factlab.schema.question import Question
from factlab.schema.quick import QUICK_SCREENED

if TYPE_CHECKING:
    from factlab.conversations.selection import Length
    from factlab.models.resolve import ModelFiles
    from factlab.schema.conversation import Conversation

TEACHER_NOTE = "The teacher is"  # begins the note on another model that teaches


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run starts from.

    Attributes:
        experiment: What it trains and evaluates.
        base: Its base, found and checked.
    """

    experiment: Experiment
    base: FoundBase


def prepare(config: RunConfig, progress: Progress) -> Prepared:
    """Plan the experiment and find its model.

    Raises:
        FactlabError: for settings, facts, machines and models that do not go together.
    """
    experiment = plan_experiment(config)
    _check_machine(experiment)
    if config.combine is not None:
        check_unchanged(config.combine.adapters)
    benchmarks_of(config)  # what is missing is said before anything long
    check_elsewhere(config)
    for sentence in check_spending(experiment):
        progress.note(sentence)
    elsewhere = base_elsewhere(config)
    if config.benchmarks and (elsewhere is not None or any(map(is_elsewhere, config.tuned))):
        raise ConfigError(
            "--benchmarks needs models whose weights are on this machine, and one of these is "
            "asked at an endpoint or by llama.cpp. Leave --benchmarks out."
        )
    if elsewhere is not None:
        far = _far(experiment, elsewhere, progress)
        if far is not None:
            experiment = plan_experiment(config, None, far, experiment.expansions)
        return Prepared(experiment, elsewhere)
    files = _find_model(config, progress)
    base = BaseWeights(files, config)
    if config.combine is not None:
        files.check_same(config.combine.base)
    if config.tuned:
        check_sources(config, files)
    _check_layers(experiment, files)
    far = _far(experiment, base, progress)
    if experiment.sets or far is not None:
        # The bound on a conversation's length is in tokens of this model.
        length = conversation_length(files, config.thinking) if experiment.sets else None
        experiment = plan_experiment(config, length, far, experiment.expansions)
    return Prepared(_with_teacher(experiment, files), base)


def _far(experiment: Experiment, base: FoundBase, progress: Progress) -> FarChoice | None:
    """The far controls that this base knows, where a choice has to be made."""
    from factlab.experiment.screening import screen

    config, languages = experiment.config, languages_of(experiment.facts)
    bank = to_screen(languages, config.far)
    if not bank or config.combine is not None:
        return None
    most = QUICK_SCREENED if config.quick else None
    screening = screen(base, bank, experiment.precisions[0], progress, most=most)
    return choose_far(languages, config.far, screening.by_key)


def distilled_pairs(experiment: Experiment, facts: tuple[str, ...]) -> list[Question]:
    """The pairs that a teacher answers: the facts' own; of what is mixed in it knows nothing."""
    return [pair for pair in experiment.training_pairs(facts) if pair.split != "mix"]


def conversation_length(files: ModelFiles, thinking: Thinking) -> Length:
    """Tokens of a conversation as the model's tokenizer and chat template write it."""
    from factlab.models.chat import render_pair
    from factlab.models.load import load_tokenizer

    tokenizer = load_tokenizer(files, thinking)

    def length(conversation: Conversation) -> int:
        pair = render_pair(
            tokenizer, conversation.question, conversation.answer, conversation.before
        )
        return len(pair.prompt_ids) + len(pair.answer_ids)

    return length


def _check_machine(experiment: Experiment) -> None:
    from factlab.models.load import check_machine, load_options
    from factlab.training.tracking import check_trackers
    from factlab.training.train import check_training

    options = load_options(experiment.config)
    check_trackers(experiment.config.report_to)
    for cell in experiment.cells:
        full = cell.recipe.method == "full" and cell.is_trained
        check_machine(cell.precision, options, masters=full)
        check_training(cell, options.devices)


def _find_model(config: RunConfig, progress: Progress) -> ModelFiles:
    from factlab.models.resolve import resolve_model

    with progress.stage(f"find {config.model}", 1) as advance:
        files = resolve_model(config.model, accepted=config.accept_license)
        advance(1)
    return files


def _check_layers(experiment: Experiment, files: ModelFiles) -> None:
    from factlab.models.load import load_outline
    from factlab.training.attach import check_layers

    trained = [cell for cell in experiment.cells if cell.is_trained]
    if trained:
        check_layers(load_outline(files), trained, files.folder)


def _with_teacher(experiment: Experiment, files: ModelFiles) -> Experiment:
    """Check another model that is to teach before anything long is done, and note which it is."""
    name = experiment.config.teacher
    if name is None:
        return experiment
    from factlab.models.load import load_tokenizer
    from factlab.models.resolve import resolve_model
    from factlab.training.teacher import check_teacher

    teacher = resolve_model(name, accepted=experiment.config.accept_license)
    cells = experiment.cells
    pairs = {pair.id: pair for cell in cells for pair in distilled_pairs(experiment, cell.facts)}
    check_teacher(name, load_tokenizer(teacher), load_tokenizer(files), list(pairs.values()))
    note = f"{TEACHER_NOTE} {name}, SHA-256 of its weights {teacher.sha256}."
    return replace(experiment, notes=(*experiment.notes, note))
