# Sourced by check.sh: what the chart accepts the program accepts, and the other way round, at, inside and beyond each limit.
# Needs cargo: the program is built, if it is not there.

# As everywhere else in `make test`, so that nothing is built twice.
cargo build --quiet --locked --workspace
program=target/debug/$operator

# The chart's Deployment alone, which is rendered in a fifth of the time.
alone=$work/alone
cp -r "$chart" "$alone"
find "$alone/templates" "$alone/files" -type f ! -name '*.tpl' ! -name deployment.yaml ! -name values.yaml -delete
arguments() {
    helm template release "$alone" "${image[@]}" --set-json "$1"
}

# The program takes its flags when the next thing that it complains of is the cluster.
program_takes() {
    local code=0
    KUBECONFIG=$work/nothing "$program" run "$1" >"$work/program" 2>&1 || code=$?
    equal 1 "$code"
}
program_refuses() {
    local code=0
    KUBECONFIG=$work/nothing "$program" run "$1" >"$work/program" 2>&1 || code=$?
    equal 2 "$code"
}
# The chart takes a value when it renders it as this very flag.
chart_takes() {
    arguments "$2" >"$work/rendered"
    grep -F -- "\"$1\"" "$work/rendered"
}
# both VERDICT FLAG VALUE
both() {
    if [[ $1 == ok ]]; then
        program_takes "$2"
        chart_takes "$2" "$3"
    else
        program_refuses "$2"
        refused "${3%%[=.]*}" arguments "$3"
    fi
}
# limits FLAG VALUE VERDICT TEXTS...: each text as a value of the chart and as a flag. A list has one item, or those between its commas.
limits() {
    local flag=$1 value=$2 verdict=$3 text json
    shift 3
    for text in "$@"; do
        json=\"$text\"
        case $value in
            requestsPerMinute | concurrency) json=$text ;;
            watchNamespaces | allowedEndpoints | ambientCredentialsNamespaces) json="[\"${text//,/\",\"}\"]" ;;
        esac
        check "$verdict for both: $value ${text:0:60}" both "$verdict" "--$flag=$text" "$value=$json"
    done
}
label63=$(printf 'a%.0s' {1..63})
host253=$label63.$label63.$label63.${label63:2}
limits requests-per-minute requestsPerMinute ok 1 270 281 600000
limits requests-per-minute requestsPerMinute no 0 -1 600001 1.5
limits concurrency concurrency ok 1 256
limits concurrency concurrency no 257 -1
for duration in "resync-interval resyncInterval 100ms 24h 99ms 24h1ms" "secret-poll-interval secretPollInterval 100ms 24h 99ms 24h1ms" \
    "request-timeout requestTimeout 100ms 25s 99ms 2m1ms" "settle-time settleTime 20s 1h 19s 1h1ms" \
    "stall-after stallAfter 1s 24h 999ms 24h1ms" "lease-duration leaseDuration 3s 1h 3500ms 1h1s"; do
    read -r flag value least most below above <<<"$duration"
    limits "$flag" "$value" ok "$least" "$most"
    limits "$flag" "$value" no "$below" "$above"
done
limits resync-interval resyncInterval ok 1h30m 90s 1h1m1s1ms 1440m 86400s 010m
limits resync-interval resyncInterval no 10 s 10S 1d 1.5h -1s 10m10m 1s1h 1h30 25h 99999999999999999999h
limits request-timeout requestTimeout no 26s
limits lease-duration leaseDuration ok 3000ms
limits lease-duration leaseDuration no 2s
limits namespaces watchNamespaces ok media media,live "$label63" 1
limits namespaces watchNamespaces no Media -a a- a.b "a b" '*' "${label63}a"
limits ambient-credentials-namespaces ambientCredentialsNamespaces ok '*' media media,live
limits ambient-credentials-namespaces ambientCredentialsNamespaces no 'media,*' '*,*' 'media*' "${label63}a"
limits allowed-endpoints allowedEndpoints ok live.example.com https://live.example.com http://live.example.com:8080 'live.*.example.com' '*' \
    LIVE.example.com live.example.com:1 live.example.com:65535 live.example.com:00443 live.example.com/ 192.0.2.1 '[::1]' '[::ffff:192.0.2.1]' '[2001:db8::1]:8443' \
    "$label63.com" "$host253" "$host253:8443" a,b
limits allowed-endpoints allowedEndpoints no ftp://live.example.com live.example.com/path 'live.example.com?q' 'live.example.com#f' u@live.example.com \
    live.example.com:0 live.example.com:65536 live.example.com:https live..example.com -live.example.com live-.example.com 'li*e.example.com' \
    2130706433 0x7f.1 1.2.3 256.1.1.1 '[::1' '[::::]' '[::1]x:443' "${label63}a.com" "${host253}a" live_1.example.com
limits label-selector labelSelector ok a '!a' a=b a==b 'a = b' 'a!=b' a= 'a in (b,c)' 'a in(b)' 'a notin (b, c), d=e,!f' live.huaweicloud.com/tier=gold_1.x 'a>5' \
    'a in (b,)' "$label63=$label63"
limits label-selector labelSelector no a=b,,c a=b, a==b=c 'tier=live env=prod' 'a in b' 'a in (b' 'a=b,-c=d' =b 'a=b c' 'a>x' Bad.Prefix/a=b /a '!' \
    "${label63}a" "a=${label63}a" 'a;b'
limits log-level logLevel ok error warn info debug trace off info,hyper=debug kube=INFO kube-client.a=Debug
limits log-level logLevel no inof INFORMATION info,kube kube=loud INFO
limits log-format logFormat ok json text
limits log-format logFormat no xml JSON
limits lease-name fullnameOverride ok a media-callbacks "$label63"
limits lease-name fullnameOverride no Media -a a- "a b" a..b

# A proxy is of the environment, so no start is refused: what can't be used is told before the CRD is asked for. What the
# chart alone refuses, such as a password or port 0, is in rendering.sh.
cat >"$work/nowhere" <<'EOF'
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: none}}]
EOF
program_says_of_proxy() {
    local running
    exec 5< <(HTTPS_PROXY=$1 KUBECONFIG=$work/nowhere exec "$program" run --listen=127.0.0.1:0 2>&1)
    running=$!
    grep --max-count=1 --only-matching -E "HTTPS_PROXY can't be used|read the CRD" <&5 || true
    kill "$running"
    exec 5<&-
}
proxy() {
    local value=proxy.https=\"$2\"
    if [[ $1 == ok ]]; then
        equal "read the CRD" "$(program_says_of_proxy "$2")"
        arguments "$value" >"$work/rendered"
        grep -FA1 HTTPS_PROXY "$work/rendered" | grep -F -- "$2"
    else
        equal "HTTPS_PROXY can't be used" "$(program_says_of_proxy "$2")"
        refused /proxy/https arguments "$value"
    fi
}
for value in http://proxy.example.com:3128 https://proxy.example.com HTTP://proxy.example.com/ proxy.example.com:3128 PROXY.example.com proxy proxy:3128/x \
    my_proxy:3128 proxy.example.com.:3128 proxy.example.com:1 proxy.example.com:65535 proxy.example.com:00443 192.0.2.1:3128 http://192.0.2.1 \
    '[fd00::1]:3128' 'http://[fd00::1]' '[::ffff:192.0.2.1]'; do
    check "ok for both: proxy.https $value" proxy ok "$value"
done
for value in proxy.example.com:65536 proxy.example.com:https http:// :3128 http://:3128 ftp://proxy.example.com socks5://proxy.example.com:1080 \
    http:proxy.example.com 'proxy example.com:3128' 'no proxy' ::bad:: '[::1' '[::::]' '[::1]x:80' 256.1.1.1:80; do
    check "no for both: proxy.https $value" proxy no "$value"
done
