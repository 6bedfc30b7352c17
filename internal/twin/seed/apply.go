package seed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"trent/internal/key"
)

// Call makes one request as an account, in a Region. keyID is what CreateKey
// gives the new key. An error of the API has a method ErrorCode.
type Call func(ctx context.Context, account, region, op, keyID string, in, out any) error

// accountRegion is where the request is made that makes an account.
const accountRegion = "us-east-1"

type object = map[string]any

// Apply brings a service to what the seed says: what is there already is left
// as it is or changed to it, and what the seed does not name stays.
func (f *File) Apply(ctx context.Context, call Call) error {
	for i, account := range f.Accounts {
		if err := call(ctx, account, accountRegion, "ListKeys", "", object{"Limit": 1}, nil); err != nil {
			return f.at(fmt.Sprintf("accounts[%d]", i), "%w", err)
		}
	}
	taken := map[string]bool{} // by account, Region and id: the keys of entries
	for i := range f.Keys {
		if k := &f.Keys[i]; k.ID != "" {
			taken[k.place(k.ID)] = true
		}
	}
	for i := range f.Keys {
		k := &f.Keys[i]
		t := target{k, taken, func(op string, in object, out any) error {
			err := call(ctx, k.Account, k.Region, op, k.ID, in, out)
			if err != nil {
				return fmt.Errorf("%s: %w", op, err)
			}
			return nil
		}}
		if err := t.apply(); err != nil {
			return f.at(fmt.Sprintf("keys[%d]", i), "%w", err)
		}
	}
	return nil
}

// target is a key on its way to what the seed says.
type target struct {
	*Key
	taken map[string]bool
	call  func(op string, in object, out any) error
}

// place tells a key from those of other accounts and Regions.
func (k *Key) place(id string) string { return k.Account + " " + k.Region + " " + id }

// metadata is what the answers of CreateKey and DescribeKey have in common.
type metadata struct {
	KeyMetadata struct {
		KeyID       string    `json:"KeyId"`
		Description string    `json:"Description"`
		KeyState    key.State `json:"KeyState"`
		KeySpec     string    `json:"KeySpec"`
		KeyUsage    string    `json:"KeyUsage"`
	}
}

type tag struct{ TagKey, TagValue string }

func (t *target) apply() error {
	found, err := t.find()
	if err != nil {
		return err
	}
	if found == nil {
		if found, err = t.create(); err != nil {
			return err
		}
		t.taken[t.place(found.KeyMetadata.KeyID)] = true
	} else if done, err := t.change(found); err != nil || done {
		return err
	}
	if err := t.alias(found.KeyMetadata.KeyID); err != nil {
		return err
	}
	return t.state(found.KeyMetadata.KeyID, found.KeyMetadata.KeyState)
}

// find returns the key that is there already; nil if there is none. A key that
// another entry has taken is none: the alias was moved there.
func (t *target) find() (*metadata, error) {
	name := t.ID
	if name == "" {
		name = t.Aliases[0]
	}
	var m metadata
	err := t.call("DescribeKey", object{"KeyId": name}, &m)
	if code(err) == "NotFoundException" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	place := t.place(m.KeyMetadata.KeyID)
	if t.ID == "" && t.taken[place] {
		return nil, nil
	}
	t.taken[place] = true
	return &m, nil
}

func (t *target) create() (*metadata, error) {
	in := object{}
	for _, part := range t.creation() {
		maps.Copy(in, part.in)
	}
	var m metadata
	return &m, t.call("CreateKey", in, &m)
}

// change brings a key that is there to what the seed says of it itself. It is
// done if the key waits for its deletion, as it shall.
func (t *target) change(found *metadata) (done bool, err error) {
	m := &found.KeyMetadata
	if t.KeySpec != "" && t.KeySpec != m.KeySpec || t.KeyUsage != "" && t.KeyUsage != m.KeyUsage {
		return false, fmt.Errorf("the key is there already, for %s with the spec %s: neither ever changes", m.KeyUsage, m.KeySpec)
	}
	if m.KeyState == key.PendingDeletion {
		if t.State == key.PendingDeletion {
			return true, nil
		}
		if err := t.call("CancelKeyDeletion", object{"KeyId": m.KeyID}, nil); err != nil {
			return false, err
		}
		m.KeyState = key.Disabled
	}
	if m.Description != t.Description {
		if err := t.call("UpdateKeyDescription", object{"KeyId": m.KeyID, "Description": t.Description}, nil); err != nil {
			return false, err
		}
	}
	var have struct{ Tags []tag }
	if err := t.call("ListResourceTags", object{"KeyId": m.KeyID}, &have); err != nil {
		return false, err
	}
	if tags := t.missing(have.Tags); len(tags) > 0 {
		if err := t.call("TagResource", object{"KeyId": m.KeyID, "Tags": tags}, nil); err != nil {
			return false, err
		}
	}
	if t.Policy == "" {
		return false, nil
	}
	var policy struct{ Policy string }
	if err := t.call("GetKeyPolicy", object{"KeyId": m.KeyID}, &policy); err != nil || policy.Policy == t.Policy {
		return false, err
	}
	return false, t.call("PutKeyPolicy", object{"KeyId": m.KeyID, "Policy": t.Policy}, nil)
}

// missing are the seed's tags that are not among those, in the order of their keys.
func (k *Key) missing(have []tag) (tags []tag) {
	for name, value := range k.Tags {
		if want := (tag{name, value}); !slices.Contains(have, want) {
			tags = append(tags, want)
		}
	}
	slices.SortFunc(tags, func(a, b tag) int { return strings.Compare(a.TagKey, b.TagKey) })
	return tags
}

// alias makes the key's aliases, and takes those that another key has.
func (t *target) alias(id string) error {
	var have struct{ Aliases []struct{ AliasName string } }
	if err := t.call("ListAliases", object{"KeyId": id, "Limit": 100}, &have); err != nil {
		return err
	}
	for _, name := range t.Aliases {
		if slices.Contains(have.Aliases, struct{ AliasName string }{name}) {
			continue
		}
		in := object{"AliasName": name, "TargetKeyId": id}
		err := t.call("CreateAlias", in, nil)
		if code(err) == "AlreadyExistsException" { // of a key that UpdateAlias may find too different
			if err = t.call("DeleteAlias", object{"AliasName": name}, nil); err == nil {
				err = t.call("CreateAlias", in, nil)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// state brings the key from one state to the seed's.
func (t *target) state(id string, from key.State) error {
	in := object{"KeyId": id}
	switch {
	case t.State == from:
		return nil
	case t.State == key.Enabled:
		return t.call("EnableKey", in, nil)
	case t.State == key.Disabled:
		return t.call("DisableKey", in, nil)
	}
	if t.PendingWindowDays != 0 {
		in["PendingWindowInDays"] = t.PendingWindowDays
	}
	return t.call("ScheduleKeyDeletion", in, nil)
}

// code is the API's code of an error; "" if it has none.
func code(err error) string {
	var coded interface {
		error
		ErrorCode() string
	}
	if errors.As(err, &coded) {
		return coded.ErrorCode()
	}
	return ""
}
