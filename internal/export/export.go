// Package export owns the exports of the audit trail: it reads the trail's
// segments as they grow and delivers their records, at least once and in order,
// to the destinations that the configuration names: a folder or an S3-compatible
// bucket in CloudTrail's own file layout, a syslog collector, a webhook.
//
// Each export runs by itself and keeps a cursor (docs/formats.md, "Export
// cursors"): what it is about to deliver, durable before the first byte leaves,
// and what was delivered, durable after the destination has said so. A crash in
// between repeats a batch, byte for byte and under the same names.
//
// It reads files and never the trail's queue: a destination that is slow or down
// holds up no append and no request, only its own export. Files hold records that
// a signed digest covers; syslog and webhooks get records as soon as they are as
// durable as the trail's mode says.
//
// An export of events (events.go) delivers, with the same cursor and in the same
// order, the EventBridge events that some records are, and passes the others.
//
// It must never leave out a record silently: what cannot be delivered, because it
// was moved away or because the trail was replaced, is named in the log, counted,
// and recorded in the trail itself. It must never change the trail, follow a
// redirect, take a proxy from the environment, or connect to an address that
// dial.go refuses, and never deliver anything but what the trail holds. Only the
// wiring imports it.
package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"trent/internal/audit"
	"trent/internal/digest"
)

// Config is what all exports of a node have in common.
type Config struct {
	Trail  string       // folder of all nodes' trails
	Opener audit.Opener // of sealed segments; nil: they cannot be read
	State  string       // folder of the cursors
	Node   [16]byte     // whose trail grows
	// Head is the last record that is as durable as the trail's mode says; Signed
	// is the last that a signed digest covers.
	Head, Signed func() audit.Head
	// Signer signs CloudTrail digest files; nil: they have no signatures.
	Signer digest.Signer
	// Seal encrypts a file of an export with Encrypt; name is its name there.
	Seal func(ctx context.Context, name string, plain []byte) ([]byte, error)
	// Record puts into the trail what happened to an export.
	Record func(ctx context.Context, n Notice) error
	// Own are the service's listeners, which no export is to reach.
	Own func() []net.Addr
	Now func() time.Time
	Log *slog.Logger
}

// Export is one export as it was configured: one of Folder, Syslog, Webhook and
// S3 is set.
type Export struct {
	Name     string        // of its cursor and metrics: a-z, 0-9 and -
	FromNow  bool          // a new one begins at the trail's end, not at its beginning
	Every    time.Duration // how long records gather, at least; 0: the default. Files follow the digests
	MaxBytes int           // of JSON in a batch; 0: the default
	Allow    []string      // addresses that are refused otherwise: prefixes, and addresses with ports
	Encrypt  bool          // files go through Config.Seal
	Events   bool          // EventBridge events are delivered, one at a time, in place of records: to Syslog and Webhook

	Folder  string // path
	Syslog  *Syslog
	Webhook *Webhook
	S3      *S3
}

// Defaults of a batch.
const (
	defaultEvery      = time.Second
	defaultFileBytes  = 10 << 20
	defaultBatchBytes = 1 << 20
)

// destination is where an export delivers to.
type destination interface {
	// deliver returns nil once the destination has the whole batch for good. It
	// may be given the same batch again. It bounds its own time.
	deliver(ctx context.Context, b *batch) error
	close()
}

// Exporter runs one export.
type Exporter struct {
	Export
	config Config
	log    *slog.Logger
	to     destination
	files  *layout // of a folder or bucket; nil otherwise
	where  string  // for people
	kind   string
	r      reader
	c      cursor
	begun  bool // the cursor is read
	// started: the trail has the record of the beginning; said: and those of gaps
	// behind the cursor's file.
	started bool
	said    []gap
	batch   *batch    // that is being delivered; nil: none is
	passed  int       // bytes of records without an event, since the cursor's file was written
	limit   int       // of JSON in a batch, as the destination can take it
	reached time.Time // of the last record that was delivered; zero: not known
	peeked  event     // the first record behind the cursor, once it was looked for
	status  status
}

// New makes an export ready to Run. It connects to nothing yet.
func New(c Config, e Export) (*Exporter, error) {
	x := &Exporter{Export: e, config: c, log: c.Log.With("export", e.Name)}
	x.r = reader{dir: c.Trail, opener: c.Opener, current: c.Node}
	d, err := newDialer(e.Allow, c.Own)
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", e.Name, err)
	}
	var to store
	switch {
	case e.Folder != "":
		x.kind, x.where, to = "folder", e.Folder, &folder{path: e.Folder}
	case e.S3 != nil:
		x.kind, x.where = "s3", e.S3.where()
		to, err = newBucket(e.S3, d, c.Now)
	case e.Webhook != nil:
		x.kind, x.where = "webhook", e.Webhook.where()
		x.to, err = newWebhook(e.Webhook, d, e.Name, e.Events, c.Now)
	case e.Syslog != nil:
		x.kind, x.where = "syslog", e.Syslog.Address
		x.to, err = newSyslog(e.Syslog, d)
	default:
		err = errors.New("no destination")
	}
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", e.Name, err)
	}
	if e.Encrypt && (to == nil || c.Seal == nil) {
		return nil, fmt.Errorf("export %s: nothing encrypts what it writes", e.Name)
	}
	if to != nil && e.Events {
		return nil, fmt.Errorf("export %s: there are no files of events", e.Name)
	}
	if to != nil {
		x.files = &layout{to: to, cursor: &x.c, name: e.Name, signer: c.Signer, now: c.Now}
		if e.S3 != nil {
			x.files.prefix = e.S3.Prefix
		}
		if e.Encrypt {
			x.files.seal = c.Seal
		}
		x.to = x.files
	}
	x.setDefaults()
	return x, nil
}

func (x *Exporter) setDefaults() {
	if x.MaxBytes == 0 {
		x.MaxBytes = defaultBatchBytes
		if x.files != nil {
			x.MaxBytes = defaultFileBytes
		}
	}
	x.limit = x.MaxBytes
	if x.Every == 0 {
		x.Every = defaultEvery
	}
}

// bound is the last record that may be delivered.
func (x *Exporter) bound() audit.Head {
	if x.files != nil {
		return x.config.Signed()
	}
	return x.config.Head()
}

func (x *Exporter) cursorPath() string {
	return filepath.Join(x.config.State, x.Name+".cursor")
}
