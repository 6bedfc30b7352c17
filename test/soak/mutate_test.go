package soak

import (
	"context"
	"math/rand/v2"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go/middleware"
)

// mutates names the operations of the mix that change something.
var mutates = map[string]bool{
	"CreateKey": true, "UpdateKeyDescription": true, "EnableKey": true, "DisableKey": true, "ScheduleKeyDeletion": true, "CancelKeyDeletion": true,
	"PutKeyPolicy": true, "CreateAlias": true, "UpdateAlias": true, "DeleteAlias": true, "TagResource": true, "UntagResource": true,
}

// A mutation is a call, and what it makes of the model.
type mutation struct {
	op    string
	want  string // the error that has to come
	after model
	keys  []string // that it touches
	call  call
}

// mutate makes one mutation, and the next read, on another connection, sees it.
func (w *worker) mutate() {
	id := w.anyKey()
	m, ok := w.mutation(id, w.known[id])
	if !ok {
		return
	}
	switch w.do(w.id, m.op, m.want, m.call) {
	case lostConnection:
		w.perhaps = m.after
	case succeeded:
		w.known = m.after
		if rand.N(2) == 0 {
			return
		}
		through := rand.N(len(w.epoch.clients))
		for _, id := range m.keys {
			k, lost := w.observe(through, id)
			if lost || w.run.failed() {
				return
			}
			w.comparison++
			if !k.equal(w.known[id]) {
				w.run.wrong("client %d: after %s the next read, on connection %d, shows %v, want %v", w.id, m.op, through, k, w.known[id])
			}
		}
	}
}

const invalidState = "KMSInvalidStateException"

// mutation picks a mutation of a key. ok is false if chance picks one that
// makes no sense now.
func (w *worker) mutation(id string, k keyModel) (m mutation, ok bool) {
	switch n := rand.N(10); {
	case n < 3:
		return w.ofAlias(id, k)
	case n < 6:
		return w.ofTag(id, k), true
	case n == 6:
		return w.ofPolicy(id, k), true
	case n == 7 || id == w.stable:
		return w.ofDescription(id, k), true
	default:
		return w.ofState(id, k), true
	}
}

// unlessPending is the mutation that a key pending deletion refuses.
func (w *worker) unlessPending(op, id string, before, after keyModel, f call) mutation {
	m := mutation{op: op, after: w.known.with(id, after), keys: []string{id}, call: f}
	if before.state == types.KeyStatePendingDeletion {
		m.want, m.after = invalidState, w.known
	}
	return m
}

func (w *worker) ofDescription(id string, k keyModel) mutation {
	after, text := k, w.name()
	after.description = text
	return w.unlessPending("UpdateKeyDescription", id, k, after, func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: &id, Description: &text})
		if err != nil {
			return middleware.Metadata{}, err
		}
		return out.ResultMetadata, nil
	})
}

func (w *worker) ofPolicy(id string, k keyModel) mutation {
	k.policy = policyOf(w.name())
	return mutation{op: "PutKeyPolicy", after: w.known.with(id, k), keys: []string{id}, call: func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &id, Policy: &k.policy})
		if err != nil {
			return middleware.Metadata{}, err
		}
		return out.ResultMetadata, nil
	}}
}

func (w *worker) ofTag(id string, k keyModel) mutation {
	tag, value := "tag"+strconv.Itoa(rand.N(5)), w.name()
	if rand.N(3) == 0 {
		return w.unlessPending("UntagResource", id, k, k.withTag(tag, nil), func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.UntagResource(ctx, &kms.UntagResourceInput{KeyId: &id, TagKeys: []string{tag}})
			if err != nil {
				return middleware.Metadata{}, err
			}
			return out.ResultMetadata, nil
		})
	}
	return w.unlessPending("TagResource", id, k, k.withTag(tag, &value), func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.TagResource(ctx, &kms.TagResourceInput{KeyId: &id, Tags: []types.Tag{{TagKey: &tag, TagValue: &value}}})
		if err != nil {
			return middleware.Metadata{}, err
		}
		return out.ResultMetadata, nil
	})
}

// cancel is the kind of ofState that is CancelKeyDeletion.
const cancel = 4

// ofState enables, disables, schedules or cancels.
func (w *worker) ofState(id string, k keyModel) mutation {
	after := k
	kind := rand.N(5)
	if k.state == types.KeyStatePendingDeletion && rand.N(2) == 0 {
		kind = cancel // else most keys would soon be pending
	}
	switch kind {
	case 0:
		after.state = types.KeyStateDisabled
		return w.unlessPending("DisableKey", id, k, after, func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &id})
			if err != nil {
				return middleware.Metadata{}, err
			}
			return out.ResultMetadata, nil
		})
	case 1, 2:
		after.state = types.KeyStateEnabled
		return w.unlessPending("EnableKey", id, k, after, func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &id})
			if err != nil {
				return middleware.Metadata{}, err
			}
			return out.ResultMetadata, nil
		})
	case 3:
		after.state = types.KeyStatePendingDeletion
		return w.unlessPending("ScheduleKeyDeletion", id, k, after, func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &id})
			if err != nil {
				return middleware.Metadata{}, err
			}
			return out.ResultMetadata, nil
		})
	}
	after.state = types.KeyStateDisabled
	m := mutation{op: "CancelKeyDeletion", after: w.known.with(id, after), keys: []string{id}}
	if k.state != types.KeyStatePendingDeletion {
		m.want, m.after = invalidState, w.known
	}
	m.call = func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &id})
		if err != nil {
			return middleware.Metadata{}, err
		}
		return out.ResultMetadata, nil
	}
	return m
}

// maxAliases of a key that the mix makes.
const maxAliases = 4

// ofAlias creates, moves or deletes an alias.
func (w *worker) ofAlias(id string, k keyModel) (m mutation, ok bool) {
	for name := range k.aliases {
		switch rand.N(3) {
		case 0:
			// Of a key pending deletion, too.
			return mutation{op: "DeleteAlias", after: w.known.with(id, k.withAlias(name, false)), keys: []string{id}, call: func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
				out, err := c.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &name})
				if err != nil {
					return middleware.Metadata{}, err
				}
				return out.ResultMetadata, nil
			}}, true
		case 1:
			return w.moveAlias(name, id, w.anyKey())
		}
		break
	}
	if len(k.aliases) >= maxAliases {
		return mutation{}, false
	}
	name := "alias/" + w.name()
	return w.unlessPending("CreateAlias", id, k, k.withAlias(name, true), func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &name, TargetKeyId: &id})
		if err != nil {
			return middleware.Metadata{}, err
		}
		return out.ResultMetadata, nil
	}), true
}

// moveAlias points an alias to another key of the client. Only the new key's
// state counts.
func (w *worker) moveAlias(name, from, to string) (m mutation, ok bool) {
	if from == to {
		return m, false
	}
	target := w.known[to]
	m = w.unlessPending("UpdateAlias", to, target, target.withAlias(name, true), func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: &name, TargetKeyId: &to})
		if err != nil {
			return middleware.Metadata{}, err
		}
		return out.ResultMetadata, nil
	})
	if m.want == "" {
		m.after = m.after.with(from, w.known[from].withAlias(name, false))
		m.keys = []string{from, to}
	}
	return m, true
}
