"""One cell's adapter, its card and the report, to a repository of the Hugging Face hub.

Nothing goes there but the files of a list that is made first, and that a dry run shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from factlab.errors import ConfigError, HubError, RunFolderError
from factlab.reading.paths import is_file, refuse_links
from factlab.runs.folder import RunFolder
from factlab.runs.integrity import refuse_changed_adapters
from factlab.schema.combine import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from factlab.sharing.answers import SharedRun
from factlab.sharing.card import CARD, card

_ENDINGS = (".json", ".safetensors", ".jinja", ".txt", ".model")  # of a full fine-tuning's folder
_QUOTA = (402, 413, 507)


@dataclass(frozen=True, slots=True)
class PushedFile:
    """A file that goes to the hub.

    Attributes:
        name: Its path in the repository.
        content: Where it is, or of the card what it says.
        size_bytes: Its size.
    """

    name: str
    content: Path | bytes
    size_bytes: int


def files_to_push(folder: RunFolder, cell: str, *, data: bool) -> list[PushedFile]:
    """All that a push uploads, the card first; the questions only if they are named.

    Raises:
        FactlabError: if the run or the adapter was changed since, or the run holds links.
    """
    refuse_links(folder.path)
    run = SharedRun.read(folder, cell)
    (chosen,) = run.cells
    refuse_changed_adapters(folder, [chosen])
    place = folder.cell(cell).weights
    if place is None:
        raise RunFolderError(f"{folder.cell(cell).path}: no adapter and no model is here any more.")
    text = card(run.result, chosen, run.record.versions).encode()
    found = [PushedFile(CARD, text, len(text))]
    wanted = [(file.name, file) for file in _weights(place, full=chosen.method == "full")]
    wanted.append((folder.report_file.name, folder.report_file))
    wanted.append((folder.results_file.name, folder.results_file))
    if data:
        wanted += [(f"data/{file.name}", file) for file in sorted((folder.path / "data").iterdir())]
    files = [(name, file) for name, file in wanted if is_file(file)]
    return found + [PushedFile(name, file, file.stat().st_size) for name, file in files]


def _weights(place: Path, *, full: bool) -> list[Path]:
    if not full:
        return [place / ADAPTER_CONFIG, place / ADAPTER_WEIGHTS]
    return sorted(file for file in place.iterdir() if file.suffix in _ENDINGS)


def push_files(
    files: Sequence[PushedFile],
    repo: str,
    *,
    private: bool = False,
    revision: str | None = None,
    message: str,
) -> str:
    """Upload files in one commit; the repository is made if there is none.

    Args:
        files: What is uploaded.
        repo: Such as `you/name`.
        private: Make it private; a public one of that name is refused.
        revision: A branch, made if there is none.
        message: Of the commit.

    Returns:
        The address of the commit.

    Raises:
        HubError: saying what the hub refused, or that it cannot be reached.
        ConfigError: for a name that is none.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    from factlab.models.quiet import no_progress_bars

    api = HfApi(library_name="factlab")
    with _in_words(repo, api.endpoint), no_progress_bars():
        api.create_repo(repo, private=private or None, exist_ok=True)
        if private and not api.model_info(repo).private:
            raise HubError(
                f"{repo}: is there already and public, and --private was given. Choose another "
                "name, or make it private on the hub. Nothing was uploaded."
            )
        if revision is not None:
            api.create_branch(repo, branch=revision, exist_ok=True)
        operations = [
            CommitOperationAdd(
                file.name, str(file.content) if isinstance(file.content, Path) else file.content
            )
            for file in files
        ]
        done = api.create_commit(repo, operations, commit_message=message, revision=revision)
    return str(done.commit_url)


@contextmanager
def _in_words(repo: str, endpoint: str) -> Iterator[None]:
    """Turn what the hub and its client raise into one sentence."""
    import httpx2
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
    )

    try:
        yield
    except HFValidationError:
        raise ConfigError(
            f"{repo}: not a name of a repository. Write USER/NAME, of letters, digits, '-', '_' "
            "and '.'."
        ) from None
    except LocalTokenNotFoundError:
        raise HubError(_no_token("there is no token")) from None
    except OfflineModeIsEnabled:
        raise HubError("HF_HUB_OFFLINE is set, so nothing is uploaded. Unset it to push.") from None
    except HfHubHTTPError as problem:
        raise HubError(_refused(repo, problem)) from None
    except (httpx2.HTTPError, ConnectionError, TimeoutError) as problem:
        raise HubError(
            f"{endpoint}: cannot be reached ({type(problem).__name__}). Check the network and "
            "HF_ENDPOINT, then push again: what was uploaded is not uploaded twice."
        ) from None


def _no_token(why: str) -> str:
    return (
        f"the hub did not accept this: {why}. Set HF_TOKEN to a token with the right to write, or "
        "run `hf auth login`."
    )


def _refused(repo: str, problem: object) -> str:
    response = getattr(problem, "response", None)
    status = getattr(response, "status_code", None)
    said = str(getattr(problem, "server_message", None) or "")[:200]
    words = f" ({said})" if said else ""
    if status == 401:
        return _no_token(f"the token is missing or not valid (401){words}")
    if status in _QUOTA or "storage" in said.lower() or "quota" in said.lower():
        return f"{repo}: the hub has no room for this ({status}){words}. Free space, or push less."
    if status == 403:
        return f"{repo}: this token may not write there (403){words}. Use a token that may."
    if status == 404:
        return (
            f"{repo}: the hub has no such repository or revision, or hides it from this token "
            f"(404){words}. Check the name and the token."
        )
    if status == 429:
        return f"{repo}: too many requests (429){words}. Wait some minutes and push again."
    return f"{repo}: the hub answered {status}{words}. Push again later."
