// Prints what Go's net/http makes of values of NO_PROXY: `go run tests/data/no-proxy/main.go > tests/data/no-proxy.json`.
// The process asks itself anew for each value, since net/http reads the environment once.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"os/exec"
)

// Addresses of the local machine are left out: Go excepts them of its own accord.
var urls = []string{
	"https://example.com", "https://example.com:8443", "https://EXAMPLE.com", "https://live.example.com",
	"https://a.live.example.com", "https://badexample.com", "https://example.com.evil.org", "https://example.org",
	"http://example.com", "http://example.com:8080", "https://10.1.2.3", "https://10.1.2.3:8443", "https://10.200.0.1",
	"https://192.168.1.7", "https://172.31.255.255", "https://[fd00::7]", "https://[fd00::7]:8443", "https://[2001:db8::1]",
	"https://live.cn-north-4.myhuaweicloud.com", "https://iam.cn-north-4.myhuaweicloud.com",
}

var values = []string{
	"", "*", "example.org,*", " * ", "example.com", "Example.COM", ".example.com", "*.example.com", ".live.example.com",
	"live.example.com", "com", ".com", "example", "ample.com", "*example.com", "example.*", "example.com:443", "example.com:8443",
	"example.com:80", ".example.com:443", "*.example.com:8443", "example.com:", "example.com:https", ":443",
	"example.org,example.com", " example.org , example.com ", ",,example.com,,", "10.1.2.3", "10.1.2.3:443", "10.1.2.3:8443", "10.0.0.0/8",
	"10.1.2.3/32", "10.1.2.4/31", "0.0.0.0/0", "10.1.2.3/0", "172.16.0.0/12", "192.168.0.0/16,10.128.0.0/9", "10.0.0.0/33", "10.*", "10.",
	"fd00::7", "[fd00::7]:443", "[fd00::7]:8443", "fd00::/8", "FD00::/8", "::/0", "2001:db8::/32", "FD00:0::7", "::ffff:10.1.2.3",
	"http://example.com", "example.com/path", "cn-north-4.myhuaweicloud.com", ".myhuaweicloud.com", "*.cn-north-4.myhuaweicloud.com:443",
	".svc,.cluster.local,10.96.0.0/12,kubernetes.default", "a,,::b,",
}

type row struct {
	NoProxy string   `json:"noProxy"`
	Direct  []string `json:"direct"`
}

type table struct {
	URLs []string `json:"urls"`
	Rows []row    `json:"rows"`
}

func main() {
	if len(os.Args) > 1 {
		must(json.NewEncoder(os.Stdout).Encode(decide()))
		return
	}
	decisions := table{URLs: urls}
	for _, value := range values {
		child := exec.Command(os.Args[0], "child")
		child.Env = []string{"HTTP_PROXY=http://p:1", "HTTPS_PROXY=http://p:1", "NO_PROXY=" + value}
		out, err := child.Output()
		must(err)
		var decided row
		must(json.Unmarshal(out, &decided))
		decisions.Rows = append(decisions.Rows, decided)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	must(encoder.Encode(decisions))
}

func decide() row {
	decided := row{NoProxy: os.Getenv("NO_PROXY"), Direct: []string{}}
	for _, url := range urls {
		request, err := http.NewRequest("GET", url, nil)
		must(err)
		proxy, err := http.ProxyFromEnvironment(request)
		must(err)
		if proxy == nil {
			decided.Direct = append(decided.Direct, url)
		}
	}
	return decided
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
