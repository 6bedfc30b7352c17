package replay

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/grant"
	"trent/internal/policy"
	"trent/internal/record"
)

// KeyChange is what a record changes of one key. The principals that it names are
// those of its moment.
type KeyChange struct {
	Order   uint64        `json:"order"`
	Time    time.Time     `json:"time"`
	What    string        `json:"what"`
	ID      string        `json:"id"`
	Made    *Kind         `json:"made,omitempty"`
	Policy  *string       `json:"policy,omitempty"`
	Bound   policy.Bound  `json:"bound,omitempty"`
	Tags    []Tag         `json:"tags,omitempty"`
	Untag   []string      `json:"untag,omitempty"`
	Alias   string        `json:"alias,omitempty"`   // that it gets
	Unalias string        `json:"unalias,omitempty"` // that it loses
	State   string        `json:"state,omitempty"`
	Grant   *record.Grant `json:"grant,omitempty"`
	GrantID string        `json:"grantId,omitempty"` // of Grant, or of the one that ends
	Gone    bool          `json:"gone,omitempty"`
	Lost    string        `json:"lost,omitempty"` // why nothing is known of the key from here on
}

// Kind is what a key is from its making on.
type Kind struct {
	Spec        string `json:"spec"`
	Usage       string `json:"usage"`
	Origin      string `json:"origin"`
	MultiRegion bool   `json:"multiRegion"`
	Primary     string `json:"primary"` // Region, of a multi-Region key
}

// Tag is a key's tag.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// unmovedKeys are the changes of keys that do not change who may do what with them.
var unmovedKeys = []string{
	"EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "UpdateKeyDescription",
	"EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "RotateKey",
	"ImportKeyMaterial", "DeleteImportedKeyMaterial", "DeleteExpiredKeyMaterial", "SynchronizeMultiRegionKey", "GetParametersForImport",
}

// asked is what the records of changes of keys have.
type asked struct {
	Omitted       bool
	Policy        *string
	Tags          []struct{ TagKey, TagValue string }
	TagKeys       []string
	AliasName     string
	ReplicaRegion string
	GrantID       string `json:"grantId"`
}

// answered is what they answer.
type answered struct {
	KeyMetadata        *metadata
	ReplicaKeyMetadata *metadata
	GrantID            string `json:"grantId"`
}

type metadata struct {
	KeySpec, KeyUsage, Origin, KeyState string
	MultiRegion                         bool
}

// Keys are the changes of keys that an event is; each has its key's ARN. It must come
// before Apply has seen any later event.
func (w *World) Keys(e *Event) map[string]*KeyChange {
	all := map[string]*KeyChange{}
	for _, name := range e.Keys {
		all[name] = &KeyChange{Order: e.Order, Time: e.Time, What: e.Name, ID: e.ID, State: e.State}
	}
	if len(all) == 0 || e.Source != "kms.amazonaws.com" {
		return nil
	}
	lose := func(why string) map[string]*KeyChange {
		for _, c := range all {
			c.Lost = why + " (event " + e.ID + ")"
		}
		return all
	}
	if e.Unknown {
		return lose("whether " + e.Name + " took effect is not known")
	}
	var in asked
	var out answered
	if len(e.Parameters) > 0 && json.Unmarshal(e.Parameters, &in) != nil || in.Omitted {
		return lose("the record of " + e.Name + " does not have its parameters")
	}
	if len(e.Response) > 0 && json.Unmarshal(e.Response, &out) != nil {
		return lose("the answer in the record of " + e.Name + " cannot be read")
	}
	if e.Name == "CreateKey" || e.Name == "ReplicateKey" {
		return w.created(e, &in, &out, all)
	}
	if why := w.change(e, &in, &out, all); why != "" {
		return lose(why)
	}
	return all
}

// change fills in what an event changes of keys that are there, or says why it cannot.
func (w *World) change(e *Event, in *asked, out *answered, all map[string]*KeyChange) (why string) {
	first := all[e.Keys[0]]
	switch e.Name {
	case "PutKeyPolicy":
		if in.Policy == nil {
			return "the record of PutKeyPolicy has no policy"
		}
		w.puts(first, *in.Policy)
	case "TagResource", "UntagResource":
		first.Tags, first.Untag = tagsOf(in), in.TagKeys
	case "DeleteAlias":
		first.Unalias = in.AliasName
	case "CreateAlias", "UpdateAlias":
		first.Alias = in.AliasName
		for _, name := range e.Keys[1:] { // that the alias had before
			all[name].Unalias = in.AliasName
		}
	case "CreateGrant":
		first.GrantID = out.GrantID
		return w.grants(e, first)
	case "RetireGrant", "RevokeGrant":
		if first.GrantID = cmp.Or(in.GrantID, e.Grant); first.GrantID == "" {
			return "the record of " + e.Name + " does not say which grant"
		}
	case "DeleteKey":
		first.Gone = true
	case "UpdatePrimaryRegion":
		return "the primary Region of a multi-Region key was changed, and no record tells when that took effect"
	default:
		if !slices.Contains(unmovedKeys, e.Name) {
			return e.Name + " is not known to this report"
		}
	}
	return ""
}

func tagsOf(in *asked) (all []Tag) {
	for _, t := range in.Tags {
		all = append(all, Tag{t.TagKey, t.TagValue})
	}
	return all
}

// created is the making of a key, or of a replica, whose own record says less.
func (w *World) created(e *Event, in *asked, out *answered, all map[string]*KeyChange) map[string]*KeyChange {
	name, primary := e.Keys[0], e.Region
	made := out.KeyMetadata
	if e.Name == "ReplicateKey" {
		id := arn.Parse(name)
		name, made = arn.Key(id.Partition, in.ReplicaRegion, id.Account, id.ID), out.ReplicaKeyMetadata
		all = map[string]*KeyChange{name: {Order: e.Order, Time: e.Time, What: e.Name, ID: e.ID}}
	}
	c := all[name]
	if len(e.Parameters) == 0 || string(e.Parameters) == "null" {
		return nil // of a replica: ReplicateKey's record has it
	}
	if made == nil {
		c.Lost = "the record of " + e.Name + " does not say what was made (event " + e.ID + ")"
		return all
	}
	c.Made = &Kind{Spec: made.KeySpec, Usage: made.KeyUsage, Origin: made.Origin, MultiRegion: made.MultiRegion}
	if c.State = made.KeyState; made.MultiRegion {
		c.Made.Primary = primary
	}
	c.Tags = tagsOf(in)
	text := policy.Default(w.partition, arn.Parse(name).Account)
	if in.Policy != nil {
		text = *in.Policy
	}
	w.puts(c, text)
	return all
}

// puts is a key policy, with whom its names mean at this moment.
func (w *World) puts(c *KeyChange, text string) {
	c.Policy = &text
	d, err := policy.Parse(text)
	if err != nil {
		c.Lost = "the key policy in the record of " + c.What + " cannot be read (event " + c.ID + ")"
		return
	}
	c.Bound, _, err = policy.Bind(context.Background(), d, func(_ context.Context, name string) (string, bool, error) {
		id, exists := w.resolve(name)
		return id, exists, nil
	})
	if err != nil {
		c.Lost = err.Error()
	}
}

// grants is the grant that an event makes, with whom its names mean at this moment.
func (w *World) grants(e *Event, c *KeyChange) (why string) {
	var in struct {
		GranteePrincipal, RetiringPrincipal, GranteeServicePrincipal, RetiringServicePrincipal string
		Operations                                                                             []string
		Name                                                                                   string
		Constraints                                                                            *struct {
			EncryptionContextSubset, EncryptionContextEquals map[string]string
			SourceArn                                        string
		}
	}
	if json.Unmarshal(e.Parameters, &in) != nil {
		return "the grant in the record of CreateGrant cannot be read"
	}
	ask := &api.CreateGrantRequest{
		GranteePrincipal: in.GranteePrincipal, RetiringPrincipal: in.RetiringPrincipal, GranteeServicePrincipal: in.GranteeServicePrincipal,
		RetiringServicePrincipal: in.RetiringServicePrincipal, Operations: in.Operations, Name: in.Name,
	}
	if k := in.Constraints; k != nil {
		ask.Constraints = &api.GrantConstraints{SourceArn: k.SourceArn}
		ask.Constraints.EncryptionContextEquals, ask.Constraints.EncryptionContextSubset = pairs(k.EncryptionContextEquals), pairs(k.EncryptionContextSubset)
	}
	g := grant.Requested(ask)
	g.IssuingAccount = e.Caller
	if g.Grantee != "" {
		name, ok := grant.Principal(g.Grantee, w.partition)
		if !ok {
			return "the grantee in the record of CreateGrant names nobody"
		}
		g.Grantee = name
		if id, exists := w.resolve(name); exists && grant.Account(name) == "" {
			g.GranteeID = id
		}
	}
	c.Grant = g
	return ""
}

func pairs(m map[string]string) (all api.EncryptionContext) {
	for key, value := range m {
		all = append(all, api.Pair{Key: key, Value: value})
	}
	slices.SortFunc(all, func(a, b api.Pair) int { return strings.Compare(a.Key, b.Key) })
	return all
}
