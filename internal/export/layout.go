package export

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"trent/internal/digest"
)

// store takes files under names with slashes: a folder or a bucket.
type store interface {
	// put returns nil once the file is there for good. One of that name is replaced.
	put(ctx context.Context, o object) error
	// bucket is what digest files call the place.
	bucket() string
	close()
}

// object is one file.
type object struct {
	name        string
	content     []byte
	contentType string
	// signature and algorithm are of a digest file, for a store that keeps words
	// beside a file; "" of others.
	signature, algorithm string
}

// What the objects are.
const (
	gzipType = "application/x-gzip"
	textType = "text/plain"
)

// layout writes batches as CloudTrail's log and digest files.
type layout struct {
	to     store
	cursor *cursor       // its chains and files are the layout's
	name   string        // the export's
	prefix string        // of every file's name
	signer digest.Signer // of digest files; nil: nobody
	seal   func(ctx context.Context, name string, plain []byte) ([]byte, error)
	now    func() time.Time
}

func (l *layout) close() { l.to.close() }

// group says which records share a file.
type group struct {
	account, region string
	day             int64 // of the record, UTC
}

// deliver writes a file for each account, Region and day.
func (l *layout) deliver(ctx context.Context, b *batch) error {
	var order []group
	groups := map[group][]*event{}
	for i := range b.records {
		e := &b.records[i]
		g := group{e.account, e.region, e.time.Unix() / (24 * 60 * 60)}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], e)
	}
	var files []logFile
	for _, g := range order {
		f, err := l.write(ctx, b.from.node, groups[g])
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	for _, f := range files { // of a batch that is delivered again they are there
		same := func(old logFile) bool { return old.object == f.object }
		if i := slices.IndexFunc(l.cursor.files, same); i >= 0 {
			l.cursor.files[i] = f
			continue
		}
		l.cursor.files = append(l.cursor.files, f)
	}
	return nil
}

// write writes one log file.
func (l *layout) write(ctx context.Context, node [16]byte, records []*event) (logFile, error) {
	first := records[0]
	f := logFile{account: first.account, region: first.region, oldest: first.time, newest: first.time, delivered: l.now().UTC()}
	for _, e := range records {
		if e.time.Before(f.oldest) {
			f.oldest = e.time
		}
		if e.time.After(f.newest) {
			f.newest = e.time
		}
	}
	f.object = fmt.Sprintf("%sAWSLogs/%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s_%s.json.gz", l.prefix, f.account, f.region, first.time.Format("2006/01/02"),
		f.account, f.region, first.time.Format("20060102T1504Z"), unique(node, first))
	plain := []byte(recordsOf(records))
	content, hash, err := l.pack(ctx, &f.object, plain)
	if err != nil {
		return f, err
	}
	f.hash = hash
	return f, l.to.put(ctx, object{name: f.object, content: content, contentType: gzipType})
}

// pack compresses a file, and encrypts it if the export is to. hash is what
// digest files say of it: of the plain bytes, as CloudTrail does, or of an
// encrypted file as it is stored, so that verifying needs no key.
func (l *layout) pack(ctx context.Context, name *string, plain []byte) (content []byte, hash string, err error) {
	z, err := compress(plain)
	if err != nil || l.seal == nil {
		return z, hexHash(plain), err
	}
	*name += sealedSuffix
	content, err = l.seal(ctx, *name, z)
	return content, hexHash(content), err
}

// compress is gzip.
func compress(plain []byte) ([]byte, error) {
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestSpeed)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	return z.Bytes(), err
}

// sealedSuffix ends the names of encrypted files.
const sealedSuffix = ".sealed"

func hexHash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// unique is the last part of a log file's name: 16 letters and digits, the same
// whenever a file begins with that record.
func unique(node [16]byte, first *event) string {
	b := append([]byte("trent-export-file"), node[:]...)
	b = binary.BigEndian.AppendUint64(b, first.epoch)
	b = binary.BigEndian.AppendUint64(b, first.sequence)
	h := sha256.Sum256(b)
	return base32.StdEncoding.EncodeToString(h[:10])
}

// recordsOf is the body of a log file, and of a webhook's request.
func recordsOf(records []*event) []byte {
	b := []byte(`{"Records":[`)
	for i, e := range records {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e.json...)
	}
	return append(b, "]}"...)
}
