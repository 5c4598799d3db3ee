package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// machines are the platforms that an image can be for, and what the head of a program says that runs there.
var machines = map[string]elf.Machine{
	"linux/amd64": elf.EM_X86_64,
	"linux/arm64": elf.EM_AARCH64,
}

// program is the operator's executable for a platform.
type program struct{ platform, file string }

// read refuses what could not start in the image: a program for another machine, or one that needs libraries.
func (p program) read() ([]byte, *v1.Platform, error) {
	machine, known := machines[p.platform]
	if !known {
		return nil, nil, fmt.Errorf("platform %q is unknown: choose of %s", p.platform, strings.Join(slices.Sorted(maps.Keys(machines)), ", "))
	}
	content, err := os.ReadFile(p.file)
	if err != nil {
		return nil, nil, err
	}
	head, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, nil, fmt.Errorf("%s is no Linux program: %w", p.file, err)
	}
	if head.Machine != machine {
		return nil, nil, fmt.Errorf("%s is a program for %s, and the image is for %s: build it with `--target` for that platform, or name the platform that it is for",
			p.file, platformOf(head.Machine), p.platform)
	}
	for _, segment := range head.Progs {
		if segment.Type == elf.PT_INTERP {
			return nil, nil, fmt.Errorf("%s is linked dynamically, and there is no library in the image: build it with RUSTFLAGS='-C target-feature=+crt-static' and `--target`", p.file)
		}
	}
	platform, err := v1.ParsePlatform(p.platform)
	return content, platform, err
}

// platformOf is the platform of a machine, or the machine's own name where no image is made for it.
func platformOf(machine elf.Machine) string {
	for platform, its := range machines {
		if its == machine {
			return platform
		}
	}
	return machine.String()
}
