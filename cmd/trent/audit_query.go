package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/admin"
)

const auditQueryLong = `trent audit query finds records of the running server's audit trail, and of every
other node id whose trail is in the folder audit/ too: what was there before a
restore or --new-audit-trail, if it is still there or was copied back. A record must
have everything that the flags ask for. Records come oldest first, or with --newest
the other way round; without --limit all of them.

--key finds the calls that were about a key, and those whose caller named it so: a
key's ARN or id finds all calls that used the key, by whichever name; an alias only
those that named the alias, whichever key it stood for then. In IAM's calls it is the
name or ARN of the user, group, role or policy.

What cannot be read of the trail is named on standard error: there may have been more
records. trent audit verify says what is wrong.

--output json prints the records as they stand in the trail, in CloudTrail's shape.`

func auditQueryCommand() *cobra.Command {
	var f operatorFlags
	var q admin.AuditQuery
	var since, until string
	c := &cobra.Command{
		Use: "query", Short: "Find records of the audit trail", Long: auditQueryLong, Args: noArguments,
		Example: `  trent audit query --key alias/payroll --since 2026-11-22 --until 2026-11-22
  trent audit query --principal alice --result AccessDeniedException --newest --limit 20
  trent audit query --operation Decrypt --context ward=7 --output json | jq -r '.records[].sourceIPAddress'`,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if q.Since, err = moment(since, false); err == nil {
				q.Until, err = moment(until, true)
			}
			if err == nil && q.Limit < 0 {
				err = fmt.Errorf("--limit %d: want a number that is not negative", q.Limit)
			}
			if err != nil {
				return usageError(c, err)
			}
			return answer(c, &f, func(a *admin.Client) (admin.AuditPage, error) {
				page, err := allRecords(c.Context(), a, q)
				for _, what := range page.Damaged {
					fmt.Fprintln(c.ErrOrStderr(), clean("trent: a part of the audit trail cannot be read, records may be missing: "+what))
				}
				return page, err
			}, recordsTable)
		},
	}
	f.register(c)
	for _, flag := range []struct {
		into        *string
		name, usage string
	}{
		{&q.Key, "key", "`key` that the call was about or named: ARN, key id, or alias as named"},
		{&q.Principal, "principal", "`who` called: ARN, unique id, user name or access key id"},
		{&q.Operation, "operation", "`name` of the operation"},
		{&q.Source, "source", "`service`, as kms.amazonaws.com"},
		{&q.Result, "result", "error `code`, or Success"},
		{&q.Request, "request-id", "`id` of the request"},
		{&q.Event, "event-id", "`id` of the event"},
		{&q.Account, "account", "`account` whose record it is"},
		{&q.Region, "region", "`Region` of the call"},
		{&since, "since", "`time` from which on: 2026-11-23 or 2026-11-23T08:00:00Z"},
		{&until, "until", "`time` up to which; a day means its end"},
	} {
		c.Flags().StringVar(flag.into, flag.name, "", flag.usage)
	}
	c.Flags().StringArrayVar(&q.Context, "context", nil, "`pair` of the encryption context, key=value; may be given more than once")
	c.Flags().BoolVar(&q.Newest, "newest", false, "the newest records first")
	pageFlags(c, &q.After, &q.Limit)
	return c
}

// moment reads a time, or a day: its first or its last second.
func moment(text string, last bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		if last {
			t = t.AddDate(0, 0, 1).Add(-time.Second)
		}
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, errors.New("a time is written as 2026-11-23 or 2026-11-23T08:00:00Z, and not as " + text)
	}
	return t, nil
}

// allRecords joins pages, up to a limit.
func allRecords(ctx context.Context, a *admin.Client, q admin.AuditQuery) (all admin.AuditPage, err error) {
	limit := q.Limit
	all.Records = []json.RawMessage{}
	for {
		q.Limit = pageSize(limit, len(all.Records))
		page, err := a.AuditRecords(ctx, q)
		if err != nil {
			return all, err
		}
		all.Records, all.Next, q.After = append(all.Records, page.Records...), page.Next, page.Next
		for _, what := range page.Damaged {
			if !slices.Contains(all.Damaged, what) {
				all.Damaged = append(all.Damaged, what)
			}
		}
		if page.Next == "" || limit > 0 && len(all.Records) >= limit {
			return all, nil
		}
	}
}

// recorded is what the table shows of a record.
type recorded struct {
	EventTime       string
	EventName       string
	ErrorCode       string
	AWSRegion       string `json:"awsRegion"`
	SourceIPAddress string
	RequestID       string `json:"requestID"`
	UserIdentity    struct{ ARN, UserName, InvokedBy string }
	Resources       []struct{ ARN string }
}

func recordsTable(t *table, p admin.AuditPage) {
	t.row("TIME", "OPERATION", "RESULT", "PRINCIPAL", "RESOURCE", "SOURCE", "REQUEST")
	for _, raw := range p.Records {
		var r recorded
		if json.Unmarshal(raw, &r) != nil {
			continue
		}
		resource := ""
		if len(r.Resources) > 0 {
			resource = r.Resources[0].ARN
		}
		t.row(r.EventTime, r.EventName, first(r.ErrorCode, "Success"), first(r.UserIdentity.ARN, r.UserIdentity.UserName, r.UserIdentity.InvokedBy),
			resource, r.SourceIPAddress, r.RequestID)
	}
	more(t, p.Next)
}

// first is the first of some texts that is not empty.
func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
