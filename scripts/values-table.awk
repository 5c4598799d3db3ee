# Prints the values of a Helm chart as a Markdown table: one row for each key that has a comment above it, with all that
# is nested in it as its default. Fails on a value without a comment. Reads values.yaml, indented by two blanks.

function row(    default_, text) {
    if (key == "") return
    default_ = value == "" ? nested : "`" value "`"
    text = comment
    gsub(/\|/, "\\|", text)
    printf "| `%s` | %s | %s |\n", key, default_, text
    key = ""
}

BEGIN {
    print "| Value | Default | What it does |"
    print "|---|---|---|"
}

/^ *$/ { above = ""; next }

/^ *# / {
    sub(/^ *# /, "")
    above = above == "" ? $0 : above " " $0
    next
}

{
    match($0, /^ */)
    depth = RLENGTH / 2
    line = substr($0, RLENGTH + 1)
    # What is nested in a documented key belongs to its default.
    if (key != "" && depth > key_depth) {
        nested = nested (nested == "" ? "" : "<br>") "`" line "`"
        next
    }
    row()
    name[depth] = substr(line, 1, index(line, ":") - 1)
    path = name[0]
    for (i = 1; i <= depth; i++) path = path "." name[i]
    if (above != "") {
        key = path
        key_depth = depth
        comment = above
        value = substr(line, index(line, ":") + 2)
        nested = ""
    } else if (line !~ /:$/) {
        print FILENAME ":" FNR ": " path " has no comment that documents it" > "/dev/stderr"
        failed = 1
        exit
    }
    above = ""
}

END {
    row()
    exit failed
}
