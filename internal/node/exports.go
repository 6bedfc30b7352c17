package node

import (
	"context"
	"encoding/hex"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/export"
	"trent/internal/identity"
	"trent/internal/obs"
	"trent/internal/record"
)

// exportFolder is that of the exports' cursors in a data folder.
const exportFolder = "audit-export"

// openExports makes the exports of the audit trail, which run in the background.
func (n *Node) openExports() error {
	seal := n.sealFile()
	for _, e := range n.Exports {
		x, err := export.New(export.Config{
			Trail: n.trailFolder(), Opener: n.sealed(), Seal: seal, State: filepath.Join(n.Data, exportFolder), Node: n.Domains.Node(), Head: n.trail.Head, Signed: n.signedHead,
			Signer: n.signer(), Record: n.recordExport, Own: n.ownAddresses, Now: n.Now, Log: n.Log,
		}, e)
		if err != nil {
			return err
		}
		n.exports = append(n.exports, x)
		n.start(x.Run)
	}
	return nil
}

// signedHead is the last record that a signed digest covers.
func (n *Node) signedHead() (h audit.Head) {
	if d := n.digests.Last(); d != nil {
		h.Epoch, h.Sequence = d.Epoch, d.Sequence
		_, _ = hex.Decode(h.Hash[:], []byte(d.Hash)) // it is of the service's own making
	}
	return h
}

// ownAddresses are those that this process listens at.
func (n *Node) ownAddresses() []net.Addr {
	var all []net.Addr
	for i := range n.Listeners {
		if s := n.Listeners[i].Socket; s != nil {
			all = append(all, s.Addr())
		}
	}
	if n.AdminSocket != "" {
		all = append(all, &net.UnixAddr{Name: n.AdminSocket, Net: "unix"})
	}
	if n.metricsAt != nil {
		all = append(all, n.metricsAt)
	}
	return all
}

// recordExport puts into the trail what happened to an export.
func (n *Node) recordExport(ctx context.Context, notice export.Notice) error {
	const internal = "AWS Internal"
	details := awsjson.AppendString([]byte(`{"export":`), notice.Export)
	details = awsjson.AppendString(append(details, `,"kind":`...), notice.Kind)
	details = awsjson.AppendString(append(details, `,"destination":`...), notice.Destination)
	details = strconv.AppendUint(append(details, `,"after":`...), notice.After, 10)
	if notice.Next != 0 {
		details = strconv.AppendUint(append(details, `,"next":`...), notice.Next, 10)
	}
	if notice.Event == export.Skipped {
		details = append(hex.AppendEncode(append(details, `,"node":"`...), notice.Node[:]), '"')
	}
	if notice.Why != "" {
		details = awsjson.AppendString(append(details, `,"reason":`...), notice.Why)
	}
	e := audit.Event{
		UserIdentity: audit.UserIdentity{InvokedBy: internal}, Time: n.Now(), Source: identity.EventSource, Name: notice.Event, Region: record.Global,
		SourceIP: internal, UserAgent: internal, ServiceEventDetails: append(details, '}'), EventID: n.events.New(), Type: audit.TypeServiceEvent,
	}
	return n.trail.Append(ctx, e.AppendJSON(nil))
}

// exportStatus is how the exports stand.
func (n *Node) exportStatus() (all []admin.AuditExport) {
	for _, x := range n.exports {
		s := x.Status()
		e := admin.AuditExport{
			Name: s.Name, Kind: s.Kind, Destination: s.Destination, Node: hex.EncodeToString(s.Node[:]), Sequence: s.Sequence,
			LagRecords: s.LagRecords, LagSeconds: int64(s.Lag / time.Second), Skipped: s.Skipped, Error: s.Error,
		}
		if !s.Delivered.IsZero() {
			at := s.Delivered.UTC().Truncate(time.Second)
			e.Delivered = &at
		}
		all = append(all, e)
	}
	return all
}

// measureExports adds the metrics of exports.
func (n *Node) measureExports() {
	label := []string{"export"}
	each := func(value func(export.Status) float64) func(obs.Emit) {
		return func(emit obs.Emit) {
			for _, x := range n.exports {
				s := x.Status()
				emit(value(s), s.Name)
			}
		}
	}
	m := n.Metrics
	m.Gauges("audit_export_lag_records", "Records of the audit trail that an export has not delivered.", label, each(func(s export.Status) float64 { return float64(s.LagRecords) }))
	m.Gauges("audit_export_lag_seconds", "Age of the oldest record that an export has not delivered; 0 if there is none.", label, each(func(s export.Status) float64 { return s.Lag.Seconds() }))
	m.Counters("audit_export_records_total", "Records that an export has delivered.", label, each(func(s export.Status) float64 { return float64(s.Records) }))
	m.Counters("audit_export_failures_total", "Tries of an export that failed, and are made again.", label, each(func(s export.Status) float64 { return float64(s.Failures) }))
	m.Counters("audit_export_skipped_records_total", "Records that an export could not deliver, and said so in the trail.", label, each(func(s export.Status) float64 { return float64(s.Skipped) }))
}
