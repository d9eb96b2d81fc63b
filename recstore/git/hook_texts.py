"""The hooks as Git runs them: short scripts for any POSIX shell, which ask Git itself whether recstore is needed.

They are the one source of the files in the repository's folder `hooks/`; a test holds the two together.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CHAINED_SUFFIX", "HOOKS", "HOOK_VERSION", "MARK", "hook_text"]

HOOK_VERSION: Final = 1
MARK: Final = "# recstore hook"
"""How the second line of every hook of recstore's begins; its version follows."""

CHAINED_SUFFIX: Final = ".before-recstore"
"""What is behind the name of a hook that was there before, and is run first."""

_HEAD: Final = """\
#!/bin/sh
{mark} {version}: {name}. `recstore hooks install` wrote it, `recstore hooks uninstall` takes it away.
"""

_CHAIN: Final = """
if [ -x "$0{suffix}" ]; then
    "$0{suffix}" "$@" || exit $?
fi
"""

_CHAIN_WITH_INPUT: Final = """
lines=$(cat)
if [ -x "$0{suffix}" ]; then
    printf '%s\\n' "$lines" | "$0{suffix}" "$@" || exit $?
fi
"""

_FIND: Final = """
# The Python that `hooks install` noted, or the project's own, or whatever is on the PATH.
find_recstore() {
    python=$(git config --get recstore.python)
    if [ -n "$python" ] && [ -x "$python" ]; then return 0; fi
    for python in .venv/bin/python .venv/Scripts/python.exe python3 python; do
        if "$python" -c 'import recstore' 2>/dev/null; then return 0; fi
    done
    python=
    command -v recstore >/dev/null 2>&1
}
in_stores() {
    git -c core.quotePath=false ls-files -- '.recstore/.gitattributes' '*/.recstore/.gitattributes' | {
        status=0
        while read -r mark; do
            folder=./${mark%.recstore/.gitattributes}
            (cd "$folder" && if [ -n "$python" ]; then "$python" -m recstore "$@"; else recstore "$@"; fi) </dev/null || status=$?
        done
        exit $status
    }
}
"""

_PRE_COMMIT: Final = """
mode=$(git config --get recstore.preCommit || echo gc)
if [ "$mode" = off ]; then exit 0; fi
git diff --cached --quiet -- '*.py' '.recstore' '*/.recstore' && exit 0
if ! find_recstore; then
    echo 'warning: recstore is not installed here: recordings were not looked at.' >&2
    exit 0
fi
folder=$(git rev-parse --git-dir)
for under_way in MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD rebase-merge rebase-apply sequencer BISECT_LOG; do
    if [ -e "$folder/$under_way" ]; then  # nothing is removed now; what a merge has dropped is put back
        in_stores check --staged --fix --quiet || echo 'warning: the commit goes on; see `recstore check`.' >&2
        exit 0
    fi
done
if [ "$mode" = check ]; then in_stores check --staged --quiet; else in_stores gc --staged --quiet; fi
"""

_PRE_PUSH: Final = """
concerned=
while read -r _ local _ remote; do
    case $local in *[!0]*) ;; *) continue ;; esac  # a ref that is deleted
    case $remote in *[!0]*) git diff-tree --quiet -r "$remote" "$local" -- '*.py' '.recstore' '*/.recstore' 2>/dev/null && continue ;; esac
    concerned=yes
done <<END
$lines
END
if [ -z "$concerned" ]; then exit 0; fi
if ! find_recstore; then
    if [ -n "$RECSTORE_SKIP_PUSH" ]; then exit 0; fi
    echo 'error: recstore is not installed here: missing recordings would go unseen.' >&2
    echo '  Install it (pip install recstore), or push once without looking: RECSTORE_SKIP_PUSH=1 git push' >&2
    exit 1
fi
git -c core.quotePath=false ls-files -- '.recstore/.gitattributes' '*/.recstore/.gitattributes' | {
    status=0
    while read -r mark; do
        folder=./${mark%.recstore/.gitattributes}
        printf '%s\\n' "$lines" | (cd "$folder" && if [ -n "$python" ]; then "$python" -m recstore check --pre-push --quiet "$@"; else recstore check --pre-push --quiet "$@"; fi) || status=$?
    done
    exit $status
}
"""

_HEAL: Final = """
git diff-tree --quiet -r {before} {after} -- '.recstore' '*/.recstore' 2>/dev/null && exit 0
find_recstore || exit 0
in_stores restore --quiet || :
"""

_POST_CHECKOUT: Final = """
if [ "$3" != 1 ]; then exit 0; fi  # files, not a branch
case $1 in *[!0]*) ;; *) exit 0 ;; esac  # a clone
"""

HOOKS: Final = {
    "pre-commit": _CHAIN + _FIND + _PRE_COMMIT,
    "pre-push": _CHAIN_WITH_INPUT + _FIND + _PRE_PUSH,
    "post-merge": _CHAIN + _FIND + _HEAL.format(before="ORIG_HEAD", after="HEAD"),
    "post-checkout": _CHAIN + _POST_CHECKOUT + _FIND + _HEAL.format(before='"$1"', after='"$2"'),
    "post-rewrite": _CHAIN_WITH_INPUT + _FIND + _HEAL.format(before="ORIG_HEAD", after="HEAD"),
}
"""Hook -> what it does, its first lines left out."""


def hook_text(name: str) -> str:
    """Return the whole script of the hook `name`."""
    head = _HEAD.format(mark=MARK, version=HOOK_VERSION, name=name)
    return head + HOOKS[name].replace("{suffix}", CHAINED_SUFFIX)
