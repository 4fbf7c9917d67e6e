"""Whoever loads this model runs no code of whoever made it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from falsifiable import (
    Finding,
    Model,
    NotApplicable,
    Verdict,
    configuration_findings,
    falsifier,
    inspect_safety,
    template_findings,
)

_PICKLES = ("pickle-call", "broken-pickle", "pickle")
_CODE = ("custom-code", "chat-template", "symbolic-link")
_UNSEEN = ("not-looked-into", "archive")


def findings_on(model: Model) -> tuple[Sequence[Finding], int]:
    """What loading the file, or any file of the folder, could do; and how many files were looked at."""
    report = inspect_safety(model.path)
    return report.findings, report.files


@falsifier("safety.no-executable-pickle", needs="folder")
def no_executable_pickle(model: Model, *, inspection: Callable[..., Any] = findings_on) -> Verdict:
    """No file here is a pickle that calls, when it is loaded, what is not known to be harmless.

    Looks at every file of the folder by its content, whatever its name; nothing is loaded. A checkpoint of PyTorch that
    only rebuilds tensors is harmless. What cannot be looked into leaves the verdict open.
    """
    findings, files = inspection(model)
    return _verdict(model, [one for one in findings if one.kind in _PICKLES], findings, files, "load safetensors only")


@falsifier("safety.no-remote-code", needs="folder")
def no_remote_code(model: Model, *, inspection: Callable[..., Any] = findings_on) -> Verdict:
    """Neither the configuration nor the folder brings code of its own, and the chat template is only a template.

    Code are files that Python or the loader of the system runs, classes that `auto_map` names (they are run with
    trust_remote_code=True), links out of the folder, and a template that reaches attributes by which an unsandboxed
    renderer can be left.
    """
    findings, files = inspection(model)
    template = model.tokenizer.chat_template if model.tokenizer is not None else None
    stated = [
        *configuration_findings(model.metadata, "config.json"),
        *(template_findings(template, "the chat template") if template else ()),
    ]
    code = [one for one in (*findings, *stated) if one.kind in _CODE and not _only_unusual(one)]
    return _verdict(model, code, [*findings, *stated], files, "use a class of the library, and remove the code")


def _only_unusual(one: Finding) -> bool:
    """A template that does what templates seldom do: a person has to look at it."""
    return one.kind == "chat-template" and one.verdict != "dangerous"


def _verdict(model: Model, wrong: list[Finding], all_of_it: Sequence[Finding], files: int, advice: str) -> Verdict:
    if wrong:
        first = next((one for one in wrong if one.verdict == "dangerous"), wrong[0])
        at = "" if first.offset is None else f" at byte {first.offset}"
        said = f"{first.file}{at}: {first.what}: {first.why} ({len(wrong)} in all, {first.verdict}); {advice}"
        return Verdict.of(False, found=said, examined=(max(files, 1), "files"), findings=len(wrong))
    unseen = next((one for one in all_of_it if one.kind in _UNSEEN or _only_unusual(one)), None)
    if unseen is not None or not files:
        what = f"{unseen.file}: {unseen.what}, {unseen.why}" if unseen is not None else "no file was looked at"
        return Verdict.inconclusive(f"{model.path}: {what}")
    return Verdict.of(True, examined=(files, "files"), findings=0)


def _beside(name: str, content: bytes) -> Callable[[Model], tuple[Sequence[Finding], int]]:
    """An inspection that finds one more file beside those of the model, and really inspects it."""

    def inspection(model: Model) -> tuple[Sequence[Finding], int]:
        found, files = findings_on(model)
        with tempfile.TemporaryDirectory(prefix="falsifiable-") as folder:
            file = Path(folder, name)
            file.write_bytes(content)
            report = inspect_safety(file)
        return (*found, *report.findings), files + report.files

    return inspection


@no_executable_pickle.counterexample
def a_pickle_that_runs_a_command(_model: Model) -> dict[str, Any]:
    """A file of weights that calls ``os.system`` when it is unpickled."""
    return {"inspection": _beside("pytorch_model.bin", b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")}


@no_executable_pickle.counterexample
def a_pickle_under_another_name(_model: Model) -> dict[str, Any]:
    """The same in the oldest protocol, called a text, and broken off behind the call."""
    return {"inspection": _beside("README.txt", b"cbuiltins\neval\n(S'1'\ntR")}


@no_remote_code.counterexample
def classes_of_its_own(model: Model) -> Model:
    """A configuration that names a class to be downloaded and run."""
    return model.with_metadata(auto_map={"AutoModelForCausalLM": "modeling_other.OtherForCausalLM"})


@no_remote_code.counterexample
def a_module_beside_the_weights(_model: Model) -> dict[str, Any]:
    """A Python file in the folder."""
    return {"inspection": _beside("modeling_other.py", b"import os\n")}


@no_remote_code.counterexample
def a_template_that_leaves_its_renderer(model: Model) -> Model:
    """A chat template that walks from a text to the classes of the interpreter."""
    if model.tokenizer is None:
        raise NotApplicable("the model carries no tokenizer")
    return model.with_tokenizer(
        model.tokenizer.with_field("chat_template", "{{ ''.__class__.__mro__[1].__subclasses__() }}")
    )
