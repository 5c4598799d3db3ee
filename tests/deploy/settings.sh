# Sourced by check.sh: no setting is made twice, none against a value of the chart; and every flag of the program has its value.

# A sentence that names the value to set, and what is refused with it.
prefix254=$label63.$label63.$label63.$label63
while IFS='|' read -r sentence json; do
    json=${json/PREFIX254/${prefix254::254}}
    check "refused: $json" refused "$sentence" template "${image[@]}" --set-json "$json"
done <<'EOF'
extraArgs has --resync-interval, which the chart sets by the value resyncInterval: set that|extraArgs=["--resync-interval=20m"]
the value watchNamespaces|extraArgs=["--namespaces=media"]
the value labelSelector|extraEnv=[{"name":"LABEL_SELECTOR","value":"a=b"}]
the value fullnameOverride|extraArgs=["--lease-name=other"]
the value listenPort|extraArgs=["--listen=:9090"]
the value readOnly|extraArgs=["--read-only"]
the value stallAfter|{"stallAfter":"20m","extraArgs":["--stall-after=30m"]}
the value requestTimeout|{"requestTimeout":"10s","extraEnv":[{"name":"REQUEST_TIMEOUT","value":"20s"}]}
extraArgs has --stall-after, which extraArgs or extraEnv sets already|extraArgs=["--stall-after=20m","--stall-after=30m"]
extraEnv has STALL_AFTER, which extraArgs or extraEnv sets already|{"extraArgs":["--stall-after=20m"],"extraEnv":[{"name":"STALL_AFTER","value":"20m"}]}
extraEnv has A, which extraArgs or extraEnv sets already|extraEnv=[{"name":"A","value":"1"},{"name":"A","value":"2"}]
stallAfter is 25h: it must be from 1s to 24h|extraArgs=["--stall-after=25h"]
extraEnv has HTTPS_PROXY, which the chart sets by proxy.https: choose one|{"proxy":{"https":"http://p:3128"},"extraEnv":[{"name":"HTTPS_PROXY","value":"http://q:3128"}]}
extraEnv has no_proxy, which the chart sets by proxy.noProxy: choose one|{"proxy":{"noProxy":"a"},"extraEnv":[{"name":"no_proxy","value":"b"}]}
by caBundle: choose one|{"caBundle":{"configMap":"roots"},"extraEnv":[{"name":"SSL_CERT_FILE","value":"/roots"}]}
extraVolumes: two have one name, or the chart's: ca-bundle|{"caBundle":{"configMap":"roots"},"extraVolumes":[{"name":"ca-bundle","emptyDir":{}}]}
extraVolumeMounts: two have one name|extraVolumeMounts=[{"name":"a","mountPath":"/a"},{"name":"b","mountPath":"/a"}]
extraContainers: two have one name, or the chart's: operator|extraContainers=[{"name":"operator","image":"a"}]
podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable are both set: choose one|podDisruptionBudget={"minAvailable":1,"maxUnavailable":0}
caBundle.configMap and caBundle.secret are both set: choose one|caBundle={"configMap":"roots","secret":"roots"}
name the namespaces to serve in watchNamespaces|rbac={"clusterRoles":false}
set crds.enabled=false|{"rbac":{"clusterRoles":false},"watchNamespaces":["team-a"]}
extraVolumeMounts: two have one name, or the chart's: /a, /a|{"extraVolumes":[{"name":"a","emptyDir":{}}],"extraVolumeMounts":[{"name":"a","mountPath":"/a"},{"name":"a","mountPath":"/a/"}]}
extraVolumeMounts: there is no volume none in extraVolumes|extraVolumeMounts=[{"name":"none","mountPath":"/a"}]
extraInitContainers: two have one name, or the chart's: operator, done, done|extraInitContainers=[{"name":"done","image":"a"}]
hostAliases: two have one name|hostAliases=[{"ip":"192.0.2.1","hostnames":["a"]},{"ip":"192.0.2.1","hostnames":["b"]}]
topologySpreadConstraints: two have one name|topologySpreadConstraints=[{"topologyKey":"a","maxSkew":1,"whenUnsatisfiable":"DoNotSchedule"},{"topologyKey":"a","maxSkew":2,"whenUnsatisfiable":"DoNotSchedule"}]
prometheusRule.additionalGroups: two have one name, or the chart's|prometheusRule={"enabled":true,"additionalGroups":[{"name":"recording-callback-operator","rules":[]}]}
ports of extraContainers: two have one name, or the chart's: metrics, 8080/TCP, 8080/TCP|extraContainers=[{"name":"a","image":"a","ports":[{"containerPort":8080}]}]
ports of extraContainers: two have one name, or the chart's: metrics, 9090/TCP, metrics, 1/UDP|{"listenPort":9090,"extraInitContainers":[{"name":"a","image":"a","ports":[{"containerPort":1,"name":"metrics","protocol":"UDP"}]}]}
serviceMonitor.enabled needs service.enabled|{"serviceMonitor":{"enabled":true},"service":{"enabled":false}}
leader-elect is false: all replicas would work at once|extraArgs=["--leader-elect=false"]
extraArgs has --nosuch=1, which the operator does not know|extraArgs=["--nosuch=1"]
extraArgs has --help, which the operator does not know|extraArgs=["--help"]
labelSelector: the prefix of a label has at most 253 characters|labelSelector="PREFIX254/a"
prometheusRule.alerts: there is no alert RecordingCallbackNone|prometheusRule={"enabled":true,"alerts":{"RecordingCallbackNone":{"for":"1m"}}}
prometheusRule.alerts: RecordingCallbackOperatorAbsent has no threshold|prometheusRule={"enabled":true,"alerts":{"RecordingCallbackOperatorAbsent":{"threshold":1}}}
EOF

# What extraArgs and extraEnv set is held to the program's own bounds: the two think alike of each of these.
judged() {
    local arguments=("--set-json" "$2") code=0
    KUBECONFIG=$work/nothing env "${@:3}" >"$work/program" 2>&1 || code=$?
    if [[ $1 == ok ]]; then
        equal 1 "$code"
        template "${image[@]}" "${arguments[@]}" >"$work/rendered"
    else
        equal 2 "$code"
        refused "execution error" template "${image[@]}" "${arguments[@]}"
    fi
}
while read -r verdict setting; do
    variable=$(sed 's/=.*//; s/-/_/g' <<<"$setting" | tr a-z A-Z)
    program=$PWD/target/debug/$operator
    check "$verdict for both: extraArgs with --$setting" judged "$verdict" "extraArgs=[\"--$setting\"]" "$program" run "--$setting"
    check "$verdict for both: extraEnv with $variable" judged "$verdict" "extraEnv=[{\"name\":\"$variable\",\"value\":\"${setting#*=}\"}]" \
        "$variable=${setting#*=}" "$program" run
done <<'END'
ok concurrency=256
no concurrency=0
no concurrency=257
no concurrency=many
ok leader-elect=true
no leader-elect=nope
ok request-timeout=25s
no request-timeout=26s
no request-timeout=1.5s
no request-timeout=60s
no request-timeout=
ok settle-time=40s
no settle-time=1s
ok lease-duration=30s
no lease-duration=3500ms
no stall-after=25h
no stall-after=soon
ok secret-poll-interval=100ms
END
accepted_setting() {
    template "${image[@]}" --set-json "$1" >"$work/rendered"
}
check "one replica may do without a Lease" accepted_setting '{"replicas":1,"extraArgs":["--leader-elect=false"]}'
check "a longer settle time by extraEnv goes with a longer timeout" accepted_setting \
    '{"requestTimeout":"26s","extraEnv":[{"name":"SETTLE_TIME","value":"40s"}]}'
check "what a variable is told elsewhere can't be judged" accepted_setting \
    '{"requestTimeout":"26s","extraEnv":[{"name":"SETTLE_TIME","valueFrom":{"configMapKeyRef":{"name":"a","key":"b"}}}]}'
check "an empty interval is the program's" accepted_setting 'resyncInterval=""'
check "a variable in small letters is no flag" accepted_setting 'extraEnv=[{"name":"namespaces","value":"a"}]'
check "where the chart mounts no certificates somebody else may" accepted_setting \
    '{"extraVolumes":[{"name":"a","emptyDir":{}}],"extraVolumeMounts":[{"name":"a","mountPath":"/etc/recording-callback-operator/ca"}]}'

# Those that another chart's values would need, or that are the kubeconfig's.
flags_have_values() {
    local flags
    flags=$(KUBECONFIG=$work/nothing "target/debug/$operator" run --help | sed -n 's/^ \{2,6\}\(-., \)\?--\([a-z-]*\).*/\2/p' | sort)
    equal "$(grep -vx 'check-crd\|context\|help\|kubeconfig\|leader-elect' <<<"$flags")" \
        "$(sed -n 's/^\([a-z-]*\): [A-Za-z.]*$/\1/p' "$chart/templates/_settings.tpl" | grep -vx check-crd | sort)"
}
check "an argument of an earlier version's values is as good as ever" template "${image[@]}" --set 'extraArgs={--stall-after=20m}'
check "a proxy with a password may be told by a Secret" template "${image[@]}" --set-json \
    'extraEnv=[{"name":"HTTPS_PROXY","valueFrom":{"secretKeyRef":{"name":"proxy","key":"url"}}}]'
check "every flag of the program has a value" flags_have_values

# The port is one, wherever it is.
ports_of() {
    template "${image[@]}" --set networkPolicy.enabled=true,serviceMonitor.enabled=true --set "$1" >"$work/ports"
    equal "$2" "$(sed -n 's/.*containerPort: \([0-9]*\).*/\1/p' "$work/ports" | sort -u)"
    equal "$2" "$(sed -n '/ingress:/,/egress:/s/.*{port: \([0-9]*\).*/\1/p' "$work/ports")"
    equal "port: metrics" "$(grep -o '^ *\(- \)\?\(port\|targetPort\): metrics' "$work/ports" | sed 's/.*\(port\|targetPort\)/port/' | sort -u)"
    if [[ $2 != 8080 ]]; then grep -F -- "--listen=:$2" "$work/ports"; fi
}
check "the port is 8080" ports_of replicas=2 8080
check "another port is followed by probes, monitor, Service and policy" ports_of listenPort=9443 9443
service_port() {
    template "${image[@]}" --set service.port=80 --show-only templates/service.yaml | grep -x '      port: 80'
}
check "the Service's port is its own" service_port

# A template that doesn't fit a screen is read by nobody.
check "no template is longer than a screen" equal "" "$(find "$chart/templates" -type f -exec awk 'END { if (NR > 75) print FILENAME, NR }' {} \;)"
