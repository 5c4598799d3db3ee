// Certificates, keys and kubeconfigs. They are made anew at every start, save the key that signs service account
// tokens: tokens stay valid when a control plane is started again in its directory.

package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	certificateLifetime = 10 * 365 * 24 * time.Hour
	// Clients under test may have a clock that is behind.
	backdated = 24 * time.Hour
)

// authority is the certificate authority of one control plane: of the API server and of its clients.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

// credential is a certificate with its key, both PEM.
type credential struct {
	certificate, key []byte
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificateTemplate(pkix.Name{CommonName: "kube-ca"})
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate, key, encodePEM("CERTIFICATE", der)}, nil
}

func (a *authority) issueServer() (credential, error) {
	template := certificateTemplate(pkix.Name{CommonName: APIServer})
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	// The first address of the service range is the Service `kubernetes`.
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)}
	template.DNSNames = []string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}
	return a.issue(template)
}

func (a *authority) issueClient(user string, groups ...string) (credential, error) {
	template := certificateTemplate(pkix.Name{CommonName: user, Organization: groups})
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(template)
}

func (a *authority) issue(template *x509.Certificate) (credential, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return credential{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return credential{}, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return credential{}, err
	}
	return credential{encodePEM("CERTIFICATE", der), keyPEM}, nil
}

func certificateTemplate(subject pkix.Name) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		// Unique, since clients may cache by issuer and serial number.
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      subject,
		NotBefore:    now.Add(-backdated),
		NotAfter:     now.Add(certificateLifetime),
	}
}

// encodeKey writes SEC 1, not PKCS 8: the API server takes the public half of a key out of the former only.
func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return encodePEM("EC PRIVATE KEY", der), nil
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// writeCredentials fills dir with what the components and the administrator identify themselves by, and returns the
// administrator's client for the API server at that address.
func writeCredentials(dir, server string) (*client, error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	serving, err := ca.issueServer()
	if err != nil {
		return nil, err
	}
	admin, err := ca.issueClient("admin", "system:masters")
	if err != nil {
		return nil, err
	}
	manager, err := ca.issueClient("system:kube-controller-manager")
	if err != nil {
		return nil, err
	}
	keys := filepath.Join(dir, "pki")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return nil, err
	}
	for path, content := range map[string][]byte{
		filepath.Join(keys, "ca.crt"):                       ca.pem,
		filepath.Join(keys, "apiserver.crt"):                serving.certificate,
		filepath.Join(keys, "apiserver.key"):                serving.key,
		filepath.Join(dir, "kubeconfig"):                    kubeconfig(server, ca, "admin", admin),
		filepath.Join(dir, "controller-manager.kubeconfig"): kubeconfig(server, ca, ControllerManager, manager),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
	}
	if err := ensureKey(filepath.Join(keys, "service-accounts.key")); err != nil {
		return nil, err
	}
	return newClient(server, ca, admin)
}

func ensureKey(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	content, err := encodeKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// kubeconfig needs no other file, so that it can be copied.
func kubeconfig(server string, ca *authority, user string, c credential) []byte {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: kube
clusters:
- name: kube
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: %s
  user:
    client-certificate-data: %s
    client-key-data: %s
contexts:
- name: kube
  context:
    cluster: kube
    user: %s
`, server, encode(ca.pem), user, encode(c.certificate), encode(c.key), user)
}
