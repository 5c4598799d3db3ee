# Sourced by run.sh: the looks at pods that docs/operations.md has one take work as they are written there, and show something.
# Those at objects and metrics are walked through by tests/monitoring/live.sh.

check "the runbook has looks at pods" test "$(looks | wc -l)" -ge 8
while read -r look; do
    check "the runbook's look: $look" shown "$look" "$(holder)"
done < <(looks)
