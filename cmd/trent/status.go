package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/admin"
)

const statusLong = `trent status shows a running server: versions, the crypto module's health, the
audit trail and its durability, Regions with their keys, and listeners.

"state" is what clients see: ready, or unavailable while the crypto module is
sealed, restarting or mute.`

func statusCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "status", Short: "Show a running server's state", Long: statusLong, Args: noArguments,
		Example: `  trent status
  trent status --config /etc/trent/trent.yaml
  trent status --output json | jq -r .module.state`,
		RunE: func(c *cobra.Command, _ []string) error {
			return answer(c, &f, func(a *admin.Client) (admin.Status, error) { return a.Status(c.Context()) }, statusTable)
		},
	}
	f.register(c)
	return c
}

func statusTable(t *table, s admin.Status) {
	t.row("state", s.State)
	t.row("mode", s.Mode)
	t.row("version", s.Version)
	t.row("process", s.PID)
	t.row("up", fmt.Sprintf("%v, since %s", time.Duration(s.UptimeSeconds)*time.Second, cell(s.Started)))
	t.row("data folder", s.Data)
	t.row("partition", s.Partition)
	t.row("accounts", s.Accounts)
	for i, l := range s.Listeners {
		t.row(once(i, "listeners"), listener(l))
	}
	for _, d := range s.Disks {
		t.row("disk of "+d.Name, disk(d))
	}
	t.row()
	moduleTable(t, s.Module)
	t.row()
	t.row("audit durability", s.Audit.Durability)
	t.row("audit head", fmt.Sprintf("epoch %d, sequence %d, hash %s", s.Audit.Epoch, s.Audit.Sequence, cell(s.Audit.Hash)))
	t.row("audit outbox", s.Audit.Outbox)
	if d := s.Audit.Digest; d != nil {
		t.row("audit digest", fmt.Sprintf("number %d of %s, covers record %d", d.Number, cell(d.Time), d.Sequence))
	}
	if c := s.Audit.Checkpoint; c != nil {
		t.row("audit checkpoint", fmt.Sprintf("%d records, as of %s", c.Size, cell(c.Time)))
	}
	if s.Audit.Error != "" {
		t.row("audit error", s.Audit.Error)
	}
	for i, e := range s.Audit.Exports {
		t.row(once(i, "audit exports"), exported(e))
	}
	if s.Audit.DigestError != "" {
		t.row("audit digest error", s.Audit.DigestError)
	}
	if s.Audit.EncryptionError != "" {
		t.row("audit encryption error", s.Audit.EncryptionError)
	}
	if s.Audit.CheckpointError != "" {
		t.row("audit checkpoint error", s.Audit.CheckpointError)
	}
	t.row()
	t.row("REGION", "KEYS", "PENDING DELETION", "DOMAIN KEY", "TOKEN EPOCH", "DOMAIN")
	for _, r := range s.Regions {
		t.row(r.Name, r.Keys, r.PendingDeletions, generation(r), r.Epoch, r.DomainID)
	}
	t.row(s.Identity.Name, "", "", generation(s.Identity), s.Identity.Epoch, s.Identity.DomainID)
}

// once is a name before the first of several lines.
func once(i int, name string) any {
	if i > 0 {
		return " "
	}
	return name
}

// exported says how an export stands.
func exported(e admin.AuditExport) string {
	text := fmt.Sprintf("%s: %s %s, delivered up to record %d", e.Name, e.Kind, cell(e.Destination), e.Sequence)
	if e.LagRecords > 0 {
		text += fmt.Sprintf(", %d behind, the oldest for %v", e.LagRecords, time.Duration(e.LagSeconds)*time.Second)
	}
	if e.Skipped > 0 {
		text += fmt.Sprintf(", %d SKIPPED", e.Skipped)
	}
	if e.Error != "" {
		text += ", failing: " + cell(e.Error)
	}
	return text
}

func disk(d admin.Disk) string {
	text := fmt.Sprintf("%.1f of %.1f GB free", float64(d.FreeBytes)/1e9, float64(d.Bytes)/1e9)
	if d.FullInSeconds > 0 {
		text += fmt.Sprintf(", full in %v at the present rate", time.Duration(d.FullInSeconds)*time.Second)
	}
	if d.Low {
		text += ": make room, when it is full every call fails"
	}
	return text
}

func listener(l admin.Listener) string {
	tls := "plain HTTP"
	if l.TLS {
		tls = "TLS"
	}
	return fmt.Sprintf("%s: %s %s, %s", l.Name, l.Network, l.Address, tls)
}

func generation(r admin.Region) string {
	if r.Generations == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", r.Generation, r.Generations)
}

func moduleTable(t *table, m admin.Module) {
	t.row("module state", m.State)
	switch {
	case m.Source == admin.SourceChild && m.PID == 0:
		t.row("module process", "child of the service, not running")
	case m.Source == admin.SourceChild:
		t.row("module process", fmt.Sprintf("child of the service, %d", m.PID))
	default:
		t.row("module process", "its own, at a socket")
	}
	if m.Source == admin.SourceChild {
		t.row("module restarts", fmt.Sprintf("%d in ten minutes, of at most %d", m.Restarts, m.MaxRestarts))
	}
	t.row("module version", m.Version)
	t.row("FIPS 140-3 mode", fips(m))
	t.row("key file", separation(m))
	if m.Error != "" {
		t.row("module error", m.Error)
	}
}

func fips(m admin.Module) string {
	switch {
	case m.Version == "":
		return ""
	case m.FIPSOnly:
		return "approved algorithms only, module " + m.FIPSModule
	case m.FIPS:
		return "on, module " + m.FIPSModule
	}
	return "off"
}

// separation says whether the module's user keeps its key file from the
// service's.
func separation(m admin.Module) string {
	switch {
	case m.SameUser == nil:
		return "unknown whether the service could open it"
	case *m.SameUser:
		return "the service could open it (same user)"
	}
	return "the service cannot open it"
}
