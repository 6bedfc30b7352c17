package soak

import (
	"context"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go/middleware"

	"trent/test/harness"
)

// A model is what the server has acknowledged of a client's keys, by key id.
type model map[string]keyModel

// A keyModel is a key as its client knows it. Its maps are never changed once
// they stand in a model.
type keyModel struct {
	state       types.KeyState
	description string
	policy      string
	tags        map[string]string
	aliases     map[string]bool
}

// with is the model with another state of one key.
func (m model) with(id string, k keyModel) model {
	next := maps.Clone(m)
	next[id] = k
	return next
}

func (k keyModel) equal(o keyModel) bool {
	return k.state == o.state && k.description == o.description && k.policy == o.policy && maps.Equal(k.tags, o.tags) && maps.Equal(k.aliases, o.aliases)
}

// withAlias is the key with an alias more, or less.
func (k keyModel) withAlias(name string, has bool) keyModel {
	k.aliases = maps.Clone(k.aliases)
	if has {
		k.aliases[name] = true
	} else {
		delete(k.aliases, name)
	}
	return k
}

// withTag is the key with a tag set, or removed if value is nil.
func (k keyModel) withTag(tag string, value *string) keyModel {
	k.tags = maps.Clone(k.tags)
	if value != nil {
		k.tags[tag] = *value
	} else {
		delete(k.tags, tag)
	}
	return k
}

// policyOf is a key policy that allows what the default one does, and can be told
// from every other.
func policyOf(name string) string {
	return `{"Version":"2012-10-17","Id":"` + name + `","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + harness.Account +
		`:root"},"Action":"kms:*","Resource":"*"}]}`
}

// observe reads everything that a model says of a key. lost says that not all
// answers came; there is nothing to compare then.
func (w *worker) observe(through int, id string) (k keyModel, lost bool) {
	k = keyModel{tags: map[string]string{}, aliases: map[string]bool{}}
	for _, read := range []struct {
		op   string
		call call
	}{
		{"DescribeKey", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
			if err != nil {
				return middleware.Metadata{}, err
			}
			m := out.KeyMetadata
			k.state, k.description = m.KeyState, aws.ToString(m.Description)
			if aws.ToString(m.KeyId) != id || m.Enabled != (m.KeyState == types.KeyStateEnabled) {
				return out.ResultMetadata, fmt.Errorf("%w: key %s is described as %v", errWrong, id, m)
			}
			return out.ResultMetadata, nil
		}},
		{"GetKeyPolicy", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &id})
			if err != nil {
				return middleware.Metadata{}, err
			}
			k.policy = aws.ToString(out.Policy)
			return out.ResultMetadata, nil
		}},
		{"ListResourceTags", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: &id})
			if err != nil {
				return middleware.Metadata{}, err
			}
			for _, tag := range out.Tags {
				k.tags[*tag.TagKey] = *tag.TagValue
			}
			return out.ResultMetadata, nil
		}},
		{"ListAliases", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: &id})
			if err != nil {
				return middleware.Metadata{}, err
			}
			for _, alias := range out.Aliases {
				if aws.ToString(alias.TargetKeyId) != id {
					return out.ResultMetadata, fmt.Errorf("%w: among the aliases of %s is %v", errWrong, id, alias)
				}
				k.aliases[*alias.AliasName] = true
			}
			return out.ResultMetadata, nil
		}},
	} {
		if w.insist(through, read.op, read.call) != succeeded {
			return k, true
		}
	}
	return k, false
}

// verify holds all keys of the client against its model. After a restart the
// last mutation, whose answer never came, may have happened or not; once it is
// known which, it stays so.
func (w *worker) verify() {
	observed := model{}
	for id := range w.known {
		k, lost := w.observe(w.id, id)
		if lost {
			return // the next server will be asked
		}
		observed[id] = k
	}
	switch {
	case maps.EqualFunc(observed, w.known, keyModel.equal):
	case w.perhaps != nil && maps.EqualFunc(observed, w.perhaps, keyModel.equal):
		w.known = w.perhaps
	default:
		w.run.wrong("client %d knows\n%v\nor perhaps\n%v\nthe server says\n%v", w.id, w.known, w.perhaps, observed)
	}
	w.perhaps, w.verified = nil, w.epoch
}
