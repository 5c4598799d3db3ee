# Sourced by scripts that run the simulated cloud: its control interface, and the lines of JSON that programs print.

# value KEY: one value of the JSON object on standard input.
value() {
    python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# start_cloud FILE ARGUMENT...: starts the simulator, whose announcement goes to the file; sets cloud_pid and control, the
# address of its control interface.
start_cloud() {
    local file=$1
    shift
    target/debug/live-simulator "$@" >"$file" 2>&1 &
    cloud_pid=$!
    until [[ -s $file ]]; do
        kill -0 "$cloud_pid"
        sleep 0.05
    done
    control=$(value control <"$file")
}

# request METHOD URL [BODY]: prints the answer; no proxy of the environment is asked.
request() {
    python3 -c 'import sys,urllib.request as u
m,url,body=sys.argv[1:4]
opener=u.build_opener(u.ProxyHandler({}))
print(opener.open(u.Request(url,method=m,data=body.encode() or None),timeout=10).read().decode(),end="")' "$1" "$2" "${3:-}"
}

# control METHOD PATH [BODY]: a request to the control interface.
control() {
    request "$1" "$control$2" "${3:-}"
}
