package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/admin"
)

const keyDeleteLong = `trent key delete shows who uses a KMS key, asks whether it is really to go, and
schedules its deletion, as ScheduleKeyDeletion does. From then on every use of the key
is refused, recorded and counted (trent key show), until CancelKeyDeletion or the end
of the waiting period, when its material is destroyed for good: what it has encrypted
can never be read again.

It shows the key's last use, the calls of the last 90 days by who made them, how many
of them decrypted, its aliases and grants, and its replicas. Consider trent key
brownout first.

To go on, type the key's id. With --yes, for scripts, nothing is shown or asked.`

func keyDeleteCommand() *cobra.Command {
	var f operatorFlags
	var in admin.DeleteKey
	var yes bool
	c := &cobra.Command{
		Use: "delete KEY", Short: "Show who uses a KMS key, and schedule its deletion", Long: keyDeleteLong, ValidArgsFunction: f.completeKeys,
		Example: `  trent key delete alias/old-payroll
  trent key delete 1234abcd-12ab-34cd-56ef-1234567890ab --days 30 --yes --output json`,
		Args: oneKey,
		RunE: func(c *cobra.Command, args []string) error {
			if in.Days < 7 || in.Days > 30 {
				return usageError(c, fmt.Errorf("--days %d: want 7 to 30", in.Days))
			}
			in.Key = args[0]
			return answer(c, &f, func(a *admin.Client) (admin.Key, error) { return deleteKey(c, a, in, yes) }, func(t *table, k admin.Key) {
				t.row("ARN", k.ARN)
				t.row("state", k.State)
				if k.DeletionDate != nil {
					t.row("deletion date", k.DeletionDate)
				}
			})
		},
	}
	f.register(c)
	placeFlags(c, &f, &in.Region, &in.Account)
	c.Flags().IntVar(&in.Days, "days", 30, "waiting period in `days`, 7 to 30")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// oneKey is for commands that take a key.
func oneKey(c *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return usageError(c, errors.New("want one key id, key ARN, alias name or alias ARN"))
	}
	return nil
}

// deleteKey shows and asks, if it is to, and schedules.
func deleteKey(c *cobra.Command, a *admin.Client, in admin.DeleteKey, yes bool) (admin.Key, error) {
	k, err := a.Key(c.Context(), admin.KeyName{ID: in.Key, Region: in.Region, Account: in.Account})
	if err != nil {
		return admin.Key{}, err
	}
	if !yes {
		if err := confirmDeletion(c, a, &k, in.Days); err != nil {
			return admin.Key{}, err
		}
	}
	in.Key = k.ARN // what was shown, whatever its alias means by now
	return a.DeleteKey(c.Context(), in)
}

// confirmDeletion shows who uses a key, and asks.
func confirmDeletion(c *cobra.Command, a *admin.Client, k *admin.KeyDetail, days int) error {
	counter := newUseCounter(byPrincipal)
	counter.key = k.ARN
	q := admin.AuditQuery{Source: "kms.amazonaws.com", Key: k.ARN, Since: time.Now().AddDate(0, 0, -usedDays), Limit: admin.MaxPage}
	if err := counter.read(c.Context(), a, q, c.ErrOrStderr()); err != nil {
		return err
	}
	if err := show(c.ErrOrStderr(), outputTable, deletionShown{*k, counter.report(q)}, deletionTable); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "\nType the key's id to schedule its deletion in %d days: ", days)
	line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != k.ID {
		return errors.New("that is not the key's id: nothing was done")
	}
	return nil
}

// deletionShown is what an operator is shown before.
type deletionShown struct {
	key  admin.KeyDetail
	uses usageReport
}

func deletionTable(t *table, d deletionShown) {
	keyUseRows(t, d.key)
	t.row("grants", d.key.Grants.N)
	for i, name := range d.key.Aliases {
		t.row(once(i, "aliases"), name)
	}
	for i, region := range d.key.Replicas {
		t.row(once(i, "replicas"), region)
	}
	t.row()
	if len(d.uses.Uses) == 0 {
		t.row(fmt.Sprintf("The audit trail has no use of it in the last %d days.", usedDays))
		return
	}
	t.row(fmt.Sprintf("uses in the last %d days:", usedDays))
	usageTable(t, d.uses)
}

// keyUseRows are the rows of a key that tell of its use.
func keyUseRows(t *table, k admin.KeyDetail) {
	t.row("ARN", k.ARN)
	t.row("state", k.State)
	if u := k.LastUse; u != nil {
		t.row("last use", fmt.Sprintf("%s, %s (event %s)", cell(u.Time), u.Operation, u.EventID))
	} else {
		t.row("last use", "none since "+cell(k.UsesSince))
	}
	if r := k.Refused; r != nil {
		t.row("refused uses", fmt.Sprintf("%d, the last at %s: %s by %s", r.Count, cell(r.Time), r.Operation, r.By))
	}
	if b := k.BrownOut; b != nil {
		t.row("brown-out", fmt.Sprintf("%d %% of its uses are refused until %s", b.Percent, cell(b.Until)))
	}
}

const keyBrownoutLong = `trent key brownout has a share of the uses of a KMS key refused for a while, so that
who still needs the key notices before it is deleted, when it can be undone at once.
The refused calls get KMSInvalidStateException, as of a key that waits for its
deletion; each is recorded and counted (trent key show). It holds from the next request
on, outlives restarts, and ends by itself.`

func keyBrownoutCommand() *cobra.Command {
	var f operatorFlags
	var in admin.BrownOutKey
	var off bool
	var lasts time.Duration
	c := &cobra.Command{
		Use: "brownout KEY", Short: "Refuse a share of a KMS key's uses for a while", Long: keyBrownoutLong, ValidArgsFunction: f.completeKeys,
		Example: `  trent key brownout alias/old-payroll --percent 1
  trent key brownout alias/old-payroll --percent 100 --for 10m
  trent key brownout alias/old-payroll --off`,
		Args: oneKey,
		RunE: func(c *cobra.Command, args []string) error {
			if off == (in.Percent != 0) || !off && (in.Percent < 1 || in.Percent > 100 || lasts < time.Second || lasts > 30*24*time.Hour) {
				return usageError(c, errors.New("want --percent 1 to 100, for at most 30 days, or --off"))
			}
			in.Key, in.Seconds = args[0], int(lasts/time.Second)
			return answer(c, &f, func(a *admin.Client) (admin.KeyDetail, error) { return a.BrownOutKey(c.Context(), in) }, keyUseRows)
		},
	}
	f.register(c)
	placeFlags(c, &f, &in.Region, &in.Account)
	c.Flags().IntVar(&in.Percent, "percent", 0, "`share` of the uses to refuse, 1 to 100")
	c.Flags().DurationVar(&lasts, "for", time.Hour, "how `long`, at most 720h")
	c.Flags().BoolVar(&off, "off", false, "end the brown-out")
	return c
}
