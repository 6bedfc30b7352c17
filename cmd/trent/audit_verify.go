package main

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/audit"
	"trent/internal/destruction"
	"trent/internal/digest"
)

const auditVerifyLong = `trent audit verify reads the audit trail in a folder, or a copy of it, without a
server, and checks every record: its checksum, the chain of hashes, and the signed
digests. It finds what was changed, taken out, put in or moved, and segments that
are missing, up to the last digest; records behind that are named as not signed
yet. Exit status 1 says that something is wrong.

Give the public keys with --public-key (trent audit keys prints them). Without,
the copies beside the trail are used, which an editor of the trail can replace.

A trail that was begun in another's place, because that was lost or the service
restored, says so; the other's records are where its trail is.

Whether the end of the trail was cut off shows only by something that is kept
elsewhere: --head takes a record's node, number and hash, as trent status prints
them, a digest's file, or a checkpoint (trent audit checkpoint). With --witness the
checkpoint must be signed by those who have seen it: then no record up to it can
have been changed or removed, by whoever has the trail's own keys either; records in
encrypted segments only as far as they are opened, with --recovery-key.

The destruction of a key's material is signed by itself as well, and is verified
wherever its record stands.

With --absent NAME the command proves that no call of that name was recorded
between --since and --until, which the digests must cover. Records of that time that
tell of many calls at once, and may mean such, leave it unproven.

Segments that are encrypted are verified as they are stored, against what a digest
says of them, without a key. With --recovery-key each record in them is, too, and
--absent wants it.`

// auditVerify are the flags of trent audit verify.
type auditVerify struct {
	keys, heads  []string
	logs         string
	witness      witnesses
	from         []string
	approvedOnly bool
	recovery     string
	absent       string
	since, until string
	output       string
}

func auditVerifyCommand() *cobra.Command {
	var v auditVerify
	c := &cobra.Command{
		Use: "verify FOLDER", Short: "Verify an audit trail offline", Long: auditVerifyLong, Args: oneFolder,
		Example: `  trent audit verify /var/lib/trent/audit --public-key trent-audit-keys.pem
  trent audit verify ./copy --public-key keys.pem --head 0a1b…:1234:9f8e… --output json
  trent audit verify ./copy --public-key keys.pem --head checkpoint --witness witness.example/w1+a5bf2f37+BK…
  trent audit verify ./copy --public-key keys.pem --absent ScheduleKeyDeletion --since 2026-11-01T00:00:00Z --until 2026-11-02T00:00:00Z`,
		RunE: func(c *cobra.Command, args []string) error { return v.run(c, args[0]) },
	}
	c.Flags().StringArrayVar(&v.keys, "public-key", nil, "`file` of trusted public keys, PEM; may be given more than once")
	c.Flags().StringArrayVar(&v.heads, "head", nil, "`record` that is known to have been there: NODE:NUMBER:HASH, or the file of a digest or a checkpoint")
	v.witness.register(c)
	c.Flags().StringVar(&v.logs, "log", "", "`folder` of the transparency logs, for a checkpoint of records that were moved away; default audit-tlog beside FOLDER")
	c.Flags().StringArrayVar(&v.from, "from", nil, "first record that must be there, as older segments were moved away: `NODE:NUMBER`, or NUMBER if the folder has one node; may be given more than once")
	c.Flags().BoolVar(&v.approvedOnly, "approved-only", false, "take digests without an ML-DSA signature: fips: strict was on, now or once")
	c.Flags().StringVar(&v.recovery, "recovery-key", "", "`file` of the private recovery key, to verify the records in encrypted segments")
	c.Flags().StringVar(&v.absent, "absent", "", "prove that no call of this `name` was recorded")
	c.Flags().StringVar(&v.since, "since", "", "`time` from which on, RFC 3339; empty is the trail's begin")
	c.Flags().StringVar(&v.until, "until", "", "`time` up to which, RFC 3339; empty is as far as the digests reach")
	outputFlag(c, &v.output)
	return c
}

// oneFolder is for commands that take a folder.
func oneFolder(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(c, fmt.Errorf("want one folder, got %d arguments", len(args)))
	}
	return nil
}

// errUnsound is the end of a verification that found something.
var errUnsound = errors.New("the audit trail is not what was written")

// verified is the command's JSON.
type verified struct {
	Sound bool `json:"sound"`
	*digest.Report
	Absence *digest.Absence `json:"absence,omitempty"`
	// Destructions of keys' material, which are signed by themselves too.
	Destructions *destruction.Check `json:"destructions"`
}

func (v *auditVerify) run(c *cobra.Command, folder string) error {
	o, err := v.options(folder)
	if err != nil {
		return usageError(c, err)
	}
	o.Progress = func(bytes int64) { fmt.Fprintf(c.ErrOrStderr(), "\raudit verify: %d MB of records", bytes>>20) }
	absence, err := v.absence()
	if err != nil {
		return usageError(c, err)
	}
	destroyed := &destruction.Check{ApprovedOnly: v.approvedOnly}
	if destroyed.Keys, err = digest.TrustedKeys(folder, o.Keys); err != nil {
		return err
	}
	o.Visit = func(r audit.Record) {
		destroyed.Visit(r.JSON)
		if absence != nil {
			absence.Visit(r)
		}
	}
	if o.Logs = v.logs; o.Logs == "" {
		o.Logs = logsBeside(folder)
	}
	r, err := digest.Verify(folder, o)
	if err != nil {
		return err
	}
	out := verified{Report: r, Absence: absence, Destructions: destroyed}
	if absence != nil {
		absence.Conclude(r)
	}
	out.Sound = r.Sound() && len(destroyed.Wrong) == 0
	if err := show(c.OutOrStdout(), v.output, out, verifiedTable); err != nil {
		return err
	}
	if !out.Sound {
		return errUnsound
	}
	return nil
}

func (v *auditVerify) options(folder string) (o digest.Options, err error) {
	if v.output != outputTable && v.output != outputJSON {
		return o, fmt.Errorf("--output %q: want table or json", v.output)
	}
	o.ApprovedOnly = v.approvedOnly
	if o.From, err = parseFrom("from", v.from, folder); err != nil {
		return o, err
	}
	recovery, err := readRecoveryKey(v.recovery)
	if err != nil {
		return o, fmt.Errorf("--recovery-key: %w", err)
	}
	o.Opener = opener(recovery)
	for _, file := range v.keys {
		keys, err := readKeys(file)
		if err != nil {
			return o, fmt.Errorf("--public-key %s: %w", file, err)
		}
		o.Keys = append(o.Keys, keys...)
	}
	return o, v.known(&o)
}

// absence is what is to be proven absent; nil if nothing is.
func (v *auditVerify) absence() (*digest.Absence, error) {
	if v.absent == "" {
		if v.since+v.until != "" {
			return nil, errors.New("--since and --until go with --absent")
		}
		return nil, nil
	}
	if err := checkEventName(v.absent); err != nil {
		return nil, err
	}
	a := &digest.Absence{Name: v.absent}
	for _, flag := range []struct {
		name, text string
		into       *time.Time
	}{{"since", v.since, &a.Since}, {"until", v.until, &a.Until}} {
		if flag.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, flag.text)
		if err != nil {
			return nil, fmt.Errorf("--%s %q: want a time as 2026-11-23T08:00:00Z", flag.name, flag.text)
		}
		*flag.into = at
	}
	if !a.Until.IsZero() && a.Until.Before(a.Since) {
		return nil, errors.New("--until is before --since")
	}
	return a, nil
}

// readKeys reads the public keys of a PEM file.
func readKeys(file string) (keys [][]byte, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if !digest.Verifies(block.Bytes) || block.Type != "PUBLIC KEY" {
			return nil, errors.New("it holds a key that signs no digests")
		}
		keys = append(keys, block.Bytes)
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no public key")
	}
	return keys, nil
}

func verifiedTable(t *table, v verified) {
	t.row("NODE", "RECORDS", "FIRST", "LAST", "DIGESTS", "SIGNED UP TO", "AT", "NOT SIGNED YET")
	for _, n := range v.Nodes {
		t.row(n.Node, n.Records, n.First, n.Last, n.Digests, n.Covered, n.CoveredAt, n.Unsigned)
	}
	t.row()
	if !v.KeysGiven {
		t.row("The keys beside the trail were used, which its editor can replace: give --public-key.")
	}
	for i := range v.Nodes {
		nodeNotes(t, &v.Nodes[i])
	}
	if v.Absence != nil {
		t.row(v.Absence.Text())
	}
	if n := v.Destructions.Verified; n > 0 {
		t.row(fmt.Sprintf("%d destructions of keys are signed as they are recorded.", n))
	}
	for _, what := range v.Destructions.Wrong {
		t.row("WRONG", "", what)
	}
	for _, f := range v.Findings {
		t.row("WRONG", f.Node, f.What)
	}
	if v.More > 0 {
		t.row("WRONG", "", fmt.Sprintf("and %d more", v.More))
	}
	unsigned := uint64(0)
	for _, n := range v.Nodes {
		if n.Records == 0 {
			t.row("The trail of " + n.Node + " has no records.")
		}
		if n.Predecessor != "" {
			t.row(fmt.Sprintf("The trail of %s follows, since %s, that of %s.", n.Node, cell(n.Began), n.Predecessor))
		}
		unsigned += n.Unsigned
	}
	switch {
	case v.Sound && unsigned > 0:
		t.row(fmt.Sprintf("Nothing is wrong in what is signed; of %d records behind that nothing is known.", unsigned))
	case v.Sound:
		t.row("Nothing is wrong.")
	}
}

// nodeNotes says what there is to know of a node's trail beside what is wrong.
func nodeNotes(t *table, n *digest.NodeReport) {
	if n.Checkpoint > 0 {
		t.row(fmt.Sprintf("Records 1 to %d of %s are those of the checkpoint.", n.Checkpoint, n.Node))
		if len(n.CheckpointSigners) == 0 {
			t.row("No signature of the checkpoint was looked at: it proves as much as the place where it was kept. --witness looks.")
		} else {
			t.row("The checkpoint is signed by " + strings.Join(n.CheckpointSigners, ", ") + ".")
		}
	}
	if n.Checkpoint > 0 && n.Closed > 0 {
		t.row("That the encrypted segments hold those records, and no others, the digests alone say: whoever has their keys can have sealed others. --recovery-key shows it.")
	}
	if n.Closed > 0 {
		t.row(fmt.Sprintf("%d records of %s are in %d encrypted segments, verified as they are stored: --recovery-key verifies each.", n.Closed, n.Node, n.Sealed))
	}
	if n.SetBack > 0 {
		t.row(fmt.Sprintf("The clock of %s was set back, or had been ahead: %d digests have the time of the one before.", n.Node, n.SetBack))
	}
	if n.Torn {
		t.row("The newest segment of " + n.Node + " ends in a part of a record: a crash or a running server leaves that.")
	}
}
