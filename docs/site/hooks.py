"""What MkDocs calls while it builds the site: the reference is made from code, and links to the repository lead there.

Pages link to files beside ``docs/`` by their path, so that they work in a checkout and on GitHub too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from falsifiable.cli.manual.reference import reference

_LINK = re.compile(r"\]\(([^)#:\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the reference, which lie in no folder."""
    for path, text in reference():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links to what is no page of the site into links to the repository; what is not there either is a fault."""
    root = Path(config.config_file_path).parent.resolve()
    docs = Path(config.docs_dir).resolve()
    here = (docs / page.file.src_uri).parent

    def led(link: re.Match[str]) -> str:
        target = (here / link[1]).resolve()
        if target.is_relative_to(docs) and files.get_file_from_path(target.relative_to(docs).as_posix()):
            return link[0]
        if not target.is_relative_to(root) or not target.exists():
            raise PluginError(f"docs/{page.file.src_uri} links to {link[1]}, which is neither a page nor a file")
        kind = "tree" if target.is_dir() else "blob"
        return f"]({config.extra['repository']}/{kind}/main/{target.relative_to(root).as_posix()}{link[2] or ''})"

    return _LINK.sub(led, markdown)
