# Sourced by run.sh: from the previous release to this one with objects present, back, and forth again.

check "the previous release is installed" \
    release install $rco "$previous_chart" "${settings[@]}" "${previous_image[@]}" --wait --timeout 120s
check "its two pods are ready" both_ready
check "they run version $(sed -n 's/^appVersion: //p' "$previous_chart/Chart.yaml")" \
    runs_version "$(sed -n 's/^appVersion: //p' "$previous_chart/Chart.yaml")"
for app in one two three; do
    check "an object is accepted" callback media $app
done
for app in one two three; do
    check "it becomes Ready" becomes_ready media $app
done
((failures == 0)) || summary # nothing below can pass
check "three callbacks are at the cloud" test "$(rows | wc -l)" = 3
before=$(rows)
changes=$(mutations)

check "the release is upgraded with its objects present" \
    release upgrade $rco $chart "${settings[@]}" --wait --timeout 120s
check "its two pods are ready" both_ready
check "they run version $version" runs_version "$version"
check "which the node has pulled, as it was published" runs_published
check "helm test passes" release test $rco --timeout 120s
check "and leaves no pod" equal "" "$(kubectl get pods --namespace $system --selector app.kubernetes.io/name=$rco-test --output name)"
check "an edit reaches the cloud" edit one
check "a new object becomes Ready" eval 'callback media four && becomes_ready media four'
check "nothing else was changed at the cloud: one update, one create" equal $((changes + 2)) "$(mutations)"
check "the callbacks are the same ones" equal "$(cut -d' ' -f1,2 <<<"$before")" "$(rows | grep -v ' four ' | cut -d' ' -f1,2)"

changes=$(mutations)
check "the pods are rolled" kubectl rollout restart deployment/$rco --namespace $system
check "the new ones are ready" both_ready
check "an edit reaches the cloud" edit one
check "the release is rolled back to the previous one" release rollback $rco 1 --wait --timeout 120s
check "its two pods are ready" both_ready
check "an edit reaches the cloud" edit two
check "and is upgraded again" release upgrade $rco $chart "${settings[@]}" --wait --timeout 120s
check "its two pods are ready" both_ready
check "an edit reaches the cloud" edit three
check "nothing but the three edits was changed at the cloud" equal $((changes + 3)) "$(mutations)"
