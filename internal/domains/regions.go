package domains

import (
	"fmt"
	"slices"
	"strings"
)

// RegionsError: the configured Regions are not those of the store.
type RegionsError struct {
	Lacking  []string // configured, and not in the store
	Unlisted []string // in the store, and not configured
}

// Error names them, and what to do.
func (e *RegionsError) Error() string {
	var parts []string
	if len(e.Lacking) > 0 {
		parts = append(parts, fmt.Sprintf("the data folder has no %s: \"trent region add\" makes what the configuration lists", strings.Join(e.Lacking, ", ")))
	}
	if len(e.Unlisted) > 0 {
		parts = append(parts, fmt.Sprintf("the data folder holds %s, which the configuration does not list: its keys would not be served", strings.Join(e.Unlisted, ", ")))
	}
	return "domains: " + strings.Join(parts, "; ")
}

// lacking lists what Load has to make beside the stored domains.
func (m *Manager) lacking(stored []string) (names []string, err error) {
	if len(stored) == 0 {
		if !m.first {
			return nil, ErrMissing
		}
		names = append(names, Global)
	}
	if m.Dev {
		return names, nil
	}
	var mismatch RegionsError
	for _, name := range m.Regions {
		if !slices.Contains(stored, name) {
			mismatch.Lacking = append(mismatch.Lacking, name)
		}
	}
	for _, name := range stored {
		if name != Global && !slices.Contains(m.Regions, name) {
			mismatch.Unlisted = append(mismatch.Unlisted, name)
		}
	}
	if m.AddRegions {
		names = append(names, mismatch.Lacking...)
		mismatch.Lacking = nil
	}
	if len(mismatch.Lacking)+len(mismatch.Unlisted) > 0 {
		return nil, &mismatch
	}
	return names, nil
}
