package clients

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"trent/internal/api"
	"trent/internal/notyet"
	"trent/internal/optable"
	"trent/test/harness"
)

// A resource is a key with its aliases, as Terraform would declare it.
type resource struct {
	id, description, policy string // policy "" is the default one
	state                   types.KeyState
	tags                    map[string]string
	aliases, grants         []string
}

// A declared pair of keys: aliases move between them.
type declared struct {
	name     string // of nobody else
	one, two resource
	gone     []string // aliases that are deleted
	external string   // a key with imported material
	global   string   // a multi-Region key
}

// replicaRegion is the other Region of multi-Region keys.
const replicaRegion = "us-west-2"

func inReplicaRegion(o *kms.Options) { o.Region = replicaRegion }

// is returns an error unless a key is in a state.
func is(ctx context.Context, c *kms.Client, id string, want types.KeyState, options ...func(*kms.Options)) error {
	out, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id}, options...)
	if err == nil && out.KeyMetadata.KeyState != want {
		err = fmt.Errorf("key %s is %s, want %s", id, out.KeyMetadata.KeyState, want)
	}
	return err
}

// rotates returns an error unless the key's rotation is on, or off.
func (r *resource) rotates(ctx context.Context, c *kms.Client, want bool) error {
	out, err := c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: &r.id})
	if err == nil && out.KeyRotationEnabled != want {
		err = fmt.Errorf("rotation of %s is %v, want %v", r.id, out.KeyRotationEnabled, want)
	}
	return err
}

// bring imports key material.
func bring(ctx context.Context, c *kms.Client, id string) error {
	p, err := c.GetParametersForImport(ctx, &kms.GetParametersForImportInput{
		KeyId: &id, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256, WrappingKeySpec: types.WrappingKeySpecRsa2048,
	})
	if err != nil {
		return err
	}
	public, err := x509.ParsePKIXPublicKey(p.PublicKey)
	if err != nil {
		return err
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), bytes.Repeat([]byte{1}, 32), nil)
	if err != nil {
		return err
	}
	_, err = c.ImportKeyMaterial(ctx, &kms.ImportKeyMaterialInput{
		KeyId: &id, ImportToken: p.ImportToken, EncryptedKeyMaterial: wrapped, ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
	})
	return err
}

// A write is one mutation, and what it makes of what is declared.
type write struct {
	op string
	do func(ctx context.Context, c *kms.Client, d *declared) error
}

// writes is the life of a pair of keys, every operation that changes something
// at least once.
var writes = []write{
	{"CreateKey", func(ctx context.Context, c *kms.Client, d *declared) error {
		return errors.Join(d.one.create(ctx, c, d.name), d.two.create(ctx, c, d.name))
	}},
	{"CreateAlias", func(ctx context.Context, c *kms.Client, d *declared) error {
		alias := "alias/" + d.name
		d.one.aliases = []string{alias}
		_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: &d.one.id})
		return err
	}},
	{"UpdateKeyDescription", func(ctx context.Context, c *kms.Client, d *declared) error {
		d.one.description = "another of " + d.name
		_, err := c.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: &d.one.id, Description: &d.one.description})
		return err
	}},
	{"TagResource", func(ctx context.Context, c *kms.Client, d *declared) error {
		d.one.tags["more"] = d.name
		_, err := c.TagResource(ctx, &kms.TagResourceInput{KeyId: &d.one.id, Tags: []types.Tag{{TagKey: aws.String("more"), TagValue: &d.name}}})
		return err
	}},
	{"UntagResource", func(ctx context.Context, c *kms.Client, d *declared) error {
		delete(d.one.tags, "name")
		_, err := c.UntagResource(ctx, &kms.UntagResourceInput{KeyId: &d.one.id, TagKeys: []string{"name"}})
		return err
	}},
	{"PutKeyPolicy", func(ctx context.Context, c *kms.Client, d *declared) error {
		d.one.policy = `{"Version":"2012-10-17","Id":"` + d.name + `","Statement":[{"Sid":"root","Effect":"Allow",` +
			`"Principal":{"AWS":"arn:aws:iam::` + harness.Account + `:root"},"Action":"kms:*","Resource":"*"}]}`
		_, err := c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &d.one.id, Policy: &d.one.policy})
		return err
	}},
	{"CreateGrant", func(ctx context.Context, c *kms.Client, d *declared) error {
		for range 2 {
			out, err := c.CreateGrant(ctx, &kms.CreateGrantInput{
				KeyId: &d.one.id, GranteePrincipal: aws.String(harness.Account), Operations: []types.GrantOperation{types.GrantOperationDecrypt},
			})
			if err != nil {
				return err
			}
			d.one.grants = append(d.one.grants, *out.GrantId)
		}
		return nil
	}},
	{"RetireGrant", func(ctx context.Context, c *kms.Client, d *declared) error {
		out, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &d.one.id})
		if err != nil {
			return err
		}
		_, err = c.RetireGrant(ctx, &kms.RetireGrantInput{KeyId: out.KeyMetadata.Arn, GrantId: &d.one.grants[0]})
		d.one.grants = d.one.grants[1:]
		return err
	}},
	{"RevokeGrant", func(ctx context.Context, c *kms.Client, d *declared) error {
		_, err := c.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: &d.one.id, GrantId: &d.one.grants[0]})
		d.one.grants = nil
		return err
	}},
	{"DisableKey", func(ctx context.Context, c *kms.Client, d *declared) error {
		d.one.state = types.KeyStateDisabled
		_, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &d.one.id})
		return err
	}},
	{"EnableKey", func(ctx context.Context, c *kms.Client, d *declared) error {
		d.one.state = types.KeyStateEnabled
		_, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &d.one.id})
		return err
	}},
	{"EnableKeyRotation", func(ctx context.Context, c *kms.Client, d *declared) error {
		_, err := c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: &d.one.id})
		return errors.Join(err, d.one.rotates(ctx, c, true))
	}},
	{"RotateKeyOnDemand", func(ctx context.Context, c *kms.Client, d *declared) error {
		if _, err := c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: &d.one.id}); err != nil {
			return err
		}
		out, err := c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: &d.one.id})
		if err == nil && len(out.Rotations) != 1 {
			err = fmt.Errorf("after a rotation there are %d", len(out.Rotations))
		}
		return err
	}},
	{"DisableKeyRotation", func(ctx context.Context, c *kms.Client, d *declared) error {
		_, err := c.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: &d.one.id})
		return errors.Join(err, d.one.rotates(ctx, c, false))
	}},
	{"ImportKeyMaterial", func(ctx context.Context, c *kms.Client, d *declared) error {
		out, err := c.CreateKey(ctx, &kms.CreateKeyInput{Origin: types.OriginTypeExternal})
		if err != nil {
			return err
		}
		d.external = *out.KeyMetadata.KeyId
		if err := bring(ctx, c, d.external); err != nil {
			return err
		}
		return is(ctx, c, d.external, types.KeyStateEnabled)
	}},
	{"DeleteImportedKeyMaterial", func(ctx context.Context, c *kms.Client, d *declared) error {
		_, err := c.DeleteImportedKeyMaterial(ctx, &kms.DeleteImportedKeyMaterialInput{KeyId: &d.external})
		return errors.Join(err, is(ctx, c, d.external, types.KeyStatePendingImport))
	}},
	{"ReplicateKey", func(ctx context.Context, c *kms.Client, d *declared) error {
		out, err := c.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
		if err != nil {
			return err
		}
		d.global = *out.KeyMetadata.KeyId
		if _, err := c.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: &d.global, ReplicaRegion: aws.String(replicaRegion)}); err != nil {
			return err
		}
		for range 600 { // it is Creating for an instant
			if err = is(ctx, c, d.global, types.KeyStateEnabled, inReplicaRegion); err == nil {
				return nil
			}
		}
		return err
	}},
	{"UpdatePrimaryRegion", func(ctx context.Context, c *kms.Client, d *declared) error {
		if _, err := c.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: &d.global, PrimaryRegion: aws.String(replicaRegion)}); err != nil {
			return err
		}
		var region string
		for range 600 { // both are Updating for an instant
			out, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &d.global})
			if err != nil {
				return err
			}
			if region = *out.KeyMetadata.MultiRegionConfiguration.PrimaryKey.Region; region == replicaRegion {
				return nil
			}
		}
		return fmt.Errorf("the primary is in %s", region)
	}},
	{"UpdateAlias", func(ctx context.Context, c *kms.Client, d *declared) error {
		d.one.aliases, d.two.aliases = nil, d.one.aliases
		_, err := c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: &d.two.aliases[0], TargetKeyId: &d.two.id})
		return err
	}},
	{"ScheduleKeyDeletion", func(ctx context.Context, c *kms.Client, d *declared) error {
		d.two.state = types.KeyStatePendingDeletion
		_, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &d.two.id})
		return err
	}},
	{"CancelKeyDeletion", func(ctx context.Context, c *kms.Client, d *declared) error {
		d.two.state = types.KeyStateDisabled
		_, err := c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &d.two.id})
		return err
	}},
	{"DeleteAlias", func(ctx context.Context, c *kms.Client, d *declared) error {
		d.gone, d.two.aliases = d.two.aliases, nil
		_, err := c.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &d.gone[0]})
		return err
	}},
}

func (r *resource) create(ctx context.Context, c *kms.Client, name string) error {
	*r = resource{description: "of " + name, state: types.KeyStateEnabled, tags: map[string]string{"name": name}}
	out, err := c.CreateKey(ctx, &kms.CreateKeyInput{Description: &r.description, Tags: []types.Tag{{TagKey: aws.String("name"), TagValue: &name}}})
	if err == nil {
		r.id = *out.KeyMetadata.KeyId
	}
	return err
}

// TestReadAfterWrite: each change is visible in the very next reads, on
// whatever connection and while others change their own, as Terraform expects
// that polls until it is.
func TestReadAfterWrite(t *testing.T) {
	t.Parallel()
	for _, op := range api.Ops() {
		has := slices.ContainsFunc(writes, func(w write) bool { return w.op == op.String() })
		if want := notyet.Works(op) && optable.Of(op).Mutates; has != want {
			t.Errorf("%s: among the writes %v, want %v", op, has, want)
		}
	}
	s := harness.Start(t)
	const writers, readers = 8, 3
	connection := func() *kms.Client {
		return s.Client(harness.Default, func(o *kms.Options) { o.HTTPClient = &http.Client{Transport: &http.Transport{}} })
	}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			var read []*kms.Client
			for range readers {
				read = append(read, connection())
			}
			for round := range harness.Rounds(3, 100) {
				d := &declared{name: fmt.Sprintf("writer-%d-%d", w, round)}
				if err := d.live(t.Context(), connection(), read); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// live takes the keys through all writes; after each all readers look at once.
func (d *declared) live(ctx context.Context, c *kms.Client, readers []*kms.Client) error {
	for _, w := range writes {
		if err := w.do(ctx, c, d); err != nil {
			return fmt.Errorf("%s: %w", w.op, err)
		}
		seen := make(chan error, len(readers))
		for _, r := range readers {
			go func() { seen <- d.visible(ctx, r) }()
		}
		var errs []error
		for range readers {
			errs = append(errs, <-seen)
		}
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("right after %s: %w", w.op, err)
		}
	}
	return nil
}

// visible reads everything that shows what was declared.
func (d *declared) visible(ctx context.Context, c *kms.Client) error {
	for _, r := range []*resource{&d.one, &d.two} {
		if err := errors.Join(r.described(ctx, c), r.listed(ctx, c), r.used(ctx, c)); err != nil {
			return fmt.Errorf("key %s: %w", r.id, err)
		}
	}
	for _, alias := range d.gone {
		if _, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &alias}); code(err) != "NotFoundException" {
			return fmt.Errorf("the deleted %s: %w", alias, err)
		}
	}
	return nil
}

// described: what is read of one key by its id and by its aliases.
func (r *resource) described(ctx context.Context, c *kms.Client) error {
	for _, name := range append([]string{r.id}, r.aliases...) {
		out, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &name})
		if err != nil {
			return err
		}
		if m := out.KeyMetadata; *m.KeyId != r.id || m.KeyState != r.state || *m.Description != r.description || (m.DeletionDate != nil) != (r.state == types.KeyStatePendingDeletion) {
			return fmt.Errorf("%s is described as %s, %s, %q", name, *m.KeyId, m.KeyState, *m.Description)
		}
	}
	tags, err := c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: &r.id})
	if err != nil {
		return err
	}
	found := map[string]string{}
	for _, tag := range tags.Tags {
		found[*tag.TagKey] = *tag.TagValue
	}
	if !maps.Equal(found, r.tags) {
		return fmt.Errorf("tags %v, want %v", found, r.tags)
	}
	grants, err := c.ListGrants(ctx, &kms.ListGrantsInput{KeyId: &r.id})
	if err != nil {
		return err
	}
	if len(grants.Grants) != len(r.grants) || slices.ContainsFunc(grants.Grants, func(g types.GrantListEntry) bool { return !slices.Contains(r.grants, *g.GrantId) }) {
		return fmt.Errorf("%d grants, want %v", len(grants.Grants), r.grants)
	}
	policy, err := c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &r.id})
	if err != nil {
		return err
	}
	if *policy.Policy == "" || r.policy != "" && *policy.Policy != r.policy {
		return fmt.Errorf("policy %s, want %s", *policy.Policy, r.policy)
	}
	return nil
}

// listed: the key is among all keys, and its aliases are among its own and
// among all.
func (r *resource) listed(ctx context.Context, c *kms.Client) error {
	found := false
	for p := kms.NewListKeysPaginator(c, &kms.ListKeysInput{Limit: aws.Int32(1000)}); p.HasMorePages() && !found; {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		found = slices.ContainsFunc(page.Keys, func(k types.KeyListEntry) bool { return *k.KeyId == r.id })
	}
	if !found {
		return errors.New("it is not listed")
	}
	for _, filter := range []*string{&r.id, nil} {
		var aliases []string
		for p := kms.NewListAliasesPaginator(c, &kms.ListAliasesInput{KeyId: filter, Limit: aws.Int32(100)}); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, a := range page.Aliases {
				if *a.TargetKeyId == r.id {
					aliases = append(aliases, *a.AliasName)
				}
			}
		}
		if !slices.Equal(aliases, r.aliases) {
			return fmt.Errorf("aliases %v, want %v", aliases, r.aliases)
		}
	}
	return nil
}

// used: the key encrypts if it is enabled.
func (r *resource) used(ctx context.Context, c *kms.Client) error {
	want := map[types.KeyState]string{types.KeyStateDisabled: "DisabledException", types.KeyStatePendingDeletion: "KMSInvalidStateException"}[r.state]
	for _, name := range append([]string{r.id}, r.aliases...) {
		if _, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &name, Plaintext: []byte("x")}); code(err) != want {
			return fmt.Errorf("Encrypt with %s: want %q, got %w", name, want, err)
		}
	}
	return nil
}

// code is the code of AWS's error, "" for none.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}
