// Package tagset owns the rules of the tags of a key, which the operations
// that make keys share with those that tag them. It is pure: it must never
// read or write a store. The operations import it.
package tagset

import (
	"maps"
	"strings"

	"trent/internal/api"
	"trent/internal/apierr"
)

const reservedPrefix = "aws:" // in any case

// Add returns the tags that a key with the tags have gets by add, of which a
// tag with a known key replaces the value. It changes neither. The errors are
// AWS's TagException: a key twice in add, a reserved one, or more than limit in all.
func Add(have map[string]string, add []api.Tag, limit int) (map[string]string, error) {
	given := make(map[string]string, len(add))
	for i := range add {
		given[add[i].TagKey] = add[i].TagValue
	}
	if len(given) < len(add) {
		return nil, apierr.New(apierr.TagError, "Duplicate tag keys")
	}
	for key := range given {
		if len(key) >= len(reservedPrefix) && strings.EqualFold(key[:len(reservedPrefix)], reservedPrefix) {
			return nil, apierr.New(apierr.TagError, "Tags beginning with aws: are reserved")
		}
	}
	all := make(map[string]string, len(have)+len(given))
	maps.Copy(all, have)
	maps.Copy(all, given)
	if len(all) > limit {
		return nil, apierr.New(apierr.TagError, "Too many tags")
	}
	return all, nil
}
