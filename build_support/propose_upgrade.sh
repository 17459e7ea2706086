#!/bin/sh
# Upgrades every lock and opens a pull request where that changes one, or brings the open one up to date:
#   propose_upgrade.sh [--dry-run]      --dry-run: show what would change, and put everything back
# It needs a clean checkout and, without --dry-run, the GitHub CLI with an account.
set -eu
cd "$(dirname "$0")/.."

branch=upgrade-locks
title='build: upgrade what the locks pin'

[ -z "$(git status --porcelain)" ] || { echo "propose_upgrade: the checkout has changes: commit or stash them" >&2; exit 1; }
[ "${1:-}" = --dry-run ] || command -v gh >/dev/null || {
    echo "propose_upgrade: the GitHub CLI \`gh\` is missing: install it, or use --dry-run" >&2
    exit 1
}

./pants run build_support:lock -- --upgrade-all
changes=$(git diff --unified=0 -- '3rdparty/python/*.lock' | sed -n 's/^\([+-][a-z0-9][^ ]*==[^ ]*\).*/\1/p')
if [ -z "$changes" ]; then
    echo "every lock is up to date"
    exit 0
fi
body=$(printf 'What changes (before: -, after: +):\n\n~~~diff\n%s\n~~~\n' "$changes")
printf '%s\n\n%s\n' "$title" "$body"
if [ "${1:-}" = --dry-run ]; then
    git checkout -- 3rdparty/python
    exit 0
fi

gh auth setup-git
git config user.name 'github-actions[bot]'
git config user.email '41898282+github-actions[bot]@users.noreply.github.com'
git checkout -B "$branch"
git commit -am "$title"
git push --force origin "$branch"
if [ "$(gh pr list --head "$branch" --state open --json number --jq length)" = 0 ]; then
    gh pr create --head "$branch" --title "$title" --body "$body"
else
    gh pr edit "$branch" --body "$body"
fi
