package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/admin"
	"trent/internal/digest"
	"trent/internal/evidence"
)

const reportEvidenceLong = `trent report evidence writes, for an auditor, who can use each KMS key and through
what, who could at every moment between two times, who did use it, how often and with
which results, and every change of keys, policies, grants, states and identities, each
with the record of the audit trail that proves it. Who could use a key is reconstructed
from the records of changes, and told if they lead to what the server says now. A key that was not used is proven not to have been, as far
as signed digests cover the period. The report says what it does not show.

It writes two files of one report: NAME.html for people and NAME.json for programs;
of more than 500 keys also NAME-keys-1.html and so on, whose hashes stand in NAME.html.
The server says who can use keys. All else is read from the audit trail, which is
verified in the same pass: by the server's public keys, or those that --public-key
names. Encrypted segments the server opens, or the recovery key does. So the command must be able to read the trail: run it as root or as the
service's user, or give it a copy with --trail.

--offline asks no server: the report is then made of a copied trail alone, and says
that no server has told who can use the keys.

The audit trail gets a record of who asked before the first key is told, and one with
the SHA-256 of both files when they are made. Exit status 1 says that the trail is not
sound; the report is written all the same, and says so.`

// evidenceFlags are the flags of trent report evidence.
type evidenceFlags struct {
	operatorFlags
	from, to            string
	out, trail, logs    string
	recovery            string
	first               []string
	region, account, id string
	keys                []string
	offline             bool
	approvedOnly        bool
}

func reportEvidenceCommand() *cobra.Command {
	var f evidenceFlags
	c := &cobra.Command{
		Use: "evidence", Short: "Report who could and who did use each key, with proofs", Long: reportEvidenceLong, Args: noArguments,
		Example: `  trent report evidence --from 2026-10-01 --to 2026-12-31 --out q4
  trent report evidence --from 2026-11-01 --to 2026-11-30 --key alias/payroll --region eu-west-1 --out payroll
  trent report evidence --offline --trail ./copy/audit --public-key trent-audit-keys.pem --from 2026-11-01 --to 2026-11-30 --out november`,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.register(c)
	c.Flags().StringVar(&f.from, "from", "", "begin of the period: 2026-10-01 or 2026-10-01T08:00:00Z")
	c.Flags().StringVar(&f.to, "to", "", "its end, included; a day means its last second")
	c.Flags().StringVar(&f.out, "out", "", "`name` of the files, without .html and .json (default: trent-evidence-FROM-TO)")
	c.Flags().StringVar(&f.id, "key", "", "this `key` only: key id, key ARN, alias name or alias ARN; offline, a key ARN")
	c.Flags().StringVar(&f.trail, "trail", "", "`folder` of the audit trail, or of a copy (default: the server's)")
	c.Flags().StringVar(&f.logs, "log", "", "`folder` of the transparency logs (default: audit-tlog beside the trail)")
	c.Flags().StringArrayVar(&f.first, "trail-from", nil, "first record that the trail must have, as older segments were moved away: `NODE:NUMBER`, or NUMBER if the folder has one node; may be given more than once")
	c.Flags().StringVar(&f.recovery, "recovery-key", "", "`file` of the private recovery key, for encrypted segments (default: the server opens them)")
	c.Flags().BoolVar(&f.offline, "offline", false, "ask no server: the trail alone")
	c.Flags().StringArrayVar(&f.keys, "public-key", nil, "`file` of trusted public keys, PEM; may be given more than once (default: the server's)")
	c.Flags().BoolVar(&f.approvedOnly, "approved-only", false, "take digests without an ML-DSA signature: fips: strict was on, now or once")
	placeFlags(c, &f.operatorFlags, &f.region, &f.account)
	_ = c.RegisterFlagCompletionFunc("key", f.completeKeys)
	return c
}

// evidenceMade is the command's JSON.
type evidenceMade struct {
	HTML       string            `json:"html"`
	HTMLSHA256 string            `json:"htmlSha256"`
	Pages      []evidence.File   `json:"pages,omitempty"` // of the keys, if they are many; the first file has their hashes
	JSON       string            `json:"json"`
	JSONSHA256 string            `json:"jsonSha256"`
	Sound      bool              `json:"trailSound"`
	Complete   bool              `json:"periodComplete"`
	Why        string            `json:"why,omitempty"`
	Event      string            `json:"eventId,omitempty"` // of the record that it was made
	Summary    *evidence.Summary `json:"summary"`
}

func (f *evidenceFlags) run(c *cobra.Command) (err error) {
	p, err := f.period()
	if err != nil {
		return usageError(c, err)
	}
	if f.out == "" {
		f.out = "trent-evidence-" + p.From.Format(time.DateOnly) + "-" + p.To.Format(time.DateOnly)
	}
	m := evidenceMaker{flags: f, progress: c.ErrOrStderr(), period: p, made: time.Now().UTC().Truncate(time.Second)}
	if m.client, err = f.client(c); err != nil {
		return err
	}
	out, err := createPair(f.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.discard()) }()
	head, err := m.make(c.Context(), out)
	if err != nil {
		return f.hint(c, err)
	}
	if err := out.keep(); err != nil {
		return err
	}
	done := evidenceMade{
		HTML: out.html.name, JSON: out.json.name, HTMLSHA256: out.html.sum(), JSONSHA256: out.json.sum(),
		Pages: out.made, Sound: head.Trail.Sound, Complete: head.Trail.Complete, Why: head.Trail.Why, Summary: &head.Summary,
	}
	if !f.offline {
		r, err := m.client.EvidenceMade(c.Context(), admin.EvidenceReport{
			EvidenceQuery: m.query(), JSON: done.JSONSHA256, HTML: done.HTMLSHA256, Sound: done.Sound, Proven: done.Complete,
		})
		if err != nil {
			return fmt.Errorf("the report is written, and the audit trail has no record of it: %w", err)
		}
		done.Event = r.EventID
	}
	if err := show(c.OutOrStdout(), f.output, done, evidenceTable); err != nil {
		return err
	}
	if !done.Sound {
		return errUnsound
	}
	return nil
}

// period reads the report's period.
func (f *evidenceFlags) period() (p evidence.Period, err error) {
	switch {
	case f.from == "" || f.to == "":
		return p, errors.New("--from and --to are needed")
	case f.offline && f.trail == "":
		return p, errors.New("--offline needs --trail")
	}
	if p.From, err = moment(f.from, false); err != nil {
		return p, err
	}
	if p.To, err = moment(f.to, true); err != nil {
		return p, err
	}
	p.From, p.To = p.From.UTC(), p.To.UTC()
	switch {
	case p.To.Before(p.From):
		err = errors.New("--to is before --from")
	case p.From.After(time.Now()):
		err = errors.New("--from is in the future")
	}
	return p, err
}

func evidenceTable(t *table, e evidenceMade) {
	t.row("for people", e.HTML)
	t.row("SHA-256", e.HTMLSHA256)
	if n := len(e.Pages); n > 0 {
		t.row("and", fmt.Sprintf("%s to %s, whose hashes stand in it", e.Pages[0].Name, e.Pages[n-1].Name))
	}
	t.row("for programs", e.JSON)
	t.row("SHA-256", e.JSONSHA256)
	t.row("recorded as", e.Event)
	t.row("keys", fmt.Sprintf("%d, of which %d were used and %d are proven not to have been", e.Summary.Keys, e.Summary.Used, e.Summary.Absent))
	t.row("changes", fmt.Sprintf("%d of keys, %d of identities, accounts and the service", e.Summary.KeyChanges, e.Summary.OtherChanges))
	switch {
	case !e.Sound:
		t.row("audit trail", "NOT SOUND: the report says what is wrong")
	case !e.Complete:
		t.row("audit trail", "sound, but not proven whole for the period: "+e.Why)
	default:
		t.row("audit trail", "sound, and whole for the period")
	}
}

// evidenceMaker makes one report.
type evidenceMaker struct {
	flags    *evidenceFlags
	client   *admin.Client
	progress io.Writer
	period   evidence.Period
	made     time.Time
	telling  bool
}

func (m *evidenceMaker) query() admin.EvidenceQuery {
	return admin.EvidenceQuery{From: m.period.From, To: m.period.To, Region: m.flags.region, Account: m.flags.account, Key: m.flags.id}
}

// make asks the server, reads the trail, and writes both files.
func (m *evidenceMaker) make(ctx context.Context, out *pair) (*evidence.Head, error) {
	p := evidence.Prover{Folder: m.flags.trail, Options: digest.Options{ApprovedOnly: m.flags.approvedOnly}}
	scope := evidence.Scope{Region: m.flags.region, Account: m.flags.account, Key: m.flags.id}
	var service *evidence.Service
	if !m.flags.offline {
		status, err := m.client.Status(ctx)
		if err != nil {
			return nil, err
		}
		service = &evidence.Service{Version: status.Version, Mode: status.Mode, Node: status.Node, Durability: status.Audit.Durability}
		if err := trust(&p, &status); err != nil {
			return nil, err
		}
		if scope.Key != "" {
			k, err := m.client.Key(ctx, admin.KeyName{ID: scope.Key, Region: scope.Region, Account: scope.Account})
			if err != nil {
				return nil, err
			}
			scope.Key = k.ARN
		}
	}
	if err := m.reading(ctx, &p, service != nil); err != nil {
		return nil, err
	}
	c := evidence.NewCollector(filepath.Dir(out.json.name), m.period, scope)
	defer c.Close() // what is on disk goes with the process in any case
	if service != nil {
		if err := m.askKeys(ctx, c); err != nil {
			return nil, err
		}
	}
	p.Options.Progress = func(bytes int64) { m.tell("%d MB of records read", bytes>>20) }
	if err := p.Verify(c); errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w: run the command as the service's user, or give it a copy of the trail with --trail", err)
	} else if err != nil {
		return nil, err
	}
	r := evidence.Report{
		Collector: c, Prover: &p, Made: m.made, Service: service, Parts: out, Progress: func(keys int) { m.tell("%d keys written", keys) },
	}
	defer m.told()
	return r.Write(out.json, out.html)
}

// reading says how the trail is read: what it is verified with, from where on, and
// who opens what is encrypted.
func (m *evidenceMaker) reading(ctx context.Context, p *evidence.Prover, asked bool) (err error) {
	if len(m.flags.keys) > 0 {
		p.Options.Keys = nil
	}
	for _, file := range m.flags.keys {
		keys, err := readKeys(file)
		if err != nil {
			return fmt.Errorf("--public-key %s: %w", file, err)
		}
		p.Options.Keys = append(p.Options.Keys, keys...)
	}
	if p.Logs = m.flags.logs; p.Logs == "" {
		p.Logs = logsBeside(p.Folder)
	}
	if p.Options.From, err = parseFrom("trail-from", m.flags.first, p.Folder); err != nil {
		return err
	}
	recovery, err := readRecoveryKey(m.flags.recovery)
	if err != nil {
		return fmt.Errorf("--recovery-key: %w", err)
	}
	if p.Options.Opener = opener(recovery); recovery == nil && asked {
		p.Options.Opener = m.client.Opener(ctx)
	}
	return nil
}

// tell says how far the report is, on one line.
func (m *evidenceMaker) tell(format string, args ...any) {
	m.telling = true
	fmt.Fprintf(m.progress, "\rreport evidence: "+format+"    ", args...)
}

// told ends that line, if there is one.
func (m *evidenceMaker) told() {
	if m.telling {
		fmt.Fprintln(m.progress)
	}
}

// trust has the trail verified by what the server says: its folder, its public keys
// and its last record.
func trust(p *evidence.Prover, s *admin.Status) error {
	if p.Folder == "" {
		p.Folder = filepath.Join(s.Data, "audit")
	}
	for _, k := range s.Audit.Keys {
		spki, err := digest.ReadKey([]byte(k.PublicKey))
		if err != nil {
			return err
		}
		p.Options.Keys = append(p.Options.Keys, spki)
	}
	return nil
}

// askKeys asks the server for all keys, and who can use them.
func (m *evidenceMaker) askKeys(ctx context.Context, c *evidence.Collector) error {
	const every = 100 // keys
	n := 0
	err := m.client.EvidenceKeys(ctx, m.query(), func(k *admin.EvidenceKey) error {
		c.Key(k)
		if n++; n%every == 0 {
			m.tell("%d keys asked about", n)
		}
		return c.Err()
	})
	return err
}
