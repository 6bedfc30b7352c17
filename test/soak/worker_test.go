package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// A worker is one client on one connection. It alone changes its keys, so it
// knows what it must find.
type worker struct {
	run *run
	id  int

	epoch    *epoch // the server it speaks to
	verified *epoch // the server that it has held against its model
	known    model
	perhaps  model // known with the mutation whose answer never came; nil if there is none
	stable   string
	blobs    []sealed // the last ciphertexts of its keys
	special  *special // its key of another kind; nil before it has one
	names    int      // that it has used for aliases and descriptions

	made       int               // keys it asked for without an answer
	mutations  map[string]string // request id of each acknowledged mutation to its operation
	succeeded  map[string]int    // by operation
	refused    int               // because the module was away
	cutOff     int               // by a restart
	comparison int               // of the next read with the model
}

// A call is one call of the SDK.
type call func(ctx context.Context, c *kms.Client) (middleware.Metadata, error)

// errWrong marks answers that are not true.
var errWrong = errors.New("wrong answer")

// A verdict is what became of a call.
type verdict int

const (
	succeeded      verdict = iota
	asRefused              // with the error that had to come
	moduleAway             // ServiceUnavailableException: nothing was done
	lostConnection         // the server was restarted: nobody knows
	stopped                // something was wrong, and the run ends
)

// work makes calls until the run ends, and holds its keys against the model
// whenever the server is another one, and at the end.
func (w *worker) work() {
	for !w.run.failed() {
		e := w.run.epoch.Load()
		w.epoch = e
		if e.ending.Load() {
			select {
			case <-e.over:
			case <-w.run.ctx.Done():
				return
			}
			continue
		}
		if w.verified != e {
			w.verify()
			continue
		}
		select {
		case <-w.run.enough:
			w.verified = nil
			w.verify()
			return
		default:
			w.next()
		}
	}
}

// do makes a call through a client's connection. want is the code of the error
// that has to come, "" for success. Whatever else comes is wrong, unless the
// module was away or the server was being restarted.
func (w *worker) do(through int, op, want string, f call) verdict {
	back := w.run.back.Load()
	meta, err := f(w.run.ctx, w.epoch.clients[through])
	var answer smithy.APIError
	switch {
	case err == nil && want == "":
		w.succeeded[op]++
		if mutates[op] {
			id, _ := awsmiddleware.GetRequestIDMetadata(meta)
			w.mutations[id] = op
		}
		return succeeded
	case w.run.failed():
		return stopped
	case errors.Is(err, errWrong) || err == nil:
	case errors.As(err, &answer):
		if want != "" && answer.ErrorCode() == want {
			return asRefused
		}
		if answer.ErrorCode() == "ServiceUnavailableException" && w.run.gone.Load() > back {
			w.refused++
			w.pause()
			return moduleAway
		}
	case w.epoch.ending.Load():
		w.cutOff++
		return lostConnection
	}
	w.run.wrong("client %d: %s: want %q, got %v", w.id, op, want, err)
	return stopped
}

// insist is do for a call that must succeed, once the module is back.
func (w *worker) insist(through int, op string, f call) verdict {
	for {
		if v := w.do(through, op, "", f); v != moduleAway {
			return v
		}
	}
}

// pause waits a little before a refused client tries again.
func (w *worker) pause() {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-w.run.ctx.Done():
	}
}

// next makes one call, of a kind that chance picks.
func (w *worker) next() {
	switch n := rand.N(100); {
	case w.stable == "" || n < 2 && len(w.known) < w.run.keys:
		w.create()
	case n < 50:
		w.crypto()
	case n < 60:
		w.asymmetric()
	case n < 72:
		id := w.anyKey()
		if k, lost := w.observe(w.id, id); !lost && !w.run.failed() && !k.equal(w.known[id]) {
			w.run.wrong("client %d: key %s is %v, want %v", w.id, id, k, w.known[id])
		}
	case n < 99:
		w.mutate()
	default:
		w.list()
	}
}

func (w *worker) anyKey() string {
	n := rand.N(len(w.known))
	for id := range w.known {
		if n--; n < 0 {
			return id
		}
	}
	panic("a worker without keys") // create comes first
}

// name is a name that no other mutation of the run has.
func (w *worker) name() string {
	w.names++
	return fmt.Sprintf("%d-%d", w.id, w.names)
}

// create makes a key. The worker's first one is stable: it is enabled for ever,
// and others use its ciphertexts.
func (w *worker) create() {
	var created string
	description := w.name()
	policy := policyOf(description)
	v := w.do(w.id, "CreateKey", "", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.CreateKey(ctx, &kms.CreateKeyInput{Description: &description, Policy: &policy})
		if err != nil {
			return middleware.Metadata{}, err
		}
		created = *out.KeyMetadata.KeyId
		return out.ResultMetadata, nil
	})
	switch v {
	case lostConnection:
		w.made++
	case succeeded:
		w.known = w.known.with(created, keyModel{state: "Enabled", description: description, policy: policy, tags: map[string]string{}, aliases: map[string]bool{}})
		if w.stable == "" {
			w.stable = created
		}
	}
}

// list walks a listing to its end: every key or alias of the client is in it
// once, in order.
func (w *worker) list() {
	var found []string
	op, want := "ListKeys", w.keyIDs()
	if rand.N(2) == 0 {
		op, want = "ListAliases", w.aliasNames()
	}
	for marker := (*string)(nil); ; {
		var more bool
		v := w.insist(w.id, op, func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			page, next, meta, err := listPage(ctx, c, op, marker)
			if err == nil {
				found, marker, more = append(found, page...), next, next != nil
			}
			return meta, err
		})
		if v != succeeded {
			return
		}
		if !more {
			break
		}
	}
	if !slices.IsSorted(found) || len(slices.Compact(slices.Clone(found))) != len(found) {
		w.run.wrong("client %d: %s is out of order: %v", w.id, op, found)
	}
	for _, name := range want {
		if _, ok := slices.BinarySearch(found, name); !ok {
			w.run.wrong("client %d: %s lacks %s", w.id, op, name)
		}
	}
}

// listPage reads one page of the account's keys or aliases.
func listPage(ctx context.Context, c *kms.Client, op string, marker *string) (page []string, next *string, meta middleware.Metadata, err error) {
	limit := int32(100)
	if op == "ListKeys" {
		limit = 1000
		out, err := c.ListKeys(ctx, &kms.ListKeysInput{Limit: &limit, Marker: marker})
		if err != nil {
			return nil, nil, meta, err
		}
		for _, k := range out.Keys {
			page = append(page, *k.KeyId)
		}
		return page, out.NextMarker, out.ResultMetadata, nil
	}
	out, err := c.ListAliases(ctx, &kms.ListAliasesInput{Limit: &limit, Marker: marker})
	if err != nil {
		return nil, nil, meta, err
	}
	for _, a := range out.Aliases {
		page = append(page, strings.TrimPrefix(*a.AliasName, "alias/"))
	}
	return page, out.NextMarker, out.ResultMetadata, nil
}

func (w *worker) keyIDs() (ids []string) {
	for id := range w.known {
		ids = append(ids, id)
	}
	return ids
}

func (w *worker) aliasNames() (names []string) {
	for _, k := range w.known {
		for name := range k.aliases {
			names = append(names, strings.TrimPrefix(name, "alias/"))
		}
	}
	return names
}
