package export

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Webhook takes batches as POST requests with {"Records":[…]}, or one event, as
// EventBridge's API destinations send it; signed as Standard Webhooks says:
// HMAC-SHA256 over id, time and body.
type Webhook struct {
	URL        string // https, or http
	SecretFile string // whsec_ and base64 of 24 to 64 bytes
	TLS        *TLS
}

// where names the destination without what might be secret in its path.
func (w *Webhook) where() string { return withoutPath(w.URL) }

func withoutPath(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

type webhook struct {
	Webhook
	http *httpClient
	name string
	// events: a batch is one event.
	events bool
	now    func() time.Time
}

func newWebhook(w *Webhook, d *dialer, name string, events bool, now func() time.Time) (destination, error) {
	if u, err := url.Parse(w.URL); err != nil || u.Host == "" {
		return nil, errors.New("the webhook's URL cannot be used")
	}
	client := newHTTPClient(d, w.TLS)
	client.secret = true
	return &webhook{Webhook: *w, http: client, name: name, events: events, now: now}, nil
}

func (w *webhook) close() { w.http.close() }

// deliver sends the batch. Its id is the same each time it is sent.
func (w *webhook) deliver(ctx context.Context, b *batch) error {
	secret, err := readWebhookSecret(w.SecretFile)
	if err != nil {
		return err
	}
	defer clear(secret)
	records := make([]*event, len(b.records))
	for i := range b.records {
		records[i] = &b.records[i]
	}
	var body []byte
	if w.events {
		body = records[0].json
	} else {
		body = recordsOf(records)
	}
	id := fmt.Sprintf("%s-%x-%d-%d-%d", w.name, b.from.node, b.records[0].epoch, b.first, b.last)
	at := strconv.FormatInt(w.now().Unix(), 10)
	return w.http.send(ctx, http.MethodPost, w.URL, body, func(r *http.Request) error {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Webhook-Id", id)
		r.Header.Set("Webhook-Timestamp", at)
		r.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(webhookMAC(secret, id, at, body)))
		return nil
	})
}

func webhookMAC(secret []byte, id, at string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(id + "." + at + "."))
	h.Write(body)
	return h.Sum(nil)
}

// Bounds of a webhook's secret, of Standard Webhooks.
const (
	leastSecret = 24
	mostSecret  = 64
)

var errSecret = fmt.Errorf("not whsec_ and the base64 of %d to %d bytes", leastSecret, mostSecret)

func readWebhookSecret(path string) ([]byte, error) {
	file, err := readSecretFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(file)
	text, ok := bytes.CutPrefix(bytes.TrimSpace(file), []byte("whsec_"))
	secret := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(secret, text)
	if !ok || err != nil || n < leastSecret || n > mostSecret {
		clear(secret)
		return nil, fmt.Errorf("%s: %w", path, errSecret)
	}
	return secret[:n], nil
}
