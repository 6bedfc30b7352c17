package main

import (
	"fmt"
	"slices"
	"strings"

	"trent/internal/node"
	"trent/internal/policy/lint"
)

// checkEventName refuses a name that no record has: its absence would be proven, and
// say nothing.
func checkEventName(name string) error {
	names := node.EventNames()
	if _, known := slices.BinarySearch(names, name); known {
		return nil
	}
	const letters = 3 // that may be wrong
	near := slices.DeleteFunc(names, func(known string) bool {
		return lint.Distance(strings.ToLower(known), strings.ToLower(name)) > letters
	})
	if len(near) == 0 {
		return fmt.Errorf("--absent %q: no record has that name", clean(name))
	}
	return fmt.Errorf("--absent %q: no record has that name; perhaps %s is meant", clean(name), strings.Join(near, " or "))
}
