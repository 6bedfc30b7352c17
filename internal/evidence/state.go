package evidence

import (
	"encoding/json"
	"math/bits"
	"slices"
	"strings"

	"trent/internal/arn"
)

// stateNames are the states a key can be in, and the one after its deletion.
var stateNames = [...]string{
	"Enabled", "Disabled", "PendingImport", "PendingDeletion", "PendingReplicaDeletion", "Creating", "Updating", "deleted",
}

// Bits of states, in the order of their names.
const (
	enabled states = 1 << iota
	disabled
	pendingImport
	pendingDeletion
	pendingReplicaDeletion
	creating
	updating
	deleted

	anyState = 1<<len(stateNames) - 1
)

// states are those that a key may be in.
type states uint8

// String names them.
func (s states) String() string {
	if s == anyState {
		return "unknown"
	}
	var all []string
	for i, name := range stateNames {
		if s&(1<<i) != 0 {
			all = append(all, name)
		}
	}
	return strings.Join(all, " or ")
}

// transition is what changes make of each state: which the key may be in after
// them, if it was in that before.
type transition [len(stateNames)]states

// stay is no change.
func stay() (t transition) {
	for i := range t {
		t[i] = 1 << i
	}
	return t
}

// to leads to the same states from everywhere.
func to(s states) (t transition) {
	for i := range t {
		t[i] = s
	}
	return t
}

// from makes other states of some.
func (t transition) from(some, become states) transition {
	for i := range t {
		if some&(1<<i) != 0 {
			t[i] = become
		}
	}
	return t
}

// or is the one or the other.
func (t transition) or(other transition) transition {
	for i := range t {
		t[i] |= other[i]
	}
	return t
}

// then is the one after the other.
func (t transition) then(next transition) (both transition) {
	for i := range t {
		for k := range next {
			if t[i]&(1<<k) != 0 {
				both[i] |= next[k]
			}
		}
	}
	return both
}

// after are the states of a key of which nothing was known before.
func (t transition) after() (all states) {
	for i := range t {
		all |= t[i]
	}
	return all
}

// transition is what a change makes of a key's state; false if it leaves that alone.
// What follows without a record of the key's own is part of it: a replica comes into
// being, a primary's last replica goes.
func (e *event) transition(p place) (t transition, ok bool) {
	if e.EventSource != sourceKMS {
		return t, false
	}
	switch e.EventName {
	case "CreateKey", "ReplicateKey":
		return e.created(p)
	case "EnableKey":
		t = to(enabled)
	case "DisableKey":
		t = to(disabled)
	case "ImportKeyMaterial": // Enabled when all its material is there
		t = stay().from(pendingImport, pendingImport|enabled)
	case "DeleteImportedKeyMaterial", "DeleteExpiredKeyMaterial": // of material that is not current yet nothing follows
		for i := range t {
			t[i] = 1<<i | pendingImport
		}
		t = t.from(pendingDeletion, pendingDeletion).from(pendingReplicaDeletion, pendingReplicaDeletion|pendingDeletion).from(deleted, deleted)
	case "ScheduleKeyDeletion":
		t = e.scheduled(p)
	case "CancelKeyDeletion":
		t = to(disabled | pendingImport)
		if p.multiRegion() {
			t = to(disabled | pendingImport | creating)
		}
	case "UpdatePrimaryRegion": // for a time
		for i := range t {
			t[i] = 1<<i | updating
		}
	case "DeleteKey":
		t = to(deleted)
	default:
		return t, false
	}
	if e.Additional.OutcomeUnknown != "" {
		t = t.or(stay())
	}
	return t, true
}

// created is the transition of a key that comes into being, if it is the one there.
func (e *event) created(p place) (transition, bool) {
	type metadata struct {
		ARN      string `json:"arn"`
		KeyState string `json:"keyState"`
	}
	var out struct {
		Key     metadata `json:"keyMetadata"`
		Replica metadata `json:"replicaKeyMetadata"`
	}
	_ = json.Unmarshal(e.Response, &out) // without a state there is none to tell
	made := out.Key
	if e.EventName == "ReplicateKey" {
		made = out.Replica
		if id := arn.Parse(made.ARN); id.Region != p.region {
			return transition{}, false // of the primary
		}
	}
	i := slices.Index(stateNames[:], made.KeyState)
	switch s := states(1) << max(i, 0); {
	case i < 0:
		return transition{}, false
	case s == creating:
		return to(creating | enabled | pendingImport), true
	default:
		return to(s), true
	}
}

// scheduled is the transition of a scheduled deletion. A primary waits for its
// replicas, the last of which has the record of its own deletion only.
func (e *event) scheduled(p place) transition {
	var out struct {
		KeyState string `json:"keyState"`
	}
	_ = json.Unmarshal(e.Response, &out) // both may be
	if out.KeyState == "PendingDeletion" || !p.multiRegion() {
		return to(pendingDeletion)
	}
	return to(pendingDeletion | pendingReplicaDeletion)
}

// multiRegion reports whether the key has its like in other Regions.
func (p place) multiRegion() bool { return strings.HasPrefix(p.id, "mrk-") }

// stateOf is the state that a change leads to whatever was before, in words; false
// if there is none.
func (e *event) stateOf() (string, bool) {
	var p place
	if len(e.Resources) > 0 {
		p, _ = placeOf(e.Resources[0].ARN)
	}
	t, ok := e.transition(p)
	if all := t.after(); ok && e.EventName != "UpdatePrimaryRegion" {
		const few = 3
		if bits.OnesCount8(uint8(all)) > few {
			all = anyState
		}
		return all.String(), true
	}
	return "", false
}
