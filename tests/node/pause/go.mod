module recording-callback-operator/tests/node/pause

go 1.24.0
