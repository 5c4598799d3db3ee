# Prints what changed in a version as Artifact Hub's annotation of a chart has it: a list of kind and description. Reads CHANGELOG.md.
#
#   awk -v version=1.2.3 -f changes.awk CHANGELOG.md

function put() {
    if (on && text != "") {
        gsub(/\\/, "\\\\", text)
        gsub(/"/, "\\\"", text)
        printf "    - kind: %s\n      description: \"%s\"\n", kind, text
    }
    text = ""
}

/^## / { put(); on = index($0, "[" version "]") > 0 }
/^### / { put(); kind = tolower($2) }
/^- / { put(); text = substr($0, 3); next }
/^  / && text != "" { sub(/^ */, ""); text = text " " $0; next }
{ put() }
END { put() }
