package main

import (
	"archive/tar"
	"bytes"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	entrypoint = "/recording-callback-operator"
	rootsFile  = "/etc/ssl/certs/ca-certificates.crt"
)

// description is what the image says of itself.
type description struct {
	version, revision string
	created           time.Time
}

func (about description) labels() map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.title":       "recording-callback-operator",
		"org.opencontainers.image.description": "Keeps the recording callbacks of Huawei Cloud Live equal to what RecordingCallback objects declare",
		"org.opencontainers.image.version":     about.version,
		"org.opencontainers.image.created":     about.created.Format(time.RFC3339),
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
	if about.revision != "" {
		labels["org.opencontainers.image.revision"] = about.revision
	}
	return labels
}

// file is a regular file of the image, or a directory when it has no mode.
type file struct {
	name    string
	mode    int64
	content []byte
}

// imageFor makes the image of one platform. There is no shell, no library and no user data base in it.
func imageFor(about description, platform v1.Platform, program []byte) (v1.Image, error) {
	roots, err := layer(about.created, "Mozilla's certificate authorities",
		file{name: "etc"}, file{name: "etc/ssl"}, file{name: "etc/ssl/certs"}, file{rootsFile[1:], 0o444, roots()})
	if err != nil {
		return nil, err
	}
	operator, err := layer(about.created, "the operator", file{entrypoint[1:], 0o555, program})
	if err != nil {
		return nil, err
	}
	config := &v1.ConfigFile{
		Architecture: platform.Architecture,
		OS:           platform.OS,
		Created:      v1.Time{Time: about.created},
		RootFS:       v1.RootFS{Type: "layers"},
		Config: v1.Config{
			Entrypoint:   []string{entrypoint},
			Env:          []string{"PATH=/"},
			User:         "65532:65532", // by number: the kubelet can't tell of a name that it is not root
			WorkingDir:   "/",
			ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			Labels:       about.labels(),
		},
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return nil, err
	}
	if image, err = mutate.Append(image, roots, operator); err != nil {
		return nil, err
	}
	return mutate.Annotations(image, about.labels()).(v1.Image), nil
}

// layer packs files in the given order, all of root's and of one time.
func layer(modified time.Time, what string, files ...file) (mutate.Addendum, error) {
	var content bytes.Buffer
	archive := tar.NewWriter(&content)
	for _, file := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: file.name, Mode: file.mode, Size: int64(len(file.content)), ModTime: modified}
		if file.mode == 0 {
			header.Typeflag, header.Name, header.Mode = tar.TypeDir, file.name+"/", 0o755
		}
		if err := archive.WriteHeader(header); err != nil {
			return mutate.Addendum{}, err
		}
		if _, err := archive.Write(file.content); err != nil {
			return mutate.Addendum{}, err
		}
	}
	if err := archive.Close(); err != nil {
		return mutate.Addendum{}, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil }
	packed, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	return mutate.Addendum{
		Layer:   packed,
		History: v1.History{Created: v1.Time{Time: modified}, CreatedBy: what},
	}, err
}
