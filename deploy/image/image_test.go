package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

var about = description{version: "1.2.3", revision: "0123456789abcdef0123456789abcdef01234567", created: time.Unix(1_700_000_000, 0).UTC()}

// executable writes the head of a Linux program, with one segment.
func executable(t *testing.T, machine elf.Machine, segment elf.ProgType) string {
	t.Helper()
	head := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	copy(head.Ident[:], elf.ELFMAG)
	head.Ident[elf.EI_CLASS], head.Ident[elf.EI_DATA], head.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	var content bytes.Buffer
	for _, part := range []any{head, elf.Prog64{Type: uint32(segment)}} {
		must(t, binary.Write(&content, binary.LittleEndian, part))
	}
	file := filepath.Join(t.TempDir(), "recording-callback-operator")
	must(t, os.WriteFile(file, content.Bytes(), 0o600)) // without the right to execute, as some downloads leave it
	return file
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func got[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		must(t, err)
		return value
	}
}

func equal[T comparable](t *testing.T, what string, want, is T) {
	t.Helper()
	if want != is {
		t.Errorf("%s: want %v, is %v", what, want, is)
	}
}

func amd64(t *testing.T) program {
	return program{"linux/amd64", executable(t, elf.EM_X86_64, elf.PT_LOAD)}
}

func arm64(t *testing.T) program {
	return program{"linux/arm64", executable(t, elf.EM_AARCH64, elf.PT_LOAD)}
}

func oneImage(t *testing.T) v1.Image {
	t.Helper()
	return got[remote.Taggable](t)(build(about, []program{amd64(t)})).(v1.Image)
}

func TestAnImageIsTheSameEachTime(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	tag := got[name.Tag](t)(name.NewTag("registry.example.com/recording-callback-operator:1.2.3"))
	must(t, writeImage(first, tag, oneImage(t)))
	must(t, writeImage(second, tag, oneImage(t)))
	must(t, writeImage(second, tag, oneImage(t))) // over what is there
	must(t, filepath.WalkDir(first, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		other := filepath.Join(second, strings.TrimPrefix(path, first))
		if !bytes.Equal(got[[]byte](t)(os.ReadFile(path)), got[[]byte](t)(os.ReadFile(other))) {
			t.Errorf("%s differs", path)
		}
		return nil
	}))
	equal(t, "files", len(got[[]string](t)(filepath.Glob(first+"/oci/blobs/sha256/*"))), len(got[[]string](t)(filepath.Glob(second+"/oci/blobs/sha256/*"))))
}

func TestWhatIsInIt(t *testing.T) {
	operator := amd64(t)
	image := got[remote.Taggable](t)(build(about, []program{operator})).(v1.Image)

	config := got[*v1.ConfigFile](t)(image.ConfigFile())
	equal(t, "platform", "linux/amd64", config.Platform().String())
	equal(t, "user", "65532:65532", config.Config.User)
	equal(t, "entrypoint", "/recording-callback-operator", strings.Join(config.Config.Entrypoint, " "))
	equal(t, "arguments", 0, len(config.Config.Cmd))
	equal(t, "revision", about.revision, config.Config.Labels["org.opencontainers.image.revision"])
	equal(t, "version", "1.2.3", got[*v1.Manifest](t)(image.Manifest()).Annotations["org.opencontainers.image.version"])
	equal(t, "created", about.created, config.Created.Time)

	var names []string
	files := tar.NewReader(mutate.Extract(image))
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		names = append(names, header.Name)
		content := got[[]byte](t)(io.ReadAll(files))
		equal(t, header.Name+": owner", 0, header.Uid+header.Gid)
		equal(t, header.Name+": time", about.created, header.ModTime.UTC())
		switch "/" + header.Name {
		case entrypoint:
			equal(t, "mode", int64(0o555), header.Mode)
			equal(t, "the program", string(got[[]byte](t)(os.ReadFile(operator.file))), string(content))
		case rootsFile:
			equal(t, "mode", int64(0o444), header.Mode)
			parses(t, content)
		default:
			equal(t, header.Name+" is a directory", tar.TypeDir, header.Typeflag)
		}
	}
	equal(t, "files", "recording-callback-operator etc etc/ssl etc/ssl/certs etc/ssl/certs/ca-certificates.crt", strings.Join(names, " "))
}

// parses checks that a PEM file is certificate authorities and nothing else.
func parses(t *testing.T, content []byte) {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		t.Fatal("no certificates")
	}
	if count := bytes.Count(content, []byte("BEGIN CERTIFICATE")); count < 100 {
		t.Errorf("only %d certificates", count)
	}
}

func TestAProgramThatCannotStartIsRefused(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	must(t, os.WriteFile(text, []byte("#!/bin/sh\n"), 0o700))
	for _, test := range []struct {
		program  program
		sentence string
	}{
		{program{"linux/arm64", amd64(t).file}, "is a program for linux/amd64, and the image is for linux/arm64: build it with `--target`"},
		{program{"linux/amd64", executable(t, elf.EM_S390, elf.PT_LOAD)}, "is a program for EM_S390, and the image is for linux/amd64"},
		{program{"linux/amd64", executable(t, elf.EM_X86_64, elf.PT_INTERP)}, "is linked dynamically, and there is no library in the image: build it with RUSTFLAGS="},
		{program{"linux/amd64", text}, "is no Linux program"},
		{program{"linux/amd64", "missing"}, "no such file"},
		{program{"linux/386", amd64(t).file}, `platform "linux/386" is unknown: choose of linux/amd64, linux/arm64`},
	} {
		if _, err := build(about, []program{test.program}); err == nil || !strings.Contains(err.Error(), test.sentence) {
			t.Errorf("want %q, got %v", test.sentence, err)
		}
	}
}

// The whole program, with a registry that it pushes to.
func TestOneImageIsWrittenAndPushed(t *testing.T) {
	tag, output := pushed(t, amd64(t))
	image := got[v1.Image](t)(remote.Image(tag))
	must(t, validate.Image(image))
	archived := got[v1.Image](t)(tarball.ImageFromPath(filepath.Join(output, archiveFile), &tag))
	equal(t, "configuration", got[v1.Hash](t)(image.ConfigName()), got[v1.Hash](t)(archived.ConfigName()))
	kept := got[v1.ImageIndex](t)(got[layout.Path](t)(layout.FromPath(filepath.Join(output, layoutDirectory))).ImageIndex())
	entry := got[*v1.IndexManifest](t)(kept.IndexManifest()).Manifests[0]
	equal(t, "digest", got[v1.Hash](t)(image.Digest()), entry.Digest)
	equal(t, "tag", "1.2.3", entry.Annotations["org.opencontainers.image.ref.name"])
	equal(t, "name", tag.Name(), entry.Annotations["io.containerd.image.name"])
}

func TestImagesOfSeveralPlatformsAreWrittenAndPushed(t *testing.T) {
	tag, output := pushed(t, amd64(t), arm64(t))
	index := got[v1.ImageIndex](t)(remote.Index(tag))
	must(t, validate.Index(index))
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		its := got[*v1.Platform](t)(v1.ParsePlatform(platform))
		image := got[v1.Image](t)(remote.Image(tag, remote.WithPlatform(*its)))
		equal(t, "architecture", its.Architecture, got[*v1.ConfigFile](t)(image.ConfigFile()).Architecture)
	}
	kept := got[v1.ImageIndex](t)(got[layout.Path](t)(layout.FromPath(filepath.Join(output, layoutDirectory))).ImageIndex())
	equal(t, "digest", got[v1.Hash](t)(index.Digest()), got[*v1.IndexManifest](t)(kept.IndexManifest()).Manifests[0].Digest)
	if _, err := os.Stat(filepath.Join(output, archiveFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an archive for one platform: %v", err)
	}
}

// pushed runs the program with a registry of its own; returns the image's name there, and the directory that was written.
func pushed(t *testing.T, programs ...program) (name.Tag, string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	tag := got[name.Tag](t)(name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/media/recording-callback-operator:1.2.3"))
	output := t.TempDir()
	args := []string{"--name", tag.Name(), "--version", "1.2.3", "--created", "1700000000", "--output", output, "--push"}
	for _, program := range programs {
		args = append(args, "--program", program.platform+"="+program.file)
	}
	must(t, run(args))
	return tag, output
}
