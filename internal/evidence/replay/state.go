package replay

import (
	"maps"
	"slices"
	"strings"

	"trent/internal/arn"
	"trent/internal/explain"
	"trent/internal/key"
	"trent/internal/policy"
	"trent/internal/record"
)

// state is a key with its grants at a moment.
type state struct {
	key    *key.Key // nil: not made yet; its fields are replaced, never changed
	phase  string   // AWS's key state, as records tell it
	grants map[string]*record.Grant
	gone   bool
	lost   Loss
}

// Parts of a state that a change can move.
const (
	movesNothing = iota
	movesGrants
	movesAll
)

// apply carries out a change and says what it moved.
func (s *state) apply(w *World, name string, c *KeyChange) (moved int) {
	if c.Lost != "" {
		if s.lost.Why == "" {
			s.lost = Loss{c.Order, c.Time, c.Lost}
		}
		return movesAll
	}
	if c.State != "" {
		s.phase = c.State
	}
	if c.Made != nil {
		id := arn.Parse(name)
		s.grants = map[string]*record.Grant{}
		s.key = &key.Key{
			Partition: id.Partition, Region: id.Region, Account: id.Account, ID: id.ID, ARN: name, Spec: key.Spec(c.Made.Spec), Usage: key.Usage(c.Made.Usage),
			Origin: key.Origin(c.Made.Origin), MultiRegion: c.Made.MultiRegion, PrimaryRegion: c.Made.Primary, State: key.Enabled, Current: -1,
		}
		moved = movesAll
	}
	if s.key == nil {
		if s.lost.Why == "" {
			s.lost = Loss{c.Order, c.Time, "no record of its making is in the trail"}
		}
		return movesAll
	}
	if c.Gone {
		s.gone, s.phase = true, "deleted"
		return movesAll
	}
	if c.Grant != nil && c.GrantID != "" {
		s.grants[c.GrantID] = c.Grant
		moved = max(moved, movesGrants)
	} else if c.GrantID != "" {
		delete(s.grants, c.GrantID)
		moved = max(moved, movesGrants)
	}
	if c.Policy == nil && len(c.Tags)+len(c.Untag)+len(c.Alias)+len(c.Unalias) == 0 {
		return moved
	}
	s.attributes(c)
	return movesAll
}

// attributes carries out a change of the key's policy, tags and aliases.
func (s *state) attributes(c *KeyChange) {
	k := *s.key
	s.key = &k
	k.Tags = maps.Clone(k.Tags)
	if k.Tags == nil {
		k.Tags = map[string]string{}
	}
	for _, t := range c.Tags {
		k.Tags[t.Key] = t.Value
	}
	for _, name := range c.Untag {
		delete(k.Tags, name)
	}
	k.Aliases = slices.DeleteFunc(slices.Clone(k.Aliases), func(a string) bool { return a == c.Unalias || a == c.Alias })
	if c.Alias != "" {
		k.Aliases = append(k.Aliases, c.Alias)
		slices.Sort(k.Aliases)
	}
	if c.Policy != nil {
		k.Policy = *c.Policy
		if d, err := policy.Parse(k.Policy); err == nil {
			k.Rules = policy.Compile(d, c.Bound)
		}
	}
}

// accounts are those whose principals may have to do with the key.
func (s *state) accounts(all map[string]bool) {
	if s.key == nil {
		return
	}
	for _, a := range explain.Accounts(s.key) {
		all[a] = true
	}
	for _, g := range s.grants {
		if a := arn.ParsePrincipal(g.Grantee).Account; a != "" {
			all[a] = true
		}
	}
}

// holderKey tells holders apart.
func holderKey(h *explain.Holder) string { return h.Type + " " + h.Principal }

// less orders principals as the service does: users before roles, by name.
func less(a, b who) int {
	if a.kind != b.kind {
		return strings.Compare(string(b.kind), string(a.kind)) // "user" sorts behind "role"
	}
	return strings.Compare(a.name, b.name)
}
