package seed

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/ops/tagset"
	"trent/internal/policy"
	"trent/internal/quota"
	"trent/internal/twin/faults"
)

// check finds what is wrong with the seed before anything is made: a key whose
// aliases cannot be made would be one more at each start.
func (f *File) check() error {
	var all []error
	for i, account := range f.Accounts {
		if !arn.ValidAccount(account) {
			all = append(all, f.at(fmt.Sprintf("accounts[%d]", i), "want 12 digits"))
		}
	}
	known := map[string]string{} // id or alias → the place of its key
	for i := range f.Keys {
		place := fmt.Sprintf("keys[%d]", i)
		k := &f.Keys[i]
		if k.Account == "" {
			k.Account = identity.DevAccount
		}
		if k.State == "" {
			k.State = key.Enabled
		}
		all = append(all, f.checkKey(place, k)...)
		for _, name := range append(slices.Clone(k.Aliases), k.ID) {
			where := strings.Join([]string{k.Account, k.Region, name}, " ")
			if other := known[where]; other != "" && name != "" {
				all = append(all, f.at(place, "%s is that of %s", name, other))
			}
			known[where] = place
		}
	}
	if len(f.Faults) > faults.MaxRules {
		all = append(all, f.at("faults", "there are more than %d rules", faults.MaxRules))
	}
	for i := range f.Faults {
		// Whether the crypto module is ours to restart, the command line says.
		if err := f.Faults[i].Check(true); err != nil {
			all = append(all, f.at(fmt.Sprintf("faults[%d]", i), "%w", err))
		}
	}
	return errors.Join(all...)
}

func (f *File) checkKey(place string, k *Key) (all []error) {
	add := func(field, problem string, args ...any) { all = append(all, f.at(place+"."+field, problem, args...)) }
	if !arn.ValidAccount(k.Account) {
		add("account", "want 12 digits")
	}
	if !arn.IsRegion(k.Region) {
		add("region", "want a Region such as eu-west-1")
	}
	if k.ID == "" && len(k.Aliases) == 0 {
		add("id", "a key needs an id or an alias, by which a restart finds it again")
	}
	if k.ID != "" && (!arn.ValidKeyID(k.ID) || arn.MultiRegionKeyID(k.ID) || k.ID != strings.ToLower(k.ID)) {
		add("id", "want a UUID in lower case")
	}
	for i, name := range k.Aliases {
		if !arn.ValidAliasName(name) || arn.ReservedAliasName(name) {
			add(fmt.Sprintf("aliases[%d]", i), "want alias/ and a name of letters, digits and :/_-, not below alias/aws/")
		}
	}
	if most := quota.AWS().AliasesPerKey; len(k.Aliases) > most {
		add("aliases", "a key has %d aliases at most", most)
	}
	if k.State != key.Enabled && k.State != key.Disabled && k.State != key.PendingDeletion {
		add("state", "want Enabled, Disabled or PendingDeletion")
	}
	_, given := f.lines[place+".pending_window_days"]
	switch given = given || k.PendingWindowDays != 0; {
	case given && k.State != key.PendingDeletion:
		add("pending_window_days", "the state is not PendingDeletion")
	case given && (k.PendingWindowDays < 7 || k.PendingWindowDays > 30):
		add("pending_window_days", "want 7 to 30 days")
	}
	for _, part := range k.creation() {
		if err := valid(part.in); err != nil {
			add(part.field, "%w", err)
		}
	}
	if k.Policy != "" {
		if _, err := policy.Parse(k.Policy); err != nil {
			add("policy", "%w", err)
		}
	}
	return all
}

// part is what a field puts into the key's CreateKey.
type part struct {
	field string
	in    object
}

func (k *Key) creation() []part {
	given := func(in object) object {
		maps.DeleteFunc(in, func(_ string, value any) bool { return value == "" })
		return in
	}
	parts := []part{
		{"description", given(object{"Description": k.Description})},
		{"policy", given(object{"Policy": k.Policy})},
		{"key_spec", given(object{"KeySpec": k.KeySpec, "KeyUsage": k.KeyUsage})}, // they must fit each other
	}
	if tags := k.missing(nil); len(tags) > 0 {
		parts = append(parts, part{"tags", object{"Tags": tags}})
	}
	return parts
}

// valid says what is wrong with a CreateKey, whoever makes it.
func valid(in object) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := api.Decode(api.OpCreateKey, body)
	if err != nil {
		return err
	}
	if err := r.Validate(); err != nil {
		return err
	}
	if err := api.Check(r); err != nil {
		return err
	}
	_, err = tagset.Add(nil, r.(*api.CreateKeyRequest).Tags, quota.AWS().TagsPerKey)
	return err
}
