package main

import (
	"fmt"
	"strings"

	"github.com/operator-framework/api/pkg/manifests"
	"github.com/operator-framework/api/pkg/validation"
	"github.com/operator-framework/api/pkg/validation/errors"
)

// They go by the resource's name alone: the events that the operator writes are of events.k8s.io/v1, which is not removed.
const notOurs = "APIs which were deprecated and removed in v1.25"

// judge lets operator-framework's own validators look at the bundle: those of its form, of OperatorHub, and of good practices. A warning is
// an error here. The one that pulls the image is left out, for it needs Docker.
func judge(directory string) error {
	bundle, err := manifests.GetBundleFromDir(directory)
	if err != nil {
		return err
	}
	results := validation.DefaultBundleValidators.Validate(bundle.ObjectsToValidate()...)
	results = append(results, validation.OperatorHubV2Validator.Validate(bundle)...)
	results = append(results, validation.StandardCapabilitiesValidator.Validate(bundle)...)
	results = append(results, validation.StandardCategoriesValidator.Validate(bundle)...)
	results = append(results, validation.GoodPracticesValidator.Validate(bundle)...)
	var said []string
	for _, result := range results {
		for _, finding := range append(append([]errors.Error{}, result.Errors...), result.Warnings...) {
			if !strings.Contains(finding.Error(), notOurs) {
				said = append(said, fmt.Sprintf("%s: %s", result.Name, finding.Error()))
			}
		}
	}
	if len(said) > 0 {
		return fmt.Errorf("operator-framework's validators say of the bundle:\n%s", strings.Join(said, "\n"))
	}
	return nil
}
