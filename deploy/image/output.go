package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What is written into the output directory.
const (
	archiveFile     = "recording-callback-operator.tar"
	layoutDirectory = "oci"
)

// build makes the image of one program, or an index with an image for each of several.
func build(about description, programs []program) (remote.Taggable, error) {
	if len(programs) == 0 {
		return nil, errors.New("no --program is given")
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var image v1.Image
	for _, program := range programs {
		content, platform, err := program.read()
		if err != nil {
			return nil, err
		}
		if image, err = imageFor(about, *platform, content); err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	if len(programs) == 1 {
		return image, nil
	}
	return mutate.Annotations(index, about.labels()).(v1.ImageIndex), nil
}

func pushImage(tag name.Tag, built remote.Taggable) error {
	return remote.Push(tag, built, remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// writeImage writes an OCI layout and, of one image, an archive as `docker save` does: that can't hold several platforms.
func writeImage(directory string, tag name.Tag, built remote.Taggable) error {
	path, err := emptyLayout(directory)
	if err != nil {
		return err
	}
	switch built := built.(type) {
	case v1.ImageIndex:
		return path.AppendIndex(built, named(tag))
	case v1.Image:
		if err := path.AppendImage(built, named(tag)); err != nil {
			return err
		}
		return tarball.WriteToFile(filepath.Join(directory, archiveFile), tag, built)
	default:
		return fmt.Errorf("neither an image nor an index: %T", built)
	}
}

// emptyLayout makes an OCI layout in a directory, without what was in it.
func emptyLayout(directory string) (layout.Path, error) {
	for _, old := range []string{archiveFile, layoutDirectory} {
		if err := os.RemoveAll(filepath.Join(directory, old)); err != nil {
			return "", err
		}
	}
	return layout.Write(filepath.Join(directory, layoutDirectory), empty.Index)
}

// named gives an image of a layout its name: its tag as the specification has it, and all of it as containerd reads it.
func named(tag name.Tag) layout.Option {
	return layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": tag.TagStr(),
		"io.containerd.image.name":          strings.TrimPrefix(tag.Name(), "index."), // of docker.io
	})
}
