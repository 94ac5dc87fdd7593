"""The wordings that members agree to. A changed wording is a new version: a new pair of files; old ones stay readable.

The files are templates/members/texts/<purpose>-<version>.<language>.html: legal wordings, not strings of the interface.
"""

from members.models import ConsentRecord

Purpose = ConsentRecord.Purpose

# Every version ever shown, the one in force last.
VERSIONS: dict[str, tuple[str, ...]] = {
    Purpose.TERMS: ("2026-11",),
    Purpose.PRIVACY: ("2026-11",),
}


def in_force(purpose: str) -> str:
    return VERSIONS[purpose][-1]


def template_of(purpose: str, version: str, language: str) -> str | None:
    """Return the template of a wording, or None when there is no such version."""
    if version not in VERSIONS.get(purpose, ()):
        return None
    return f"members/texts/{purpose}-{version}.{'en' if language.startswith('en') else 'zh-hans'}.html"
