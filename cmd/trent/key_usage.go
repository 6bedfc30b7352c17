package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/admin"
	"trent/internal/api"
)

const keyUsageLong = `trent key usage counts the uses of a KMS key, or of all keys, by the records of the
audit trail: calls that succeeded and calls that were refused, by who made them, by
operation, by key material, by key, or by the value of a tag of the key, for the
allocation of costs. What counts as a use is what AWS's GetKeyLastUsage tracks.

It reads each record of the period once, in memory that is bounded however many there
are: beyond 10,000 groups the rest is counted as one. Keys that are deleted have no
tags any more.`

// keyUsage are the flags of trent key usage.
type keyUsage struct {
	name         admin.KeyName
	by           string
	since, until string
}

// Groups of trent key usage. byTag is followed by the tag's name.
const (
	byPrincipal = "principal"
	byOperation = "operation"
	byMaterial  = "material"
	byKey       = "key"
	byTag       = "tag:"
)

func keyUsageCommand() *cobra.Command {
	var f operatorFlags
	var u keyUsage
	c := &cobra.Command{
		Use: "usage [KEY]", Short: "Count who uses a KMS key, for what, from the audit trail", Long: keyUsageLong, ValidArgsFunction: f.completeKeys,
		Example: `  trent key usage alias/payroll
  trent key usage 1234abcd-12ab-34cd-56ef-1234567890ab --by operation --since 2026-11-01
  trent key usage --by tag:CostCenter --since 2026-11-01 --until 2026-11-30 --output json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && args[0] == "" {
				return usageError(c, errors.New("want one key, or none for all keys"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				u.name.ID = args[0]
			}
			q, err := u.query()
			if err != nil {
				return usageError(c, err)
			}
			return answer(c, &f, func(a *admin.Client) (usageReport, error) { return u.run(c, a, q) }, usageTable)
		},
	}
	f.register(c)
	placeFlags(c, &f, &u.name.Region, &u.name.Account)
	c.Flags().StringVar(&u.by, "by", byPrincipal, "what to count `by`: principal, operation, material, key or tag:NAME")
	c.Flags().StringVar(&u.since, "since", "", "`time` from which on: 2026-11-23 or 2026-11-23T08:00:00Z; default 90 days ago")
	c.Flags().StringVar(&u.until, "until", "", "`time` up to which; a day means its end")
	return c
}

// usedDays is how far back is looked without --since.
const usedDays = 90

func (u *keyUsage) query() (q admin.AuditQuery, err error) {
	if tag, ok := strings.CutPrefix(u.by, byTag); !slices.Contains([]string{byPrincipal, byOperation, byMaterial, byKey}, u.by) && (!ok || tag == "") {
		return q, fmt.Errorf("--by %q: want principal, operation, material, key or tag:NAME", u.by)
	}
	q = admin.AuditQuery{Source: "kms.amazonaws.com", Region: u.name.Region, Limit: admin.MaxPage}
	if q.Since, err = moment(u.since, false); err != nil {
		return q, err
	}
	if u.since == "" {
		q.Since = time.Now().AddDate(0, 0, -usedDays)
	}
	q.Until, err = moment(u.until, true)
	return q, err
}

func (u *keyUsage) run(c *cobra.Command, a *admin.Client, q admin.AuditQuery) (usageReport, error) {
	counter := newUseCounter(u.by)
	if u.name.ID != "" {
		k, err := a.Key(c.Context(), u.name)
		if err != nil {
			return usageReport{}, err
		}
		q.Key, counter.key = k.ARN, k.ARN
	}
	counter.tag = func(arn string) (string, error) {
		k, err := a.Key(c.Context(), admin.KeyName{ID: arn})
		if e, ok := errors.AsType[*admin.Error](err); ok && e.Code == admin.NotFound {
			return "(deleted key)", nil
		}
		return k.Tags[strings.TrimPrefix(u.by, byTag)], err
	}
	err := counter.read(c.Context(), a, q, c.ErrOrStderr())
	return counter.report(q), err
}

// usageReport is the JSON of trent key usage.
type usageReport struct {
	Key     string     `json:"key,omitempty"`
	By      string     `json:"by"`
	Since   time.Time  `json:"since"`
	Until   time.Time  `json:"until,omitzero"`
	Records int        `json:"records"` // that were read
	Uses    []usesOf   `json:"uses"`    // most first
	Damaged []string   `json:"damaged,omitempty"`
	Last    *time.Time `json:"last,omitempty"`
}

// usesOf is a group's.
type usesOf struct {
	Group     string    `json:"group"`
	Succeeded int       `json:"succeeded"`
	Decrypts  int       `json:"decrypts"` // of those: Decrypt, and ReEncrypt from the key
	Refused   int       `json:"refused"`
	Last      time.Time `json:"last"`
}

// useCounter counts the uses that records show.
type useCounter struct {
	by      string
	key     string // ARN; "": all
	tag     func(arn string) (string, error)
	tags    map[string]string // of keys, by ARN
	uses    map[string]*usesOf
	tracked map[string]bool
	records int
	damaged []string
}

// maxGroups bounds what is counted apart.
const (
	maxGroups = 10_000
	theRest   = "(others)"
)

func newUseCounter(by string) *useCounter {
	u := &useCounter{by: by, tags: map[string]string{}, uses: map[string]*usesOf{}, tracked: map[string]bool{}}
	for _, name := range api.KeyLastUsageTrackingOperationValues() {
		u.tracked[name] = true
	}
	return u
}

// usedRecord is what is read of a record.
type usedRecord struct {
	EventTime           time.Time
	EventName           string
	ErrorCode           string
	UserIdentity        struct{ ARN, InvokedBy string }
	Resources           []struct{ ARN string }
	AdditionalEventData struct{ KeyMaterialID, SourceKeyMaterialID, DestinationKeyMaterialID string }
}

// read counts what a query finds, page by page.
func (u *useCounter) read(ctx context.Context, a *admin.Client, q admin.AuditQuery, progress io.Writer) error {
	for {
		page, err := a.AuditRecords(ctx, q)
		if err != nil {
			return err
		}
		for _, raw := range page.Records {
			var r usedRecord
			if json.Unmarshal(raw, &r) != nil || !u.tracked[r.EventName] || r.ErrorCode == "DryRunOperationException" {
				continue
			}
			if err := u.add(&r); err != nil {
				return err
			}
		}
		u.records += len(page.Records)
		for _, what := range page.Damaged {
			if !slices.Contains(u.damaged, what) {
				u.damaged = append(u.damaged, what)
				fmt.Fprintln(progress, clean("trent: the audit trail is damaged, records may be missing: "+what))
			}
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
		fmt.Fprintf(progress, "\rkey usage: %d records", u.records)
	}
}

// add counts a record, of a ReEncrypt with both keys for each.
func (u *useCounter) add(r *usedRecord) error {
	for i, resource := range r.Resources {
		if u.key != "" && resource.ARN != u.key || !strings.Contains(resource.ARN, ":key/") {
			continue
		}
		group, err := u.group(r, i)
		if err != nil {
			return err
		}
		n := u.uses[group]
		if n == nil && len(u.uses) >= maxGroups {
			group = theRest
			n = u.uses[group]
		}
		if n == nil {
			n = &usesOf{Group: group}
			u.uses[group] = n
		}
		switch {
		case r.ErrorCode != "":
			n.Refused++
			continue
		case r.EventName == "Decrypt", r.EventName == "ReEncrypt" && i == 0:
			n.Decrypts++
		}
		n.Succeeded++
		if r.EventTime.After(n.Last) {
			n.Last = r.EventTime
		}
	}
	return nil
}

// group is what a use of a record's i-th key is counted by.
func (u *useCounter) group(r *usedRecord, i int) (string, error) {
	arn := r.Resources[i].ARN
	switch u.by {
	case byPrincipal:
		return first(r.UserIdentity.ARN, r.UserIdentity.InvokedBy), nil
	case byOperation:
		return r.EventName, nil
	case byKey:
		return arn, nil
	case byMaterial:
		if r.EventName != "ReEncrypt" {
			return r.AdditionalEventData.KeyMaterialID, nil
		}
		return [...]string{r.AdditionalEventData.SourceKeyMaterialID, r.AdditionalEventData.DestinationKeyMaterialID}[min(i, 1)], nil
	}
	value, known := u.tags[arn]
	if known {
		return value, nil
	}
	value, err := u.tag(arn)
	if err == nil && len(u.tags) < maxGroups {
		u.tags[arn] = value
	}
	return value, err
}

// report puts the groups in order.
func (u *useCounter) report(q admin.AuditQuery) usageReport {
	out := usageReport{Key: u.key, By: u.by, Since: q.Since.UTC().Truncate(time.Second), Until: q.Until, Records: u.records, Uses: []usesOf{}, Damaged: u.damaged}
	for _, n := range u.uses {
		out.Uses = append(out.Uses, *n)
		if out.Last == nil || n.Last.After(*out.Last) {
			out.Last = &n.Last
		}
	}
	slices.SortFunc(out.Uses, func(a, b usesOf) int {
		if d := b.Succeeded + b.Refused - a.Succeeded - a.Refused; d != 0 {
			return d
		}
		return strings.Compare(a.Group, b.Group)
	})
	return out
}

func usageTable(t *table, r usageReport) {
	t.row(strings.ToUpper(r.By), "USES", "DECRYPTS", "REFUSED", "LAST")
	for _, n := range r.Uses {
		t.row(first(n.Group, "(none)"), n.Succeeded, n.Decrypts, n.Refused, lastOf(n.Last))
	}
}

// lastOf is a time, or nothing.
func lastOf(at time.Time) any {
	if at.IsZero() {
		return ""
	}
	return at
}
