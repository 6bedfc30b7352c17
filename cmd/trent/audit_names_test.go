package main

import (
	"strings"
	"testing"
)

// TestEventNames: the absence of what is never recorded is nothing to prove.
func TestEventNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"CreateKey", "Decrypt", "CreateUser", "AssumeRole", "LookupEvents", "CreateAccount", "RotateKey", "RefusedCalls"} {
		if err := checkEventName(name); err != nil {
			t.Error(err)
		}
	}
	for name, near := range map[string]string{
		"ScheduleKeyDeletions": "perhaps ScheduleKeyDeletion is meant", "createkey": "CreateKey", "Decrpyt": "Decrypt", "kms:Decrypt": "no record", "Everything": "no record", "": "no record",
	} {
		if err := checkEventName(name); err == nil || !strings.Contains(err.Error(), near) {
			t.Errorf("%q: %v, want %q", name, err, near)
		}
	}
}
