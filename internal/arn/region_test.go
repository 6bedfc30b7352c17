package arn_test

import (
	"testing"

	"trent/internal/arn"
)

func TestIsRegion(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"eu-west-1": true, "us-gov-east-1": true, "ap-southeast-12": true,
		"": false, "global": false, "eu-west": false, "eu--1": false, "EU-west-1": false, "eu-west-1/": false,
		"a-b-c-d-1": false, "eu-west-x": false, "aaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbb-1": false,
	} {
		if got := arn.IsRegion(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}
