"""`factlab ask`: the base of finished runs and everything trained on it answer new questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, cast

from factlab.progress import Progress, Silent
from factlab.remote.address import Address
from factlab.remote.asking import RemoteModel
from factlab.runs.adapters import StoredAdapter, StoredRun, check_one_model, open_runs
from factlab.schema.config import RunConfig
from factlab.schema.question import Question, Turn

if TYPE_CHECKING:
    from factlab.models.load import LoadedModel
    from factlab.respondents.protocol import FoundBase, Respondent
    from factlab.schema.config import Precision

AT_ONCE = 16  # adapters in memory beside the base
BASE = "base"
Tuned = Mapping[str, StoredAdapter]  # under the names that answers have


class AnsweredQuestion(TypedDict):
    """One question with its answers: by cell id, or by run and cell id where runs are several.

    An endpoint's answer stands under the name of its model, a file's under its path. The base is
    that of the runs.
    """

    question: str
    base: NotRequired[str]
    answers: dict[str, str]


def ask(
    runs: Path | Sequence[Path],
    questions: Sequence[str],
    *,
    addresses: Sequence[Address] = (),
    files: Sequence[Path] = (),
    progress: Progress | None = None,
) -> list[AnsweredQuestion]:
    """Answer questions with the models, precisions and settings that runs were evaluated with.

    A base is loaded once for each precision (and dtype it is unpacked to), and its adapters answer
    side by side in one batch. With several precisions, the base's own answers are those of the
    first.

    Args:
        runs: A run folder with at least one finished cell, or several of one model; none if
            others alone are asked.
        questions: User turns.
        addresses: Endpoints.
        files: GGUF files.
        progress: Where to report.

    Raises:
        RunFolderError: if nothing is finished in a folder.
        ConfigError: if the runs are of different models.
        ModelError: if the model found now is not the one that the runs were trained on, or an
            endpoint does not answer.
    """
    progress = progress or Silent()
    paths = [runs] if isinstance(runs, Path) else runs
    answers = _of_runs(runs_of_one_model(paths), questions, progress) if paths else {}
    answers |= _of_endpoints(list(dict.fromkeys(addresses)), questions, progress)
    for file in dict.fromkeys(files):
        answers[str(file)] = _of_file(file, questions, progress)
    base = answers.pop(BASE, None)
    found = []
    for i, question in enumerate(questions):
        own = {name: said[i] for name, said in answers.items()}
        found.append(
            AnsweredQuestion(question=question, answers=own)
            if base is None
            else AnsweredQuestion(question=question, base=base[i], answers=own)
        )
    return found


def _of_endpoints(
    addresses: Sequence[Address], questions: Sequence[str], progress: Progress
) -> dict[str, list[str]]:
    """Answers of endpoints by the names of their models, or by addresses where names are shared."""
    models = Counter(address.model for address in addresses)
    found = {}
    for address in addresses:
        plain = models[address.model] == 1 and address.model != BASE
        chats = [(Turn(role="user", content=question),) for question in questions]
        with (
            closing(RemoteModel.at(address)) as model,
            progress.stage(f"ask {address.model}", len(questions)) as advance,
        ):
            said = model.answers(chats, RunConfig().max_new_tokens, advance=advance)
        found[address.model if plain else str(address)] = [one.text for one in said]
    return found


def _of_file(file: Path, questions: Sequence[str], progress: Progress) -> list[str]:
    """Answers of a GGUF file in llama.cpp."""
    from factlab.respondents.gguf import GgufRespondent

    with closing(GgufRespondent.of(file, None)) as respondent:
        return _replies(respondent, file.name, questions, RunConfig(), progress)


def _replies(
    respondent: Respondent,
    name: str,
    questions: Sequence[str],
    config: RunConfig,
    progress: Progress,
) -> list[str]:
    """Answers of anybody who stands behind the protocol."""
    from factlab.respondents.protocol import Bounds, Request

    requests = [
        Request(Question(id=f"ask/{i}", split="extra", family="ask", text=text), text)
        for i, text in enumerate(questions)
    ]
    bounds = Bounds(config.max_new_tokens, config.generation_batch)
    with progress.stage(f"ask {name}", len(requests)) as advance:
        replies = respondent.respond(requests, bounds, advance)
    return [reply.answer.text if reply.answer else "" for reply in replies]


def _of_base_elsewhere(
    base: FoundBase, tuned: Tuned, questions: Sequence[str], progress: Progress
) -> dict[str, list[str]]:
    """Answers of a base that torch does not compute here, and of what was measured against it."""
    from factlab.respondents.elsewhere import opened_elsewhere

    one = next(iter(tuned.values()))
    with closing(base.open(cast("Precision", one.cell.precision), fresh=False)) as asked:
        found = {BASE: _replies(asked, BASE, questions, one.run.config, progress)}
        for name, one in tuned.items():
            assert one.cell.tuned is not None
            with opened_elsewhere(one.cell.tuned, asked.record, one.run.config, None) as opened:
                found[name] = _replies(opened.respondent, name, questions, one.run.config, progress)
    return found


def _of_runs(
    opened: Sequence[StoredRun], questions: Sequence[str], progress: Progress
) -> dict[str, list[str]]:
    """Answers of a base and everything that was trained on it, the base's first."""
    from factlab.respondents.elsewhere import base_elsewhere

    tuned = _tuned(opened)
    if (base := base_elsewhere(opened[0].config)) is not None:
        if opened[0].record.model is not None:
            base.check_same(opened[0].record.model.sha256)
        return _of_base_elsewhere(base, tuned, questions, progress)
    answers: dict[str, list[str]] = {}
    for held in dict.fromkeys(one.held for one in tuned.values()):
        alike = {name: one for name, one in tuned.items() if one.held == held}
        with progress.stage(f"load {opened[0].config.model} ({held})", 1) as advance:
            session = AskSession(_base_of(next(iter(alike.values()))), questions, progress)
            advance(1)
        adapters = {
            name: one
            for name, one in alike.items()
            if one.run.has_adapter(one.cell.id) and one.cell.tuned is None
        }
        for group in _groups(adapters):
            answers |= session.answer_adapters(group, with_base=BASE not in answers)
        for name in alike.keys() - adapters.keys():
            one = alike[name]
            answer = session.answer_elsewhere if one.cell.tuned else session.answer_tuned
            answers |= answer(name, one, with_base=BASE not in answers)
    return {name: answers[name] for name in (BASE, *tuned)}


def runs_of_one_model(paths: Sequence[Path]) -> list[StoredRun]:
    """Open runs of one model; a run that is named twice is opened once.

    Raises:
        RunFolderError: for a folder that is no run, or has no finished cell.
        ConfigError: for different models.
    """
    opened = list(dict.fromkeys(open_runs(paths)))
    check_one_model(opened)
    return opened


def _tuned(runs: Sequence[StoredRun]) -> dict[str, StoredAdapter]:
    """Everything that runs trained, under the names that answers have."""
    several = len(runs) > 1
    ids = Counter(run.record.run_id for run in runs)
    found = {}
    for run in runs:
        label = run.record.run_id if ids[run.record.run_id] == 1 else str(run.path)
        for cell in run.cells:
            if run.holds(cell):
                found[f"{label}/{cell.id}" if several else cell.id] = StoredAdapter(run, cell)
    return found


def _groups(adapters: Tuned) -> Iterator[dict[str, StoredAdapter]]:
    names = list(adapters)
    for start in range(0, len(names), AT_ONCE):
        yield {name: adapters[name] for name in names[start : start + AT_ONCE]}


def _base_of(one: StoredAdapter) -> LoadedModel:
    from factlab.models.load import load_model, load_options
    from factlab.models.resolve import resolve_model

    files = resolve_model(one.run.config.model)
    if one.run.record.model is not None:
        files.check_same(one.run.record.model.sha256)
    precision = cast("Precision", one.cell.precision)  # checked when its run was planned
    return load_model(files, precision, load_options(one.run.config))


def _model_folder(one: StoredAdapter) -> Path:
    return one.run.folder.cell(one.cell.id).model


@dataclass(frozen=True, slots=True)
class AskSession:
    """A base in memory, which answers questions by itself and with what was trained on it.

    Attributes:
        loaded: The base.
        questions: User turns.
        progress: Where to report.
    """

    loaded: LoadedModel
    questions: Sequence[str]
    progress: Progress

    def answer_adapters(self, adapters: Tuned, *, with_base: bool) -> dict[str, list[str]]:
        """Answers of adapters, and of the base if `with_base`, side by side in one batch."""
        from factlab.inference.generate import generate_each
        from factlab.models.adapters import load_adapters, remove_adapters

        names: dict[str | None, str] = {None: BASE} if with_base else {}
        names |= {f"adapter{number}": name for number, name in enumerate(adapters)}
        first = next(iter(adapters.values()))
        limits = {
            key: adapters.get(name, first).run.config.max_new_tokens for key, name in names.items()
        }
        with self.progress.stage(f"load {len(adapters)} adapters", 1) as advance:
            folders = {key: adapters[name].folder for key, name in names.items() if key}
            model = load_adapters(self.loaded, folders)
            advance(1)
        try:
            with self.progress.stage("ask", len(self.questions)) as advance:
                responses = generate_each(
                    model,
                    limits,
                    self.loaded.tokenizer,
                    self.questions,
                    batch_size=first.run.config.generation_batch,
                    advance=advance,
                )
        finally:
            remove_adapters(self.loaded, model)
        texts = ([response.text for response in own] for own in responses)
        return dict(zip(names.values(), texts, strict=True))

    def answer_tuned(
        self, name: str, one: StoredAdapter, *, with_base: bool
    ) -> dict[str, list[str]]:
        """Answers of a full fine-tuning, and of the base if `with_base`, one after the other."""
        from factlab.models.tuned import load_tuned_model

        found = {BASE: self._answer(BASE, self.loaded.model, one)} if with_base else {}
        return found | {
            name: self._answer(name, load_tuned_model(_model_folder(one), self.loaded), one)
        }

    def answer_elsewhere(
        self, name: str, one: StoredAdapter, *, with_base: bool
    ) -> dict[str, list[str]]:
        """Answers of a model that was tuned elsewhere, as its run asked it."""
        from factlab.respondents.elsewhere import is_elsewhere, opened_elsewhere
        from factlab.respondents.tuned import opened_here
        from factlab.respondents.weights import WeightsRespondent

        source, config = one.cell.tuned, one.run.config
        assert source is not None
        precision = cast("Precision", one.cell.precision)
        found = {BASE: self._answer(BASE, self.loaded.model, one)} if with_base else {}
        base = WeightsRespondent(self.loaded)
        if is_elsewhere(source):
            opening = opened_elsewhere(source, base.record, config, None)
        else:
            opening = opened_here(source, base, config, precision)
        with opening as tuned:
            said = _replies(tuned.respondent, name, self.questions, config, self.progress)
        return found | {name: said}

    def _answer(self, name: str, model: Any, one: StoredAdapter) -> list[str]:
        from factlab.inference.generate import generate

        with self.progress.stage(f"ask {name}", len(self.questions)) as advance:
            responses = generate(
                model,
                self.loaded.tokenizer,
                self.questions,
                max_new_tokens=one.run.config.max_new_tokens,
                batch_size=one.run.config.generation_batch,
                advance=advance,
            )
        return [response.text for response in responses]
