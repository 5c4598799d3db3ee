// The questions that decide whether a control plane is ready, asked with the administrator's certificate. Standard
// library only: this package must not depend on the Kubernetes modules, so that it and its tests compile in a second.

package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	pollInterval = 25 * time.Millisecond
	askTimeout   = 2 * time.Second
)

// client speaks to one API server as its administrator.
type client struct {
	server string
	http   http.Client
}

func newClient(server string, ca *authority, admin credential) (*client, error) {
	certificate, err := tls.X509KeyPair(admin.certificate, admin.key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.certificate)
	return &client{server, http.Client{
		Timeout:   askTimeout,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}},
	}}, nil
}

func (c *client) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", path, response.Status)
	}
	return body, nil
}

// ready asks what a load balancer would: the API server serves and its bootstrap, RBAC included, is done.
func (c *client) ready(ctx context.Context) error {
	_, err := c.get(ctx, "/readyz")
	return err
}

// bootstrapped asks whether the controllers have done what every user of a fresh cluster relies on: a pod or a token
// needs the default service account, and `view`, `edit` and `admin` are empty until they are aggregated.
func (c *client) bootstrapped(ctx context.Context) error {
	if _, err := c.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default"); err != nil {
		return err
	}
	for _, role := range []string{"view", "edit", "admin"} {
		body, err := c.get(ctx, "/apis/rbac.authorization.k8s.io/v1/clusterroles/"+role)
		if err != nil {
			return err
		}
		var aggregated struct {
			Rules []json.RawMessage `json:"rules"`
		}
		if err := json.Unmarshal(body, &aggregated); err != nil {
			return err
		}
		if len(aggregated.Rules) == 0 {
			return errors.New("ClusterRole " + role + " is not aggregated yet")
		}
	}
	return nil
}

// etcdListens asks whether etcd, in the working directory, accepts connections.
func etcdListens(ctx context.Context) error {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "unix", etcdSocket)
	if err != nil {
		return err
	}
	return connection.Close()
}

// poll asks until the answer is yes; when the context ends first, it returns the last no.
func poll(ctx context.Context, ask func(context.Context) error) error {
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pollInterval):
		}
	}
}
