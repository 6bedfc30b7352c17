package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"trent/internal/admin"
	"trent/internal/arn"
	"trent/internal/domains"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

// Keys lists KMS keys in order of Region, account and key id.
func (n *Node) Keys(ctx context.Context, q admin.KeyQuery) (admin.KeyPage, error) {
	if err := n.errStarting(); err != nil {
		return admin.KeyPage{}, err
	}
	regions, err := n.regions(q.Region)
	if err != nil {
		return admin.KeyPage{}, err
	}
	if err := checkFilters(q); err != nil {
		return admin.KeyPage{}, err
	}
	l := lister{Node: n, query: q, limit: pageLimit(q.Limit), page: admin.KeyPage{Keys: []admin.Key{}}}
	if q.After != "" {
		if l.after, err = keyPosition(q.After); err != nil {
			return admin.KeyPage{}, err
		}
	}
	for _, region := range regions {
		if more, err := l.region(ctx, region); err != nil || more {
			return l.page, err
		}
	}
	return l.page, nil
}

// checkFilters refuses what no key can have, so that a mistake is not an empty
// list.
func checkFilters(q admin.KeyQuery) error {
	if q.Account != "" && !arn.ValidAccount(q.Account) {
		return admin.Errorf(admin.InvalidRequest, "account %q: want 12 digits", q.Account)
	}
	states := key.AllStates()
	if q.State != "" && !slices.Contains(states, key.State(q.State)) {
		return admin.Errorf(admin.InvalidRequest, "state %q: want one of %v", q.State, states)
	}
	return nil
}

// regions returns the Region of that name if it is held, or, of no name, all of
// them.
func (n *Node) regions(name string) ([]string, error) {
	if name == "" {
		names := slices.DeleteFunc(n.Domains.Names(), func(name string) bool { return name == domains.Global })
		slices.Sort(names)
		return names, nil
	}
	if name == domains.Global || n.Domains.Held(name) == nil {
		return nil, admin.Errorf(admin.NotFound, "this service does not hold the Region %q", name)
	}
	return []string{name}, nil
}

// A lister makes one page of keys.
type lister struct {
	*Node
	query   admin.KeyQuery
	limit   int
	after   []byte // store key of the last key before the page
	scanned int
	page    admin.KeyPage
}

// rowsRead is how many rows are read at a time.
const rowsRead = 200

// region adds a Region's keys; more says that the page has ended before they
// have.
func (l *lister) region(ctx context.Context, region string) (more bool, err error) {
	prefix := record.AllKeyPrefix(region)
	if l.query.Account != "" {
		prefix = record.KeyPrefix(region, l.query.Account)
	}
	from, end := prefix, record.PrefixEnd(prefix)
	if bytes.Compare(l.after, from) >= 0 {
		from = append(bytes.Clone(l.after), 0)
	}
	for bytes.Compare(from, end) < 0 {
		rows, further, _, err := l.store.Range(ctx, from, end, rowsRead)
		if err != nil {
			return false, err
		}
		for i, row := range rows {
			position, err := l.add(ctx, row)
			if err != nil {
				return false, err
			}
			if l.scanned++; len(l.page.Keys) == l.limit || l.scanned == admin.MaxScanned {
				if further || i < len(rows)-1 || !l.last(region) {
					l.page.Next = position
				}
				return true, nil
			}
		}
		if !further {
			return false, nil
		}
		from = append(bytes.Clone(rows[len(rows)-1].Key), 0)
	}
	return false, nil
}

// last reports whether no Region that is asked for follows.
func (l *lister) last(region string) bool {
	regions, _ := l.regions(l.query.Region)
	return len(regions) == 0 || regions[len(regions)-1] == region
}

// add adds a key that the query asks for, and returns its position.
func (l *lister) add(ctx context.Context, row store.KV) (position string, err error) {
	p, ok := record.ParsePath(row.Key)
	if !ok {
		return "", fmt.Errorf("key %q: %w", row.Key, record.ErrTampered)
	}
	position = p.Region + "/" + p.Account + "/" + p.KeyID
	records, err := l.records(ctx, p.Region)
	if err != nil {
		return "", err
	}
	var r record.Key
	if _, err := records.Open(row.Key, row.Value, record.TypeKey, &r); err != nil {
		return "", altered(position, err)
	}
	if r.State == record.StateDeleting || l.query.State != "" && r.State != l.query.State {
		return position, nil
	}
	l.page.Keys = append(l.page.Keys, described(l.keys.Snapshot(p.Region, p.Account, p.KeyID, &r)))
	return position, nil
}

// altered tells an operator which record is not what the service has written.
func altered(position string, err error) error {
	if errors.Is(err, record.ErrTampered) {
		return admin.Errorf(admin.Internal, "the records of key %s are not what the service has written: %v", position, err)
	}
	return err
}

// keyPosition reads a page's Next.
func keyPosition(s string) ([]byte, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 || slices.Contains(parts, "") {
		return nil, admin.Errorf(admin.InvalidRequest, "after %q: want the end of the page before", s)
	}
	return record.KeyPath(parts[0], parts[1], parts[2]), nil
}

// described is a key as operators see it.
func described(k *key.Key) admin.Key {
	d := admin.Key{
		Region: k.Region, Account: k.Account, ID: k.ID, ARN: k.ARN, State: string(k.State), Spec: string(k.Spec),
		Usage: string(k.Usage), Origin: string(k.Origin), MultiRegion: k.MultiRegion, Description: k.Description, Created: k.Created,
	}
	if !k.DeletionDate.IsZero() {
		date := k.DeletionDate
		d.DeletionDate = &date
	}
	return d
}

// Key describes one KMS key, which its id or alias must name alone.
func (n *Node) Key(ctx context.Context, q admin.KeyName) (admin.KeyDetail, error) {
	k, err := n.findKey(ctx, q)
	if err != nil {
		return admin.KeyDetail{}, err
	}
	return n.detail(ctx, k)
}

// findKey finds the one key that an operator names.
func (n *Node) findKey(ctx context.Context, q admin.KeyName) (*key.Key, error) {
	if err := n.errStarting(); err != nil {
		return nil, err
	}
	id := arn.Parse(q.ID)
	if id.Kind == arn.InvalidKeyID || id.Kind == arn.InvalidARN {
		return nil, admin.Errorf(admin.InvalidRequest, "%q is no key id, key ARN, alias name or alias ARN", q.ID)
	}
	if id.Region != "" {
		q.Region, q.Account = id.Region, id.Account
	}
	if err := checkFilters(admin.KeyQuery{Account: q.Account}); err != nil {
		return nil, err
	}
	regions, err := n.regions(q.Region)
	if err != nil {
		return nil, err
	}
	accounts := []string{q.Account}
	if q.Account == "" {
		if accounts, err = n.accountIDs(ctx); err != nil {
			return nil, err
		}
	}
	var found []*key.Key
	for _, region := range regions {
		for _, account := range accounts {
			k, err := n.keyNamed(ctx, region, account, id)
			if err == nil {
				found = append(found, k)
			} else if !errors.Is(err, keydir.ErrNotFound) {
				return nil, altered(region+"/"+account+"/"+id.ID, err)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, admin.Errorf(admin.NotFound, "there is no such key: %s", q.ID)
	case 1:
		return found[0], nil
	default:
		return nil, admin.Errorf(admin.Ambiguous, "%d keys have that name, %s and %s among them: say which Region and account", len(found), found[0].ARN, found[1].ARN)
	}
}

// accountIDs lists all accounts.
func (n *Node) accountIDs(ctx context.Context) (ids []string, err error) {
	after := ""
	for more := true; more; {
		page, further, err := n.Identity.ListAccounts(ctx, after, admin.MaxPage)
		if err != nil {
			return nil, err
		}
		for _, a := range page {
			ids, after = append(ids, a.ID), a.ID
		}
		more = further
	}
	return ids, nil
}

// keyNamed finds a key in a Region and account, or returns keydir.ErrNotFound.
func (n *Node) keyNamed(ctx context.Context, region, account string, id arn.Identifier) (*key.Key, error) {
	keyID := id.ID
	if id.Kind == arn.AliasName || id.Kind == arn.AliasARN {
		a, err := n.keys.Alias(ctx, region, account, id.ID)
		if err != nil {
			return nil, err
		}
		keyID = a.KeyID
	}
	return n.keys.Key(ctx, region, account, keyID)
}

// maxAliases bounds how many aliases of a key are shown: twice AWS's quota.
const maxAliases = 100

// detail adds what stands beside a key's record.
func (n *Node) detail(ctx context.Context, k *key.Key) (admin.KeyDetail, error) {
	shown, err := policy.Show(ctx, k.Policy, k.Rules.Bound(), n.Identity.Resolve)
	if err != nil {
		return admin.KeyDetail{}, err
	}
	d := admin.KeyDetail{Key: described(k), Policy: shown, Aliases: []string{}, Tags: map[string]string{}, Materials: []admin.Material{}}
	prefix := record.AliasOfKeyPrefix(k.Region, k.Account, k.ID)
	rows, _, _, err := n.store.Range(ctx, prefix, record.PrefixEnd(prefix), maxAliases)
	if err != nil {
		return d, err
	}
	for _, row := range rows {
		d.Aliases = append(d.Aliases, "alias/"+string(row.Key[len(prefix):]))
	}
	records, err := n.records(ctx, k.Region)
	if err != nil {
		return d, err
	}
	kv, _, err := n.store.Get(ctx, record.TagsPath(k.Region, k.Account, k.ID))
	if err == nil {
		var t record.Tags
		if _, err := records.Open(kv.Key, kv.Value, record.TypeTags, &t); err != nil {
			return d, altered(k.ARN, err)
		}
		d.Tags = t.Tags
	} else if !errors.Is(err, store.ErrNotFound) {
		return d, err
	}
	if err := n.use(ctx, k, &d); err != nil {
		return d, err
	}
	return d, n.materials(ctx, k, &d)
}

// materials adds a key's materials.
func (n *Node) materials(ctx context.Context, k *key.Key, d *admin.KeyDetail) error {
	r, _, ok, err := n.keys.Record(ctx, k)
	if err != nil {
		return altered(k.ARN, err)
	}
	if !ok {
		return admin.Errorf(admin.Unavailable, "the key has just changed: ask again")
	}
	for i, m := range k.Materials {
		shown := admin.Material{ID: m.Text, Current: i == k.Current, Generation: m.Generation}
		if i < len(r.Materials) && r.Materials[i].CreatedMs != 0 {
			created := time.UnixMilli(r.Materials[i].CreatedMs).UTC()
			shown.Created = &created
		}
		d.Materials = append(d.Materials, shown)
	}
	return nil
}
