// Makes the operator's image of a static program and Mozilla's roots, without a container engine, and pushes it. build.sh
// builds the program and calls this. The same program, names and time always give the same bytes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var about description
	var programs []program
	flags := flag.NewFlagSet("image", flag.ExitOnError)
	flags.Func("program", "PLATFORM=FILE, as linux/amd64=recording-callback-operator; once for each platform", func(value string) error {
		platform, file, found := strings.Cut(value, "=")
		if !found {
			return errors.New("want PLATFORM=FILE")
		}
		programs = append(programs, program{platform, file})
		return nil
	})
	flags.StringVar(&about.version, "version", "", "version of the program")
	flags.StringVar(&about.revision, "revision", "", "commit that it was built from")
	created := flags.Int64("created", 0, "time of all that is in the image, in seconds since 1970")
	image := flags.String("name", "", "the image's name, as registry.example.com/recording-callback-operator:1.2.3")
	output := flags.String("output", "", "directory to write to; what an earlier run has written there is replaced")
	push := flags.Bool("push", false, "push the image where its name says, with the credentials of `docker login`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	about.created = time.Unix(*created, 0).UTC()
	tag, err := name.NewTag(*image)
	if err != nil {
		return fmt.Errorf("the image's name: %w", err)
	}

	built, err := build(about, programs)
	if err != nil {
		return err
	}
	if err := writeImage(*output, tag, built); err != nil {
		return fmt.Errorf("write the image to %s: %w", *output, err)
	}
	if *push {
		if err := pushImage(tag, built); err != nil {
			return fmt.Errorf("push %s with the credentials of `docker login %s`: %w", tag, tag.RegistryStr(), err)
		}
	}
	digest, err := partial.Digest(built)
	if err != nil {
		return err
	}
	fmt.Printf("%s@%s\n", tag, digest)
	return nil
}
