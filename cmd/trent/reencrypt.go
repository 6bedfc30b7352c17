package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
)

const reencryptLong = `trent reencrypt encrypts many ciphertext blobs anew, with KMS's ReEncrypt: under
another KMS key, or under the same one's current material. No plaintext leaves the
service, and the file of blobs is only read.

Each line of --in is a blob in base64, or ID<TAB>BLOB; without an ID the line's number
is taken. --out gets ID<TAB>NEWBLOB for each, in their order. Lines that fail go to
OUT.errors, as ID<TAB>CODE<TAB>MESSAGE, and the run goes on.

Run the same command again to go on where it was interrupted, or to try again what
failed: lines that --out has are skipped. OUT.run holds a hash of the blobs, the key,
the Region and the contexts, so that one file never mixes two works. After another
rotation begin with another --out.

Requests are signed with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if there is one,
AWS_SESSION_TOKEN, who need kms:ReEncryptFrom and kms:ReEncryptTo. Only symmetric
encryption keys are meant. Exit status 1 says that lines failed, or the run.`

func reencryptCommand() *cobra.Command {
	r := reencryption{client: kmsClient{now: time.Now}}
	c := &cobra.Command{
		Use: "reencrypt", Short: "Encrypt many ciphertext blobs anew, without their plaintext", Long: reencryptLong, Args: noArguments,
		Example: `  trent reencrypt --endpoint https://kms.example.org --region eu-west-1 --key alias/payroll --in old.txt --out new.txt
  trent reencrypt --endpoint https://kms.example.org --region eu-west-1 --key alias/payroll --in old.txt --out new.txt \
      --context table=salaries --destination-context table=salaries --destination-context year=2026 --output json`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := r.check(); err != nil {
				return usageError(c, err)
			}
			return r.run(c)
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&r.client.endpoint, "endpoint", "", "`URL` of the KMS API")
	fs.StringVar(&r.client.region, "region", "", "`Region` of the keys")
	fs.StringVar(&r.key, "key", "", "KMS `key` to encrypt under: its id, ARN or alias")
	fs.StringVar(&r.in, "in", "", "`file` of blobs")
	fs.StringVar(&r.out, "out", "", "`file` of new blobs, made or gone on with")
	fs.StringToStringVar(&r.source, "context", nil, "encryption context of the blobs, `name=value`; may be given more than once")
	fs.StringToStringVar(&r.destination, "destination-context", nil, "encryption context of the new blobs, `name=value`; default that of --context")
	fs.IntVar(&r.concurrency, "concurrency", 8, "`number` of requests at a time, 1 to 256")
	fs.StringVarP(&r.output, "output", "o", outputTable, "`form` of the summary: table or json")
	return c
}

// reencryption is one run of trent reencrypt.
type reencryption struct {
	client              kmsClient
	key, in, out        string
	source, destination map[string]string
	concurrency         int
	output              string
}

// maxConcurrency bounds --concurrency: more only waits in the service.
const maxConcurrency = 256

func (r *reencryption) check() error {
	for _, f := range []struct{ name, value string }{{"endpoint", r.client.endpoint}, {"region", r.client.region}, {"key", r.key}, {"in", r.in}, {"out", r.out}} {
		if f.value == "" {
			return fmt.Errorf("--%s is missing", f.name)
		}
	}
	if u, err := url.Parse(r.client.endpoint); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("--endpoint: want https://host[:port], or http")
	}
	if r.concurrency < 1 || r.concurrency > maxConcurrency {
		return fmt.Errorf("--concurrency %d: want 1 to %d", r.concurrency, maxConcurrency)
	}
	if r.output != outputTable && r.output != outputJSON {
		return fmt.Errorf("--output %q: want table or json", r.output)
	}
	if r.destination == nil {
		r.destination = r.source
	}
	r.client.accessKey, r.client.secret, r.client.token = os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")
	if r.client.accessKey == "" || r.client.secret == "" {
		return errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
	}
	return nil
}

// reencryptReport is the JSON of trent reencrypt.
type reencryptReport struct {
	Lines       int    `json:"lines"`       // of --in, without empty ones
	Earlier     int    `json:"earlier"`     // done by runs before
	Reencrypted int    `json:"reencrypted"` // by this run
	Failed      int    `json:"failed"`      // in this run
	Remaining   int    `json:"remaining"`   // not tried yet
	Out         string `json:"out"`
	Errors      string `json:"errors"` // the file of what failed
}

func (r *reencryption) run(c *cobra.Command) (err error) {
	in, err := openBlobs(r.in)
	if err != nil {
		return err
	}
	defer in.file.Close()
	r.client.http = newHTTPClient(r.concurrency)
	defer r.client.http.CloseIdleConnections()
	out, err := openReencrypted(r.out, in.work(r.client.region, r.key, r.source, r.destination))
	if err != nil {
		return err
	}
	report := reencryptReport{Lines: in.lines, Earlier: len(out.done), Out: r.out, Errors: out.errorsName()}
	failed := errors.Join(r.all(c.Context(), in, out, &report, c.ErrOrStderr()), out.close())
	report.Remaining = report.Lines - report.Earlier - report.Reencrypted - report.Failed
	if err := show(c.OutOrStdout(), r.output, report, reencryptTable); err != nil {
		return errors.Join(failed, err)
	}
	switch {
	case c.Context().Err() != nil:
		return errors.New("reencrypt: interrupted; the same command goes on")
	case failed != nil:
		return fmt.Errorf("reencrypt: %w; what is done is kept, and the same command goes on", failed)
	case report.Failed > 0:
		return fmt.Errorf("reencrypt: %d of %d lines failed, %s says why; the same command tries them again", report.Failed, report.Lines, report.Errors)
	}
	return nil
}

func reencryptTable(t *table, r reencryptReport) {
	t.row("lines", r.Lines)
	t.row("done earlier", r.Earlier)
	t.row("reencrypted", r.Reencrypted)
	t.row("failed", r.Failed)
	t.row("remaining", r.Remaining)
	t.row("out", r.Out)
	t.row("errors", r.Errors)
}

// work is one line under way.
type work struct {
	id     string
	blob   []byte
	result chan result // of one
}

// result is a new blob, or why there is none; err ends the run.
type result struct {
	blob    []byte
	refused *kmsError
	err     error
}

// all encrypts what is not done yet. At most concurrency requests are under way, and
// results are written in the lines' order: the queue has the lines in it, each
// with a place for its result.
func (r *reencryption) all(parent context.Context, in *blobs, out *reencrypted, report *reencryptReport, progress io.Writer) error {
	ctx, stop := context.WithCancel(parent)
	queue := make(chan *work, r.concurrency-1) // one more is held by the loop below
	var reading error
	go func() {
		defer close(queue)
		reading = in.each(func(id string, blob []byte) error {
			if out.has(id) {
				return nil
			}
			w := &work{id: id, blob: blob, result: make(chan result, 1)}
			select {
			case queue <- w:
			case <-ctx.Done():
				return ctx.Err()
			}
			go func() { w.result <- r.one(ctx, w.blob) }()
			return nil
		})
	}()
	shown := newReencryptProgress(progress, report)
	failed := r.write(ctx, queue, out, report, shown)
	stop()
	for range queue { // so that the reader has ended
	}
	shown.end()
	if failed == nil {
		failed = reading
	}
	return failed
}

// write writes results as they come.
func (r *reencryption) write(ctx context.Context, queue <-chan *work, out *reencrypted, report *reencryptReport, shown *reencryptProgress) error {
	for w := range queue {
		var got result
		select {
		case got = <-w.result:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch {
		case got.err != nil:
			return got.err
		case got.refused != nil:
			report.Failed++
			if err := out.fail(w.id, got.refused); err != nil {
				return err
			}
		default:
			report.Reencrypted++
			if err := out.add(w.id, got.blob); err != nil {
				return err
			}
		}
		shown.step()
	}
	return nil
}

// one encrypts one blob.
func (r *reencryption) one(ctx context.Context, text []byte) result {
	blob, err := decodeBlob(text)
	if err != nil {
		return result{refused: &kmsError{Code: "InvalidBase64", Message: "the line is not a blob in base64"}}
	}
	blob, err = r.client.reEncrypt(ctx, &reEncryptRequest{
		CiphertextBlob: blob, SourceEncryptionContext: r.source, DestinationEncryptionContext: r.destination, DestinationKeyID: r.key,
	})
	if refused, ok := errors.AsType[*kmsError](err); ok && !refused.endsRun() {
		return result{refused: refused}
	}
	return result{blob: blob, err: err}
}

// reencryptProgress tells people how far a run is, at most once a second.
type reencryptProgress struct {
	w            io.Writer
	report       *reencryptReport
	begin, shown time.Time
	any          bool
}

func newReencryptProgress(w io.Writer, report *reencryptReport) *reencryptProgress {
	now := time.Now()
	return &reencryptProgress{w: w, report: report, begin: now, shown: now}
}

func (p *reencryptProgress) step() {
	now := time.Now()
	if now.Sub(p.shown) < time.Second {
		return
	}
	p.shown, p.any = now, true
	done := p.report.Reencrypted + p.report.Failed
	fmt.Fprintf(p.w, "\rreencrypt: %d of %d lines, %d failed, %.0f a second", p.report.Earlier+done, p.report.Lines, p.report.Failed, float64(done)/now.Sub(p.begin).Seconds())
}

func (p *reencryptProgress) end() {
	if p.any {
		fmt.Fprintln(p.w)
	}
}
